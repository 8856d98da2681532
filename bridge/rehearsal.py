"""A rehearsal: the whole plan on a copy of the database, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.config import Config
from bridge.copies import copied
from bridge.database import connect, read_only, shown, unreadable
from bridge.errors import BridgeError, RehearsalError
from bridge.execute import Executor, Progress
from bridge.frozen import Frozen
from bridge.guard import SIGN, OutsideError
from bridge.inspection import list_tables, rows_that_point_nowhere
from bridge.journal import read_holder
from bridge.lock import locked
from bridge.model import Contents, Plan, Rehearsal, Report, Rows, State
from bridge.revisions import Revisions
from bridge.rows import Choose, count_rows
from bridge.telling import place

_ONLY_A_REHEARSAL = "This was a rehearsal on a copy, which is removed: the database is unchanged."


def check_whole(state: State) -> None:
    """Whether a copy of the database would be as good as the database.

    :raises RehearsalError: it would not.
    """
    if state.interrupted:
        raise RehearsalError(
            f"There can be no rehearsal: a run was cut short in the middle of the step "
            f"'{state.interrupted}'. The next one goes on in it by what the server knows of each "
            "table, and of a copy's it knows other things.",
            help="Let that step come to its end: bridge dbupdate\n"
            "Or put back the backup from before: bridge restore BACKUP",
        )


def rehearse(
    engine: Engine,
    config: Config,
    revisions: Revisions,
    plan_on: Callable[[Engine], Plan],
    state_of: Callable[[Engine], State],
    choose: Choose,
    progress: Progress,
    histories: Mapping[str, Frozen],
    accepted: Sequence[str] = (),
) -> Rehearsal:
    """Run the plan on a copy of the database behind `engine`, which is only read.

    Takes no lock of the database and waits for nobody: the copy shows one moment, be it in the
    middle of another run.

    :param plan_on: makes the plan for the copy.
    :param state_of: the state of the copy, to tell where it got.
    :param choose: says which tables are the app's.
    :param histories: the frozen ones, by the names of their repositories.
    :param accepted: patterns of the names of differences that do not stop a stamp.
    :raises RehearsalError: there can be no copy, or something would have used another database.
    :raises BridgeError: a step failed, as it would in the real run; its `state_of_data` says that
        the database is unchanged, and what the real run would have left.
    """
    with _interruptible(), copied(engine, config, progress.note) as (copy, guard):
        told = _as_rehearsal(copy, engine, revisions.locations())
        with told, guard, locked(copy, 0, progress.note) as lock:
            plan = plan_on(copy)
            rows, before = count_rows(copy, choose), _contents(copy, choose)
            executor = Executor(
                copy, config, revisions, progress, lock, guard=guard,
                histories=histories, accepted=accepted,
            )  # fmt: skip
            steps = executor.execute(plan)
            state = state_of(copy)
            after = _contents(copy, choose)
            counted = Rows(rows, count_rows(copy, choose))
        report = Report(
            "rehearsed", shown(engine.url), steps, state.current, state.dormant, rows=counted
        )
        return Rehearsal(report, before, after)


def _contents(engine: Engine, choose: Choose) -> Contents:
    with connect(engine) as connection:
        try:
            tables = list_tables(connection, choose)
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
def _as_rehearsal(copy: Engine, engine: Engine, scripts: Sequence[Path]) -> Iterator[None]:
    """Whatever goes wrong on the copy, in the words of a rehearsal.

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
        error.help = error.help.replace("bridge dbupdate", "bridge dbupdate --rehearse")
        left = error.state_of_data.replace(*renamed)
        error.state_of_data = f"{_ONLY_A_REHEARSAL} A real run would leave: {left}"
        raise


def _step(copy: Engine) -> str:
    """In which step the run on the copy was, as its journal has it."""
    try:
        with read_only(copy) as connection:
            holder = read_holder(connection)
    except BridgeError:
        return ""
    return f"in the step '{holder.step}', " if holder and holder.step else ""


def _outside(said: str) -> RehearsalError:
    return RehearsalError(
        f"The rehearsal was stopped before it could touch another database: {said}",
        help="Let env.py call bridge.revisions.run_environment(), and let scripts and hooks work "
        "on the connection or engine that they are given. Or rehearse by hand, on a copy that the "
        "app itself is configured for.",
    )
