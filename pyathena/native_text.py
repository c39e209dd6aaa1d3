"""Arrays, maps and rows as Athena prints them, ``[a, b]`` and ``{k=v, l=w}``: nothing is quoted. Pure functions."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from pyathena.errors import shown
from pyathena.type_hints import TypeNode

__all__ = ["Tree", "parse_native"]

Tree: TypeAlias = "str | list[Tree] | dict[str, Tree] | None"

_TOKEN: Final = re.compile(r", |[\[\]{}=]|(?:(?!, )[^\[\]{}=])+")


def parse_native(text: str, node: TypeNode | None = None) -> Tree:
    """Parse what Athena prints for an array, a map or a row; what is inside stays text, ``null`` is None.

    The text is ambiguous, since a string in it may hold whatever separates values. It is read only if it has one
    structure: brackets in pairs, each at the beginning or the end of a value; in braces each item with exactly one
    ``=``, each key once. A ``, `` always separates, so that the array of one string ``a, b`` reads as one of two; and
    ``[]`` is the empty array, not that of one empty string. With ``node``, no bracket stands where its type has none,
    and fields are the row's in its order, so that in their values ``=`` is a character like any other. Whether nothing
    is missing is for the caller to see.

    Raises:
        ValueError: it has another structure than Athena prints, or more than one.
        RecursionError: it is nested too deeply.
    """
    reader = _Reader(_TOKEN.findall(text))
    tree = reader.value(node, equals=False)
    reader.expect("")
    return tree


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = [*tokens, ""]
        self._at = 0

    def expect(self, *texts: str) -> str:
        token = self._tokens[self._at]
        if token not in texts:
            raise ValueError(f"has {shown(token)} where {' or '.join(map(repr, texts))} is expected")
        self._at += 1
        return token

    def value(self, node: TypeNode | None, *, equals: bool) -> Tree:
        token = self._tokens[self._at]
        if token == "[" and (node is None or node.name == "array"):
            return self._array(node)
        if token == "{" and (node is None or node.name in ("map", "row")):
            return self._fields(node)
        scalar = self._scalar(equals=equals)
        return None if scalar == "null" else scalar

    def _scalar(self, *, equals: bool) -> str:
        start = self._at
        while self._tokens[self._at] not in (", ", "[", "]", "{", "}", "" if equals else "=", ""):
            self._at += 1
        return "".join(self._tokens[start : self._at])

    def _array(self, node: TypeNode | None) -> list[Tree]:
        self._at += 1
        values: list[Tree] = []
        if self._tokens[self._at] == "]":
            self._at += 1
            return values
        while True:
            values.append(self.value(node.children[0] if node else None, equals=True))
            if self.expect(", ", "]") == "]":
                return values

    def _fields(self, node: TypeNode | None) -> dict[str, Tree]:
        self._at += 1
        row = node if node is not None and node.field_names else None
        fields: dict[str, Tree] = {}
        if self._tokens[self._at] == "}":
            self._at += 1
            return fields
        while True:
            key = self._scalar(equals=False)
            self.expect("=")
            if key in fields:
                raise ValueError(f"has the key {shown(key)} twice")
            child = node.children[-1] if node else None
            if row is not None:
                child = _field(row, len(fields), key)
            fields[key] = self.value(child, equals=row is not None)
            if self.expect(", ", "}") == "}":
                return fields


def _field(row: TypeNode, index: int, key: str) -> TypeNode:
    if index >= len(row.children) or row.field_names[index].casefold() != key.casefold():
        raise ValueError(f"has a field {shown(key)} where {row} has none")
    return row.children[index]
