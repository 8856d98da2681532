"""What the steps of a plan do: one function a kind of step, found by its type."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import cause, connect
from bridge.database.error_text import said
from bridge.database.journal.statements.records import CannotResume
from bridge.database.schema import read_schema
from bridge.database.schema.compare import accepted
from bridge.database.secrets import scrub
from bridge.database.servers import server_of
from bridge.legacy.frozen.drift import drift_from
from bridge.legacy.methods import preventing_replay
from bridge.legacy.observer import VersionObserver
from bridge.legacy.version_table import rows_of, version_row, version_table
from bridge.model.errors import (
    BridgeError,
    DatabaseRefusedError,
    DriftError,
    HookError,
    LegacyError,
    ResumeError,
    StalePlanError,
)
from bridge.model.journal import JournalEntry
from bridge.model.names import CORE
from bridge.model.remedy import FIX_AND_RUN, RESTORE_EARLIER, Remedy, retry_with
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
)
from bridge.output.difference_text import difference_document, difference_lines
from bridge.revisions.hooks import Models, load_foundations, load_models
from bridge.upgrade.execute.position import ReplayPosition
from bridge.upgrade.execute.state_of_data import cannot_resume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

    from bridge.model.difference import Difference
    from bridge.model.graph import Graph
    from bridge.upgrade.execute.context import RunContext
    from bridge.upgrade.execute.run_journal import RunJournal


class Steps:
    """The steps of one run."""

    def __init__(self, run: RunContext, journal: RunJournal) -> None:
        self._run, self._journal = run, journal
        self._config, self._engine = run.project.config, run.engine
        self._models: Sequence[Models] = ()
        self._hooks: dict[str, Callable[[Connection], Any]] = {}
        # The repositories of which nobody has seen what a live version has left.
        self._ran_live: set[str] = set()
        self._functions: Mapping[type, Callable[[Any], None]] = {
            RunLegacy: self._run_legacy,
            VerifySchema: self._verify,
            Stamp: self._stamp,
            Upgrade: self._upgrade,
            Downgrade: self._downgrade,
            SetVersion: self._set_version,
            CreateModels: self._create_models,
            Foundations: self._foundations,
        }

    # --- before ---------------------------------------------------------------------------

    def prepare(self) -> None:
        """Load and compare all that can be before the first write.

        :raises BridgeError: something cannot be loaded, or the plan must not be run.
        """
        plan = self._run.plan
        self._check_unfinished()
        kinds = {type(step) for step in plan.steps}
        if Upgrade in kinds or Downgrade in kinds:
            self._run.project.revisions.check_environment()
        modules = self._config.modules.values()
        if CreateModels in kinds or any(m.enabled and m.models is not None for m in modules):
            # Also where no table is made of them: two modules must not have one table.
            self._models = load_models(self._config)
        self._hooks = {
            step.component: load_foundations(self._hook_of(step.component), self._config)
            for step in plan.steps
            if isinstance(step, Foundations)
        }
        self._run.legacy.prepare(step for step in plan.steps if isinstance(step, RunLegacy))
        if plan.steps and isinstance(plan.steps[0], VerifySchema):
            self._compare(plan.steps[0])

    def make_room(self) -> None:
        """Let the version table hold the ids of revisions, before a step fails for its row.

        :raises DatabaseRefusedError: the database refuses it.
        """
        if {type(step) for step in self._run.plan.steps} & {Upgrade, Stamp}:
            try:
                self._run.revisions.make_room(self._engine)
            except SQLAlchemyError as error:
                raise self._run.state.cannot_be_written(error) from error

    def _check_unfinished(self) -> None:
        """Refuse to run again what a killed run had begun statement by statement."""
        if self._run.options.from_statement is not None:
            return
        for step in self._run.plan.steps:
            ended = self._run.ended_unfinished(step)
            if ended == "partly":
                raise partly_committed(step)
            if ended == "killed":
                raise ResumeError(
                    f"An earlier run ended in the middle of the step '{step}', whose statements "
                    "are committed one by one. How many of them have run is not known.",
                    help=[
                        Remedy("Restore a backup from before that run", ("restore", "BACKUP")),
                        Remedy(
                            "Or undo by hand what the step has changed, and run it again",
                            ("resume", "--from-statement", "1"),
                        ),
                    ],
                    state_of_data="This run has changed nothing. What that step had done is there.",
                )

    def _hook_of(self, component: str) -> Any:
        if component == CORE:
            return self._config.database.foundations
        return self._config.modules[component].foundations

    # --- a step ---------------------------------------------------------------------------

    def run(self, step: Step) -> None:
        """Run a step.

        :raises ResumeError: an earlier run was interrupted in it, and it is not known where.
        :raises BridgeError: it failed.
        """
        try:
            if not isinstance(step, Upgrade | Downgrade):
                self._run.revisions.foreign_keys.forget()
            with self._journal.recording(step):
                self._functions[type(step)](step)
        except CannotResume as stop:
            raise cannot_resume(str(step), stop.number, stop.found, stop.expected) from None
        except SQLAlchemyError as error:
            raise DatabaseRefusedError(
                f"The database refused the step '{step}': {cause(error, self._engine.url)}",
                help=FIX_AND_RUN,
                state_of_data=self._run.state.after_refusal(step),
            ) from error

    @property
    def _connection(self) -> Connection:
        return self._run.connection.connection

    # --- legacy versions ------------------------------------------------------------------

    def _run_legacy(self, step: RunLegacy) -> None:
        observer = _Observer(self._run, self._journal, step)
        if step.method == "live":
            self._run_live(step, observer)
        else:
            self._run_frozen(step, observer)

    def _run_live(self, step: RunLegacy, observer: VersionObserver) -> None:
        try:
            self._run.legacy.run(step, observer)
        except LegacyError as error:
            if self._run.ended_unfinished(step):
                self._add_unfinished(step, error)
            raise
        self._journal.done_live()
        self._ran_live.add(step.repository)

    def _add_unfinished(self, step: RunLegacy, error: LegacyError) -> None:
        """Add to an error of a version of which an earlier run may have left something."""
        if self._run.options.from_statement is not None:
            error.remedies = retry_with(error.remedies, ("resume", "--from-statement", "1"))
            return
        error.state_of_data = (
            f"{error.state_of_data} But an earlier run had failed in version {step.version}, whose "
            "statements are committed one by one: if it is not undone, what it had changed is "
            "still there. Restore a backup from before that run, or undo it by hand, before you "
            "run it again."
        )

    def _run_frozen(self, step: RunLegacy, observer: VersionObserver) -> None:
        """Replay a version, or call the developer's function, with its row and the journal's."""
        if step.repository in self._ran_live:
            self._check_what_live_left(step)
        try:
            self._run.legacy.run(step, observer)
        except LegacyError as error:
            self._run.connection.settle_what_can()
            live = Remedy("Or run the scripts themselves", ("dbupdate", "--legacy", "live"))
            error.remedies = (FIX_AND_RUN, live)
            error.state_of_data = self._run.state.after_refusal(step)
            raise
        self._journal.begun_next()

    def _check_what_live_left(self, step: RunLegacy) -> None:
        """Check that the schema is the one that the next frozen version was recorded on."""
        legacy = self._run.legacy
        legacy.end_sessions()
        self._run.connection.settle()
        before = legacy.versions[step.repository]
        found = self._drift(step.repository, before)
        if preventing_replay(found, self._engine.dialect.name):
            raise StalePlanError(
                f"What legacy version {before} of {step.repository} has left is not the frozen "
                f"schema, so '{step}' cannot be replayed: {found[0].name}.",
                help=Remedy("It can run live", ("dbupdate",)),
                state_of_data=self._run.state.so_far(),
            )
        self._ran_live.remove(step.repository)

    # --- the hand-over --------------------------------------------------------------------

    def _drift(self, repository: str, version: int | None) -> tuple[Difference, ...]:
        """In what the schema differs from the frozen one."""
        if version is None:
            return ()
        history = self._run.legacy.history(repository)
        assert history is not None
        with self._connection.begin():
            found = read_schema(self._connection)
        versions = {**self._run.legacy.versions, repository: version}
        return drift_from(self._run.composed.schema(repository, versions), history, found)

    def _verify(self, step: VerifySchema) -> None:
        names = [difference.name for difference in self._compare(step)]
        details = {"accepted": names} if names else {}
        with self._connection.begin():
            self._journal.done(self._connection, details=details)

    def _compare(self, step: VerifySchema) -> list[Difference]:
        """Return the differences that are accepted.

        :raises DriftError: there are others.
        """
        patterns = self._run.options.accepted
        found = [d for name, version in step.versions for d in self._drift(name, version)]
        stops = [d for d in found if not d.own and not accepted(d, patterns)]
        if stops:
            raise drift_error(step, stops, self._run.state.so_far())
        return [d for d in found if accepted(d, patterns)]

    def _stamp(self, step: Stamp) -> None:
        self._journal.forget_recorder()
        self._run.revisions.stamp(self._connection, step.revisions)

    def _set_version(self, step: SetVersion) -> None:
        """As the history's own manager would: it looks for its row in later releases too."""
        self._journal.forget_recorder()
        repository = self._run.plan.state.legacy[step.repository].repository
        table = version_table(repository.store)
        with self._connection.begin():
            table.create(self._connection, checkfirst=True)
            self._connection.execute(table.delete().where(rows_of(table, repository)))
            if step.version is not None:
                self._connection.execute(version_row(repository, None, step.version))
            self._journal.done(self._connection)

    # --- Alembic --------------------------------------------------------------------------

    def _upgrade(self, step: Upgrade) -> None:
        self._revision(step, self._run.revisions.upgrade)

    def _downgrade(self, step: Downgrade) -> None:
        self._revision(step, self._run.revisions.downgrade)

    def _revision(self, step: Upgrade | Downgrade, run: Callable[..., None]) -> None:
        try:
            run(self._connection, step.revision, self._engine.url)
        except BridgeError as error:
            error.message = scrub(error.message, self._engine.url)
            if error.code == "revision-failed":
                error.state_of_data = self._state_after(step)
                if self._is_partly_committed():
                    error.remedies = partly_committed_remedies(step)
            raise

    def _state_after(self, step: Upgrade | Downgrade) -> str:
        transactional = self._run.revisions.transactional
        left = self._left_behind(step) if self._is_partly_committed() else ""
        return self._run.state.after_revision(step, transactional=transactional, left=left)

    def _is_partly_committed(self) -> bool:
        """Whether the revision at work has committed something itself."""
        if not self._run.state.transactional_ddl:
            return False
        with suppress(BridgeError, SQLAlchemyError), connect(self._engine) as connection:
            return self._run.journal.is_partly_committed(connection)
        return False

    def _left_behind(self, step: Upgrade | Downgrade) -> str:
        """Return what a revision has left that has committed a part of its work."""
        left = (
            f"The revision {step.revision} is not recorded as done, but it has committed a part of "
            "its work itself, which stays."
        )
        with suppress(BridgeError, SQLAlchemyError), connect(self._engine) as connection:
            for index in server_of(connection).invalid_indexes(connection):
                left += f" The index {index} is not valid: DROP INDEX {index};"
        return left

    def after_interruption(self, step: Step) -> str:
        """Return what stays when somebody stopped the run in the middle of a step."""
        if isinstance(step, Upgrade | Downgrade):
            return self._state_after(step)
        transactional = not (
            isinstance(step, RunLegacy)
            and step.method == "live"
            and self._run.legacy.is_non_transactional(step)
        )
        return self._run.state.after_interruption(step, transactional=transactional)

    # --- a new database -------------------------------------------------------------------

    def _create_models(self, _step: CreateModels) -> None:
        with self._connection.begin():
            for metadata, tables in tables_to_create(self._models, self._run.revisions.graph):
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
                help=Remedy("Fix the hook, then run", ("dbupdate",)),
                state_of_data=self._run.state.so_far(),
            ) from error


