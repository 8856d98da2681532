"""The choice of the texts of a database to scrub, and their replacements.

Only text is scrubbed: numbers, dates, truth values and UUIDs of the database's own types stay.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from bridge.database.seeding.catalog import read_tables
from bridge.database.seeding.tables import Column, Table, mentions
from bridge.database.servers import server_of
from bridge.database.sql.tokens import literals
from bridge.model.errors import ConfigError
from bridge.model.names import JOURNAL_TABLE
from bridge.snapshots.pseudonyms import Scrubber

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy.engine import Connection

FEW = 20
"""The most different words of a column that is taken for a list of values, such as a status."""

REPEATED = 3
"""How often each of these words must occur on average."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z_ .-]{0,31}")

_TEXT = re.compile(
    r"(national )?(var)?char|character|\w*text|bpchar|string|clob|jsonb?$|json|name$|\"char\""
)

_BINARY = re.compile(r"bytea|(var)?binary|\w*blob")

# Types with text in them that are not named as text.
_OTHER = re.compile(r"xml|hstore|tsvector|inet|cidr|macaddr|record|geometry|geography|ltree|cube")


class Anonymizer:
    """The scrubber of the texts of one database, with a new key each time.

    :param own: tables of bridge, Alembic or sqlalchemy-migrate, which stay as they are.
    :param keep: the columns to keep, as ``TABLE.COLUMN``, each with the reason.
    :raises ConfigError: there is no such column.

    `kept` has the kept columns, each with the reason; `count` is the number of replaced texts.
    """

    def __init__(
        self, connection: Connection, own: Collection[str], keep: Mapping[str, str]
    ) -> None:
        self._server = server_of(connection)
        tables = read_tables(connection, lambda names: [n for n in names if n not in own])
        self._tables = tables
        self.kept: dict[str, str] = {}
        self.count = 0
        known = {f"{t.name}.{c.name}" for t in tables.values() for c in t.columns}
        for name in keep:
            if name not in known:
                raise ConfigError(
                    f"There is no column {name} in the database.",
                    help="Name it as TABLE.COLUMN: --keep TABLE.COLUMN",
                )
        self._scrubbed: set[tuple[str, str]] = set()
        words: set[str] = set()
        for table in tables.values():
            for column in table.columns:
                name = f"{table.name}.{column.name}"
                words.update(column.labels, _default(column, self._server.syntax))
                reason = keep.get(name) or self._why_kept(connection, table, column)
                if reason is None:
                    self._scrubbed.add((table.name, column.name))
                elif reason:
                    self.kept[name] = reason
                    words.update(_texts(connection, table, column))
        for name in self._server.large_objects(connection):
            self.kept[name] = "its content cannot be scrubbed"
        self._scrubber = Scrubber(secrets.token_bytes(32), words)

    def columns_in(self, message: str) -> list[str]:
        """Return the scrubbed columns that a database's error message refers to."""
        named = {
            (table.name, column)
            for table in self._tables.values()
            for rule in table.rules
            if mentions(message, rule.name)
            for column in rule.columns
        }
        of_table = {(t, c) for t, c in self._scrubbed if mentions(message, t)}
        named |= {(t, c) for t, c in of_table if mentions(message, c)}
        return self._names(named) or self._names(of_table)

    def columns_between(self, pairs: Collection[tuple[str, str]]) -> list[str]:
        """Return the scrubbed columns of the foreign keys from one table to another.

        :param pairs: the two tables of each key.
        """
        return self._names(
            end
            for table in self._tables.values()
            for reference in table.references
            if (table.name, reference.table) in pairs
            for end in (
                *((table.name, column) for column in reference.columns),
                *((reference.table, column) for column in reference.referred),
            )
        )

    def _names(self, columns: Iterable[tuple[str, str]]) -> list[str]:
        return sorted(f"{table}.{column}" for table, column in {*columns} & self._scrubbed)

    def text(self, table: str, column: str, text: str) -> str:
        """Return the replacement of a text in a column."""
        if table == JOURNAL_TABLE and column == "details":
            return _without_people(text)
        if (table, column) not in self._scrubbed:
            return text
        other = self._scrubber.text(text)
        self.count += other != text
        return other

    # --- what is scrubbed -----------------------------------------------------------------

    def _why_kept(self, connection: Connection, table: Table, column: Column) -> str | None:
        """Return why a column is kept; empty where it has nothing that could be scrubbed."""
        kind = column.type
        if column.labels:
            return "its type has a list of values"
        if not self._server.strict_types:
            if not _any(connection, table, column, "text"):
                return "it is binary" if _any(connection, table, column, "blob") else ""
        elif not _TEXT.match(kind):
            reason = "it is binary" if _BINARY.match(kind) else f"its type is {kind}"
            unknown = _BINARY.match(kind) or _OTHER.match(kind)
            return reason if unknown and _any(connection, table, column) else ""
        for rule in table.rules:
            # A rule that it is JSON still holds afterwards.
            if rule.text and column.name in rule.columns and "json_valid" not in rule.text.lower():
                return f"a rule refers to it: {' '.join(rule.text.split())[:60]}"
        if _is_list(connection, table, column):
            return "few words, each several times"
        return None


def _default(column: Column, syntax: str) -> list[str]:
    """Return the words in a default, which every reader of the schema knows."""
    return literals(column.default or "", syntax) + (
        [column.default] if column.default and _WORD.fullmatch(column.default) else []
    )


def _without_people(text: str) -> str:
    """Return the journal's details of a run without the host and the user."""
    try:
        details = json.loads(text)
    except ValueError:
        return "{}"
    if isinstance(details, dict):
        details |= {key: "-" for key in ("host", "user") if key in details}
    return json.dumps(details)


# --- asking the database ------------------------------------------------------------------


def _column(table: Table, column: Column) -> tuple[Any, Any]:
    c: Any = sa.column(quoted_name(column.name, quote=True))
    return c, sa.table(quoted_name(table.name, quote=True), c)


def _any(connection: Connection, table: Table, column: Column, sort: str | None = None) -> bool:
    c, of = _column(table, column)
    found: Any = sa.select(sa.literal_column("1")).select_from(of)
    found = found.where(c.isnot(None) if sort is None else sa.func.typeof(c) == sort)
    return connection.execute(found.limit(1)).first() is not None


def _is_list(connection: Connection, table: Table, column: Column) -> bool:
    """Return whether a column has few words, each several times, like a status."""
    if column.type.endswith("[]"):
        return False
    c, of = _column(table, column)
    text = server_of(connection).as_text(c)
    found = sa.select(text, sa.func.count()).select_from(of).where(c.isnot(None))
    rows = connection.execute(found.group_by(text).limit(FEW + 1)).fetchall()
    counts = {row[0]: row[1] for row in rows}
    return (
        0 < len(counts) <= FEW
        and sum(counts.values()) >= REPEATED * len(counts)
        and all(isinstance(word, str) and _WORD.fullmatch(word) for word in counts)
    )


def _texts(connection: Connection, table: Table, column: Column) -> Iterator[str]:
    c, of = _column(table, column)
    text = server_of(connection).as_text(c)
    for (value,) in connection.execute(sa.select(text).select_from(of).distinct()):
        if isinstance(value, str) and value:
            yield value
