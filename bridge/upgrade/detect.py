"""Detects the state of a database. The session is read-only, so the database refuses writes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.database.engine import read_only
from bridge.database.journal.reading import read_history, read_interrupted, read_journal
from bridge.database.journal.table import JOURNAL_COLUMNS
from bridge.database.restore_mark import marked_backup
from bridge.database.schema import read_schema
from bridge.database.secrets import shown
from bridge.database.servers import server_of
from bridge.database.url import sqlite_file
from bridge.model.errors import ConfigError
from bridge.model.names import JOURNAL_TABLE, RESTORE_TABLE
from bridge.model.repository import Repository, VersionRow, VersionStore
from bridge.model.state import Facts, State
from bridge.upgrade.classify import classify
from bridge.upgrade.refusals import REVISION_COLUMNS, unmanaged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection, Engine

    from bridge.legacy.frozen.files import Frozen
    from bridge.model.config import Config
    from bridge.model.journal import PastRun
    from bridge.project import Project


def detect(project: Project, engine: Engine) -> State:
    """Return the state of the database behind `engine`.

    A SQLite file that does not exist is a fresh database, and is not created. A database at a
    version of a frozen history is compared with the schema that was recorded for it.

    :raises DatabaseError: the database cannot be opened or read.
    """
    repositories, graph, config = project.repositories, project.graph, project.config
    file = sqlite_file(engine.url)
    if file is not None and not file.exists() and file.parent.is_dir():
        facts = Facts(shown(engine.url), engine.dialect.name)
    else:
        with read_only(engine) as connection:
            facts = read_facts(connection, repositories, config)
            state = classify(facts, repositories, graph, config)
            return _with_drift(state, connection, project)
    return replace(classify(facts, repositories, graph, config), new_file=True)


def _with_drift(state: State, connection: Connection, project: Project) -> State:
    """Return the state with the drift from the frozen schema of each version that is waiting.

    An unmanaged database gets the nearest versions instead.
    """
    histories = project.histories
    if state.kind == "unmanaged":
        return _with_nearest(state, connection, histories)
    versions = {}
    for name, legacy in state.legacy.items():
        history = histories[name].on(state.dialect) if name in histories else None
        version = legacy.start
        if history and legacy.waiting and version is not None and version in history.versions:
            versions[name] = history
    if state.problem is not None or not versions:
        return state
    # Comparing schemas costs 2 ms to import, and most databases are at the heads.
    from bridge.legacy.frozen.drift import drift_from

    found, composed = read_schema(connection), project.composed(state.dialect)
    starts = {name: legacy.start for name, legacy in state.legacy.items()}
    drifts = {
        name: drift_from(composed.schema(name, starts), history, found)
        for name, history in versions.items()
    }
    every = {name: replace(s, drift=drifts.get(name)) for name, s in state.legacy.items()}
    return replace(state, legacy=every)


def _with_nearest(state: State, connection: Connection, histories: Mapping[str, Frozen]) -> State:
    # As costly to import as in `_with_drift`.
    from bridge.legacy.frozen.drift import nearest

    found = {name: frozen.on(state.dialect) for name, frozen in histories.items()}
    known = {name: history for name, history in found.items() if history is not None}
    if not known:
        return state
    schema = read_schema(connection)
    versions = [nearest(name, history, schema) for name, history in known.items()]
    nearest_ones = tuple(version for version in versions if version is not None)
    return replace(state, nearest=nearest_ones, problem=unmanaged(state.problem, nearest_ones))


def read_facts(
    connection: Connection, repositories: Mapping[str, Repository], config: Config
) -> Facts:
    """Return the names of the tables, and the rows of the version tables and the journal."""
    tables = frozenset(server_of(connection).tables(connection))
    stores = {repository.version_table: repository.store for repository in repositories.values()}
    revision_table, schema = config.alembic.version_table, config.alembic.version_table_schema
    there = tables
    if schema is not None:
        if server_of(connection).own_schemas_sql is None:
            raise ConfigError(
                f"alembic.version_table_schema of {config.source} is for PostgreSQL alone.",
                help="Take it out, and let alembic.version_table name a table of the database.",
            )
        is_there = sa.inspect(connection).has_table(revision_table, schema)
        there = tables - {revision_table} | ({revision_table} if is_there else set())
    wanted = {name: store.columns for name, store in stores.items()}
    wanted |= {revision_table: REVISION_COLUMNS, JOURNAL_TABLE: JOURNAL_COLUMNS}
    not_version_tables = _not_version_tables(
        connection, {n: c for n, c in wanted.items() if n in there}, {revision_table: schema}
    )
    readable = there - set(not_version_tables)
    revisions, no_revisions = None, ()
    if revision_table in readable:
        revisions, no_revisions = _revisions(connection, revision_table, schema)
    journal, no_details = read_journal(connection) if JOURNAL_TABLE in readable else ((), ())
    return Facts(
        database=shown(connection.engine.url),
        dialect=connection.dialect.name,
        tables=tables,
        version_rows={
            name: _version_rows(connection, stores[name]) for name in sorted(set(stores) & readable)
        },
        revisions=revisions,
        not_version_tables=not_version_tables,
        journal=journal,
        interrupted=read_interrupted(connection) if JOURNAL_TABLE in readable else None,
        no_revisions=no_revisions,
        no_details=no_details,
        restoring=marked_backup(connection) if RESTORE_TABLE in tables else None,
    )


def history(engine: Engine) -> tuple[PastRun, ...]:
    """Return the runs in the database's journal, oldest first; reads only.

    :raises DatabaseError: the database cannot be opened or read.
    """
    file = sqlite_file(engine.url)
    if file is not None and not file.exists() and file.parent.is_dir():
        return ()
    with read_only(engine) as connection:
        if not sa.inspect(connection).has_table(JOURNAL_TABLE):
            return ()
        if _not_version_tables(connection, {JOURNAL_TABLE: JOURNAL_COLUMNS}, {}):
            return ()
        return read_history(connection)


def _version_rows(connection: Connection, store: VersionStore) -> tuple[VersionRow, ...]:
    name: sa.ColumnClause[str] = sa.column(store.id_column)
    version: sa.ColumnClause[int] = sa.column(store.version_column)
    table = sa.table(store.table, name, version)
    rows = connection.execute(sa.select(name, version).select_from(table).order_by(name, version))
    return tuple(_version_row(str(name), version) for name, version in rows)


def _version_row(name: str, version: Any) -> VersionRow:
    """Return a version row. SQLite stores any value in a column of numbers, even text."""
    if version is None or isinstance(version, int):
        return VersionRow(name, version)
    whole = isinstance(version, float | Decimal) and version % 1 == 0
    text = isinstance(version, str) and version.isascii() and version.isdecimal()
    if whole or text:
        return VersionRow(name, int(version))
    return VersionRow(name, None, wrong=repr(version))


def _revisions(
    connection: Connection, name: str, schema: str | None
) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Return the revisions in Alembic's version table, and what else is in its rows."""
    table = sa.table(name, sa.column("version_num"), schema=schema)
    found = [row[0] for row in connection.execute(sa.select(table.c.version_num))]
    revisions = [value for value in found if isinstance(value, str) and value.strip()]
    return tuple(sorted(revisions)), tuple(value for value in found if value not in revisions)


def _not_version_tables(
    connection: Connection,
    wanted: Mapping[str, frozenset[str]],
    schemas: Mapping[str, str | None],
) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table that lacks a wanted one: it belongs to another program.

    :param schemas: the schemas of tables that are not found by their bare names.
    """
    found = {}
    for name in sorted(wanted):
        listed = sa.inspect(connection).get_columns(name, schemas.get(name))
        columns = tuple(column["name"] for column in listed)
        if not wanted[name] <= set(columns):
            found[name] = columns
    return found
