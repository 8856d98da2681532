"""The table that a database has while a backup is put back into it statement by statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.database.engine import connect
from bridge.database.servers import server_of
from bridge.model.errors import interrupted_restore
from bridge.model.names import RESTORE_TABLE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine


def marked_backup(connection: Connection) -> str | None:
    """Return the backup that the table names, which must exist."""
    path: sa.ColumnClause[str] = sa.column("path")
    found: str | None = connection.execute(
        sa.select(path).select_from(sa.table(RESTORE_TABLE, path))
    ).scalar()
    return found


def check_whole(engine: Engine) -> None:
    """Check that no restore was interrupted.

    :raises InconsistentError: one was; the remedies name the backup.
    :raises DatabaseError: the database cannot be opened.
    """
    if server_of(engine).transactional_ddl:
        return  # there a restore is one transaction, or one file
    with connect(engine) as connection, connection.begin():
        if sa.inspect(connection).has_table(RESTORE_TABLE):
            raise interrupted_restore(marked_backup(connection))
