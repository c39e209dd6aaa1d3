"""As much of Athena's SQL as `LocalAthena` has to understand: what kind of statement it is, and where UNLOAD writes."""

from __future__ import annotations

import re
from typing import Final

from pyathena.testing._athena_values import StatementType

__all__ = ["WRITES", "count_placeholders", "kind_of", "unload_location"]

_COMMENTS_AND_QUOTED: Final = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_QUERY_BEHIND_AS: Final = re.compile(r"\bAS\s*\(*\s*(?:SELECT|WITH|VALUES|TABLE)\b")
_UNLOAD_TO: Final = re.compile(r"\)\s*TO\s*'((?:[^']|'')+)'", re.IGNORECASE)

# Statements of DML that bring no rows.
WRITES: Final = frozenset(["INSERT", "UPDATE", "DELETE", "MERGE", "UNLOAD", "CREATE_TABLE_AS_SELECT"])


def _code(statement: str) -> str:
    """Blank out what is not code: comments, literals and quoted names."""
    return _COMMENTS_AND_QUOTED.sub(" ", statement)


def kind_of(statement: str) -> tuple[StatementType, str]:
    """Guess ``StatementType`` and ``SubstatementType``.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_QueryExecution.html
    """
    code = _code(statement).upper()
    words = [word for word in re.findall(r"\w+", code) if word not in ("OR", "REPLACE", "EXTERNAL")]
    match words[:2]:
        case ["SELECT" | "WITH" | "VALUES" | "TABLE", *_]:
            return "DML", "SELECT"
        case ["INSERT" | "UPDATE" | "DELETE" | "MERGE" | "UNLOAD" | "EXECUTE" as verb, *_]:
            return "DML", verb
        case ["CREATE", "TABLE"] if _QUERY_BEHIND_AS.search(code):
            return "DML", "CREATE_TABLE_AS_SELECT"
        case ["CREATE" | "DROP" | "ALTER" | "MSCK" as verb, noun]:
            return "DDL", f"{verb}_{'DATABASE' if noun == 'SCHEMA' else noun}"
        case ["SHOW", noun]:
            return "UTILITY", f"SHOW_{noun}"
        case [verb, *_]:
            return "UTILITY", verb
        case _:
            return "UTILITY", ""


def count_placeholders(statement: str) -> int:
    """Count the question marks that stand for a parameter."""
    return _code(statement).count("?")


def unload_location(statement: str) -> str | None:
    """Tell the ``TO`` of an UNLOAD, ending in a slash."""
    *_, location = [None, *_UNLOAD_TO.findall(statement)]
    return None if location is None else location.replace("''", "'").rstrip("/") + "/"