class _Observer(VersionObserver):
    """Writes into the journal how a version of the run goes."""

    def __init__(self, run: RunContext, journal: RunJournal, step: RunLegacy) -> None:
        self._journal, self._step = journal, step
        self.from_statement = run.from_statement(step)
        position = run.state.recorder
        self.follower = position if isinstance(position, ReplayPosition) else None

    def resumed(self, done: int) -> None:
        self._journal.resumed(self._step, done)

    def non_transactional(self) -> None:
        self._journal.begin_non_transactional(self._step)

    def finishing(self, connection: Connection) -> None:
        self._journal.done_frozen(connection, self._step)


def partly_committed(step: Step) -> ResumeError:
    """Return the error of a revision that has committed a part of its work in an earlier run."""
    return ResumeError(
        f"An earlier run did not finish the step '{step}', of whose work the revision itself had "
        "committed a part. How much of it is there is not known.",
        help=[RESTORE_EARLIER, *partly_committed_remedies(step)],
        state_of_data="This run has changed nothing. What that step had committed is there.",
    )


def partly_committed_remedies(step: Step) -> tuple[Remedy, ...]:
    """Return what an administrator can do about such a revision."""
    again = Remedy(
        "Fix the cause, undo by hand what the step has committed, and run it again",
        ("resume", "--from-statement", "1"),
    )
    if not isinstance(step, Upgrade):
        return (again,)
    by_hand = Remedy(
        "Or do the rest of it by hand, and record that it is done",
        ("alembic", "stamp", step.revision),
    )
    return again, by_hand


