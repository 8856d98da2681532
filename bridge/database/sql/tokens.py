"""The tokens of a text: words, identifiers, literals and signs."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

WORD = "word"

QUOTED = "quoted"
"""A quoted identifier."""

STRING = "string"

NUMBER = "number"

SIGN = "sign"


class Token(NamedTuple):
    """One token, as it is written."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Return the place behind it in the text."""
        return self.start + len(self.text)

    @property
    def name(self) -> str:
        """Return a word, or what an identifier has in its quotes."""
        if self.kind != QUOTED:
            return self.text
        return self.text[1:-1].replace(self.text[-1] * 2, self.text[-1])


_PLAIN = r"'[^']*(?:''[^']*)*(?:'|\Z)"

_ESCAPED = r"'[^'\\]*(?:(?:''|\\.)[^'\\]*)*(?:'|\\?\Z)"

_STRINGS = {
    "sqlite": rf"[xX]?{_PLAIN}",
    "postgresql": rf"[eE]{_ESCAPED}|[xXbBnN]?{_PLAIN}"
    r"|\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)",
    "mysql": rf"[xXbBnN]?{_ESCAPED}|" + _ESCAPED.replace("'", '"'),
}

_IDENTIFIERS = {
    "sqlite": r'"(?:""|[^"])*"|`(?:``|[^`])*`|\[[^\]]*\]',
    "postgresql": '"(?:""|[^"])*"',
    "mysql": "`(?:``|[^`])*`",
}

_NUMBER = r"0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"

_WORDS = rf"(?P<word>@{{0,2}}[^\W\d][\w$]*)|(?P<number>{_NUMBER})"

_SPACE = r"(?P<space>\s+|--[^\n]*)"

# MySQL takes 2--1 for a difference, and its names may begin with a digit.
_MYSQL_SPACE = r"(?P<space>\s+|--(?=\s|\Z)[^\n]*|#[^\n]*)|(?P<opener>/\*M?!\d*)"

_MYSQL_WORDS = rf"(?P<number>(?:{_NUMBER})(?![\w$]))|(?P<word>@{{0,2}}[\w$]+)"


@lru_cache(maxsize=None)  # noqa: UP033 (Python 3.7); compiling takes 2 ms
def _pattern(family: str) -> Any:
    space, words = (_MYSQL_SPACE, _MYSQL_WORDS) if family == "mysql" else (_SPACE, _WORDS)
    return re.compile(
        rf"{space}|(?P<comment>/\*)|(?P<string>{_STRINGS[family]})"
        rf"|(?P<quoted>{_IDENTIFIERS[family]})|{words}"
        r"|(?P<sign>::|:=|\|\||[<>!=]=|<=>|<>|->>?|!?~~?\*?|@>|<@|@@|&&|#>>?|.)",
        re.DOTALL,
    )


def family_of(dialect: str) -> str:
    """Return the family that a dialect is read as; one that is not known as PostgreSQL."""
    if dialect == "mariadb":
        return "mysql"
    return dialect if dialect in _STRINGS else "postgresql"


_COMMENT_MARK = re.compile(r"/\*|\*/")


def tokens(text: str, dialect: str) -> Iterator[Token]:
    """Yield the tokens of a text, without spaces and comments.

    What stands in MySQL's ``/*! */`` runs, so it is no comment.
    """
    family = family_of(dialect)
    match = _pattern(family).match
    place, executable = 0, False
    while place < len(text):
        found = match(text, place)
        kind = found.lastgroup
        if kind == "comment":
            place = _comment_end(text, place, nested=family == "postgresql")
        elif executable and text.startswith("*/", place):
            executable, place = False, place + 2
        else:
            if kind == "opener":
                executable = True
            elif kind != "space":
                yield Token(kind, found[0], place)
            place = found.end()


def _comment_end(text: str, start: int, *, nested: bool) -> int:
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        if mark[0] == "*/":
            depth -= 1
        elif nested or not depth:
            depth += 1
        if not depth:
            return mark.end()
    return len(text)


def literals(text: str, dialect: str) -> list[str]:
    """Return what the string literals of a text stand for."""
    family = family_of(dialect)
    return [
        literal_value(token.text, family) for token in tokens(text, family) if token.kind == STRING
    ]


_ESCAPE = re.compile(r"''|\"\"|\\(.)", re.DOTALL)

_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


def literal_value(literal: str, family: str) -> str:
    """Return what a string literal stands for."""
    if literal.startswith("$"):
        mark = literal[: literal.index("$", 1) + 1]
        return literal[len(mark) : -len(mark)]
    quote = '"' if literal.startswith('"') else "'"
    prefix, _, inner = literal.partition(quote)
    inner = inner[:-1] if inner.endswith(quote) else inner
    if family != "mysql" and prefix not in ("e", "E"):
        return inner.replace(quote * 2, quote)

    def unescaped(found: Any) -> str:
        if found[1] is None:
            return quote if found[0][0] == quote else str(found[0])
        return _ESCAPES.get(found[1], str(found[1]))

    return _ESCAPE.sub(unescaped, inner)


def masked(text: str, dialect: str, *, numbers: bool = False) -> str:
    """Return a text without comments, and with nothing in its strings.

    What stands in dollar quotes may be code, whose strings are masked in their turn.

    :param numbers: each number becomes 0 as well.
    """
    pieces: list[str] = []
    place = 0
    for token in tokens(text, dialect):
        if pieces and token.start > place:
            pieces.append(" ")
        place = token.end
        found = token.text
        if token.kind == NUMBER and numbers:
            found = "0"
        elif token.kind == STRING and found.startswith("$"):
            mark = found[: found.index("$", 1) + 1]
            found = mark + masked(literal_value(found, dialect), dialect, numbers=numbers) + mark
        elif token.kind == STRING:
            found = f"{found[0]}''" if found[1:2] == "'" and found[0] != "'" else "''"
        pieces.append(found)
    return "".join(pieces)
