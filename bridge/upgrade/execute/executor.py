"""Runs a plan: the only writer. Each kind of step has one function, found by its type."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from typing import Any
from uuid import uuid4

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.backup import back_up, command, offer, prune
from bridge.database.engine import cause, connect
from bridge.database.error_text import said
from bridge.database.guard import Guard
from bridge.database.journal.statements.names import DIALECTS, RecordedStep
from bridge.database.journal.statements.recorder import Recorder
from bridge.database.journal.statements.records import CannotResume
from bridge.database.journal.table import Journal, this_process
from bridge.database.schema import read_schema
from bridge.database.schema.compare import accepted
from bridge.database.schema.fingerprint import fingerprint
from bridge.database.secrets import scrub
from bridge.database.url import sqlite_file
from bridge.legacy.client import LegacyClient
from bridge.legacy.frozen.drift import drift
from bridge.legacy.frozen.replay import Replay, leaves_settings, load_ported
from bridge.legacy.methods import in_the_way
from bridge.legacy.runtime import ready_runtime
from bridge.legacy.version_table import rows_of, version_row, version_table, write_version
from bridge.model.difference import Difference
from bridge.model.errors import (
    BridgeError,
    DatabaseError,
    DatabaseRefusedError,
    HookError,
    LegacyError,
    LegacyWorkerError,
    LockLostError,
    ResumeError,
    StalePlanError,
)
from bridge.model.frozen import FrozenDialect
from bridge.model.journal import JournalEntry
from bridge.model.names import CORE, NON_TRANSACTIONAL
from bridge.model.progress import Progress
from bridge.model.results import Backup, size_words
from bridge.model.steps import (
    CreateModels,
    Downgrade,
    Foundations,
    Plan,
    RunLegacy,
    SetVersion,
    Stamp,
    Step,
    Upgrade,
    VerifySchema,
    done_as_dict,
    name_in_journal,
)
from bridge.project import Project
from bridge.revisions.hooks import load_foundations, load_models
from bridge.revisions.running import Runner
from bridge.upgrade.execute.state_of_data import cannot_resume
from bridge.upgrade.execute.steps import drifted, tables_to_create
from bridge.upgrade.lock_kinds import Lock


@dataclass(frozen=True)
class ExecuteOptions:
    """How the steps of a plan are run.

    :param progress: is told of each step.
    :param backup: make one before the first write, where there is something to lose.
    :param from_statement: where the step stands in which an earlier run was cut short.
    :param guard: holds the process that runs legacy scripts to this database.
    :param accepted: patterns of the names of differences that do not stop a stamp.
    :param each: commit each step by itself, for whoever looks at what it did.
    """

    progress: Progress
    backup: bool = False
    from_statement: int | None = None
    guard: Guard | None = None
    accepted: Sequence[str] = ()
    each: bool = False


class Executor:
    """One run of one plan on one connection, by who has the lock of the database."""

    def __init__(
        self, project: Project, engine: Engine, lock: Lock, options: ExecuteOptions
    ) -> None:
        self._engine, self._config, self._lock = engine, project.config, lock
        self._revisions, self._progress = project.revisions, options.progress
        self._wants_backup, self._from_statement = options.backup, options.from_statement
        self._guard, self._histories = options.guard, project.histories
        self._accepted, self._each = options.accepted, options.each
        self.backup: Backup | None = None
        self._journal = Journal(str(uuid4()))
        self._finished: list[tuple[Step, float]] = []
        self._kept = 0
        self._begun: Step | None = None
        self._next: Step | None = None
        self._replay: Replay | None = None
        self._versions: dict[str, int | None] = {}
        self._ran_live: set[str] = set()
        self._at_rest = True
        self._interrupted: str | None = None
        self._recorder: Recorder | None = None
        self._recorded_before: Recorder | None = None
        self._non_transactional_step: RunLegacy | None = None
        self._dispatch: Mapping[type, Callable[[Any], None]] = {
            RunLegacy: self._run_legacy,
            VerifySchema: self._verify,
            Stamp: self._stamp,
            Upgrade: self._upgrade,
            Downgrade: self._downgrade,
            SetVersion: self._set_version,
            CreateModels: self._create_models,
            Foundations: self._foundations,
        }

    def execute(self, plan: Plan) -> tuple[tuple[Step, float], ...]:
        """Run every step of the plan, in order; each with its seconds.

        Everything that can be loaded is loaded before the first write.

        :raises BridgeError: a step failed; its `steps` are those that were finished before.
        """
        with ExitStack() as stack:
            self._stack = stack
            self._interrupted, self._unfinished = plan.interrupted, plan.state.unfinished
            self._prepare(plan, stack)
            self._back_up(plan)
            self._lock.check()
            self._begin(plan)
            try:
                steps = zip_longest(plan.steps, plan.steps[1:])
                for number, (step, self._next) in enumerate(steps, 1):
                    self._lock.check()
                    self._journal.step = name_in_journal(step)
                    if self._begun is not step:
                        self._write_begun(step)
                    self._progress.begin(step, number, len(plan.steps))
                    begun = time.monotonic()
                    self._one(step)
                    self._finished.append((step, 0.0))
                    due = self._each or (self._replay is not None and self._replay.due)
                    if self._begun is not self._next or due:
                        self._settle()
                    seconds = time.monotonic() - begun
                    self._finished[-1] = (step, seconds)
                    self._progress.done(step, seconds)
                    self._journal.step = None
            except BridgeError as error:
                self._settle_what_can()
                error.steps = [done_as_dict(step, seconds) for step, seconds in self._finished]
                # What is half-done already when a run begins is so in its backup, too.
                half_done = (
                    isinstance(error, ResumeError) or name_in_journal(step) in self._unfinished
                )
                if self.backup and not half_done:
                    offer(error, self.backup)
                if isinstance(error, LockLostError):
                    error.state_of_data = self._so_far()
                else:
                    self._fail(error.code, cut_short=isinstance(error, LegacyWorkerError))
                raise
            except KeyboardInterrupt as interrupt:
                self._fail("interrupted", cut_short=True)
                # Stays what it is, so that it ends a caller's program too; it only says more.
                left = self._cut_short(step)
                if self.backup:
                    left = f"{left} The backup from before: {command(self.backup)}"
                interrupt.args = (f"Interrupted in the step '{step}'.", left)
                raise
            self._write(JournalEntry("run", "", "done"), schema=True)
        if self.backup:
            prune(self._engine, self._config, succeeded=True)
        return tuple(self._finished)

    @cached_property
    def _connection(self) -> Connection:
        """Opened when the first step needs it: servers end one that idles while scripts run."""
        return self._stack.enter_context(connect(self._engine))

    def _prepare(self, plan: Plan, stack: ExitStack) -> None:
        self._check_unfinished(plan)
        kinds = {type(step) for step in plan.steps}
        if Upgrade in kinds or Downgrade in kinds:
            self._revisions.check_environment()
        self._runner = Runner(self._revisions, self._journal, plan.state.revisions_without_files)
        self._repositories = {n: state.repository for n, state in plan.state.legacy.items()}
        modules = self._config.modules.values()
        if CreateModels in kinds or any(m.enabled and m.models is not None for m in modules):
            # Also where no table is made of them: two modules must not have one table.
            self._models = load_models(self._config)
        self._hooks = {
            step.component: load_foundations(self._foundations_of(step.component), self._config)
            for step in plan.steps
            if isinstance(step, Foundations)
        }
        states = list(plan.state.legacy.values())
        self._versions = {state.repository.name: state.version for state in states}
        legacy = [step for step in plan.steps if isinstance(step, RunLegacy)]
        self._ported = {
            step: load_ported(self._histories[step.repository].ported(step.version))
            for step in legacy
            if step.method == "ported"
        }
        versions = [step for step in legacy if step.method == "live"]
        self._runs_scripts = bool(versions)
        if versions:
            if self._engine.dialect.name == "sqlite" and sqlite_file(self._engine.url) is None:
                raise DatabaseError(
                    "Legacy versions run in a process of their own, which cannot see a SQLite "
                    "database in memory.",
                    help="Use a SQLite file.",
                )
            runtime = ready_runtime(self._config, progress=self._progress)
            self._client = stack.enter_context(
                LegacyClient(
                    runtime.python,
                    self._engine.url,
                    states,
                    versions,
                    self._config,
                    mark=self._lock.mark,
                    journal=self._journal.common,
                    guard=self._guard,
                )
            )
            self._last_live = versions[-1]
            self._client.preflight()
        if plan.steps and isinstance(plan.steps[0], VerifySchema):
            self._compare(plan.steps[0])  # before anything is written

    def _back_up(self, plan: Plan) -> None:
        if self._wants_backup and plan.state.kind != "fresh":
            self.backup = back_up(self._engine, self._config)
            prune(self._engine, self._config, succeeded=False)
            self._progress.notify(f"Backup: {self.backup.path} ({size_words(self.backup.size)})")

    def _foundations_of(self, component: str) -> Any:
        if component == CORE:
            return self._config.database.foundations
        return self._config.modules[component].foundations

    def _begin(self, plan: Plan) -> None:
        """Write down what a later run must know if this one stops half-way.

        That is whose default rows are to be laid, and what modules brought before there was a
        journal.
        """
        graph, state = self._runner.graph, plan.state
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
            with connect(self._engine) as connection, connection.begin():
                self._journal.forget_statements(connection)

    def _write_begun(self, step: Step) -> None:
        self._write(self._begins(step), schema=True)

    def _begins(self, step: Step) -> JournalEntry:
        details: dict[str, Any] = {"kind": step.kind}
        if isinstance(step, RunLegacy):
            before = self._versions[step.repository]
            details |= {"from": [before], "to": [step.version], "how": step.method}
        elif isinstance(step, Upgrade | Downgrade):
            ends = (list(self._runner.graph.revisions[step.revision].down), [step.revision])
            down, up = ends if isinstance(step, Upgrade) else ends[::-1]
            details |= {"from": down, "to": up}
        elif isinstance(step, VerifySchema):
            details["to"] = [version for _name, version in step.versions]
        elif isinstance(step, Stamp):
            details["to"] = list(step.revisions)
        elif isinstance(step, SetVersion):
            details["to"] = [step.version]
        return JournalEntry("step", name_in_journal(step), "begun", details)

    def _fail(self, code: str, *, cut_short: bool = False) -> None:
        """Write down how the run ended.

        :param cut_short: in the middle of the step's work. Where nobody knows how much of that is
            there, the next run must not go over it as after an error of the step's own.
        """
        half_done = cut_short and self._non_transactional_step is not None
        # The error says more, and what it is may keep us from writing it down.
        with suppress(BridgeError, SQLAlchemyError):
            failed = [JournalEntry("run", "", "failed", {"error": code})]
            if self._journal.step is not None and not half_done:
                failed.insert(0, JournalEntry("step", self._journal.step, "failed"))
            self._write(*failed, schema=True)

    def _write(self, *entries: JournalEntry, schema: bool = False) -> None:
        """Write into the journal at once, for whoever waits for us.

        :param schema: the last entry has the schema as it is now.
        """
        self._settle()
        try:
            with ExitStack() as stack:
                # The run's own connection is not opened for this: it would idle while scripts run.
                open_now = "_connection" in self.__dict__ or not self._runs_scripts
                connection = (
                    self._connection if open_now else stack.enter_context(connect(self._engine))
                )
                with connection.begin():
                    *others, last = entries
                    if schema:
                        details = {**last.details, "schema": fingerprint(connection)}
                        last = replace(last, details=details)
                    self._journal.write(connection, [*others, last])
        except SQLAlchemyError as error:
            raise self._cannot_be_written(error) from error

    def _cannot_be_written(self, error: SQLAlchemyError) -> DatabaseRefusedError:
        return DatabaseRefusedError(
            f"The database cannot be written to: {cause(error, self._engine.url)}",
            help="Let this user create and change tables, and see that there is room on the "
            "disk; then run: bridge dbupdate",
            state_of_data=self._so_far(),
        )

    def _settle(self) -> None:
        """Commit what frozen versions have done together; where that fails, they have not run."""
        if self._replay is not None and self._replay.open:
            try:
                self._lock.check()
                self._replay.commit()
            except (BridgeError, SQLAlchemyError) as error:
                self._replay.roll_back()
                del self._finished[self._kept :]
                if isinstance(error, BridgeError):
                    raise
                raise self._cannot_be_written(error) from error
        self._kept = len(self._finished)

    def _settle_what_can(self) -> None:
        """Before an error is told: what it says of the steps before must be so."""
        with suppress(BridgeError):
            self._settle()

    def _one(self, step: Step) -> None:
        try:
            with self._recorded(step):
                self._dispatch[type(step)](step)
        except CannotResume as stop:
            raise cannot_resume(str(step), stop.number, stop.found, stop.expected) from None
        except SQLAlchemyError as error:
            raise DatabaseRefusedError(
                f"The database refused the step '{step}': {cause(error, self._engine.url)}",
                help="Mend what it complains of, then run: bridge dbupdate",
                state_of_data=self._refused_in(step),
            ) from error

    @contextmanager
    def _recorded(self, step: Step) -> Iterator[None]:
        """While it lasts, what a step does is written down, where the database needs it."""
        self._recorder = None
        runs_scripts = isinstance(step, Upgrade | Downgrade | CreateModels | Foundations) or (
            isinstance(step, RunLegacy) and step.method != "live" and self._does_something(step)
        )
        if self._engine.dialect.name not in DIALECTS or not runs_scripts:
            yield
            return
        recorder = self._recorder = Recorder(
            self._engine,
            RecordedStep(
                name_in_journal(step),
                self._journal.common,
                self._take_from_statement(step),
                sealed=isinstance(step, RunLegacy),
            ),
            self._connection.connection,
            self._recorded_before,
        )
        try:
            with recorder:
                if recorder.done:
                    self._tell_resumed(step, recorder.done)
                self._journal.recorder = recorder
                yield
            self._recorded_before = None if recorder.untracked else recorder
        finally:
            self._journal.recorder = None

    def _does_something(self, step: RunLegacy) -> bool:
        return step.method == "ported" or bool(self._statements(step))

    def _statements(self, step: RunLegacy) -> tuple[str, ...]:
        """What is replayed of a version, nothing of one that is run in another way."""
        if step.method != "replay":
            return ()
        return self._history(step.repository).versions[step.version].statements

    def _take_from_statement(self, step: Step) -> int | None:
        """Where the administrator says that the step stands: of the one that was cut short."""
        if name_in_journal(step) != self._interrupted:
            return None
        return self._from_statement

    def _tell_resumed(self, step: Step, done: int) -> None:
        self._progress.notify(f"Going on in '{step}', behind its statement {done}.")

    def _refused_in(self, step: Step) -> str:
        """The state of the data when the database refused a step of bridge's own."""
        if isinstance(step, CreateModels | RunLegacy) and not self._transactional_ddl:
            return f"{self._finished_steps()} {self._goes_on(step)}".strip()
        return self._so_far()

    def _goes_on(self, step: Step) -> str:
        """What is there of a step, where each change of the schema is committed by itself."""
        recorder = self._recorder
        if recorder and recorder.untracked:
            return (
                f"What '{step}' had changed before may have stayed, and bridge cannot go on in the "
                f"middle of it, because {recorder.untracked}: put back a backup before you run it "
                "again, or undo it by hand."
            )
        if recorder and not recorder.kept:
            return f"'{step}' has changed nothing."
        return (
            f"What '{step}' had changed before stays and is written down: the next run goes on "
            "behind it."
        )

    @property
    def _transactional_ddl(self) -> bool:
        return self._engine.dialect.name not in DIALECTS

    def _so_far(self) -> str:
        return self._finished_steps() or "The database is unchanged."

    def _finished_steps(self) -> str:
        """What stays of the steps before, empty where there were none."""
        if not self._finished:
            return ""
        count = len(self._finished)
        stay = "The step before it stays" if count == 1 else f"The {count} steps before it stay"
        return f"{stay} done, up to '{self._finished[-1][0]}'."

    # --- one function a kind of step ------------------------------------------------------

    def _run_legacy(self, step: RunLegacy) -> None:
        if step.method == "live":
            self._run_live(step)
        else:
            self._run_frozen(step)
        self._versions[step.repository] = step.version

    def _run_live(self, step: RunLegacy) -> None:
        try:
            self._client.run(
                step,
                self._versions[step.repository],
                lambda _number: None,
                from_statement=self._take_from_statement(step),
                on_resumed=lambda done: self._tell_resumed(step, done),
                on_apart=lambda: self._begin_apart(step),
            )
        except LegacyError as error:
            if name_in_journal(step) in self._unfinished:
                self._tell_unfinished(step, error)
            raise
        self._non_transactional_step = None
        self._ran_live.add(step.repository)
        self._recorded_before = None
        if not self._transactional_ddl or self._client.is_non_transactional(step):
            self._at_rest = False
        if step == self._last_live:
            # Scripts leave sessions open, whose locks Alembic would wait for.
            self._client.close()

    def _begin_apart(self, step: RunLegacy) -> None:
        """Write down that a version may be half-done from now on."""
        if self._transactional_ddl:
            self._non_transactional_step = step
            self._write(JournalEntry(NON_TRANSACTIONAL, name_in_journal(step), "begun"))

    def _check_unfinished(self, plan: Plan) -> None:
        """What a killed run has begun, statement by statement, is not run over that."""
        if self._from_statement is not None:
            return
        for step in plan.steps:
            if self._unfinished.get(name_in_journal(step)) == "killed":
                raise ResumeError(
                    f"An earlier run ended in the middle of the step '{step}', whose statements "
                    "are committed one by one. How many of them have run is not known.",
                    help="Put back a backup from before that run: bridge restore BACKUP. Or undo "
                    "by hand what the step has changed, and let it run again: bridge resume "
                    "--from-statement 1",
                    state_of_data="This run has changed nothing. What that step had done is there.",
                )

    def _tell_unfinished(self, step: RunLegacy, error: LegacyError) -> None:
        """An error of a version of which an earlier run may have left something."""
        if self._from_statement is not None:
            again = "bridge resume --from-statement 1"
            error.help = error.help.replace("bridge dbupdate", again)
            return
        error.state_of_data = (
            f"{error.state_of_data} But an earlier run had failed in version {step.version}, whose "
            "statements are committed one by one: if it is not undone, what it had changed is "
            "still there. Put back a backup from before that run, or undo it by hand, before you "
            "run it again."
        )

    def _run_frozen(self, step: RunLegacy) -> None:
        """Replay a version, or call the developer's function, with its row and the journal's."""
        if not self._at_rest:
            self._client.rest()  # what scripts left open may hold locks
            self._at_rest = True
        before = self._versions[step.repository]
        if step.repository in self._ran_live:
            self._settle()
            found = self._drift(step.repository, before)
            if in_the_way(found, self._engine.dialect.name):
                raise StalePlanError(
                    f"What legacy version {before} of {step.repository} has left is not the frozen "
                    f"schema, so '{step}' cannot be replayed: {found[0].name}.",
                    help="It can run live: bridge dbupdate",
                    state_of_data=self._so_far(),
                )
            self._ran_live.remove(step.repository)
        statements = self._statements(step)
        connection = self._connection
        if self._replay is None:
            self._replay = Replay(connection)

        def act() -> None:
            if step.method == "ported":
                self._ported[step](connection)
            self._versions[step.repository] = step.version
            details = {"one": self._transactional_ddl, "statements": len(statements)}
            self._journal.done(connection, details=details, then=self._begins_next(step))
            # Last: then nobody needs to be able to go on behind it.
            write_version(connection, self._repositories[step.repository], before, step.version)

        try:
            self._replay.run(statements, act, code=step.method == "ported")
        except CannotResume:
            raise
        except (Exception, SystemExit) as error:  # a ported version is the developer's code
            self._settle_what_can()
            raise LegacyError(
                f"Version {step.version} of the legacy repository {step.repository} failed "
                f"({step.method}): {self._told(error)}",
                help="Mend what it complains of, then run: bridge dbupdate. Or let the scripts run "
                "themselves: bridge dbupdate --legacy live",
                state_of_data=self._refused_in(step),
            ) from error
        if isinstance(self._next, RunLegacy) and self._next.method != "live":
            self._begun = self._next
        if leaves_settings(connection.dialect.name, statements):
            del self.__dict__["_connection"]  # the next one is another session
            self._replay = None

    def _begins_next(self, step: RunLegacy) -> Iterator[JournalEntry]:
        """That the next step begins, in the transaction of this one: a commit less.

        What the schema is now is known: of another kind of step it is looked up.
        """
        if isinstance(self._next, RunLegacy) and self._next.method != "live":
            schema = self._history(step.repository).versions[step.version].schema
            entry = self._begins(self._next)
            yield replace(entry, details={**entry.details, "schema": schema})

    def _told(self, error: BaseException) -> str:
        if isinstance(error, SQLAlchemyError):
            return cause(error, self._engine.url)
        return scrub(said(error), self._engine.url)

    def _history(self, repository: str) -> FrozenDialect:
        history = self._histories[repository].on(self._engine.dialect.name)
        assert history is not None
        return history

    def _drift(self, repository: str, version: int | None) -> tuple[Difference, ...]:
        """In what the schema differs from the frozen one."""
        if version is None:
            return ()
        with self._connection.begin():
            found = read_schema(self._connection)
        return drift(self._history(repository), version, found)

    def _verify(self, step: VerifySchema) -> None:
        names = [difference.name for difference in self._compare(step)]
        details = {"accepted": names} if names else {}
        with self._connection.begin():
            self._journal.done(self._connection, details=details)

    def _compare(self, step: VerifySchema) -> list[Difference]:
        """The differences that are there and accepted.

        :raises DriftError: there are others.
        """
        found = [d for name, version in step.versions for d in self._drift(name, version)]
        stops = [d for d in found if not d.own and not accepted(d, self._accepted)]
        if stops:
            raise drifted(step, stops, self._so_far())
        return [d for d in found if accepted(d, self._accepted)]

    def _stamp(self, step: Stamp) -> None:
        self._recorded_before = None
        self._runner.stamp(self._connection, step.revisions)

    def _set_version(self, step: SetVersion) -> None:
        """As the history's own manager would: it looks for its row in later releases too."""
        self._recorded_before = None
        repository = self._repositories[step.repository]
        table = version_table(repository.store)
        with self._connection.begin():
            table.create(self._connection, checkfirst=True)
            self._connection.execute(table.delete().where(rows_of(table, repository)))
            if step.version is not None:
                self._connection.execute(version_row(repository, None, step.version))
            self._journal.done(self._connection)

    def _upgrade(self, step: Upgrade) -> None:
        self._revision(step, self._runner.upgrade)

    def _downgrade(self, step: Downgrade) -> None:
        self._revision(step, self._runner.downgrade)

    def _revision(self, step: Upgrade | Downgrade, run: Callable[..., None]) -> None:
        try:
            run(self._connection, step.revision, self._engine.url)
        except BridgeError as error:
            error.message = scrub(error.message, self._engine.url)
            if error.code == "revision-failed":
                error.state_of_data = self._undone(step)
            raise

    def _cut_short(self, step: Step) -> str:
        """The state of the data when somebody stopped the run in the middle of a step."""
        if isinstance(step, RunLegacy):
            non_transactional = step.method == "live" and self._client.is_non_transactional(step)
            if self._transactional_ddl and not non_transactional:
                return f"{self._so_far()} What '{step}' had done is rolled back."
            left = (
                f"Statements of '{step}' that had run may have stayed: put back a backup before "
                "you run it again, or undo them by hand."
                if self._transactional_ddl
                else self._goes_on(step)
            )
            return f"{self._finished_steps()} {left}".strip()
        if isinstance(step, Upgrade | Downgrade):
            return self._undone(step)
        return f"{self._so_far()} The step '{step}' is rolled back where the database can."

    def _undone(self, step: Upgrade | Downgrade) -> str:
        """The state of the data when a revision did not come to its end."""
        if not self._transactional_ddl:
            return f"{self._finished_steps()} {self._goes_on(step)}".strip()
        if self._runner.transactional:
            return f"{self._so_far()} What the revision {step.revision} had done is rolled back."
        left = (
            f"The revision {step.revision} is not written down as done, but what it had changed "
            "before it failed may have stayed: the app's own env.py decides what it commits."
        )
        return f"{self._finished_steps()} {left}".strip()

    def _create_models(self, _step: CreateModels) -> None:
        with self._connection.begin():
            for metadata, tables in tables_to_create(self._models, self._revisions.graph):
                metadata.create_all(self._connection, tables=tables)
            self._journal.done(self._connection)

    def _foundations(self, step: Foundations) -> None:
        try:
            with self._connection.begin():
                self._hooks[step.component](self._connection)
                self._journal.done(self._connection, [JournalEntry("foundations", step.component)])
        except (Exception, SystemExit) as error:
            raise HookError(
                f"The hook {step.hook} failed: {scrub(said(error), self._engine.url)}",
                help="Mend the hook, then run: bridge dbupdate",
                state_of_data=self._so_far(),
            ) from error
