"""The tables of one database: rows go in and out as they are, and what fails is undone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import quoted_name

from bridge.database.engine import cause
from bridge.database.seeding.domain import Value
from bridge.database.servers import server_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Connection

    from bridge.database.seeding.tables import Reference, Table

_PARENTS = 200
"""So many rows of a table are looked at to point to."""

Row = dict[str, Value]

Key = tuple[Any, ...]


class _AsItIs(sa.types.UserDefinedType[Any]):
    """A value goes to the driver as it is, without a cast."""

    cache_ok = True


class RefusedError(Exception):
    """Rows that the database has taken although they are wrong."""


class Store:
    """The rows of a database, whose connection is in a transaction.

    :param connection: of the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._server = server_of(connection)
        self._known: dict[Reference, list[Key]] = {}

    def forget(self, names: AbstractSet[str]) -> None:
        """Read again what may be pointed to in these tables, when it is asked for."""
        self._known = {x: keys for x, keys in self._known.items() if x.table not in names}

    def next_value(self, expression: str) -> Any:
        """Return the next value of a sequence, as text."""
        return self._connection.exec_driver_sql(f"SELECT CAST({expression} AS text)").scalar()

    def keys_late(self) -> AbstractContextManager[None]:
        """Look at foreign keys only afterwards, where that can be had."""
        return self._server.foreign_keys_late(self._connection)

    def insert_unchecked(self, name: str, row: Row) -> None:
        """Insert a row; a database that refuses it raises."""
        self._connection.execute(sa.insert(_table(name, row)), row)

    def update(self, table: Table, reference: Reference, changes: Iterable[dict[str, Any]]) -> None:
        """Let rows point to other ones, where the database takes it: one that it refuses stays.

        :param changes: ``new_0`` ... for the reference's columns, ``key_0`` ... for the row's key.
        """
        statement = _update(table, reference)
        for change in changes:
            self.attempt(partial(self._connection.execute, statement, change))

    def insert(self, table: Table, rows: Sequence[Row]) -> str | None:
        """Insert all rows or none; return why the database refuses them, None if it takes them."""

        def insert() -> None:
            # One by one: psycopg complains in the log of many at once that fail. Where a row is
            # empty, the database gives all values.
            for row in rows:
                self.insert_unchecked(table.name, row)

        return self.attempt(insert)

    def attempt(self, action: Callable[[], object]) -> str | None:
        """Do it in a savepoint; when that fails, nothing is done, and this returns why."""
        try:
            with self._connection.begin_nested():
                action()
        except (SQLAlchemyError, UnicodeError, OverflowError, RefusedError) as error:
            if self._connection.invalidated:
                raise
            # PostgreSQL adds lines with all values of the row.
            return cause(error, self._connection.engine.url).partition("\n")[0]
        return None

    def count(self, table: Table, most: int) -> int:
        """Count the rows of a table, `most` at most, and so without reading all."""
        one: Any = sa.select(sa.literal_column("1").label("one")).select_from(
            _table(table.name, ())
        )
        counted = sa.select(sa.func.count()).select_from(one.limit(most).subquery())
        return int(self._connection.execute(counted).scalar() or 0)

    def keys(self, reference: Reference) -> list[Key]:
        """Return what a reference may point to; read once, when all rows are there."""
        if reference not in self._known:
            self._known[reference] = self.read_keys(reference)
        return self._known[reference]

    def read_keys(self, reference: Reference) -> list[Key]:
        """Read what a reference may point to."""
        found: list[Key] = []
        self.attempt(
            lambda: found.extend(
                self.read(reference.table, reference.referred, reference.schema, _PARENTS)
            )
        )
        return [key for key in found if None not in key]

    def read(
        self, name: str, columns: Sequence[str], schema: str | None = None, limit: int | None = None
    ) -> list[Key]:
        """Read these columns of a table, in their order."""
        table = _table(name, columns, schema)
        found: Any = sa.select(*(self._server.as_text(table.c[x]) for x in columns))
        found = found.order_by(*table.c).limit(limit)
        return [tuple(row) for row in self._connection.execute(found)]


def _table(name: str, columns: Any, schema: str | None = None) -> Any:
    # Always quoted: not every version knows every server's reserved words.
    names = (quoted_name(column, quote=True) for column in dict.fromkeys(columns))
    return sa.table(
        quoted_name(name, quote=True), *(sa.column(x, _AsItIs()) for x in names), schema=schema
    )


def _update(table: Table, reference: Reference) -> Any:
    # What the server would set to the time keeps its value.
    touched = [column.name for column in table.columns if column.touched]
    c = (target := _table(table.name, (*table.key, *reference.columns, *touched))).c
    values: dict[Any, Any] = {c[name]: c[name] for name in touched}
    values |= {
        c[name]: sa.bindparam(f"new_{n}", type_=_AsItIs())
        for n, name in enumerate(reference.columns)
    }
    same = (c[x] == sa.bindparam(f"key_{n}", type_=_AsItIs()) for n, x in enumerate(table.key))
    return sa.update(target).where(*same).values(values)
