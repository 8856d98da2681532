"""Reads where a database stands. Reads only: the database itself refuses writes meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from bridge.config import Config
from bridge.database import read_only, shown, sqlite_file
from bridge.model import Facts, Repository, RevisionGraph, State, VersionRow
from bridge.state import LEGACY_COLUMNS, REVISION_COLUMNS, classify


def detect(
    engine: Engine, repositories: Mapping[str, Repository], graph: RevisionGraph, config: Config
) -> State:
    """The state of the database behind `engine`.

    A SQLite file that is not there is a fresh database, and is not created.

    :raises DatabaseError: the database cannot be opened or read.
    """
    file = sqlite_file(engine.url)
    if file is not None and not file.exists() and file.parent.is_dir():
        facts = Facts(shown(engine.url), engine.dialect.name)
    else:
        with read_only(engine) as connection:
            facts = read_facts(connection, repositories, config)
    return classify(facts, repositories, graph, config)


def read_facts(
    connection: Connection, repositories: Mapping[str, Repository], config: Config
) -> Facts:
    """What the tables' names and the version tables' rows say."""
    tables = frozenset(sa.inspect(connection).get_table_names())
    version_tables = {repository.version_table for repository in repositories.values()}
    revision_table = config.alembic.version_table
    misshapen = {
        **_misshapen(connection, version_tables & tables, LEGACY_COLUMNS),
        **_misshapen(connection, {revision_table} & tables, REVISION_COLUMNS),
    }
    readable = tables - set(misshapen)
    return Facts(
        database=shown(connection.engine.url),
        dialect=connection.dialect.name,
        tables=tables,
        version_rows={
            name: _version_rows(connection, name) for name in sorted(version_tables & readable)
        },
        revisions=_revisions(connection, revision_table) if revision_table in readable else None,
        misshapen=misshapen,
    )


def _version_rows(connection: Connection, name: str) -> tuple[VersionRow, ...]:
    table = sa.table(name, sa.column("repository_id"), sa.column("version"))
    rows = connection.execute(
        sa.select(table.c.repository_id, table.c.version).order_by(
            table.c.repository_id, table.c.version
        )
    )
    return tuple(VersionRow(str(row[0]), None if row[1] is None else int(row[1])) for row in rows)


def _revisions(connection: Connection, name: str) -> tuple[str, ...]:
    table = sa.table(name, sa.column("version_num"))
    return tuple(sorted(row[0] for row in connection.execute(sa.select(table.c.version_num))))


def _misshapen(
    connection: Connection, names: Iterable[str], wanted: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    """The columns of those tables that lack a wanted one: another program's, of the same name."""
    found = {}
    for name in sorted(names):
        columns = tuple(column["name"] for column in sa.inspect(connection).get_columns(name))
        if not wanted <= set(columns):
            found[name] = columns
    return found
