"""The object that long commands report their progress to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.model.checks import Proof
    from bridge.model.freeze import Recorded
    from bridge.model.steps import Step


class Progress:
    """A receiver of a command's progress that ignores all of it.

    A program extends the class and overrides the methods for what it wants to show.
    """

    def notify(self, text: str) -> None:
        """Receive a line of text: a remark, or that something takes long."""

    def begin(self, step: Step, number: int, total: int) -> None:
        """Receive the step that begins: `number` of `total`."""

    def done(self, step: Step, seconds: float) -> None:
        """Receive the step that has finished: the one that began last."""

    def recorded(self, version: Recorded, number: int, total: int) -> None:
        """Receive a legacy version that has been recorded on a database: `number` of `total`."""

    def proved(self, proof: Proof) -> None:
        """Receive a proof that has finished."""
