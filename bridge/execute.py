"""Runs a plan: the only writer. Each kind of step has one function, found by its type."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.config import Config
from bridge.database import connect, scrub, sqlite_file
from bridge.errors import BridgeError, DatabaseError, DatabaseRefusedError, HookError
from bridge.hooks import load_hook, load_models
from bridge.legacy.client import LegacyClient
from bridge.legacy.runtime import ready_runtime
from bridge.model import (
    CreateModels,
    Foundations,
    Plan,
    RunLegacy,
    Stamp,
    Step,
    Upgrade,
    done_as_dict,
)
from bridge.revisions import Revisions
from bridge.telling import said


class Progress(Protocol):
    """Is told how a run goes; the command line shows it, the API may ignore it."""

    def note(self, text: str) -> None:
        """A line of preparation, before the first step."""

    def begin(self, step: Step, number: int, total: int) -> None:
        """Step `number` of `total` begins."""

    def done(self, step: Step, seconds: float) -> None:
        """The step that began last is done."""


class Silent:
    """A `Progress` that says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def begin(self, step: Step, number: int, total: int) -> None:
        """Say nothing."""

    def done(self, step: Step, seconds: float) -> None:
        """Say nothing."""


class Executor:
    """One run of one plan on one connection."""

    def __init__(
        self, engine: Engine, config: Config, revisions: Revisions, progress: Progress
    ) -> None:
        self._engine, self._config = engine, config
        self._revisions, self._progress = revisions, progress
        self._finished: list[tuple[Step, float]] = []
        self._versions: dict[str, int | None] = {}
        self._dispatch: Mapping[type, Callable[[Any], None]] = {
            RunLegacy: self._run_legacy,
            Stamp: self._stamp,
            Upgrade: self._upgrade,
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
            self._prepare(plan, stack)
            try:
                for number, step in enumerate(plan.steps, 1):
                    self._progress.begin(step, number, len(plan.steps))
                    begun = time.monotonic()
                    self._one(step)
                    seconds = time.monotonic() - begun
                    self._finished.append((step, seconds))
                    self._progress.done(step, seconds)
            except BridgeError as error:
                error.steps = [done_as_dict(step, seconds) for step, seconds in self._finished]
                error.help += self._hook_to_call(plan, error)
                raise
            except KeyboardInterrupt as interrupt:
                # Stays what it is, so that it ends a caller's program too; it only says more.
                interrupt.args = (f"Interrupted in the step '{step}'.", self._cut_short(step))
                raise
        return tuple(self._finished)

    @cached_property
    def _connection(self) -> Connection:
        """Opened when the first step needs it: servers end one that idles while scripts run."""
        return self._stack.enter_context(connect(self._engine))

    def _hook_to_call(self, plan: Plan, error: BridgeError) -> str:
        """What a stopped run must add to its help: the next one finds no fresh database."""
        hooks = [step.hook for step in plan.steps if isinstance(step, Foundations)]
        if not hooks or not self._finished or isinstance(error, HookError):
            return ""
        return (
            f". That run will not call the hook {hooks[0]}, because the database is no longer "
            "fresh: call it by hand afterwards."
        )

    def _prepare(self, plan: Plan, stack: ExitStack) -> None:
        kinds = {type(step) for step in plan.steps}
        if Upgrade in kinds:
            self._revisions.check_environment()
        if CreateModels in kinds:
            self._models = load_models(self._config)
        if Foundations in kinds and self._config.database.foundations:
            self._hook = load_hook(self._config.database.foundations, self._config)
        versions = [step for step in plan.steps if isinstance(step, RunLegacy)]
        if versions:
            if self._engine.dialect.name == "sqlite" and sqlite_file(self._engine.url) is None:
                raise DatabaseError(
                    "Legacy versions run in a process of their own, which cannot see a SQLite "
                    "database in memory.",
                    help="Use a SQLite file.",
                )
            runtime = ready_runtime(self._config, tell=self._progress.note)
            states = list(plan.state.legacy.values())
            self._versions = {state.repository.name: state.version for state in states}
            self._client = stack.enter_context(
                LegacyClient(runtime.python, self._engine.url, states, versions, self._config)
            )
            self._last_version = versions[-1]
            self._client.preflight()

    def _one(self, step: Step) -> None:
        try:
            self._dispatch[type(step)](step)
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise DatabaseRefusedError(
                f"The database refused the step '{step}': {scrub(str(cause), self._engine.url)}",
                help="Mend what it complains of, then run: bridge dbupdate",
                state_of_data=self._refused_in(step),
            ) from error

    def _refused_in(self, step: Step) -> str:
        """The state of the data when the database refused a step of bridge's own."""
        if isinstance(step, CreateModels) and not self._transactional_ddl:
            return (
                "The tables made before the one that was refused have stayed, without a version: "
                "this database commits each change of the schema by itself. Drop them before you "
                "run it again."
            )
        return self._so_far()

    @property
    def _transactional_ddl(self) -> bool:
        return self._engine.dialect.name in ("sqlite", "postgresql")

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
        self._client.run(step, self._versions[step.repository], lambda _number: None)
        self._versions[step.repository] = step.version
        if step == self._last_version:
            # Scripts leave sessions open, whose locks Alembic would wait for.
            self._client.close()

    def _stamp(self, step: Stamp) -> None:
        self._revisions.stamp(self._connection, step.revisions)

    def _upgrade(self, step: Upgrade) -> None:
        try:
            self._revisions.upgrade(self._connection, step.revision, self._engine.url)
        except BridgeError as error:
            error.message = scrub(error.message, self._engine.url)
            if error.code == "revision-failed":
                error.state_of_data = self._undone(step)
            raise

    def _cut_short(self, step: Step) -> str:
        """The state of the data when somebody stopped the run in the middle of a step."""
        if isinstance(step, RunLegacy):
            left = (
                f"Statements of '{step}' that had run may have stayed: put back a backup before "
                "you run it again, or undo them by hand."
            )
            return f"{self._finished_steps()} {left}".strip()
        if isinstance(step, Upgrade):
            return self._undone(step)
        return f"{self._so_far()} The step '{step}' is rolled back where the database can."

    def _undone(self, step: Upgrade) -> str:
        """The state of the data when a revision did not come to its end."""
        if not self._transactional_ddl:
            why = "this database commits each change of the schema by itself"
        elif not self._revisions.transactional:
            why = "the app's own env.py decides what it commits"
        else:
            return f"{self._so_far()} What the revision {step.revision} had done is rolled back."
        left = (
            f"The revision {step.revision} is not written down as done, but what it had changed "
            f"before it failed may have stayed: {why}."
        )
        return f"{self._finished_steps()} {left}".strip()

    def _create_models(self, _step: CreateModels) -> None:
        with self._connection.begin():
            for metadata in self._models:
                metadata.create_all(self._connection)

    def _foundations(self, step: Foundations) -> None:
        try:
            with self._connection.begin():
                self._hook(self._connection)
        except (Exception, SystemExit) as error:
            raise HookError(
                f"The hook {step.hook} failed: {scrub(said(error), self._engine.url)}",
                help="Mend the hook, then call it by hand: the tables are there.",
                state_of_data=self._so_far(),
            ) from error
