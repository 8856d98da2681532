"""Runs a plan: the only writer."""

from __future__ import annotations

import time
from itertools import zip_longest
from typing import TYPE_CHECKING

from bridge.database.backup import back_up, offer, prune, restore_backup
from bridge.model.errors import BridgeError, LegacyWorkerError, LockLostError, ResumeError
from bridge.model.remedy import Remedy
from bridge.model.results import Backup, size_words
from bridge.model.steps import Plan, Step, done_as_dict
from bridge.upgrade.execute.context import ExecuteOptions, RunContext
from bridge.upgrade.execute.run_journal import RunJournal
from bridge.upgrade.execute.steps import Steps

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from bridge.database.lock import Lock
    from bridge.project import Project


class Executor:
    """Runs plans on one database, by who has its lock.

    `backup` is the one that was made before the first write, None without one.
    """

    def __init__(
        self, project: Project, engine: Engine, lock: Lock, options: ExecuteOptions
    ) -> None:
        self._project, self._engine, self._lock = project, engine, lock
        self._options, self._progress = options, options.progress
        self.backup: Backup | None = None

    def execute(self, plan: Plan) -> tuple[tuple[Step, float], ...]:
        """Run every step of the plan, in order; each with its seconds.

        Everything that can be loaded is loaded before the first write.

        :raises BridgeError: a step failed; its `steps` are those that were finished before.
        """
        run = RunContext(self._project, self._engine, self._lock, plan, self._options)
        journal = RunJournal(run)
        steps = Steps(run, journal)
        with run.legacy, run.connection:
            steps.prepare()
            self._back_up(plan)
            self._lock.check()
            steps.make_room()
            journal.begin()
            try:
                for number, (step, then) in enumerate(zip_longest(plan.steps, plan.steps[1:]), 1):
                    self._lock.check()
                    journal.begin_step(step, then)
                    self._progress.begin(step, number, len(plan.steps))
                    begun = time.monotonic()
                    steps.run(step)
                    run.state.finished.append((step, 0.0))
                    if not journal.has_begun_next() or self._options.each or run.connection.is_due:
                        run.connection.settle()
                    seconds = time.monotonic() - begun
                    run.state.finished[-1] = (step, seconds)
                    self._progress.done(step, seconds)
                    journal.end_step()
            except BridgeError as error:
                self._fail(run, journal, step, error)
                raise
            except KeyboardInterrupt as interrupt:
                journal.fail("interrupted", interrupted=True)
                # Stays what it is, so that it ends a caller's program too; it only says more.
                left = steps.after_interruption(step)
                remedies = [Remedy("Run it again", ("dbupdate",))]
                if self.backup:
                    remedies.append(restore_backup(self.backup))
                interrupt.args = (f"Interrupted in the step '{step}'.", left, tuple(remedies))
                raise
            journal.end()
        if self.backup:
            prune(self._engine, self._project.config, succeeded=True)
        return tuple(run.state.finished)

    def _back_up(self, plan: Plan) -> None:
        if self._options.backup and plan.state.kind != "fresh":
            config = self._project.config
            self.backup = back_up(self._engine, config)
            prune(self._engine, config, succeeded=False)
            self._progress.notify(f"Backup: {self.backup.path} ({size_words(self.backup.size)})")

    def _fail(self, run: RunContext, journal: RunJournal, step: Step, error: BridgeError) -> None:
        """Write down that a step failed, and complete its error."""
        run.connection.settle_what_can()
        error.steps = [done_as_dict(done, seconds) for done, seconds in run.state.finished]
        # What is half-done already when a run begins is so in its backup, too.
        half_done = isinstance(error, ResumeError) or run.ended_unfinished(step) is not None
        if self.backup and not half_done:
            offer(error, self.backup)
        if isinstance(error, LockLostError):
            error.state_of_data = run.state.so_far()
        else:
            journal.fail(error.code, interrupted=isinstance(error, LegacyWorkerError))
