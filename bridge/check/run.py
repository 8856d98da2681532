"""Runs plans on databases of bridge's own, where nothing else may be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.engine import connect
from bridge.database.guard import OutsideError
from bridge.database.schema import Schema, only, read_schema
from bridge.database.scratch import guard_for
from bridge.model.errors import RehearsalError
from bridge.model.progress import Progress
from bridge.upgrade.execute.context import ExecuteOptions
from bridge.upgrade.execute.executor import Executor
from bridge.upgrade.lock import locked

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from bridge.model.steps import Plan
    from bridge.project import Project


def run(project: Project, engine: Engine, plan: Plan, progress: Progress | None = None) -> None:
    """Run a plan as `dbupdate` does, on a database that may be lost.

    :param progress: is notified of each step when what it did is committed.
    :raises BridgeError: a step failed, or would have used another database.
    """
    quiet = Progress()
    try:
        with guard_for(engine) as guard, locked(engine, 0, quiet.notify) as lock:
            options = ExecuteOptions(progress or quiet, guard=guard, each=True)
            Executor(project, engine, lock, options).execute(plan)
    except OutsideError as error:
        raise RehearsalError(
            f"Something would have used another database than the one that is checked: {error}",
            help="Let env.py call bridge.revisions.run_environment(), and let scripts and hooks "
            "work on the connection or engine that they are given.",
        ) from None


def schema_of(project: Project, engine: Engine) -> Schema:
    """Return the document of the app's own tables."""
    with connect(engine) as connection, connection.begin():
        found = read_schema(connection)
    return only(found, {*project.app_tables(found["tables"])})
