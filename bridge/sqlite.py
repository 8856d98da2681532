"""What SQLite needs and other databases do not: foreign keys while tables are rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection


def pragma(connection: Connection, text: str) -> list[Any]:
    """A PRAGMA on the driver's connection: some work only outside a transaction."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"PRAGMA {text}")
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

    Keys that were broken before it are not its fault and do not stop it.
    """
    if connection.dialect.name != "sqlite":
        return run

    def checked(**arguments: Any) -> None:
        before = {tuple(row) for row in pragma(connection, "foreign_key_check")}
        run(**arguments)
        found = pragma(connection, "foreign_key_check")
        broken = [row for row in found if tuple(row) not in before]
        if broken:
            tables = ", ".join(sorted({f"{row[0]} -> {row[2]}" for row in broken}))
            rows = "1 row" if len(broken) == 1 else f"{len(broken)} rows"
            raise ValueError(f"it would leave {rows} whose foreign key points nowhere ({tables})")

    return checked
