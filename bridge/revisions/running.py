"""Stamps, upgrades and downgrades through Alembic, one revision at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script.revision import Revision as AlembicRevision
from alembic.script.revision import RevisionMap

from bridge.database.engine import connect
from bridge.database.error_text import place, said
from bridge.database.foreign_keys import ForeignKeyChecks, foreign_keys_off
from bridge.database.servers import server_of
from bridge.model.errors import AheadError, RevisionFailedError, VersionTableMismatchError
from bridge.model.journal import JournalEntry
from bridge.model.names import REVISION_LENGTH
from bridge.model.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from alembic.script import Script
    from sqlalchemy.engine import URL, Connection, Engine

    from bridge.database.journal.table import Journal
    from bridge.model.config import AlembicConfig
    from bridge.model.graph import Graph, Revision
    from bridge.revisions.scripts import Revisions


def recorder(revisions: Revisions, journal: Journal) -> Callable[..., None]:
    """Return an `on_version_apply` callback for Alembic that writes each step into the journal.

    Alembic calls it in the step's own transaction.
    """

    def record(*, ctx: Any, step: Any, **_more: Any) -> None:
        if ctx.as_sql:
            return
        graph = revisions.graph
        if step.is_stamp:
            entries = entries_of_stamp(graph, step.destination_revision_ids)
        else:
            kind = "upgrade" if step.is_upgrade else "downgrade"
            ids = step.up_revision_ids
            entries = [JournalEntry.of(kind, graph.revisions[i]) for i in ids if graph.known(i)]
        journal.done(ctx.connection, entries)

    return record


def entries_of_stamp(graph: Graph, stamped: Iterable[str]) -> list[JournalEntry]:
    """Return the entries of stamped revisions, and of the modules' revisions that they imply."""
    ids = [revision for revision in stamped if graph.known(revision)]
    implied = graph.ancestors(ids) - set(ids)
    ids += sorted(revision for revision in implied if graph.module(revision) is not None)
    return [JournalEntry.of("stamp", graph.revisions[revision]) for revision in ids]


def remembering(revisions: Revisions, revisions_without_files: Sequence[Revision]) -> Graph:
    """Return the graph with revisions that only the journal knows, and add them to Alembic's."""
    graph = revisions.graph.remembering(revisions_without_files)
    gone = [revision.id for revision in graph.revisions.values() if revision.gone]
    for revision in graph.pending((), gone):
        if revision.gone and revision.id not in revisions.added_to_alembic:
            # Alembic must know the rows that it does not change.
            revisions.added_to_alembic.add(revision.id)
            revisions.script.revision_map.add_revision(
                AlembicRevision(revision.id, revision.down or None, revision.depends or None)
            )
    return graph


def version_table(settings: AlembicConfig, length: int = REVISION_LENGTH) -> sa.Table:
    """Return Alembic's version table, as Alembic creates it.

    :param settings: those with its name and schema.
    :param length: that of the longest revision's id.
    """
    name = settings.version_table
    return sa.Table(
        name,
        sa.MetaData(schema=settings.version_table_schema),
        sa.Column("version_num", sa.String(length), nullable=False),
        sa.PrimaryKeyConstraint("version_num", name=f"{name}_pkc"),
    )


def id_length(graph: Graph) -> int:
    """Return how long the column of the version table must be."""
    return max([REVISION_LENGTH, *map(len, graph.revisions)])


def make_room(engine: Engine, settings: AlembicConfig, graph: Graph) -> None:
    """Let the version table hold the longest id; Alembic creates it for 32 characters.

    Its schema is created where there is none.

    :param settings: those with its name and schema.
    :raises SQLAlchemyError: the database refuses it.
    """
    length, schema = id_length(graph), settings.version_table_schema
    if length == REVISION_LENGTH and schema is None:
        return
    name = settings.version_table
    with connect(engine) as connection, connection.begin():
        inspector = sa.inspect(connection)
        if schema is not None and schema not in inspector.get_schema_names():
            connection.execute(sa.schema.CreateSchema(schema))
        if length == REVISION_LENGTH:
            return
        if not inspector.has_table(name, schema):
            version_table(settings, length).create(connection)
            return
        columns = {c["name"]: c["type"] for c in inspector.get_columns(name, schema)}
        there = getattr(columns["version_num"], "length", None)
        if there and there < length and not server_of(connection).rebuilds_tables:
            # SQLite takes longer ones, whatever is declared.
            widen(MigrationContext.configure(connection), settings, length)


