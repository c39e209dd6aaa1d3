"""Where a statement has literals, quoted names and comments, and which of Athena's parsers reads it. Pure functions.

Athena has two parsers: Trino's for queries and what they write, Hive's for most of DDL. They differ in how a literal
ends: in Trino a quote is doubled and a backslash is a character like any other, in Hive a backslash escapes.
https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

__all__ = ["Dialect", "Kind", "Token", "body", "count_placeholders", "dialects", "first_word", "tokens"]


class Dialect(Enum):
    """A parser of Athena's."""

    TRINO = "Trino"
    HIVE = "Hive"


class Kind(Enum):
    """What a token is."""

    SPACE = "space"
    COMMENT = "comment"
    QUOTED = "quoted"
    """A literal or a quoted name, to the end of the statement if it is not closed."""
    WORD = "word"
    MARK = "mark"
    """One character that is none of the others."""


class Token(NamedTuple):
    """A piece of a statement."""

    kind: Kind
    text: str
    start: int


_PATTERN: Final = r"""
      (?P<space> \s+ )
    | (?P<comment> --[^\r\n]* | /\* .*? (?: \*/ | \Z ) )
    | (?P<quoted> {quoted} | ` [^`]* (?: `` [^`]* )* (?: ` | \Z ) )
    | (?P<word> \w+ )
    | (?P<mark> . )
"""
_DOUBLED: Final = r"""' [^']* (?: '' [^']* )* (?: ' | \Z ) | " [^"]* (?: "" [^"]* )* (?: " | \Z )"""
_ESCAPED: Final = r"""' [^'\\]* (?: \\. [^'\\]* )* (?: ' | \\?\Z ) | " [^"\\]* (?: \\. [^"\\]* )* (?: " | \\?\Z )"""
_TOKENS: Final = {
    Dialect.TRINO: re.compile(_PATTERN.format(quoted=_DOUBLED), re.VERBOSE | re.DOTALL),
    Dialect.HIVE: re.compile(_PATTERN.format(quoted=_ESCAPED), re.VERBOSE | re.DOTALL),
}

_QUERIES: Final = frozenset(
    {
        "DEALLOCATE",
        "DELETE",
        "EXECUTE",
        "EXPLAIN",
        "INSERT",
        "MERGE",
        "OPTIMIZE",
        "PREPARE",
        "SELECT",
        "TABLE",
        "UNLOAD",
        "UPDATE",
        "USING",
        "VACUUM",
        "VALUES",
        "WITH",
    }
)
_DEFINITIONS: Final = frozenset({"ALTER", "DESC", "DESCRIBE", "DROP", "MSCK", "SHOW"})


def tokens(statement: str, dialect: Dialect = Dialect.TRINO) -> Iterator[Token]:
    """Yield the pieces of a statement; together they are the statement."""
    for match in _TOKENS[dialect].finditer(statement):
        yield Token(Kind(match.lastgroup), match[0], match.start())


def _significant(statement: str, dialect: Dialect = Dialect.TRINO) -> Iterator[Token]:
    return (token for token in tokens(statement, dialect) if token.kind not in (Kind.SPACE, Kind.COMMENT))


def first_word(statement: str) -> str:
    """Return the first word, in capitals, or the first mark; an empty string if there is nothing but comments."""
    return next((token.text.upper() for token in _significant(statement)), "")


def body(statement: str) -> str:
    """Return the statement without the semicolons, spaces and comments at its end."""
    end = 0
    for token in _significant(statement):
        if token.text != ";":
            end = token.start + len(token.text)
    return statement[:end]


def count_placeholders(statement: str) -> int:
    """Count the ``?`` that stand for parameters: those in literals, names, comments and row patterns do not.

    >>> count_placeholders("SELECT '?' -- ?\\n FROM t WHERE a = ? AND b = ?")
    2
    """
    count = 0
    recognizes = False
    depth = 0  # of parentheses in the PATTERN of MATCH_RECOGNIZE, where ? is a quantifier
    before = ""
    for token in _significant(statement):
        word = token.text.upper()
        if depth or (word == "(" and before == "PATTERN" and recognizes):
            depth += (word == "(") - (word == ")")
        elif token.text == "?":
            count += 1
        recognizes = recognizes or word == "MATCH_RECOGNIZE"
        before = word
    return count


def dialects(statement: str) -> tuple[Dialect, ...]:
    """Tell which parser reads the statement: one, or both where that cannot be told from its beginning.

    Trino reads queries, INSERT, MERGE, UNLOAD and the like, CREATE VIEW and CREATE TABLE … AS; Hive the rest of
    CREATE, and ALTER, DESCRIBE, DROP, MSCK and SHOW. Of ALTER VIEW, and of what is not listed here, it cannot be told.
    """
    first = first_word(statement)
    if first == "(" or first in _QUERIES:
        return (Dialect.TRINO,)
    if first == "CREATE":
        # What comes before the decisive word may read differently in each.
        return tuple({_of_create(statement, dialect): None for dialect in Dialect})
    if first == "ALTER":
        words = _significant(statement)
        next(words)
        if next((token.text.upper() for token in words), "") == "VIEW":
            return tuple(Dialect)
    return (Dialect.HIVE,) if first in _DEFINITIONS else tuple(Dialect)


def _of_create(statement: str, dialect: Dialect) -> Dialect:
    rest = [token.text.upper() for token in _significant(statement, dialect)][1:]
    at = 0
    while rest[at : at + 1] and rest[at] in ("OR", "REPLACE", "PROTECTED", "MULTI", "DIALECT"):
        at += 1
    kind = rest[at : at + 1]
    if kind == ["VIEW"]:
        return Dialect.TRINO
    if kind != ["TABLE"]:
        return Dialect.HIVE
    at += 1
    if rest[at : at + 3] == ["IF", "NOT", "EXISTS"]:
        at += 3
    at += 1
    while rest[at : at + 1] == ["."]:
        at += 2
    if rest[at : at + 1] == ["("]:
        depth = 0
        for offset, text in enumerate(rest[at:]):
            depth += (text == "(") - (text == ")")
            if depth == 0:
                at += offset + 1
                break
    return Dialect.TRINO if rest[at : at + 1] in (["AS"], ["WITH"]) else Dialect.HIVE
