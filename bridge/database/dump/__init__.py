"""Databases as files: by the servers' own programs, and by bridge for SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.dump.mysql import MySQLDumper
from bridge.database.dump.postgresql import PostgreSQLDumper
from bridge.database.dump.sqlite_file import SQLiteDumper
from bridge.database.servers import server_of
from bridge.model.errors import BackupError
from bridge.model.remedy import WITHOUT_BACKUP, Remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

    from bridge.database.dump.program import Dumper

_DUMPERS: dict[str, type[SQLiteDumper | PostgreSQLDumper | MySQLDumper]] = {
    "sqlite": SQLiteDumper,
    "postgresql": PostgreSQLDumper,
    "mysql": MySQLDumper,
}


def dumper_of(engine: Engine, schemas: Sequence[str] = ()) -> Dumper:
    """Return what dumps the database behind an engine.

    :param schemas: on PostgreSQL, those that are dumped and put back; all if empty.
    :raises BackupError: nothing does.
    """
    server = server_of(engine)
    kind = _DUMPERS.get(server.syntax)
    if kind is None:
        raise BackupError(
            f"bridge makes no backups of {server.name}.",
            help=[Remedy("Make one with the database's own tools."), WITHOUT_BACKUP],
        )
    return PostgreSQLDumper(engine, schemas) if schemas else kind(engine)
