"""Types as people write them in Trino and in Hive, for values whose types Athena does not tell. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from typing_extensions import override

from pyathena.errors import ProgrammingError, shown

__all__ = ["TypeNode", "parse_type_hint"]

_TOKEN: Final = re.compile(
    r"""\s*(?: (?P<word> [\w$@.-]+ ) | (?P<quoted> "(?:[^"]|"")*" | `(?:[^`]|``)*` ) | (?P<mark> [()<>,:] ) )""",
    re.VERBOSE,
)
_PLAIN_NAME: Final = re.compile(r"[a-z_]\w*", re.ASCII)
_CLOSING: Final = {"(": ")", "<": ">"}
_ALIASES: Final = {"binary": "varbinary", "dec": "decimal", "int": "integer", "numeric": "decimal", "struct": "row"}

# What follows the first word of a type that has several.
_ENDINGS: Final = {
    "double": (("precision",),),
    "interval": (("day", "to", "second"), ("year", "to", "month")),
    "time": (("with", "time", "zone"), ("without", "time", "zone")),
    "timestamp": (("with", "time", "zone"), ("without", "time", "zone")),
}


@dataclass(frozen=True, slots=True)
class TypeNode:
    """A type: its name as Athena tells it, in small letters and without parameters, and the types inside.

    ``children`` are the element of an array, key and value of a map, or the fields of a row, which alone has
    ``field_names``, as many as children. ``str()`` writes it as Trino does.
    """

    name: str
    children: tuple[TypeNode, ...] = ()
    field_names: tuple[str, ...] = ()

    @override
    def __str__(self) -> str:
        if not self.children:
            return self.name
        if self.field_names:
            fields = zip(self.field_names, self.children, strict=True)
            return f"{self.name}({', '.join(f'{_quoted(name)} {child}' for name, child in fields)})"
        return f"{self.name}({', '.join(map(str, self.children))})"


def _quoted(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=256)
def parse_type_hint(hint: str) -> TypeNode:
    """Parse a type as Trino writes it, ``array(row(a int, b varchar))``, or Hive, ``array<struct<a:int>>``.

    Precisions and lengths are read and dropped. A row's fields without names are called ``field0``, ``field1`` …, as
    Athena prints them. Names may be quoted.

    Raises:
        ProgrammingError: it is no type; the message names the place.

    >>> print(parse_type_hint("array<struct<a:int,b:decimal(10,2)>>"))
    array(row(a integer, b decimal))
    """
    try:
        return _Parser(hint).parse()
    except RecursionError:
        raise ProgrammingError(f"the type hint {shown(hint)} is nested too deeply") from None


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


class _Parser:
    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._tokens: list[_Token] = []
        self._at = 0
        end = 0
        text = hint.rstrip()
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                start = len(text) - len(text[end:].lstrip())
                self._fail("a type", _Token("", text[start], start))
            kind = match.lastgroup or ""
            self._tokens.append(_Token(kind, match[kind], match.start(kind)))
            end = match.end()

    def parse(self) -> TypeNode:
        node = self._type()
        if self._at < len(self._tokens):
            self._fail("the end", self._peek())
        return node

    def _peek(self, ahead: int = 0) -> _Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else _Token("end", "", len(self._hint))

    def _take(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, *texts: str) -> str:
        token = self._take()
        if token.kind != "mark" or token.text not in texts:
            self._fail(" or ".join(map(repr, texts)), token)
        return token.text

    def _fail(self, expected: str, token: _Token) -> NoReturn:
        got = repr(token.text) if token.text else "the end"
        raise ProgrammingError(
            f"the type hint {shown(self._hint)} has {got} at position {token.start} where {expected} is expected"
        )

    def _type(self) -> TypeNode:
        token = self._take()
        if token.kind != "word":
            self._fail("a type", token)
        word = token.text.lower()
        name = _ALIASES.get(word, word)
        if name == "array":
            return TypeNode(name, self._inside(1))
        if name == "map":
            return TypeNode(name, self._inside(2))
        if name == "row":
            return self._row()
        self._parameters()
        for ending in _ENDINGS.get(word, ()):
            if all(self._peek(ahead).text.lower() == part for ahead, part in enumerate(ending)):
                self._at += len(ending)
                return TypeNode(word if ending[0] in ("precision", "without") else f"{word} {' '.join(ending)}")
        if word == "interval":
            self._fail("'day to second' or 'year to month'", self._peek())
        return TypeNode(name)

    def _inside(self, count: int) -> tuple[TypeNode, ...]:
        closing = _CLOSING[self._expect("(", "<")]
        children = [self._type()]
        for _ in range(count - 1):
            self._expect(",")
            children.append(self._type())
        self._expect(closing)
        return tuple(children)

    def _row(self) -> TypeNode:
        closing = _CLOSING[self._expect("(", "<")]
        names: list[str] = []
        children: list[TypeNode] = []
        while True:
            start = self._peek()
            names.append(self._field_name() or f"field{len(names)}")
            if names[-1].casefold() in (name.casefold() for name in names[:-1]):
                self._fail("a name that no other field has", start)
            children.append(self._type())
            if self._expect(",", closing) == closing:
                return TypeNode("row", tuple(children), tuple(names))

    def _field_name(self) -> str | None:
        """Take the name if the field has one, and Hive's colon."""
        token, following = self._peek(), self._peek(1)
        if token.kind == "quoted":
            mark = token.text[0]
            name = token.text[1:-1].replace(mark * 2, mark)
        else:
            starts = [ending[0] for ending in _ENDINGS.get(token.text.lower(), ())]
            named = following.text == ":" or (following.kind == "word" and following.text.lower() not in starts)
            if token.kind != "word" or not named:
                return None
            name = token.text
        self._at += 1
        if self._peek().text == ":":
            self._at += 1
        return name

    def _parameters(self) -> None:
        """Take the numbers of ``decimal(10, 2)`` or ``varchar(5)``."""
        if self._peek().text != "(":
            return
        self._at += 1
        while True:
            number = self._take()
            if not number.text.isdecimal():
                self._fail("a number", number)
            if self._expect(",", ")") == ")":
                return
