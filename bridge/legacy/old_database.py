"""Load old databases as scratch databases, read their versions, and delete their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.database.engine import connect
from bridge.database.foreign_keys import foreign_keys_off
from bridge.database.servers import server_of
from bridge.legacy.version_table import rows_of, version_table
from bridge.model.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.database.row_counts import AppTables
    from bridge.database.scratch import Scratch

Repositories = Mapping[str, Repository]


def old_database(
    scratch: Scratch, path: Path, repositories: Repositories
) -> tuple[dict[str, int], Engine]:
    """Load an old database from a file, and return the version of each repository in it.

    Version rows with an older id get the current one.
    """
    engine = scratch.load(path)
    versions = {}
    with connect(engine) as connection, connection.begin():
        tables = server_of(connection).tables(connection)
        for name, repository in repositories.items():
            store = repository.store
            if store.table not in tables:
                continue
            table = version_table(store)
            own = rows_of(table, repository)
            version = connection.scalar(sa.select(table.c[store.version_column]).where(own))
            if version is not None:
                versions[name] = int(version)
                values = {store.id_column: repository.repository_id}
                connection.execute(table.update().where(own).values(values))
    return versions, engine


def delete_rows(engine: Engine, app_tables: AppTables) -> None:
    """Delete the rows of the app's tables, without checking foreign keys."""
    with connect(engine) as connection, foreign_keys_off(connection), connection.begin():
        quote = connection.dialect.identifier_preparer.quote_identifier
        server = server_of(connection)
        tables = [quote(name) for name in app_tables(server.tables(connection))]
        server.delete_rows(connection, tables)
    engine.dispose()  # the next session has the default settings
