"""What one run of one plan works with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

from bridge.database.journal.table import Journal
from bridge.legacy.client import WorkerOptions
from bridge.legacy.runner import LegacyRunner
from bridge.model.steps import Plan, RunLegacy, Step, name_in_journal
from bridge.revisions.running import Runner
from bridge.upgrade.execute.connection import RunConnection
from bridge.upgrade.execute.state_of_data import StateOfData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

    from bridge.database.guard import Guard
    from bridge.database.lock import Lock
    from bridge.legacy.frozen.composed import ComposedHistories
    from bridge.model.progress import Progress
    from bridge.project import Project


@dataclass(frozen=True)
class ExecuteOptions:
    """How the steps of a plan are run.

    :param progress: is notified of each step.
    :param backup: make one before the first write, where there is something to lose.
    :param from_statement: where the step stands in which an earlier run was interrupted.
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


class RunContext:
    """One run of one plan, by who has the lock of the database: what its parts have in common.

    `connection` is the run's own, `legacy` runs legacy versions, `revisions` Alembic's revisions,
    and `state` knows what is done.
    """

    def __init__(
        self, project: Project, engine: Engine, lock: Lock, plan: Plan, options: ExecuteOptions
    ) -> None:
        self.project, self.engine, self.plan, self.options = project, engine, plan, options
        self._interrupted = plan.interrupted
        self.journal = Journal(str(uuid4()))
        self.state = StateOfData(engine)
        self.connection = RunConnection(engine, lock, self.state)
        worker = WorkerOptions(mark=lock.mark, journal=self.journal.common, guard=options.guard)
        self.legacy = LegacyRunner(
            project, self.connection, plan.state.legacy.values(), worker, options.progress
        )
        self.revisions = Runner(project.revisions, self.journal, plan.state.revisions_without_files)
        self.runs_scripts = any(
            isinstance(step, RunLegacy) and step.method == "live" for step in plan.steps
        )

    @cached_property
    def composed(self) -> ComposedHistories:
        """The frozen histories together."""
        return self.project.composed(self.engine.dialect.name)

    def from_statement(self, step: Step) -> int | None:
        """Return where the administrator says that the step stands which was interrupted."""
        return self.options.from_statement if name_in_journal(step) == self._interrupted else None

    def ended_unfinished(self, step: Step) -> str | None:
        """Return how an earlier run of a step ended that had run statement by statement."""
        return self.plan.state.unfinished.get(name_in_journal(step))
