"""Who is told how far a long command is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # most commands tell nothing, and do without these
    from bridge.model.checks import Proof
    from bridge.model.frozen import Recorded
    from bridge.model.steps import Step


class Progress:
    """Someone who is told how a command goes; this one says nothing.

    A program extends the class, and overrides what it wants to show.
    """

    def notify(self, text: str) -> None:
        """Take note of a line of text: a remark, or that something takes long."""

    def begin(self, step: Step, number: int, total: int) -> None:
        """Take note that step `number` of `total` begins."""

    def done(self, step: Step, seconds: float) -> None:
        """Take note that the step that began last is done."""

    def recorded(self, version: Recorded, number: int, total: int) -> None:
        """Take note that legacy version `number` of `total` has been recorded on a database."""

    def proved(self, proof: Proof) -> None:
        """Take note that a proof has ended."""
