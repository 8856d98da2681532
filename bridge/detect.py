"""Reads where a database stands. Reads only: the database itself refuses writes meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from bridge.config import Config
from bridge.database import read_only, shown, sqlite_file
from bridge.errors import InconsistentError
from bridge.model import Facts, Repository, RevisionGraph, State, VersionRow
from bridge.state import classify


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
    return Facts(
        database=shown(connection.engine.url),
        dialect=connection.dialect.name,
        tables=tables,
        version_rows={
            name: _version_rows(connection, name) for name in sorted(version_tables & tables)
        },
        revisions=_revisions(connection, revision_table) if revision_table in tables else None,
    )


def _version_rows(connection: Connection, name: str) -> tuple[VersionRow, ...]:
    _need_columns(connection, name, {"repository_id", "version"})
    table = sa.table(name, sa.column("repository_id"), sa.column("version"))
    rows = connection.execute(
        sa.select(table.c.repository_id, table.c.version).order_by(
            table.c.repository_id, table.c.version
        )
    )
    return tuple(VersionRow(str(row[0]), None if row[1] is None else int(row[1])) for row in rows)


def _revisions(connection: Connection, name: str) -> tuple[str, ...]:
    _need_columns(connection, name, {"version_num"})
    table = sa.table(name, sa.column("version_num"))
    return tuple(sorted(row[0] for row in connection.execute(sa.select(table.c.version_num))))


def _need_columns(connection: Connection, name: str, wanted: set[str]) -> None:
    columns = {column["name"] for column in sa.inspect(connection).get_columns(name)}
    if not wanted <= columns:
        raise InconsistentError(
            f"The version table {name} has the columns {', '.join(sorted(columns))}; it should "
            f"have {' and '.join(sorted(wanted))}.",
            help="Check that this table is the app's version table: version_table in the "
            "repository's migrate.cfg, or alembic.version_table in the configuration.",
        )
