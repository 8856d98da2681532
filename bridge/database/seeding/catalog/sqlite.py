"""What SQLite's catalog tells of tables that are to be filled."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bridge.database.seeding.catalog.found import Found, rows
from bridge.database.seeding.tables import Column, Rule
from bridge.database.sql.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection

_TABLES = (
    "(SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
    "ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL %') m"
)


def read(connection: Connection, found: Found) -> None:
    """Read all tables."""
    _read_columns(connection, found)
    _read_unique(connection, found)
    _read_references(connection, found)
    for table, sql in rows(connection, f"SELECT name, sql FROM {_TABLES}"):
        found.checks[table] = [Rule(name, (), text) for name, text in _checks(sql)]


def _read_columns(connection: Connection, found: Found) -> None:
    # A virtual table keeps its rows in tables that are named after it and are nobody else's.
    virtual = tuple(
        f"{name}_"
        for (name,) in rows(
            connection, "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL %'"
        )
    )
    sql = (
        f"SELECT m.name, x.* FROM {_TABLES}, pragma_table_xinfo(m.name) x "
        # The primary key's columns in their order there, which ours need not be.
        "ORDER BY m.name, x.pk, x.cid"
    )
    places: dict[str, dict[int, Column]] = defaultdict(dict)
    for table, place, name, kind, filled, default, key, hidden in rows(connection, sql):
        if table.startswith(virtual):
            continue
        if key:
            found.primary[table].append(name)
        if not hidden:  # else it is generated
            places[table][place] = Column(name, kind.lower(), not filled, default)
    for table, columns in places.items():
        found.columns[table] = [column for _, column in sorted(columns.items())]
        if found.primary[table]:
            found.unique[table][_called(table, found.primary[table])] = found.primary[table]


def _read_unique(connection: Connection, found: Found) -> None:
    sql = (
        f"SELECT m.name, l.name, l.partial, s.sql, i.name FROM {_TABLES}, "
        "pragma_index_list(m.name) l, pragma_index_info(l.name) i "
        "LEFT JOIN sqlite_master s ON s.name = l.name "
        'WHERE l."unique" ORDER BY m.name, l.name, i.seqno'
    )
    indexes: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for *index, name in rows(connection, sql):
        indexes[tuple(index)].append(name)
    for (table, name, partial, sql), parts in indexes.items():
        # What the message calls it: its columns, or its name where there are expressions.
        if None in parts:
            found.partial[table].append(Rule(name, (), sql))
        elif partial:
            found.partial[table].append(Rule(_called(table, parts), tuple(parts)))
        else:
            found.unique[table][_called(table, parts)] = parts


def _read_references(connection: Connection, found: Found) -> None:
    # Names are written in any case there.
    names = {name.lower(): name for name in found.columns}
    named = {(t, c.name.lower()): c.name for t, columns in found.columns.items() for c in columns}
    sql = (
        f"SELECT m.name, f.* FROM {_TABLES}, pragma_foreign_key_list(m.name) f "
        "ORDER BY m.name, f.id, f.seq"
    )
    for table, number, place, to, ours, theirs, *_ in rows(connection, sql):
        to = names.get(to.lower(), to)
        # Without columns, it is the other table's primary key that is meant.
        theirs = theirs or (found.primary[to] or ["rowid"])[place]
        theirs = named.get((to, theirs.lower()), theirs)
        found.references[table][number, None, to].append((ours, theirs))


def _called(table: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{table}.{column}" for column in columns)


def _checks(sql: str) -> Iterator[tuple[str, str]]:
    """Yield the conditions of a CREATE TABLE after their names; one without is called by itself."""
    words: list[str] = []
    start = depth = 0
    for token in tokens(sql, "sqlite"):
        text = token.text
        if start:
            depth += (text == "(") - (text == ")")
            if not depth:
                condition = sql[start : token.start].strip()
                named = words[-3:-2] == ["constraint"]
                # Messages are read up to the end of their first line.
                called = words[-2].strip("'\"`[]") if named else condition.partition("\n")[0]
                yield called, condition
                start = 0
                words = []
        elif text == "(" and words[-1:] == ["check"]:
            start, depth = token.end, 1
        else:
            words.append(text.lower() if text.lower() in ("check", "constraint") else text)
