"""What SQLite needs and other databases do not: foreign keys while tables are rebuilt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection


def pragma(connection: Connection, text: str) -> list[Any]:
    """A PRAGMA on the driver's connection: some work only outside a transaction."""
    return _fetch(connection, f"PRAGMA {text}")


def _fetch(connection: Connection, statement: str) -> list[Any]:
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
        return list(cursor.fetchall())
    finally:
        cursor.close()


@contextmanager
def foreign_keys_off(connection: Connection) -> Iterator[None]:
    """A table that is rebuilt while foreign keys are on loses its children's rows."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = pragma(connection, "foreign_keys")[0][0]
    pragma(connection, "foreign_keys = OFF")
    try:
        yield
    finally:
        pragma(connection, f"foreign_keys = {before}")


def checking_foreign_keys(run: Callable[..., Any], connection: Connection) -> Callable[..., Any]:
    """The function, which fails where it breaks a foreign key on SQLite.

    Rows that were broken before it are not its fault and do not stop it.
    """
    if connection.dialect.name != "sqlite":
        return run

    def checked(**arguments: Any) -> None:
        before = broken_rows(connection)
        run(**arguments)
        after = broken_rows(connection)
        # Counted, not compared: a rebuild numbers the rows anew, a rename moves them.
        more = after.total() - before.total()
        if more > 0:
            tables = ", ".join(sorted(f"{child} -> {parent}" for child, parent in after - before))
            rows = "1 row" if more == 1 else f"{more} rows"
            raise ValueError(f"it would leave {rows} whose foreign key points nowhere ({tables})")

    return checked


def broken_rows(connection: Connection) -> Counter[tuple[str, str]]:
    """How many rows of each table have a foreign key that points nowhere in each other one."""
    broken: Counter[tuple[str, str]] = Counter()
    quote = connection.dialect.identifier_preparer.quote_identifier
    for (table,) in _fetch(connection, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        try:
            rows = pragma(connection, f"foreign_key_check({quote(table)})")
        except connection.dialect.dbapi.Error as error:  # type: ignore[union-attr]
            # Old tables may have a key to columns that are not unique: SQLite cannot check it.
            if "foreign key mismatch" not in str(error):
                raise
        else:
            broken.update((row[0], row[2]) for row in rows)
    return broken
