"""Record what each legacy version emits on one kind of database, and whether it can be replayed.

Each version runs live on two scratch databases, one without rows and one with rows. The clock is
stopped, at a different time for each. What the version emitted is replayed on a third database,
with the same rows as the second. A version can be replayed if both runs emit the same statements,
it did not read rows, and the third database ends up like the second.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import cause, connect
from bridge.database.schema import only, read_schema
from bridge.database.schema.compare import compare
from bridge.database.secrets import scrub
from bridge.database.seeding.fill import seed
from bridge.freeze.commits import CommitRecorder, recorder_for
from bridge.freeze.replayable import reason_not_replayable
from bridge.freeze.same_rows import EMPTY, FILLED, drawn_uuids, plain_rows, read_contents
from bridge.legacy.client import Ran, WorkerOptions
from bridge.legacy.frozen.files import ported_file
from bridge.legacy.frozen.format import schema_sum
from bridge.legacy.frozen.replay import Connections, FrozenCode, load_ported, run_frozen
from bridge.legacy.old_database import delete_rows, old_database
from bridge.legacy.runner import LegacyRunner
from bridge.legacy.sequence import every_version
from bridge.legacy.version_table import put_under_control
from bridge.model.errors import LegacyError
from bridge.model.freeze import Recorded, Recording
from bridge.model.frozen import FrozenVersion, Schema, schema_changes
from bridge.model.state import LegacyState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.database.scratch import Scratch
    from bridge.model.progress import Progress
    from bridge.model.repository import Repository
    from bridge.model.steps import RunLegacy
    from bridge.project import Project

ROWS = 3
"""The minimum number of rows in each table of a database with rows."""


def repositories_of_scripts(project: Project) -> dict[str, Repository]:
    """Return the legacy repositories that have scripts: registries of functions are not frozen."""
    return {name: r for name, r in project.repositories.items() if r.path is not None}


class HistoryRecorder:
    """A recorder of every version on one kind of database.

    :param python: the interpreter of the legacy runtime.
    :param snapshots: files with old databases of this kind; versions also run on their rows.
    :param progress: is notified of each version.
    """

    def __init__(
        self,
        project: Project,
        scratch: Scratch,
        python: Path,
        snapshots: Sequence[Path],
        progress: Progress,
    ) -> None:
        self._project, self._scratch, self._python = project, scratch, python
        self._files, self._progress = snapshots, progress
        self._repositories = repositories_of_scripts(project)
        self._app_tables = project.app_tables
        repositories = self._repositories
        # Every version of every repository, in the order of an upgrade.
        self._left = every_version(repositories, project.config)
        self._versions: dict[str, int] = {n: r.first - 1 for n, r in repositories.items()}
        self._recording = Recording(scratch.name)

    def record(self) -> Recording:
        """Run and record all versions, up to the first of each repository that fails.

        :raises LegacyError: scripts cannot be loaded.
        :raises DatabaseError: scratch databases cannot be created.
        """
        with ExitStack() as stack:
            self._stack = stack
            self._snapshots = [
                old_database(self._scratch, path, self._repositories) for path in self._files
            ]
            self._base: Engine | None = None
            self._before: Schema | None = None  # before the next version; None if not read yet
            self._empty = self._new()
            self._filled, self._replayed = self._new(), self._scratch.create()
            self._live = self._runner(self._empty, EMPTY)
            self._second: LegacyRunner | None = None
            while self._left:
                self._record(self._left[0])
        return self._recording

    # --- databases ---

    def _new(self) -> Engine:
        """Create a database under version control, at no version."""
        engine = self._scratch.create()
        put_under_control(engine, self._repositories.values())
        return engine

    def _take_snapshot(self) -> None:
        """Continue with the rows of an old database, if one is at the current versions."""
        for versions, engine in self._snapshots:
            if versions and versions.items() <= self._versions.items():
                self._snapshots.remove((versions, engine))
                self._fill_from(engine)
                return

    def _fill_from(self, source: Engine) -> None:
        """Continue with the rows of another database."""
        self._stop_second()
        for engine in (self._filled, self._replayed):
            self._scratch.drop(engine)
        self._filled, self._replayed = self._scratch.copy(source), self._scratch.copy(source)

    def _stop_second(self) -> None:
        if self._second is not None:
            self._second.close(kill=True)
            self._second = None

    def _begin_with_snapshot(self, step: RunLegacy) -> bool:
        """Begin with the oldest snapshot, if the first version of a repository failed.

        Return whether there is one.
        """
        name, first = step.repository, self._repositories[step.repository].first
        if any(v.repository == name for v in self._recording.versions):
            return False
        found = [s for s in self._snapshots if s[0].get(name, 0) >= first]
        if not found:
            return False
        versions, engine = min(found, key=lambda snapshot: snapshot[0][name])
        self._live.close(kill=True)
        before = self._schema(self._empty)
        self._scratch.drop(self._empty)
        self._empty, self._base = self._scratch.copy(engine), self._scratch.copy(engine)
        for emptied in (self._empty, self._base):
            delete_rows(emptied, self._app_tables)
        after = self._schema(self._empty)
        version = versions[name]
        reason = "the recording begins after it, with an old database"
        self._recording.changes[name] = {version: schema_changes(before, after)}
        history = FrozenVersion(
            replay=False,
            reason=reason,
            ported=False,
            statements=(),
            count=0,
            schema=schema_sum(after),
        )
        self._recording.versions.append(Recorded(self._scratch.name, name, version, history, 0.0))
        self._versions |= versions
        self._left = [s for s in self._left if s.version > self._versions[s.repository]]
        self._live = self._runner(self._empty, EMPTY)
        return True

    def _with_plain_rows(self) -> Engine:
        """Create a database at the current versions, with ordinary rows only."""
        engine = self._new() if self._base is None else self._scratch.copy(self._base)
        with connect(engine) as connection:
            for recorded in self._recording.versions:
                run_frozen(connection, FrozenCode(recorded.statements))
            with connection.begin():
                for name, version in self._versions.items():
                    store = self._repositories[name].store
                    table = sa.table(
                        store.table, sa.column(store.version_column), sa.column(store.id_column)
                    )
                    own = table.c[store.id_column] == self._repositories[name].repository_id
                    connection.execute(
                        table.update().where(own).values({store.version_column: version})
                    )
            seed(connection, self._app_tables, ROWS, "plain", plain=True)
        return engine

    def _runner(self, engine: Engine, moment: float) -> LegacyRunner:
        """Return a runner for the versions that are left, with its clock stopped at `moment`."""
        states = [
            LegacyState(repository, self._versions[name], repository.repository_id)
            for name, repository in self._repositories.items()
        ]
        worker = WorkerOptions(self._python, moment=moment)
        runner = LegacyRunner(self._project, Connections(engine), states, worker)
        self._stack.enter_context(runner).prepare(self._left)
        return runner

    def _schema(self, engine: Engine) -> Schema:
        with connect(engine) as connection, connection.begin():
            found = read_schema(connection)
        return only(found, {*self._app_tables(found["tables"])})

    # --- one version ---

    def _record(self, step: RunLegacy) -> None:
        """Run a version on the databases, and record the result."""
        name, number = step.repository, step.version
        self._take_snapshot()
        before = self._before if self._before is not None else self._schema(self._empty)
        self._before = None
        ran = self._run_live(step)
        if ran is None:
            return
        captured: Mapping[str, Any] = ran.captured or {}
        self._recording.runtime |= captured.get("packages", {})
        after = self._schema(self._empty)
        old_copy = self._copy_for_port(step)
        second = self._run_filled(step)
        tables = {*before.get("tables", {}), *after.get("tables", {})}
        reason = reason_not_replayable(ran, second, tables, self._scratch.name, self._app_tables)
        seconds, commits = None, None
        if reason is None:
            follower = recorder_for(self._replayed, captured["statements"], self._app_tables)
            seconds, reason = self._replay(captured["statements"], follower)
            commits = follower.commits_between(before, after) if follower and not reason else None
        ported = None
        if old_copy is not None:
            if reason is not None and isinstance(second, Ran):
                ported = self._run_ported(step, old_copy)
            self._scratch.drop(old_copy)
        if reason is not None:
            self._scratch.drop(self._replayed)
            self._replayed = self._scratch.copy(self._filled)
        statements = tuple(captured["statements"])
        history = FrozenVersion(
            replay=reason is None,
            reason=reason,
            ported=ported is not None,
            statements=statements if reason is None else (),
            count=len(statements),
            schema=schema_sum(after),
            commits=commits,
        )
        recorded = Recorded(
            self._scratch.name, name, number, history, ran.seconds, ported or seconds, statements
        )
        self._recording.versions.append(recorded)
        self._recording.changes.setdefault(name, {})[number] = schema_changes(before, after)
        self._versions[name] = number
        self._before = after
        self._left.pop(0)
        self._fill(f"{name} {number}")
        done = len(self._recording.versions)
        self._progress.recorded(recorded, done, done + len(self._left))

    def _run_live(self, step: RunLegacy) -> Ran | None:
        """Run a version without rows; return None if it cannot be recorded."""
        try:
            return self._live.run(step)
        except LegacyError as error:
            if self._begin_with_snapshot(step):
                return None
            text = self._error_text(error, step)
            self._recording.errors[step.repository] = text
            self._left = [left for left in self._left if left.repository != step.repository]
            self._progress.notify(f"{step} does not run on {self._scratch.name}: {text}")
            if self._left:
                self._live.close(kill=True)
                self._live = self._runner(self._empty, EMPTY)
                self._stop_second()
            return None

    def _run_filled(self, step: RunLegacy) -> Ran | str:
        """Run a version with rows; return the error's text if it fails."""
        if self._second is None:
            self._second = self._runner(self._filled, FILLED)
        try:
            return self._second.run(step)
        except LegacyError as error:
            text = self._error_text(error, step)
        try:
            # It may fail only on extreme values, so try ordinary rows.
            plain = self._with_plain_rows()
            self._fill_from(plain)
            self._scratch.drop(plain)
            self._second = self._runner(self._filled, FILLED)
            return self._second.run(step)
        except (LegacyError, SQLAlchemyError):
            self._fill_from(self._empty)
            return text

    def _error_text(self, error: LegacyError, step: RunLegacy) -> str:
        """Return an error's text as it is sealed: the same on every machine.

        It is the first two lines of the message, without SQL and without the repository's path.
        """
        home = self._repositories[step.repository].path
        text = " ".join(" ".join(error.message.splitlines()[:2]).split())
        return text.replace(f"{home}/", "") if home else text

    def _replay(
        self, statements: Sequence[str], follower: CommitRecorder | None
    ) -> tuple[float | None, str | None]:
        """Replay a version with rows; return the seconds, and the difference if there is one."""
        begun = time.monotonic()
        try:
            Connections(self._replayed).run(FrozenCode(statements, follower=follower))
        except SQLAlchemyError as error:
            return None, f"replayed, it fails: {' '.join(cause(error, self._replayed.url).split())}"
        seconds = time.monotonic() - begun
        found = self._difference_of(self._replayed)
        return seconds, found and f"replayed, it leaves something else: {found}"

    def _ported(self, step: RunLegacy) -> Path | None:
        """Return the file of the developer's port of a version, None if there is none."""
        home = self._repositories[step.repository].path
        path = home and ported_file(home, step.version)
        return path if path and path.is_file() else None

    def _copy_for_port(self, step: RunLegacy) -> Engine | None:
        return None if self._ported(step) is None else self._scratch.copy(self._filled)

    def _run_ported(self, step: RunLegacy, engine: Engine) -> float | None:
        """Run the developer's port; return the seconds, None if its result differs."""
        path = self._ported(step)
        assert path is not None
        upgrade = load_ported(path)
        begun = time.monotonic()
        try:
            Connections(engine).run(FrozenCode(ported=upgrade))
            seconds = time.monotonic() - begun
            found = self._difference_of(engine)
        except Exception as error:  # noqa: BLE001 - the developer's code may raise anything
            text = scrub(f"{type(error).__name__}: {error}", engine.url)
            found = f"it fails: {' '.join(text.split())}"
        if found is None:
            return seconds
        self._recording.refused.append(f"{step} on {self._scratch.name}: {found}")
        return None

    # --- comparing ---

    def _difference_of(self, engine: Engine) -> str | None:
        """Return how a database differs from the one with rows, None if it does not."""
        expected, found = self._schema(self._filled), self._schema(engine)
        differences = compare(expected, found)
        if differences:
            first = differences[0]
            values = f"expected {first.expected or 'none'}, found {first.found or 'none'}"
            return f"{first.kind} {first.name}: {values}"
        tables = sorted(expected.get("tables", {}))
        ours, theirs = (read_contents(e, tables) for e in (self._filled, engine))
        if ours == theirs:
            return None
        found = plain_rows(theirs, drawn_uuids(theirs, ours))
        for name, rows in plain_rows(ours, drawn_uuids(ours, theirs)).items():
            if rows != found.get(name):
                return f"other rows in {name}"
        return None

    def _fill(self, variant: str) -> None:
        """Add the same rows on both databases with rows, to tables that have too few."""
        for engine in (self._filled, self._replayed):
            with connect(engine) as connection:
                seeded = seed(connection, self._app_tables, ROWS, variant)
        self._recording.unfilled = dict(seeded.refused)