def widen(context: MigrationContext, settings: AlembicConfig, length: int) -> None:
    """Give the column of an existing version table a length, or write the SQL that does."""
    Operations(context).alter_column(
        settings.version_table,
        "version_num",
        type_=sa.String(length),
        existing_nullable=False,
        schema=settings.version_table_schema,
    )


class OneStep(RevisionStep):
    """One revision up or down, with the rows that the version table has afterwards.

    Alembic derives these from the neighbours of the revision alone, and fails with a KeyError where
    one of them has no row because another branch depends on it. Here the graph gives them.
    """

    def __init__(
        self, revision_map: RevisionMap, script: Script, graph: Graph, *, up: bool
    ) -> None:
        super().__init__(revision_map, script, up)
        self._graph = graph

    def _change(self, heads: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return the rows to delete and those to insert."""
        before = set(heads)
        reached = self._graph.ancestors(before) - {self.revision.revision}
        if self.is_upgrade:
            reached |= {self.revision.revision}
        after = set(self._graph.effective(reached))
        return sorted(before - after), sorted(after - before)

    def should_create_branch(self, heads: set[str]) -> bool:
        """Return whether an upgrade only inserts a row."""
        return self.is_upgrade and not self._change(heads)[0]

    def should_merge_branches(self, _heads: set[str]) -> bool:
        """Return whether an upgrade replaces rows by one."""
        return self.is_upgrade

    def merge_branch_idents(self, heads: set[str]) -> tuple[list[str], str, str]:
        """Return the rows to delete, the row to change, and its new value."""
        removed, _ = self._change(heads)
        return removed[1:], removed[0], self.revision.revision

    def should_delete_branch(self, heads: set[str]) -> bool:
        """Return whether a downgrade only deletes a row."""
        return self.is_downgrade and not self._change(heads)[1]

    def should_unmerge_branches(self, _heads: set[str]) -> bool:
        """Return whether a downgrade replaces a row by others."""
        return self.is_downgrade

    def unmerge_branch_idents(self, heads: set[str]) -> tuple[str, str, tuple[str, ...]]:
        """Return the row to change, its new value, and the rows to insert."""
        _, added = self._change(heads)
        return self.revision.revision, added[0], tuple(added[1:])


class Runner:
    """The runner of revisions on one database.

    :param revisions_without_files: revisions that only the journal knows; the database has rows of
        them.
    """

    def __init__(
        self,
        revisions: Revisions,
        journal: Journal,
        revisions_without_files: Sequence[Revision] = (),
    ) -> None:
        self._revisions, self._journal = revisions, journal
        self.graph = remembering(revisions, revisions_without_files)
        self.foreign_keys = ForeignKeyChecks()
        """The checks of foreign keys around the revisions."""

    def make_room(self, engine: Engine) -> None:
        """Let the version table hold the ids of all revisions; as the function of that name."""
        make_room(engine, self._revisions.config.alembic, self.graph)

    # --- stamping -------------------------------------------------------------------------

    def stamp(self, connection: Connection, revisions: Sequence[str]) -> tuple[str, ...]:
        """Write the effective heads of the current rows and `revisions`; return the rows.

        Rows for both a revision and one that it depends on would block every later upgrade. Such a
        pair is reduced, as Alembic itself does when it runs them.

        :raises AheadError: there is a row of another program.
        """
        table = version_table(self._revisions.config.alembic, id_length(self.graph))
        with connection.begin():
            table.create(connection, checkfirst=True)
            found = {row[0] for row in connection.execute(sa.select(table.c.version_num))}
            self._check_known(found)
            rows = self.graph.effective(found | set(revisions))
            connection.execute(table.delete())
            connection.execute(table.insert(), [{"version_num": row} for row in rows])
            self._journal.done(connection, entries_of_stamp(self.graph, revisions))
        return rows

    def _check_known(self, found: set[str]) -> None:
        """Refuse unknown rows: legacy scripts may have created another program's tables."""
        unknown = sorted(row for row in found if not self.graph.known(row))
        if unknown:
            config = self._revisions.config
            raise AheadError(
                f"The table {config.alembic.full_version_table} holds {', '.join(unknown)}, which "
                "this code does not have: while the legacy versions ran, another program began to "
                "keep its versions there.",
                help=Remedy(
                    "Name a table of the app's own in alembic.version_table of "
                    f"{config.source}, then run",
                    ("dbupdate",),
                ),
                state_of_data="The legacy versions before it stay done; nothing is stamped.",
            )

    # --- running --------------------------------------------------------------------------

    def upgrade(self, connection: Connection, revision: str, url: URL) -> None:
        """Run one revision through the application's env.py, in a transaction of its own.

        :raises RevisionFailedError: the script failed, or on SQLite left broken foreign keys.
        :raises VersionTableMismatchError: env.py wrote its version somewhere else.
        """
        self._run(connection, revision, url, up=True)

    def downgrade(self, connection: Connection, revision: str, url: URL) -> None:
        """Undo one revision through the application's env.py, in a transaction of its own.

        :raises RevisionFailedError: the script failed, or on SQLite left broken foreign keys.
        :raises VersionTableMismatchError: env.py wrote its version somewhere else.
        """
        self._run(connection, revision, url, up=False)

    def _run(self, connection: Connection, revision: str, url: URL, *, up: bool) -> None:
        alembic, directory = self._revisions.alembic, self._revisions.script
        script = self._revisions.scripts[revision]
        record = recorder(self._revisions, self._journal)

        def steps(_heads: Any, migration: Any) -> Any:
            step = OneStep(directory.revision_map, script, self.graph, up=up)
            step.migration_fn = self.foreign_keys.around(step.migration_fn, connection)
            step.migration_fn = self._marked(step.migration_fn, migration.connection)
            migration.on_version_apply_callbacks = (*migration.on_version_apply_callbacks, record)
            return [step]

        alembic.attributes["connection"] = connection
        alembic.attributes["ours"] = False
        alembic.attributes["recorded"] = True
        self._revisions.set_url(url)
        try:
            with foreign_keys_off(connection), EnvironmentContext(alembic, directory, fn=steps):
                directory.run_env()
                if (begun := connection.get_transaction()) is not None:
                    # A script that commits begins another one, which Alembic does not know.
                    begun.commit()
        except (Exception, SystemExit) as error:
            path = Path(script.path).resolve()
            raise RevisionFailedError(
                f"The Alembic revision {revision} ({path}) failed: "
                f"{said(error)}{place(error, [path.parent])}",
                help=Remedy("Fix the error above, then run", ("dbupdate",)),
            ) from error
        finally:
            del alembic.attributes["connection"], alembic.attributes["recorded"]
        self._check_written(connection, revision, up=up)

    def _marked(self, run: Callable[..., Any], connection: Connection) -> Callable[..., Any]:
        """Return the function, with a mark in its transaction: it stays if the script commits."""
        server = server_of(connection)
        # Where env.py has an engine of its own, SQLite's driver begins no transaction without it.
        if not server.transactional_ddl or (server.rebuilds_tables and not self.transactional):
            return run

        def marked(**arguments: Any) -> None:
            self._journal.begin_transaction(connection)
            run(**arguments)

        return marked

    @property
    def transactional(self) -> bool:
        """Whether the last revision ran in one transaction with its version row.

        That is known only when env.py calls `run_environment`.
        """
        return bool(self._revisions.alembic.attributes.get("ours"))

    def rows(self, connection: Connection) -> set[str]:
        """Return the rows of the version table; none where it does not exist."""
        settings = self._revisions.config.alembic
        with connection.begin():
            if not sa.inspect(connection).has_table(
                settings.version_table, settings.version_table_schema
            ):
                return set()
            found = connection.execute(sa.select(version_table(settings).c.version_num))
            return {row[0] for row in found}

    def _check_written(self, connection: Connection, revision: str, *, up: bool) -> None:
        rows = self.rows(connection)
        reached = self.graph.ancestors(row for row in rows if self.graph.known(row))
        if (revision in reached) is not up:
            config = self._revisions.config
            raise VersionTableMismatchError(
                f"The revision {revision} ran, but the table {config.alembic.full_version_table} "
                "of the database does not say so (it holds "
                f"{', '.join(sorted(rows)) or 'nothing'}): env.py uses another version "
                "table, or another database.",
                help="Call bridge.revisions.run_environment() in env.py, or use "
                'config.attributes["connection"] and the same version_table as '
                f"{config.source}.",
                state_of_data=f"The revision {revision} has been run on the database that env.py "
                "connects to.",
            )
