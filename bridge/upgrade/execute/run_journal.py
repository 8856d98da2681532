"""What a run writes into the journal, and records of the statements of its steps."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import connect
from bridge.database.journal.statements.names import RecordedStep
from bridge.database.journal.statements.recorder import Recorder
from bridge.database.journal.table import this_process
from bridge.database.schema.fingerprint import fingerprint
from bridge.database.servers import server_of
from bridge.model.errors import BridgeError
from bridge.model.journal import JournalEntry
from bridge.model.names import NON_TRANSACTIONAL
from bridge.model.steps import (
    CreateModels,
    Downgrade,
    Foundations,
    RunLegacy,
    SetVersion,
    Stamp,
    Step,
    Upgrade,
    VerifySchema,
    name_in_journal,
)
from bridge.upgrade.execute.position import ReplayPosition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy.engine import Connection

    from bridge.model.state import HalfReplayed
    from bridge.upgrade.execute.context import RunContext


class RunJournal:
    """The journal of one run: what a later run must know if this one stops half-way."""

    def __init__(self, run: RunContext) -> None:
        self._run, self._journal = run, run.journal
        # The step that is written down as begun, and the one behind that at work.
        self._begun: Step | None = None
        self._next: Step | None = None
        self._before: Recorder | None = None
        self._non_transactional: RunLegacy | None = None
        self._creations: dict[str, int | None] = {}

    # --- the run --------------------------------------------------------------------------

    def begin(self) -> None:
        """Write down that the run begins.

        With it go the components whose default rows are to be laid, and what modules brought before
        there was a journal.
        """
        plan, graph = self._run.plan, self._run.revisions.graph
        state = plan.state
        noted = {revision.id for revision in state.revisions_without_files}
        entries = [
            JournalEntry.of("seen", graph.revisions[revision])
            for revision in sorted(graph.ancestors(state.current) - noted)
            if graph.module(revision) is not None
        ]
        entries += [
            JournalEntry("foundations", step.component, "begun")
            for step in plan.steps
            if isinstance(step, Foundations) and step.component not in state.pending_foundations
        ]
        self._write(JournalEntry("run", "", "begun", this_process()), *entries)
        self._journal.there = True
        if state.interrupted and not plan.interrupted:
            with connect(self._run.engine) as connection, connection.begin():
                self._journal.forget_statements(connection)

    def end(self) -> None:
        """Write down that all steps are done."""
        self._write(JournalEntry("run", "", "done"), schema=True)

    def fail(self, code: str, *, interrupted: bool = False) -> None:
        """Write down how the run ended.

        :param code: the error's.
        :param interrupted: in the middle of the step's work. Where nobody knows how much of that is
            there, the next run must not go over it as after an error of the step's own.
        """
        half_done = interrupted and self._non_transactional is not None
        # The error says more, and what it is may keep us from writing it down.
        with suppress(BridgeError, SQLAlchemyError):
            failed = [JournalEntry("run", "", "failed", {"error": code})]
            if self._journal.step is not None and not half_done:
                position = self._run.state.recorder
                left = position.left if isinstance(position, ReplayPosition) else {}
                failed.insert(0, JournalEntry("step", self._journal.step, "failed", left))
            self._write(*failed, schema=True)

    def _write(self, *entries: JournalEntry, schema: bool = False) -> None:
        """Write into the journal at once, for whoever waits for us.

        :param schema: the last entry has the schema as it is now.
        """
        run = self._run
        run.connection.settle()
        # The run's own connection is not opened for this: it would idle while scripts run.
        own = run.connection.is_open or not run.runs_scripts
        try:
            with (
                nullcontext(run.connection.connection) if own else connect(run.engine) as opened,
                opened.begin(),
            ):
                *others, last = entries
                if schema:
                    details = {**last.details, "schema": fingerprint(opened)}
                    last = replace(last, details=details)
                self._journal.write(opened, [*others, last])
        except SQLAlchemyError as error:
            raise run.state.cannot_be_written(error) from error

    # --- its steps ------------------------------------------------------------------------

    def begin_step(self, step: Step, then: Step | None) -> None:
        """Write down that a step begins, if the one before has not done so.

        :param then: the step behind it.
        """
        self._next = then
        self._journal.step = name_in_journal(step)
        if self._begun is not step:
            self._write(self._entry(step), schema=True)

    def has_begun_next(self) -> bool:
        """Whether the step at work has written down that the one behind it begins."""
        return self._begun is self._next

    def end_step(self) -> None:
        """Take note that no step is at work."""
        self._journal.step = None

    def done(
        self,
        connection: Connection,
        entries: Iterable[JournalEntry] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down that the step at work is done, in the transaction of the connection."""
        self._journal.done(connection, entries, details)

    def done_frozen(self, connection: Connection, step: RunLegacy) -> None:
        """Write down that a replayed or ported version is done, and that the next one begins.

        Both go into the version's transaction: a commit less. What the schema is then is known; for
        another kind of step it is looked up.
        """
        legacy, then = self._run.legacy, self._next
        details = {
            "one": self._run.state.transactional_ddl,
            "statements": len(legacy.code(step).statements),
        }
        if not isinstance(then, RunLegacy) or then.method == "live":
            self._journal.done(connection, details=details)
            return
        history = legacy.history(step.repository)
        assert history is not None
        versions = {**legacy.versions, step.repository: step.version}
        entry = self._entry(then, versions)
        entry = replace(
            entry, details={**entry.details, "schema": history.versions[step.version].schema}
        )
        self._journal.done(connection, details=details, then=[entry])

    def begun_next(self) -> None:
        """Take note that what a frozen version has written down of the next one stands."""
        if isinstance(self._next, RunLegacy) and self._next.method != "live":
            self._begun = self._next

    def begin_non_transactional(self, step: RunLegacy) -> None:
        """Write down that a version may be half-done from now on."""
        if self._run.state.transactional_ddl:
            self._non_transactional = step
            self._write(JournalEntry(NON_TRANSACTIONAL, name_in_journal(step), "begun"))

    def done_live(self) -> None:
        """Take note that a live version is done, which the worker has written down."""
        self._non_transactional = None
        self.forget_recorder()

    def _entry(self, step: Step, versions: Mapping[str, int | None] | None = None) -> JournalEntry:
        """Return the entry that a step begins.

        :param versions: where the legacy repositories are then; None for where they are.
        """
        details: dict[str, Any] = {"kind": step.kind}
        if isinstance(step, RunLegacy):
            before = (versions or self._run.legacy.versions)[step.repository]
            details |= {"from": [before], "to": [step.version], "how": step.method}
            if self._has_position(step):
                details |= self._position_details(step)
        elif isinstance(step, Upgrade | Downgrade):
            revision = self._run.revisions.graph.revisions[step.revision]
            ends = (list(revision.down), [step.revision])
            down, up = ends if isinstance(step, Upgrade) else ends[::-1]
            details |= {"from": down, "to": up}
        elif isinstance(step, VerifySchema):
            details["to"] = [version for _name, version in step.versions]
        elif isinstance(step, Stamp):
            details["to"] = list(step.revisions)
        elif isinstance(step, SetVersion):
            details["to"] = [step.version]
        return JournalEntry("step", name_in_journal(step), "begun", details)

    # --- the statements of a step -----------------------------------------------------------

    @contextmanager
    def recording(self, step: Step) -> Iterator[None]:
        """While it lasts, record what a step does, where the database needs it.

        :raises CannotResume: an earlier run was interrupted in it, and it is not known where.
        """
        run = self._run
        run.state.recorder = None
        if isinstance(step, RunLegacy) and self._has_position(step):
            self._journal.recorder = self._follow(step)
            try:
                yield
            finally:
                self._journal.recorder = None
            return
        recorded = isinstance(step, Upgrade | Downgrade | CreateModels | Foundations) or (
            isinstance(step, RunLegacy) and step.method != "live" and self._does_something(step)
        )
        if run.state.transactional_ddl or not recorded:
            yield
            return
        recorder = run.state.recorder = Recorder(
            run.engine,
            RecordedStep(
                name_in_journal(step),
                self._journal.common,
                run.from_statement(step),
                sealed=isinstance(step, RunLegacy),
            ),
            run.connection.connection.connection,
            self._before,
        )
        try:
            with recorder:
                if recorder.done:
                    self.resumed(step, recorder.done)
                self._journal.recorder = recorder
                yield
            self._before = None if recorder.untracked else recorder
        finally:
            self._journal.recorder = None

    def _follow(self, step: RunLegacy) -> ReplayPosition:
        """Return what follows a replayed version, at the statement where it resumes."""
        run, earlier = self._run, self._half_replayed(step)
        self._before = None
        history = run.legacy.history(step.repository)
        assert history is not None
        before = run.composed.schema(step.repository, run.legacy.versions)
        position = run.state.recorder = ReplayPosition(
            self._journal, history, step, before, earlier
        )
        if earlier is not None:
            number = run.from_statement(step)
            if number is not None:
                position.resume_at(number - 1)
            else:
                repository = run.plan.state.legacy[step.repository].repository
                with run.connection.connection.begin():
                    position.resume(run.connection.connection, repository.version_table)
            if position.done:
                self.resumed(step, position.done)
        return position

    def _half_replayed(self, step: RunLegacy) -> HalfReplayed | None:
        half = self._run.plan.state.half_replayed
        return half if half is not None and half.step == name_in_journal(step) else None

    def _position_details(self, step: RunLegacy) -> dict[str, Any]:
        """Return what a later run must know to find where a replayed version resumes."""
        half, given = self._half_replayed(step), self._run.from_statement(step)
        if half is not None and given is None:
            return {"resumes": half.committed, "created": half.created}
        table = self._run.plan.state.legacy[step.repository].repository.version_table
        if table not in self._creations:
            with connect(self._run.engine) as connection, connection.begin():
                self._creations[table] = server_of(connection).created_at(connection, table)
        return {"resumes": given - 1 if given else 0, "created": self._creations[table]}

    def _has_position(self, step: RunLegacy) -> bool:
        """Return whether the schema says how far a replayed version is.

        Otherwise its statements are recorded, as those of scripts.
        """
        run = self._run
        if step.method != "replay" or run.state.transactional_ddl:
            return False
        if name_in_journal(step) == run.plan.interrupted:
            return run.plan.state.half_replayed is not None
        history = run.legacy.history(step.repository)
        is_known = history is not None and history.versions[step.version].commits is not None
        return is_known and self._is_transactional

    @cached_property
    def _is_transactional(self) -> bool:
        with connect(self._run.engine) as connection, connection.begin():
            return server_of(connection).is_transactional(connection)

    def _does_something(self, step: RunLegacy) -> bool:
        return step.method == "ported" or bool(self._run.legacy.code(step).statements)

    def resumed(self, step: Step, done: int) -> None:
        """Report that a step resumes after a statement."""
        self._run.options.progress.notify(f"Resuming '{step}' after its statement {done}.")

    def forget_recorder(self) -> None:
        """Forget what the recorder of the step before knows of the database."""
        self._before = None
