"""Stamps and revisions as SQL, written without a database."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine.mock import MockConnection

from bridge.database.error_text import place, said
from bridge.database.guard import SIGN, Guard, OutsideError
from bridge.database.rendering import count, rendered, script_dialect, unescaped
from bridge.database.servers import server_of
from bridge.model.errors import RevisionsError, VersionTableMismatchError
from bridge.model.names import REVISION_LENGTH
from bridge.revisions.running import OneStep, id_length, remembering, version_table, widen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.engine import URL

    from bridge.model.graph import Revision
    from bridge.revisions.scripts import Revisions


class OfflineRunner:
    """A writer of the SQL that a `Runner` would run, one step after the other.

    :param rows: the revisions in the version table before the first step.
    :param revisions_without_files: revisions that only the journal knows; the database has rows of
        them.
    """

    def __init__(
        self,
        revisions: Revisions,
        url: URL,
        rows: Iterable[str],
        revisions_without_files: Sequence[Revision] = (),
    ) -> None:
        self._revisions, self._url = revisions, url
        self._dialect = script_dialect(url)
        self.graph = remembering(revisions, revisions_without_files)
        self._rows = set(rows)
        self._length = id_length(self.graph)
        self._settings = revisions.config.alembic
        self._table = version_table(self._settings, self._length)

    @property
    def start(self) -> str | None:
        """The condition that the version table has exactly these rows; None without rows."""
        if not self._rows:
            return None
        these = self._table.c.version_num.in_(sorted(self._rows))
        return (
            f"{count(self._table, these, self._dialect)} = {len(self._rows)}"
            f" AND {count(self._table, ~these, self._dialect)} = 0"
        )

    def room(self) -> str:
        """Return the SQL that lets an existing version table hold the longest id, if it must."""
        if self._length == REVISION_LENGTH or not self._rows:
            return ""
        if server_of(self._url).rebuilds_tables:  # SQLite takes longer ones, whatever is declared
            return ""
        output = io.StringIO()
        options = {"as_sql": True, "output_buffer": output}
        context = MigrationContext.configure(dialect=self._dialect, opts=options)
        widen(context, self._settings, self._length)
        return output.getvalue()

    def stamp(self, revisions: Sequence[str]) -> str:
        """Return the SQL that writes the effective heads of the current rows and `revisions`."""
        after = set(self.graph.effective(self._rows | set(revisions)))
        name = self._table.c.version_num
        # An earlier run may have left the table without rows.
        statements: list[Any] = [sa.schema.CreateTable(self._table, if_not_exists=True)]
        if self._rows - after:
            statements.append(self._table.delete().where(name.in_(sorted(self._rows - after))))
        new = sorted(after - self._rows)
        statements.extend(self._table.insert().values(version_num=row) for row in new)
        self._rows = after
        return "".join(rendered(statement, self._dialect) for statement in statements)

    def upgrade(self, revision: str) -> str:
        """Return the SQL of one revision with its version row, from the application's env.py.

        :raises RevisionsError: it needs a database, or it fails.
        """
        before = self._rows
        self._rows = set(self.graph.effective({*before, revision}))
        alembic, directory = self._revisions.alembic, self._revisions.script
        script = self._revisions.scripts[revision]
        ran = []

        def steps(_heads: Any, _migration: Any) -> Any:
            ran.append(revision)
            return [OneStep(directory.revision_map, script, self.graph, up=True)]

        alembic.attributes["recorded"] = True
        self._revisions.set_url(self._url)
        output = io.StringIO()
        environment: Any = EnvironmentContext(alembic, directory, fn=steps, as_sql=True)
        environment.configure = self._configuring(environment, sorted(before), output)
        folders = [Path(script.path).resolve().parent, Path(directory.dir).resolve()]
        try:
            # There is no copy, so every database is out of bounds.
            with Guard("", None, None), environment:
                directory.run_env()
        except OutsideError as error:
            what = str(error).removeprefix(f"{SIGN}, and this uses ")
            raise RevisionsError(f"it connects to {what}{place(error, folders)}") from error
        except RevisionsError:
            raise
        except (Exception, SystemExit) as error:
            raise RevisionsError(f"{said(error)}{place(error, folders)}") from error
        finally:
            del alembic.attributes["recorded"]
        if not ran:
            raise RevisionsError("env.py runs no migrations when it is offline")
        text = output.getvalue()
        if not before:
            text = text.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1)
            # Alembic's own.
            text = text.replace("VARCHAR(32)", f"VARCHAR({self._length})", 1)
        return text.strip() + "\n"

    def _configuring(
        self, environment: EnvironmentContext, rows: Sequence[str], output: io.StringIO
    ) -> Callable[..., None]:
        """Return the `configure` that env.py calls: Alembic's own, with bridge's options."""
        configure = environment.configure

        def configured(_connection: Any = None, **given: Any) -> None:
            ours: dict[str, Any] = {
                "connection": None,
                "dialect_name": None,
                "url": self._url,
                "dialect_opts": {**(given.get("dialect_opts") or {}), "paramstyle": "named"},
                "output_buffer": output,
                "starting_rev": rows,
                # On SQLite too, a revision and its row are one transaction.
                "transactional_ddl": server_of(self._url).transactional_ddl,
                "transaction_per_migration": True,
            }
            configure(**{**given, **ours})
            context = environment.get_context()
            names = filter(None, (context.version_table_schema, context.version_table))
            if ".".join(names) != self._settings.full_version_table:
                raise VersionTableMismatchError(
                    f"env.py uses the version table {context.version_table}, and not "
                    f"{self._settings.full_version_table} as the configuration says"
                )
            _take_over_writing(context)

        return configured


def _take_over_writing(context: Any) -> None:
    """Write statements in place of Alembic.

    Alembic changes tabs, loses values, and cannot end the body of a trigger.
    """
    dialect = unescaped(context.dialect)

    def write(statement: Any, *_options: Any, **_more: Any) -> None:
        statement = sa.text(statement) if isinstance(statement, str) else statement
        context.impl.static_output(rendered(statement, dialect).rstrip("\n"))

    def execute(statement: Any, *values: Any, **named: Any) -> None:
        """Write what a revision executes on `op.get_bind()`."""
        rows = [*(values[0] if values and isinstance(values[0], list) else values), named]
        for row in [row for row in rows if row] or [None]:
            write(statement if row is None else _with_values(statement, row))

    context.impl._exec = write
    context.impl.connection = context.connection = MockConnection(dialect, execute)


def _with_values(statement: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(statement, sa.sql.elements.TextClause):
        return statement.bindparams(**values)
    if isinstance(statement, sa.sql.dml.Insert):
        return statement.values(**values)
    raise TypeError("values for this kind of statement cannot be written into it")
