"""What tables ask of their rows, read from the database's own catalog.

Not through SQLAlchemy's inspector: it knows fewer types and rules, knows them differently in 1.4
and 2, and asks table by table where a server can answer for all of them at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.seeding.catalog import mysql, postgresql, sqlite
from bridge.database.seeding.catalog.found import Found
from bridge.database.servers import server_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bridge.database.seeding.tables import AppTables, Table

_READERS = {"sqlite": sqlite.read, "postgresql": postgresql.read, "mysql": mysql.read}


def read_tables(connection: Connection, app_tables: AppTables) -> dict[str, Table]:
    """Read the tables of the default schema that `app_tables` takes, by name, in order."""
    found = Found()
    _READERS[server_of(connection).syntax](connection, found)
    chosen = set(app_tables(sorted(found.columns)))
    return {name: found.table(name) for name in sorted(chosen & found.columns.keys())}
