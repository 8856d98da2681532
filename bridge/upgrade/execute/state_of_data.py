"""What state the data is in after a run has stopped, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.engine import cause
from bridge.database.servers import server_of
from bridge.model.errors import DatabaseRefusedError, ResumeError
from bridge.model.remedy import RESTORE_EARLIER, Remedy
from bridge.model.steps import CreateModels, Downgrade, RunLegacy, Step, Upgrade

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlalchemy.exc import SQLAlchemyError

    from bridge.database.journal.statements.recorder import Recorder
    from bridge.upgrade.execute.position import ReplayPosition


class StateOfData:
    """What a run has done so far, and what of it stays if it stops now.

    `finished` has the steps that are done, each with its seconds; `recorder` knows how far the
    step at work is, where the database needs that.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.finished: list[tuple[Step, float]] = []
        self.recorder: Recorder | ReplayPosition | None = None
        self._settled = 0

    @property
    def transactional_ddl(self) -> bool:
        """Whether the database can undo a change of the schema."""
        return server_of(self._engine).transactional_ddl

    # --- steps ----------------------------------------------------------------------------

    def settled(self) -> None:
        """Take note that all finished steps are committed."""
        self._settled = len(self.finished)

    def forget_unsettled(self) -> None:
        """Take note that what is not committed of the finished steps is undone."""
        del self.finished[self._settled :]

    # --- in words -------------------------------------------------------------------------

    def so_far(self) -> str:
        """Return what stays where the step at work leaves nothing."""
        return self._finished_steps() or "The database is unchanged."

    def _finished_steps(self) -> str:
        """Return what stays of the steps before, empty where there were none."""
        if not self.finished:
            return ""
        count = len(self.finished)
        stay = "The step before it stays" if count == 1 else f"The {count} steps before it stay"
        return f"{stay} done, up to '{self.finished[-1][0]}'."

    def after_refusal(self, step: Step) -> str:
        """Return what stays when the database refused a step of bridge's own."""
        if isinstance(step, CreateModels | RunLegacy) and not self.transactional_ddl:
            return f"{self._finished_steps()} {self._resumes_in(step)}".strip()
        return self.so_far()

    def after_revision(
        self, step: Upgrade | Downgrade, *, transactional: bool, left: str = ""
    ) -> str:
        """Return what stays when a revision did not come to its end.

        :param transactional: whether bridge itself decides what of it is committed.
        :param left: what stays of a part that the revision has committed, if it has.
        """
        if left:
            return f"{self._finished_steps()} {left}".strip()
        if not self.transactional_ddl:
            return f"{self._finished_steps()} {self._resumes_in(step)}".strip()
        if transactional:
            return f"{self.so_far()} What the revision {step.revision} had done is rolled back."
        left = (
            f"The revision {step.revision} is not recorded as done, but what it had changed "
            "before it failed may have stayed: the app's own env.py decides what it commits."
        )
        return f"{self._finished_steps()} {left}".strip()

    def after_interruption(self, step: Step, *, transactional: bool) -> str:
        """Return what stays when somebody stopped the run in the middle of a step.

        :param transactional: whether the step is one transaction, where the database can do that.
        """
        if isinstance(step, Upgrade | Downgrade):
            return self.after_revision(step, transactional=transactional)
        if not isinstance(step, RunLegacy):
            return f"{self.so_far()} The step '{step}' is rolled back where the database can."
        if self.transactional_ddl and transactional:
            return f"{self.so_far()} What '{step}' had done is rolled back."
        left = (
            f"Statements of '{step}' that had run may have stayed: restore a backup before "
            "you run it again, or undo them by hand."
            if self.transactional_ddl
            else self._resumes_in(step)
        )
        return f"{self._finished_steps()} {left}".strip()

    def _resumes_in(self, step: Step) -> str:
        """Return what a step has left, where each change of the schema is committed at once."""
        recorder = self.recorder
        if recorder and recorder.untracked:
            return (
                f"What '{step}' had changed before may have stayed, and bridge cannot resume in "
                f"the middle of it, because {recorder.untracked}: restore a backup before you run "
                "it again, or undo it by hand."
            )
        if recorder and not recorder.kept:
            return f"'{step}' has changed nothing."
        return (
            f"What '{step}' had changed before stays and is recorded: the next run resumes "
            "after it."
        )

    # --- errors ---------------------------------------------------------------------------

    def cannot_be_written(self, error: SQLAlchemyError) -> DatabaseRefusedError:
        """Return the error of a database that refuses bridge's own writes."""
        return DatabaseRefusedError(
            f"The database cannot be written to: {cause(error, self._engine.url)}",
            help=Remedy(
                "Let this user create and change tables, and see that there is room on the disk; "
                "then run",
                ("dbupdate",),
            ),
            state_of_data=self.so_far(),
        )


def cannot_resume(step: str, number: int, found: str, expected: str) -> ResumeError:
    """Return the error of a step that cannot go on by itself."""
    return ResumeError(
        f"The step '{step}' was interrupted at its statement {number}, and cannot resume by "
        "itself.\n"
        f"Found: {found}.\n"
        f"Expected: {expected}.",
        help=[
            RESTORE_EARLIER,
            Remedy(
                "Or look at the tables, and name the statement at which the step resumes; those "
                f"before it count as done ({number + 1} if statement {number} is done too)",
                ("resume", "--from-statement", str(number)),
            ),
        ],
        state_of_data="This run has changed nothing more in that step; what it had done before it "
        "was interrupted is still there.",
    )
