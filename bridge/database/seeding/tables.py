"""Tables as seeding sees them: plain data, read by `catalog`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

AppTables = Callable[[Iterable[str]], Iterable[str]]


@dataclass(frozen=True)
class Column:
    """A column that a row may be given a value for.

    `type` is written as the database has it, in lower case, with a domain's base type in place of
    the domain. `letters` is what its text may hold: any letter ("all"), none beyond the basic
    plane ("bmp"), or "ascii". `next_value` is the SQL that gives the value where none is given
    (PostgreSQL's sequences). `touched` is a column that an UPDATE sets to the time.
    """

    name: str
    type: str
    nullable: bool
    default: str | None = None
    labels: tuple[str, ...] = ()
    letters: str = "all"
    next_value: str | None = None
    touched: bool = False


@dataclass(frozen=True)
class Rule:
    """What the database may refuse a row for: the name that its message has, and the columns.

    `text` is the condition of a CHECK, empty for columns that must be unique.
    """

    name: str
    columns: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True)
class Reference:
    """A foreign key; `schema` is None for a table of the default schema."""

    columns: tuple[str, ...]
    schema: str | None
    table: str
    referred: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table: its columns, how a row of it is known, its rules and references.

    `key` is empty where nothing tells two rows apart. `parts` are tables whose rows are its own
    as well: partitions, and tables that inherit.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...]
    references: tuple[Reference, ...]
    parts: frozenset[str] = frozenset()

    def nullable(self, reference: Reference) -> tuple[str, ...]:
        """Return the columns of the reference that NULL frees of it."""
        free = {column.name for column in self.columns if column.nullable}
        return tuple(name for name in reference.columns if name in free)


def mentions(text: str, name: str) -> bool:
    """Return whether a text has the name as a word of its own."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None
