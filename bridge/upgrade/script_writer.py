"""The steps of a plan as SQL for the database's own client."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine.mock import MockConnection

from bridge.database.journal.table import Journal
from bridge.database.rendering import count, rendered, script_dialect, with_end
from bridge.database.servers import server_of
from bridge.database.sql.statements import settings
from bridge.legacy.version_table import rows_of, version_row, version_table
from bridge.model.errors import (
    NotOfflineError,
    RevisionsError,
)
from bridge.model.journal import JournalEntry
from bridge.model.remedy import Remedy
from bridge.model.steps import (
    CreateModels,
    Foundations,
    Plan,
    RunLegacy,
    SetVersion,
    Stamp,
    Step,
    Upgrade,
    VerifySchema,
)
from bridge.revisions.hooks import load_models
from bridge.revisions.offline import OfflineRunner
from bridge.upgrade.execute.steps import tables_to_create

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import URL

    from bridge.model.progress import Progress
    from bridge.project import Project


class ScriptWriter:
    """Writes the steps of one plan as SQL.

    :param url: names the kind of the database, which is not looked at.
    """

    def __init__(self, project: Project, plan: Plan, url: URL, progress: Progress) -> None:
        self._plan, self._state, self._config = plan, plan.state, project.config
        self._histories, self._notify = project.histories, progress.notify
        self._dialect, self._server = script_dialect(url), server_of(url)
        self._runner = OfflineRunner(
            project.revisions, url, plan.state.current, plan.state.revisions_without_files
        )
        self._start = self._check_of_start()
        self._versions = {name: state.version for name, state in plan.state.legacy.items()}
        self._failed: dict[str, list[str]] = {}

    def parts(self) -> Iterator[str]:
        """Yield the script, part by part.

        :raises NotOfflineError: Alembic revisions need a database; all are named.
        """
        yield from self._head()
        # What can be compared is compared before.
        steps = [step for step in self._plan.steps if not isinstance(step, VerifySchema)]
        if steps:
            yield f"\n{self._server.script_head()}{self._start}{self._runner.room()}"
        for number, step in enumerate(steps, 1):
            yield f"\n{_comment(f'{number}/{len(steps)} {step}{_more(step)}')}"
            yield from self._step(step)
        self._check_failed()

    def _head(self) -> Iterator[str]:
        targets = ", ".join(self._state.targets) or "no revision"
        yield _comment(f"bridge {version('bridge')}, for {self._state.database}")
        if not self._plan.steps:
            yield _comment(f"Nothing to do: the database is at {targets}.")
            return
        yield _comment(f"From: {self._here}")
        yield _comment(f"To: {targets}")
        yield _comment(f"Stop the app, make a backup, and run: {self._server.client}")
        if any(isinstance(step, VerifySchema) for step in self._plan.steps):
            yield _comment("Before, compare the schema with the frozen one: bridge verify")

    @property
    def _here(self) -> str:
        """Where the script begins, for people."""
        states = self._state.legacy.values()
        found = [f"{s.repository.name} {s.version}" for s in states if s.version is not None]
        return ", ".join([*found, *self._state.current]) or "an empty database"

    # --- where it begins ------------------------------------------------------------------

    def _check_of_start(self) -> str:
        """Return SQL that stops in a database at another state, before anything is changed."""
        condition = " AND ".join(self._conditions())
        if not condition:
            return ""
        message = f"the database is not at {self._here}"
        return self._server.stop_unless(condition, message, self._dialect)

    def _conditions(self) -> Iterator[str]:
        states = self._state.legacy.values()
        there = {s.repository.version_table for s in states if s.version is not None}
        for state in states:
            repository = state.repository
            known = state.version is not None or not state.handed_over
            if known and repository.version_table in there:
                table = version_table(repository.store)
                rows = rows_of(table, repository, state.version)
                wanted = 0 if state.version is None else 1
                yield f"{count(table, rows, self._dialect)} = {wanted}"
        if self._runner.start:
            yield self._runner.start

    # --- steps ----------------------------------------------------------------------------

    def _step(self, step: Step) -> Iterator[str]:
        if isinstance(step, RunLegacy):
            yield from self._run_legacy(step)
        elif isinstance(step, Upgrade):
            yield self._upgrade(step)
        elif isinstance(step, Stamp):
            yield self._one(self._runner.stamp(step.revisions))
        elif isinstance(step, CreateModels):
            yield self._one("".join(self._create_models()))
        elif isinstance(step, SetVersion):
            yield self._one("".join(self._set_version(step)))
        elif isinstance(step, Foundations):
            yield from self._foundations(step)

    def _one(self, statements: str) -> str:
        """Return one transaction, where changes of the schema can be in one."""
        if self._server.transactional_ddl:
            return f"BEGIN;\n{statements}COMMIT;\n"
        return statements

    def _rendered(self, statement: Any) -> str:
        return rendered(statement, self._dialect)

    def _run_legacy(self, step: RunLegacy) -> Iterator[str]:
        history = self._histories[step.repository].on(self._state.dialect)
        assert history is not None
        statements = history.versions[step.version].statements
        text = "".join(with_end(statement, self._server.syntax) for statement in statements)
        repository = self._state.legacy[step.repository].repository
        row = version_row(repository, self._versions[step.repository], step.version)
        yield self._one(text + self._rendered(row))
        yield self._settings_back(statements)
        self._versions[step.repository] = step.version

    def _settings_back(self, statements: Iterable[str]) -> str:
        """Return what gives the next version the settings of a session of its own."""
        syntax = self._server.syntax
        return self._server.reset([s for one in statements for s in settings(one, syntax)])

    def _upgrade(self, step: Upgrade) -> str:
        try:
            return self._runner.upgrade(step.revision)
        except RevisionsError as error:
            self._failed.setdefault(error.message, []).append(step.revision)
            return ""

    def _check_failed(self) -> None:
        if not self._failed:
            return
        number = sum(map(len, self._failed.values()))
        listed = "\n".join(f"  {', '.join(ids)}: {why}" for why, ids in self._failed.items())
        raise NotOfflineError(
            f"{number} of the Alembic revisions cannot be written as SQL:\n{listed}",
            help=[
                Remedy("Run these with bridge itself", ("dbupdate",)),
                Remedy(
                    "Or let them, and env.py, do without a database when Alembic is offline: no "
                    "results of queries, and copy_from for batches on SQLite."
                ),
            ],
        )

    def _create_models(self) -> Iterator[str]:
        found: list[str] = []

        def write(statement: Any, *_values: Any, **_named: Any) -> None:
            found.append(self._rendered(statement))

        connection: Any = MockConnection(self._dialect, write)
        for metadata, tables in tables_to_create(load_models(self._config), self._runner.graph):
            metadata.create_all(connection, checkfirst=False, tables=tables)
        return iter(found)

    def _set_version(self, step: SetVersion) -> Iterator[str]:
        repository = self._state.legacy[step.repository].repository
        table = version_table(repository.store)
        yield self._rendered(sa.schema.CreateTable(table, if_not_exists=True))
        yield self._rendered(table.delete().where(rows_of(table, repository)))
        if step.version is not None:
            yield self._rendered(version_row(repository, None, step.version))

    def _foundations(self, step: Foundations) -> Iterator[str]:
        """Record that default rows are due: the next run of bridge inserts them."""
        text = f"{step.hook} is Python, which no script can call: run dbupdate afterwards."
        self._notify(f"The hook {text}")
        yield _comment(text)
        if step.component not in self._state.pending_foundations:
            entry = JournalEntry("foundations", step.component, "begun")
            journal = Journal(str(uuid4()))
            for statement in journal.statements([entry], self._dialect.name):
                yield self._rendered(statement)


def _comment(text: str) -> str:
    """Return a line that no client runs, whatever is in the text."""
    return f"-- {' '.join(text.split())}\n"


def _more(step: Step) -> str:
    if isinstance(step, Upgrade) and step.doc:
        return f": {step.doc}"
    return ""
