"""Run a plan under the lock: plan, confirm, lock, plan again, execute, report."""

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

    from bridge.model.state import State
    from bridge.model.steps import Plan
    from bridge.project import Database, Project

LOCK_SECONDS = 60.0
"""For how long a run waits for the end of another one."""


def _always(_plan: Plan) -> bool:
    return True


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run.

    :param confirm: is shown the plan before the first write; False stops the run.
    :param progress: is notified of each step.
    :param backup: whether to make one before the first write; None for what the configuration
        says, which is always for a SQLite file.
    :param lock_timeout: for how many seconds to wait for another run's end.
    :param from_statement: with which statement the step in which an earlier run was interrupted
        is to resume; None for where its records say. Those before it are taken for done. Only
        MySQL and MariaDB have records: elsewhere it is 1, for the whole step again.
    :param method: how legacy versions are run: ``replay`` only what is frozen, ``live`` the
        scripts themselves, ``auto`` what is frozen where that is the same.
    :param accept_drift: patterns of the names of differences between the schema and the frozen
        one that do not keep it from being stamped.
    """

    confirm: Callable[[Plan], bool] = _always
    progress: Progress = field(default_factory=Progress)
    backup: bool | None = None
    lock_timeout: float = LOCK_SECONDS
    from_statement: int | None = None
    method: Methods = "auto"
    accept_drift: Sequence[str] = ()


class Task(Protocol):
    """Something that is planned and then run under the lock."""

    outcome: Any
    """What the report calls it when its plan has been run."""

    def plan(self, engine: Engine) -> Plan:
        """Return the plan for the database as it is now."""


def plan_upgrade(project: Project, state: State, method: Methods = "auto") -> Plan:
    """Return the plan from a state that has been detected already.

    :raises StateError: the state of the database is one that must be refused.
    :raises SealBrokenError: a file of a frozen history is not what was sealed.
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
    commits = {
        step.revision: revisions[step.revision].commits
        for step in plan.steps
        if isinstance(step, Upgrade) and step.revision in revisions
    }
    steps = tuple(
        replace(step, non_transactional=commits[step.revision])
        if isinstance(step, Upgrade) and commits.get(step.revision)
        else step
        for step in plan.steps
    )
    return replace(plan, steps=steps)


class UpgradeTask:
    """`dbupdate`: to the targets, from wherever the database stands."""

    outcome = "upgraded"

    def __init__(self, project: Project, options: RunOptions) -> None:
        self._project, self._options = project, options

    def plan(self, engine: Engine) -> Plan:
        """Return the plan, in which there is a step to resume where one is named."""
        plan = plan_upgrade(self._project, detect(self._project, engine), self._options.method)
        if self._options.from_statement is not None:
            check_interrupted(plan, self._options.from_statement)
        return plan


def dbupdate(
    project: Project, database: Database | None = None, options: RunOptions | None = None
) -> Report:
    """Take the database to its targets, from wherever it stands.

    One run at a time works on a database; the others wait. After the wait the plan is made
    again. Where it is another one, `options.confirm` is asked again.

    :raises DriftError: the schema is not the one that is to be stamped.
    :raises SealBrokenError: a file of a frozen history is not what was sealed.
    :raises LockedError: another run did not end in time.
    :raises ResumeError: an earlier run was interrupted, and it is not known where.
    :raises BridgeError: it was refused or failed; `state_of_data` says what is there now.
    """
    options = options or RunOptions()
    with project.engine(database) as engine:
        return run(project, engine, UpgradeTask(project, options), options)


def run(project: Project, engine: Engine, task: Task, options: RunOptions) -> Report:
    """Plan a task, confirm it, and run it under the lock, where it is planned again.

    :raises LockedError: another run did not end in time.
    :raises NotConfirmedError: the plan was not confirmed.
    :raises StalePlanError: another process has changed the database meanwhile.
    :raises BridgeError: a step failed; `state_of_data` says what is there now.
    """
    confirmed = _first_plan(project, engine, task)
    if confirmed is not None:
        if not confirmed.steps:
            return report("nothing_to_do", confirmed.state, ())
        _confirm(options, confirmed)
    # Most runs have nothing to do: they do not wait for what runs scripts.
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
                    "The database changed after the plan was made: another process writes to it.",
                    help=Remedy("Stop the application, then run", ("dbupdate",)),
                    state_of_data="bridge has changed nothing.",
                )
        return _execute(project, engine, plan, lock, (task.outcome, options))


def _first_plan(project: Project, engine: Engine, task: Task) -> Plan | None:
    """Return the plan before the lock; None while another run changes what it is based on."""
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


def _execute(
    project: Project, engine: Engine, plan: Plan, lock: Any, method: tuple[Any, RunOptions]
) -> Report:
    from bridge.database.backup import wanted
    from bridge.database.row_counts import count_rows
    from bridge.upgrade.execute.context import ExecuteOptions
    from bridge.upgrade.execute.executor import Executor
    from bridge.upgrade.vanished import schema_of, vanished

    outcome, options = method
    if plan.state.new_file:
        options.progress.notify(f"There is no file yet at {plan.state.database}: it is created.")
    executor = Executor(
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
    before = count_rows(engine, project.app_tables)
    schema = schema_of(engine) if before else {}
    steps = executor.execute(plan)
    try:
        done = report(outcome, detect(project, engine), steps)
        rows = Rows(before, count_rows(engine, project.app_tables))
        ran = [step for step, _seconds in steps]
        lost = vanished(project, plan.state, ran, schema, schema_of(engine)) if before else ()
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
    """Return what a run has done, and where the database stands after it."""
    return Report(outcome, state.database, steps, state.current, state.dormant)
