"""What a database holds, as data that can be compared: its tables, and rows that point nowhere."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SAWarning

from bridge.sqlite import broken_rows

Table = dict[str, Any]
"""A table as JSON has it: `columns`, `primary_key`, `foreign_keys`, `unique`, `indexes`."""

_UNCHECKED = (
    "SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
    "WHERE k.contype = 'f' AND NOT k.convalidated"
)


def list_tables(
    connection: Connection, choose: Callable[[Iterable[str]], Iterable[str]]
) -> dict[str, Table]:
    """The tables of the default schema that are the app's, by their names."""
    with connection.begin(), warnings.catch_warnings():
        # "Skipped unsupported reflection of expression-based index" and the like.
        warnings.simplefilter("ignore", SAWarning)
        inspector = sa.inspect(connection)
        names = [name for name in inspector.get_table_names() if not name.startswith("sqlite_")]
        return {name: _table(inspector, connection, name) for name in sorted(choose(names))}


def _table(inspector: Any, connection: Connection, name: str) -> Table:
    # The columns first: SQLAlchemy 1.4 sorts its own list of them when it reads a SQLite key.
    columns = [
        {
            "name": str(column["name"]),
            "type": _type(column["type"], connection),
            "nullable": bool(column["nullable"]),
            "default": None if column.get("default") is None else str(column["default"]),
        }
        for column in inspector.get_columns(name)
    ]
    keys = [
        {
            "columns": list(key["constrained_columns"]),
            "refers_to": ".".join(filter(None, (key["referred_schema"], key["referred_table"]))),
            "referred_columns": list(key["referred_columns"]),
            "name": key["name"],
        }
        for key in inspector.get_foreign_keys(name)
    ]
    indexes = [
        {
            "columns": [str(part) for part in index.get("expressions") or index["column_names"]],
            "unique": bool(index["unique"]),
            "name": index["name"],
        }
        for index in inspector.get_indexes(name)
    ]
    uniques = [list(found["column_names"]) for found in inspector.get_unique_constraints(name)]
    return {
        "columns": columns,
        "primary_key": list(inspector.get_pk_constraint(name).get("constrained_columns") or ()),
        "foreign_keys": sorted(keys, key=str),
        "unique": sorted(uniques),
        "indexes": sorted(indexes, key=str),
    }


def _type(kind: Any, connection: Connection) -> str:
    if isinstance(kind, sa.types.NullType):
        return "?"  # one that SQLAlchemy does not know
    return str(kind.compile(dialect=connection.dialect))


def rows_that_point_nowhere(
    connection: Connection, tables: Mapping[str, Table]
) -> tuple[int, Counter[tuple[str, str]]]:
    """How many foreign keys were checked, and the rows of each table that break one to another.

    SQLite checks its own. PostgreSQL vouches for all that are not marked NOT VALID. MySQL and
    MariaDB check a row only when it is written, and not where that was switched off: all are
    checked, with a query each.
    """
    keys = [(name, key) for name, table in tables.items() for key in table["foreign_keys"]]
    if connection.dialect.name == "sqlite":
        with connection.begin():
            return len(keys), broken_rows(connection)
    with connection.begin():
        if connection.dialect.name == "postgresql":
            unchecked = {tuple(row) for row in connection.exec_driver_sql(_UNCHECKED)}
            keys = [(name, key) for name, key in keys if (name, key["name"]) in unchecked]
        broken: Counter[tuple[str, str]] = Counter()
        for name, key in keys:
            count = connection.execute(_breaking(name, key)).scalar()
            if count:
                broken[name, key["refers_to"]] += int(count)
    return len(keys), broken


def _breaking(name: str, key: Mapping[str, Any]) -> Any:
    """Counts the rows whose key has no NULL and no row that it points to."""
    columns, referred = key["columns"], key["referred_columns"]
    schema, _, other = key["refers_to"].rpartition(".")
    child = sa.table(name, *map(sa.column, columns)).alias("child")
    parent = sa.table(other, *map(sa.column, referred), schema=schema or None).alias("parent")
    pairs = list(zip(columns, referred, strict=True))
    found = sa.select(sa.literal(1)).select_from(parent)
    found = found.where(*(parent.c[theirs] == child.c[ours] for ours, theirs in pairs))
    full = [child.c[ours].isnot(None) for ours in columns]
    counted = sa.select(sa.func.count()).select_from(child)
    return counted.where(*full, ~found.correlate(child).exists())
