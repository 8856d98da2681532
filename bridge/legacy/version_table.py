"""The legacy version tables, as sqlalchemy-migrate defines them, and their rows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.database.engine import connect
from bridge.model.errors import LegacyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection, Engine

    from bridge.model.repository import Repository, VersionStore


@cache  # so that SQLAlchemy compiles statements on it once, and not for each version
def version_table(store: VersionStore) -> sa.Table:
    """Return a legacy version table, as sqlalchemy-migrate defines it."""
    columns: list[Any] = [sa.Column(store.id_column, sa.String(250), primary_key=True)]
    if store.path_column:
        columns.append(sa.Column(store.path_column, sa.Text))
    columns.append(sa.Column(store.version_column, sa.Integer))
    return sa.Table(store.table, sa.MetaData(), *columns)


def version_row(repository: Repository, before: int | None, version: int) -> Any:
    """Return the statement that writes a version's number, as sqlalchemy-migrate would.

    :param before: the version in the row; None if there is no row yet.
    """
    store = repository.store
    table = version_table(store)
    if before is None:
        row = {store.id_column: repository.repository_id, store.version_column: version}
        if store.path_column:
            row[store.path_column] = str(repository.path or "")
        return table.insert().values(row)
    at_last = rows_of(table, repository, before)
    return table.update().where(at_last).values({store.version_column: version})


def rows_of(table: sa.Table, repository: Repository, version: int | None = None) -> Any:
    """Return the condition that selects a repository's rows, only those at `version` if given."""
    store = repository.store
    own = table.c[store.id_column].in_(repository.ids)
    return own if version is None else own & (table.c[store.version_column] == version)


def write_version(
    connection: Connection, repository: Repository, before: int | None, version: int
) -> None:
    """Write a version's number into the version table.

    :param before: the version in the row; None if there is no row yet.
    :raises LegacyError: the row is no longer at the version `before`.
    """
    if before is None:
        connection.execute(version_row(repository, None, version))
        return
    update = _next_version(repository.store, repository.ids)
    if connection.execute(update, {"before": before, "now": version}).rowcount != 1:
        raise LegacyError(f"the version row of {repository.name} is no longer at {before}")


@cache  # for the same reason as the table
def _next_version(store: VersionStore, ids: tuple[str, ...]) -> Any:
    table = version_table(store)
    id_column, version_column = table.c[store.id_column], table.c[store.version_column]
    return (
        table.update()
        .where(sa.or_(*(id_column == name for name in ids)))
        .where(version_column == sa.bindparam("before"))
        .values({store.version_column: sa.bindparam("now")})
    )


def put_under_control(engine: Engine, repositories: Iterable[Repository]) -> None:
    """Create the version tables, with each repository just before its first version."""
    with connect(engine) as connection, connection.begin():
        for repository in repositories:
            path = repository.store.path_column
            version_table(repository.store).create(connection, checkfirst=True)
            row = version_row(repository, None, repository.first - 1)
            # The path differs on each machine, and nothing reads it.
            connection.execute(row.values({path: ""}) if path else row)
