"""Runs a plan under the lock: plan, confirm, lock, plan again, execute, report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from bridge.database.servers import server_named, server_of
from bridge.legacy.frozen.files import check_seal
from bridge.legacy.methods import Methods, choose_methods, with_non_transactional
from bridge.model.errors import DatabaseError, NotConfirmedError, StalePlanError, StateError
from bridge.model.progress import Progress
from bridge.model.remedy import Remedy
from bridge.model.results import Report, Rows
from bridge.model.steps import Upgrade
from bridge.upgrade.detect import detect
from bridge.upgrade.planner import check_interrupted, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Engine

    from bridge.database.lock import Lock
    from bridge.model.state import State
    from bridge.model.steps import Plan
    from bridge.project import Database, Project
    from bridge.upgrade.execute.executor import Executor

LOCK_SECONDS = 60.0
"""How long a run waits for another one to end."""


def _always(_plan: Plan) -> bool:
    return True


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run.

    :param confirm: called with the plan before the first write; returns False to stop the run.
    :param progress: is notified of each step.
    :param backup: whether to make a backup before the first write; None for the setting of the
        configuration, whose default is to back up every SQLite file.
    :param lock_timeout: how many seconds to wait for another run to end.
    :param from_statement: the number of the statement at which an interrupted step resumes; None
        for the one that its records give. The statements before it count as done. Only MySQL and
        MariaDB have records; elsewhere it must be 1, which runs the whole step again.
    :param method: how legacy versions are run: ``replay`` uses only frozen ones, ``live`` runs the
        scripts, ``auto`` uses frozen ones where the result is the same.
    :param accept_drift: patterns of the names of differences from the frozen schema that do not
        prevent a stamp.
    """

    confirm: Callable[[Plan], bool] = _always
    progress: Progress = field(default_factory=Progress)
    backup: bool | None = None
    lock_timeout: float = LOCK_SECONDS
    from_statement: int | None = None
    method: Methods = "auto"
    accept_drift: Sequence[str] = ()


class Task(Protocol):
    """Work that is planned and then run under the lock."""

    outcome: Any
    """The outcome in the report after the plan has run."""

    def plan(self, engine: Engine) -> Plan:
        """Return the plan for the database as it is now."""


def plan_upgrade(project: Project, state: State, method: Methods = "auto") -> Plan:
    """Return the plan for a state that has already been detected.

    :raises StateError: the state of the database must be refused.
    :raises SealBrokenError: a file of a frozen history differs from what was sealed.
    """
    plan = make_plan(state, project.graph, project.config)
    waiting = {name for name, legacy in state.legacy.items() if legacy.waiting}
    for name in waiting & {*project.histories} if plan.steps else ():
        check_seal(project.histories[name])
    plan = choose_methods(plan, project.histories, method)
    return _with_commits(with_non_transactional(plan, project.repositories), project)


def _with_commits(plan: Plan, project: Project) -> Plan:
    """Return the plan, with what shows that a revision commits before its end."""
    if not server_named(plan.state.dialect).transactional_ddl:
        return plan
    revisions = project.graph.revisions
    steps = tuple(
        replace(step, non_transactional=revisions[step.revision].commits or None)
        if isinstance(step, Upgrade) and step.revision in revisions
        else step
        for step in plan.steps
    )
    return replace(plan, steps=steps)


class UpgradeTask:
    """`dbupdate`: take the database to its targets."""

    outcome = "upgraded"

    def __init__(self, project: Project, options: RunOptions) -> None:
        self._project, self._options = project, options

    def plan(self, engine: Engine) -> Plan:
        """Return the plan; with a `from_statement`, check that a step can resume there."""
        plan = plan_upgrade(self._project, detect(self._project, engine), self._options.method)
        if self._options.from_statement is not None:
            check_interrupted(plan, self._options.from_statement)
        return plan


def dbupdate(
    project: Project, database: Database | None = None, options: RunOptions | None = None
) -> Report:
    """Take the database to its targets, whatever its state.

    Only one run at a time works on a database; others wait, and then plan again. If the new plan
    differs, `options.confirm` is called again.

    :raises DriftError: the schema is not the one to be stamped.
    :raises SealBrokenError: a file of a frozen history differs from what was sealed.
    :raises LockedError: another run did not end in time.
    :raises ResumeError: an earlier run was interrupted, and it is not known where.
    :raises BridgeError: the run was refused or failed; `state_of_data` says what was kept.
    """
    options = options or RunOptions()
    with project.engine(database) as engine:
        return run(project, engine, UpgradeTask(project, options), options)


