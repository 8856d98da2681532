"""How many rows each table has, to compare before and after a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import connect, unreadable
from bridge.database.servers import server_of
from bridge.database.url import sqlite_file

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

COUNTED_BYTES = 2 << 30
"""How much of a server's tables is read to count their rows.

Counting reads a table once. Measured, 2 GiB take 1 s on PostgreSQL that has them in its cache, 8 s
on MariaDB that has not; a slow disk takes longer. For a SQLite file (0.6 s for as much) there is no
limit: its backup reads it as a whole, too.
"""

AppTables = Callable[[Iterable[str]], Iterable[str]]
"""Says which of the tables of a database are the app's."""


def count_rows(engine: Engine, app_tables: AppTables) -> dict[str, int | None]:
    """Count the rows of each table of the app's.

    None for one that was not counted, because it is large or cannot be read. The smallest are
    counted first, as long as all together they are not larger than `COUNTED_BYTES`.

    :raises DatabaseError: the database cannot be opened or read.
    """
    file = sqlite_file(engine.url)
    if file is not None and not file.exists():
        return {}
    counts: dict[str, int | None] = {}
    left = COUNTED_BYTES
    with connect(engine) as connection:
        try:
            with connection.begin():
                sizes = server_of(connection).table_sizes(connection)
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None
        for name in sorted(app_tables(sizes), key=lambda name: (sizes[name], name)):
            left -= sizes[name]
            counts[name] = _count(connection, name) if left >= 0 else None
    return dict(sorted(counts.items()))


def _count(connection: Connection, name: str) -> int | None:
    counted = sa.select(sa.func.count()).select_from(sa.table(name))
    try:
        with connection.begin():
            return int(connection.execute(counted).scalar() or 0)
    except SQLAlchemyError:  # another program's, which this user may not read
        return None
