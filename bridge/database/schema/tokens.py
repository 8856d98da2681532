"""SQL text in one spelling: as tokens and groups of them, and written again.

Databases keep the text of checks, views and indexes as somebody wrote it, or print it in the words
of their version. Equal texts must compare equal, whatever their spaces, comments, quotes of
identifiers and parentheses that change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bridge.database.sql.tokens import QUOTED, SIGN, WORD, tokens


class Token(NamedTuple):
    """One word, literal or sign; of a quoted identifier, the name without its quotes."""

    kind: str
    text: str


class Group(NamedTuple):
    """What stands between a pair of parentheses or brackets."""

    opens: str
    parts: list[Part]


Part = Token | Group

Parts = Sequence[Part]


class Words:
    """The spelling of one family of databases.

    In SQLite words and names mean the same in upper and lower case: they are written in lower.
    """

    def __init__(self, family: str) -> None:
        self._family = family
        self._fold = family == "sqlite"
        # A name that needs no quotes; folded databases print a bare one in any case.
        self._bare = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*" if self._fold else r"[a-z_][a-z0-9_$]*")

    def read(self, text: str) -> list[Part]:
        """Return the parts of a text; parentheses that never close, close at the end."""
        parts: list[Part] = []
        stack = [parts]
        for token in tokens(text, self._family):
            if token.text in ("(", "["):
                group = Group(token.text, [])
                stack[-1].append(group)
                stack.append(group.parts)
            elif token.text in (")", "]"):
                if len(stack) > 1:
                    stack.pop()
            elif token.kind == QUOTED:
                stack[-1].append(Token(QUOTED, token.name))
            elif token.text.startswith('"'):  # a string of MySQL's, or a name: that is a setting
                stack[-1].append(Token(QUOTED, token.text[1:-1].replace('""', '"')))
            else:
                stack[-1].append(Token(token.kind, token.text))
        return parts

    def write(self, parts: Parts) -> str:
        """Return the parts as text, with one space where spaces may be."""
        return "".join(self._pieces(parts)).strip()

    def _pieces(self, parts: Parts) -> Iterator[str]:
        earlier: Part | None = None
        before: Part | None = None
        for part in parts:
            signed = before in _SIGNED and (earlier is None or _operator(earlier))
            if before is not None and not signed and _apart(before, part):
                yield " "
            if isinstance(part, Group):
                yield part.opens
                yield from self._pieces(part.parts)
                yield ")" if part.opens == "(" else "]"
            else:
                yield self._written(part)
            earlier, before = before, part

    def _written(self, token: Token) -> str:
        if token.kind == QUOTED:
            if self._bare.fullmatch(token.text) and token.text.lower() not in RESERVED:
                return token.text.lower() if self._fold else token.text
            return '"' + token.text.replace('"', '""') + '"'
        return token.text.lower() if self._fold and token.kind == WORD else token.text


# Words that mean something else than the name of the same letters in quotes, and words before which
# a parenthesis does not open the arguments of a function.
RESERVED = frozenset(
    {
        "all", "and", "any", "as", "between", "by", "case", "cast", "check", "collate",
        "current_date", "current_time", "current_timestamp", "default", "distinct", "else", "end",
        "escape", "except", "exists", "false", "from", "group", "having", "in", "intersect", "is",
        "isnull", "join", "like", "limit", "not", "notnull", "null", "on", "or", "order", "select",
        "set", "some", "then", "true", "union", "unique", "using", "values", "when", "where",
        "with",
    }
)  # fmt: skip

_GLUE = (".", "::")

_SIGNED = (Token(SIGN, "-"), Token(SIGN, "+"))


def _operator(part: Part) -> bool:
    return isinstance(part, Token) and (part.kind == SIGN or word(part) in RESERVED)


def _apart(before: Part, after: Part) -> bool:
    if isinstance(after, Group):
        if after.opens == "[" or isinstance(before, Group):
            return False
        return (before.kind == SIGN and before.text not in _GLUE) or word(before) in RESERVED
    if after.text in (*_GLUE, ",", ";"):
        return False
    return isinstance(before, Group) or before.text not in _GLUE


def word(part: Part | None) -> str | None:
    """Return a bare word in lower case; None for everything else."""
    return part.text.lower() if isinstance(part, Token) and part.kind == WORD else None


def split(parts: Parts) -> list[list[Part]]:
    """Return the parts between commas."""
    items: list[list[Part]] = [[]]
    for part in parts:
        if part == _COMMA:
            items.append([])
        else:
            items[-1].append(part)
    return [item for item in items if item]


_JOINS = ("and", "or", "xor")

_BEGINS = ("having", "on", "when", "where")

_ENDS = ("begin", "cross", "group", "inner", "join", "left", "limit", "order", "then", "where")


def plain(parts: Parts) -> list[Part]:
    """Return an expression without redundant parentheses.

    Those are doubled ones, and those around a value, around the whole of a condition or argument,
    and around a comparison between ``AND`` and ``OR``.
    """
    parts = [Group(p.opens, plain(p.parts)) if isinstance(p, Group) else p for p in parts]
    found: list[Part] = []
    for number, part in enumerate(parts):
        before = parts[number - 1] if number else None
        after = parts[number + 1] if number + 1 < len(parts) else None
        if isinstance(part, Group) and _needless(before, part, after):
            found += part.parts
        else:
            found.append(part)
    return found


_COMMA = Token(SIGN, ",")


def _needless(before: Part | None, group: Group, after: Part | None) -> bool:
    if group.opens != "(" or not group.parts:
        return False
    only = group.parts[0] if len(group.parts) == 1 else None
    if isinstance(only, Group):
        return only.opens == "(" and _COMMA not in only.parts
    if word(group.parts[0]) == "select" or _COMMA in group.parts:
        return False
    begins = before in (None, _COMMA) or word(before) in _BEGINS
    if begins and (after in (None, _COMMA) or word(after) in _ENDS):
        return True
    joined = begins or word(before) in _JOINS
    if only:
        # Not the arguments of a function, nor the list of an IN.
        return joined or (isinstance(before, Token) and before.kind == SIGN)
    joined = joined and (after is None or word(after) in (*_JOINS, *_ENDS))
    return joined and not any(word(part) in _JOINS for part in group.parts)
