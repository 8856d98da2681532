"""A SQLite database as an SQL script, as `.dump` of its own client writes it, and nothing lost.

Python's `iterdump` loses text behind a NUL, and what is set in the file's header.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bridge.database.sql.tokens import WORD, tokens

if TYPE_CHECKING:
    from pathlib import Path

Change = Callable[[str, str, str], str]
"""Gives another text for one: of a table, of a column."""

_ROWIDS = ("rowid", "_rowid_", "oid")


class _Text(bytes):
    """What the database has as text, in UTF-8 unless somebody wrote other bytes."""


def sqlite_script(
    path: Path, change: Change | None = None, *, arrange: bool = False
) -> Iterator[str]:
    """Yield the lines of a script that creates the database in the file.

    :param change: is asked for another text in place of each in a column.
    :param arrange: write the constraints of a table in one order: who builds it again, as Alembic
        does, may have them in any.
    """
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.text_factory = _Text
        yield from _Script(connection, change, arrange=arrange).lines()


class _Script:
    def __init__(
        self, connection: sqlite3.Connection, change: Change | None, *, arrange: bool
    ) -> None:
        self._connection, self._change, self._arrange = connection, change, arrange
        self._encoding = self._pragma("encoding").decode()

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """With names as text."""
        for row in self._connection.execute(sql):
            yield tuple(v.decode() if isinstance(v, _Text) else v for v in row)

    def lines(self) -> Iterator[str]:
        if self._encoding != "UTF-8":
            yield f"PRAGMA encoding='{self._encoding}';"
        yield "PRAGMA foreign_keys=OFF;"
        yield "BEGIN TRANSACTION;"
        things = list(
            self._rows(
                "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
                # Scripts may make them in any order; of triggers, the order may be meant.
                "ORDER BY type = 'trigger', type = 'view', type = 'index', "
                "CASE WHEN type <> 'trigger' THEN name END, rowid"
            )
        )
        virtual = [
            (name, sql) for _kind, name, sql in things if sql.upper().startswith("CREATE VIRTUAL")
        ]
        for kind, name, sql in things:
            if kind == "table" and (name, sql) not in virtual:
                yield f"{_arranged(sql) if self._arrange else sql};"
                yield from self._inserts(name)
        if virtual:
            # Their rows are in tables of their own, which are there already.
            yield "PRAGMA writable_schema=ON;"
            for name, sql in virtual:
                row = ",".join(map(_quoted, ("table", name, name))) + f",0,{_quoted(sql)}"
                yield f"INSERT INTO sqlite_master(type,name,tbl_name,rootpage,sql) VALUES({row});"
            yield "PRAGMA writable_schema=OFF;"
        yield from self._sequence()
        for kind, _name, sql in things:
            if kind != "table":
                yield f"{sql};"
        for name in ("user_version", "application_id"):
            if self._pragma(name):
                yield f"PRAGMA {name}={self._pragma(name)};"
        yield "COMMIT;"

    def _sequence(self) -> Iterator[str]:
        there = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
        if self._connection.execute(there).fetchone():
            rows = list(self._rows("SELECT name, seq FROM sqlite_sequence ORDER BY name"))
            if rows:
                yield "DELETE FROM sqlite_sequence;"
            for name, number in rows:
                yield f"INSERT INTO sqlite_sequence VALUES({_quoted(name)},{number});"

    def _inserts(self, table: str) -> Iterator[str]:
        columns = list(self._rows(f"SELECT name, hidden FROM pragma_table_xinfo({_quoted(table)})"))
        own = [name for name, hidden in columns if not hidden]
        listed = ",".join(map(_name, own))
        into = f"{_name(table)}({listed})" if len(own) < len(columns) else _name(table)
        lower = {name.lower() for name, _hidden in columns}
        rowid = next((name for name in _ROWIDS if name not in lower), None)
        query = f"SELECT {listed} FROM {_name(table)}"
        try:
            # An index might be read in place of the table, in another order.
            rows = self._connection.execute(f"{query} ORDER BY {rowid}" if rowid else query)
        except sqlite3.OperationalError:  # WITHOUT ROWID
            rows = self._connection.execute(query)
        for row in rows:
            values = (self._value(table, *pair) for pair in zip(own, row, strict=True))
            yield f"INSERT INTO {into} VALUES({','.join(values)});"

    def _value(self, table: str, column: str, value: Any) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, float):
            return repr(value) if math.isfinite(value) else f"{'-' * (value < 0)}9.0e+999"
        if isinstance(value, int):
            return str(value)
        if not isinstance(value, _Text):
            return f"X'{value.hex()}'"
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return f"CAST(X'{value.hex()}' AS TEXT)"
        if self._change is not None:
            text = self._change(table, column, text)
        if "\0" in text:
            raw = text.encode({"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(
                self._encoding, "utf-8"))  # fmt: skip
            return f"CAST(X'{raw.hex()}' AS TEXT)"
        return _lined(text)


_CONSTRAINTS = ("CHECK", "CONSTRAINT", "FOREIGN", "PRIMARY", "UNIQUE")


def _arranged(sql: str) -> str:
    """Return a CREATE TABLE with its constraints sorted, which stand behind the columns."""
    if "--" in sql or "/*" in sql:
        return sql
    found = list(tokens(sql, "sqlite"))
    depth, cuts = 0, []
    for place, token in enumerate(found):
        depth += (token.text == "(") - (token.text == ")")
        if (token.text, depth) in (("(", 1), (",", 1), (")", 0)):
            cuts.append(place)
    slots = [
        (found[first].end, found[last].start)
        for first, last in pairwise(cuts)
        if found[first + 1].kind == WORD and found[first + 1].text.upper() in _CONSTRAINTS
    ]
    texts = sorted(sql[start:end].strip() for start, end in slots)
    for (start, end), text in reversed(list(zip(slots, texts, strict=True))):
        old = sql[start:end]
        sql = sql[:start] + old.replace(old.strip(), text, 1) + sql[end:]
    return sql


def _lined(text: str) -> str:
    """Return a literal on one line."""
    marks = []
    for character, mark in (("\n", "\\n"), ("\r", "\\r")):
        if character in text:
            number = 0
            while (found := f"{mark}{number or ''}") in text:
                number += 1
            text = text.replace(character, found)
            marks.append((found, ord(character)))
    literal = _quoted(text)
    for mark, number in marks:
        literal = f"replace({literal},{_quoted(mark)},char({number}))"
    return literal


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
