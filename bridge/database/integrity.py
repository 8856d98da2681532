"""What a database holds, as data that can be compared: its tables, and rows that point nowhere."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.database.schema import read_schema
from bridge.database.servers import server_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy.engine import Connection

Table = dict[str, Any]
"""A table as the schema document has it."""


def list_tables(
    connection: Connection, app_tables: Callable[[Iterable[str]], Iterable[str]]
) -> dict[str, Table]:
    """Return the tables of the default schema that are the app's, by their names."""
    with connection.begin():
        return tables_of(read_schema(connection), app_tables)


def tables_of(
    schema: Mapping[str, Any], app_tables: Callable[[Iterable[str]], Iterable[str]]
) -> dict[str, Table]:
    """Return the tables of a schema document that are the app's, by their names."""
    tables: dict[str, Table] = schema["tables"]
    return {name: tables[name] for name in sorted(app_tables(tables))}


def rows_that_point_nowhere(
    connection: Connection, tables: Mapping[str, Table]
) -> tuple[int, Counter[tuple[str, str]]]:
    """Return how many foreign keys were checked, and the rows of each table that break one.

    SQLite checks its own. PostgreSQL vouches for all that are not marked NOT VALID. MySQL and
    MariaDB check a row only when it is written, and not where that was switched off: all are
    checked, with a query each.
    """
    keys = [(name, key) for name, table in tables.items() for key in table["foreign_keys"]]
    server = server_of(connection)
    with connection.begin():
        told = server.broken_rows(connection)
        if told is not None:
            return len(keys), told
        unchecked = server.unchecked_keys(connection)
        if unchecked is not None:
            keys = [(name, key) for name, key in keys if (name, key["name"]) in unchecked]
        broken: Counter[tuple[str, str]] = Counter()
        for name, key in keys:
            count = connection.execute(_breaking(name, key)).scalar()
            if count:
                broken[name, key["refers_to"]] += int(count)
    return len(keys), broken


def _breaking(name: str, key: Mapping[str, Any]) -> Any:
    """Return a query that counts the rows whose key has no NULL and no row that it points to."""
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