def run(project: Project, engine: Engine, task: Task, options: RunOptions) -> Report:
    """Plan a task, confirm it, and run it under the lock, where it is planned again.

    :raises LockedError: another run did not end in time.
    :raises NotConfirmedError: the plan was not confirmed.
    :raises StalePlanError: another process has changed the database in the meantime.
    :raises BridgeError: a step failed; `state_of_data` says what was kept.
    """
    confirmed = _first_plan(project, engine, task)
    if confirmed is not None:
        if not confirmed.steps:
            return report("nothing_to_do", confirmed.state, ())
        _confirm(options, confirmed)
    # Most runs have nothing to do and need no lock, so they do not import it.
    from bridge.upgrade.lock import locked

    with locked(engine, options.lock_timeout, options.progress.notify) as lock:
        if project.is_cached:
            project.read_scripts()
        plan = task.plan(engine)
        if not plan.steps:
            options.progress.notify("Another run has just finished: nothing to do.")
            return report("nothing_to_do", plan.state, ())
        if confirmed is None or plan.steps != confirmed.steps:
            _confirm(options, plan)
            if detect(project, engine) != plan.state:
                raise StalePlanError(
                    "The database changed after the plan was made: another process is writing to "
                    "it.",
                    help=Remedy("Stop the application, then run", ("dbupdate",)),
                    state_of_data="bridge has changed nothing.",
                )
        if plan.state.new_file:
            options.progress.notify(f"Creating {plan.state.database}, which does not exist yet.")
        executor = _executor(project, engine, lock, options)
        return _execute(project, engine, executor, plan, task.outcome)


def _first_plan(project: Project, engine: Engine, task: Task) -> Plan | None:
    """Return the plan before the lock; None while another run is changing the database."""
    try:
        plan = task.plan(engine)
    except (StateError, DatabaseError) as error:
        from bridge.upgrade.lock import busy

        unreadable = isinstance(error, DatabaseError)
        if unreadable and server_of(engine).is_server:
            raise
        if busy(engine):
            return None
        if unreadable:
            raise
        plan = task.plan(engine)  # the other run may have ended since
    if plan.steps and project.is_cached:
        project.read_scripts()
        plan = task.plan(engine)
    return plan


def _executor(project: Project, engine: Engine, lock: Lock, options: RunOptions) -> Executor:
    # Only a run with steps needs these.
    from bridge.database.backup import wanted
    from bridge.upgrade.execute.context import ExecuteOptions
    from bridge.upgrade.execute.executor import Executor

    return Executor(
        project,
        engine,
        lock,
        ExecuteOptions(
            options.progress,
            backup=wanted(engine, project.config, asked=options.backup),
            from_statement=options.from_statement,
            accepted=options.accept_drift,
        ),
    )


def _execute(
    project: Project, engine: Engine, executor: Executor, plan: Plan, outcome: Any
) -> Report:
    """Run the steps of a plan, and report them with the rows before and after."""
    # Only a run with steps needs these.
    from bridge.database.row_counts import count_rows
    from bridge.upgrade.vanished import inventory_of, vanished

    before = count_rows(engine, project.app_tables)
    had = inventory_of(engine) if before else None
    steps = executor.execute(plan)
    try:
        done = report(outcome, detect(project, engine), steps)
        rows = Rows(before, count_rows(engine, project.app_tables))
        ran = [step for step, _seconds in steps]
        lost = vanished(project, plan.state, ran, had, inventory_of(engine)) if had else ()
    except DatabaseError as error:
        error.state_of_data = "Every step is done."
        raise
    return replace(done, backup=executor.backup, rows=rows, vanished=lost)


def _confirm(options: RunOptions, plan: Plan) -> None:
    if not options.confirm(plan):
        raise NotConfirmedError(
            "The plan was not confirmed.", help=Remedy("Run it again", ("dbupdate",))
        )


def report(outcome: Any, state: State, steps: Any) -> Report:
    """Return the report of a run: its outcome, its steps, and the state after it."""
    return Report(outcome, state.database, steps, state.current, state.dormant)