def drift_error(step: VerifySchema, differences: Sequence[Difference], state: str) -> DriftError:
    """Return the error of a schema that is not the one that is to be stamped."""
    what = " and ".join(f"version {version} of {name}" for name, version in step.versions)
    lines = "\n".join(difference_lines(differences))
    names = [d.name for d in differences] if len(differences) <= 5 else ["*"]
    switches = [word for name in names for word in ("--accept-drift", name)]
    error = DriftError(
        f"The schema is not that of {what}:\n{lines}",
        help=[
            Remedy("Fix the schema, then run", ("dbupdate",)),
            Remedy("Or, if the app can live with what is listed", ("dbupdate", *switches)),
        ],
        state_of_data=state,
    )
    error.differences = difference_document(differences)
    return error


def tables_to_create(
    models: Iterable[Models], graph: Graph
) -> list[tuple[sa.MetaData, list[sa.Table]]]:
    """Return the tables that a fresh database gets from the models, by their `MetaData`."""
    stamped = {graph.module(r) or CORE for r in graph.ancestors(graph.targets())} | {CORE}
    owned: dict[int, tuple[sa.MetaData, list[sa.Table]]] = {}
    # Of a module that no stamp is for, the first revision is still to come: it creates them.
    for table in (t for m in models if m.component in stamped for t in m.tables):
        owned.setdefault(id(table.metadata), (table.metadata, []))[1].append(table)
    return list(owned.values())
