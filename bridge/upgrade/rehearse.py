"""Rehearses an upgrade: runs the whole plan on a copy of the database."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import connect, read_only, unreadable
from bridge.database.error_text import place
from bridge.database.guard import SIGN, OutsideError
from bridge.database.integrity import Table, rows_that_point_nowhere, tables_of
from bridge.database.journal.reading import read_holder
from bridge.database.row_counts import count_rows
from bridge.database.secrets import shown
from bridge.model.errors import BridgeError, RehearsalError
from bridge.model.rehearsal import Contents, Rehearsal
from bridge.model.remedy import Remedy, retry_with
from bridge.model.results import Report, Rows
from bridge.upgrade.detect import detect
from bridge.upgrade.execute.context import ExecuteOptions
from bridge.upgrade.execute.executor import Executor
from bridge.upgrade.lock import locked
from bridge.upgrade.rehearsal_copy import copied, sweep
from bridge.upgrade.run import RunOptions, plan_upgrade, report
from bridge.upgrade.vanished import inventory_of, vanished

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.model.state import State
    from bridge.project import Database, Project

_ONLY_A_REHEARSAL = "This was a rehearsal on a copy, which was removed. The database is unchanged."


def _check_no_interruption(state: State) -> None:
    """Check that no step is half-done, because a copy could not resume it.

    :raises RehearsalError: a step was interrupted.
    """
    if state.interrupted:
        raise RehearsalError(
            f"The upgrade cannot be rehearsed: a run was interrupted in the middle of the step "
            f"'{state.interrupted}'. The next run resumes there by what the server knows about "
            "each table, which is different for a copy.",
            help=[
                Remedy("Let that step finish", ("dbupdate",)),
                Remedy("Or restore the backup from before", ("restore", "BACKUP")),
            ],
        )


def rehearse(project: Project, database: Database | None, options: RunOptions) -> Rehearsal:
    """Run the whole plan of `dbupdate` on a copy; the database itself is only read.

    The copy of a SQLite file is beside it, or in ``backup.folder``; that of a server's database is
    on the same server. It is removed afterwards. A rehearsal asks for no confirmation, makes no
    backup, and does not wait for other runs.

    :raises RehearsalError: it cannot be copied, or something would have used another database.
    :raises BridgeError: a step failed, as it would in the real run; the database is unchanged.
    """
    project.read_scripts()
    try:
        with project.engine(database) as engine:
            plan = plan_upgrade(project, detect(project, engine), options.method)
            if not plan.steps:
                # Nobody else would ever remove what is left of one that was killed.
                sweep(engine, project.config)
                return Rehearsal(report("nothing_to_do", plan.state, ()))
            _check_no_interruption(plan.state)
            return _run_on_copy(project, engine, options)
    finally:
        project.forget()  # Alembic's configuration has the copy's URL


def _run_on_copy(project: Project, engine: Engine, options: RunOptions) -> Rehearsal:
    """Run the plan on a copy of the database behind `engine`, which is only read.

    This does not lock the database: the copy shows one moment, possibly in the middle of another
    run.

    :raises RehearsalError: it cannot be copied, or something would have used another database.
    :raises BridgeError: a step failed, as it would in the real run; its `state_of_data` says that
        the database is unchanged, and what the real run would have left.
    """
    progress, app_tables = options.progress, project.app_tables
    with _interruptible(), copied(engine, project.config, progress.notify) as (copy, guard):
        errors = _as_rehearsal_errors(copy, engine, project.revisions.locations())
        with errors, guard, locked(copy, 0, progress.notify) as lock:
            plan = plan_upgrade(project, detect(project, copy), options.method)
            _check_no_interruption(plan.state)  # another run may have begun a step meanwhile
            rows, had = count_rows(copy, app_tables), inventory_of(copy)
            before = _contents(copy, tables_of(had.schema, app_tables))
            executor = Executor(
                project,
                copy,
                lock,
                ExecuteOptions(progress, guard=guard, accepted=options.accept_drift),
            )
            steps = executor.execute(plan)
            state = detect(project, copy)
            has = inventory_of(copy)
            after = _contents(copy, tables_of(has.schema, app_tables))
            counted = Rows(rows, count_rows(copy, app_tables))
            ran = [step for step, _seconds in steps]
            lost = vanished(project, plan.state, ran, had, has)
        report = Report(
            "rehearsed",
            shown(engine.url),
            steps,
            state.current,
            state.dormant,
            rows=counted,
            vanished=lost,
        )
        return Rehearsal(report, before, after)


def _contents(engine: Engine, tables: Mapping[str, Table]) -> Contents:
    with connect(engine) as connection:
        try:
            checked, broken = rows_that_point_nowhere(connection, tables)
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None
    return Contents(tables, checked, broken)


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.args = ("The rehearsal was interrupted.", _ONLY_A_REHEARSAL, "")
        raise


@contextmanager
def _as_rehearsal_errors(copy: Engine, engine: Engine, scripts: Sequence[Path]) -> Iterator[None]:
    """Turn the errors of a run on the copy into those of a rehearsal.

    :param scripts: the folders of the Alembic scripts.
    """
    renamed = (str(copy.url.database), str(engine.url.database))
    try:
        yield
    except OutsideError as error:
        raise _outside(f"{_step(copy)}{error}{place(error, scripts)}") from None
    except BridgeError as error:
        if SIGN in error.message:  # from the process that runs legacy scripts
            raise _outside(error.message) from None
        error.message = error.message.replace(*renamed)
        error.remedies = retry_with(error.remedies, ("dbupdate", "--rehearse"))
        left = error.state_of_data.replace(*renamed)
        error.state_of_data = f"{_ONLY_A_REHEARSAL} A real run would leave: {left}"
        raise


def _step(copy: Engine) -> str:
    """Return the step in which the run on the copy was, according to its journal."""
    try:
        with read_only(copy) as connection:
            holder = read_holder(connection)
    except BridgeError:
        return ""
    return f"in the step '{holder.step}', " if holder and holder.step else ""


def _outside(reason: str) -> RehearsalError:
    return RehearsalError(
        f"The rehearsal was stopped before it could touch another database: {reason}",
        help="Call bridge.revisions.run_environment() in env.py, and let scripts and hooks use "
        "only the connection or engine that they are given. Or rehearse by hand, on a copy that "
        "the app itself is configured to use.",
    )
