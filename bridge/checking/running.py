"""Runs plans on databases of bridge's own, where nothing else may be reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from bridge.database import connect
from bridge.dbupdate import Bridge
from bridge.errors import RehearsalError
from bridge.execute import Executor, Silent
from bridge.guard import OutsideError
from bridge.lock import locked
from bridge.model import Plan, Step
from bridge.schema import Schema, only, read_schema
from bridge.scratch import guard_for

After = Callable[[Step], None]
"""Is called after each step, when what it did is committed."""


@dataclass
class _Hook(Silent):
    after: After

    def done(self, step: Step, seconds: float) -> None:
        self.after(step)


def run(bridge: Bridge, engine: Engine, plan: Plan, after: After = lambda _step: None) -> None:
    """Run a plan as `dbupdate` does, on a database that may be lost.

    :raises BridgeError: a step failed, or would have used another database.
    """
    try:
        with guard_for(engine) as guard, locked(engine, 0, lambda _text: None) as lock:
            executor = Executor(
                engine, bridge.config, bridge.revisions, _Hook(after), lock,
                guard=guard, histories=bridge.histories, each=True,
            )  # fmt: skip
            executor.execute(plan)
    except OutsideError as error:
        raise RehearsalError(
            f"Something would have used another database than the one that is checked: {error}",
            help="Let env.py call bridge.revisions.run_environment(), and let scripts and hooks "
            "work on the connection or engine that they are given.",
        ) from None


def schema_of(bridge: Bridge, engine: Engine) -> Schema:
    """The document of the app's own tables."""
    with connect(engine) as connection, connection.begin():
        found = read_schema(connection)
    return only(found, {*bridge.of_the_app(found["tables"])})
