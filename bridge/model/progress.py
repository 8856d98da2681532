"""Who is told how far a long command is."""

from __future__ import annotations

from typing import Protocol

from bridge.model.checks import Proof
from bridge.model.frozen import Recorded
from bridge.model.steps import Step


class CheckProgress(Protocol):
    """Is told how a check goes."""

    def notify(self, text: str) -> None:
        """A line of text."""

    def proved(self, proof: Proof) -> None:
        """A proof has ended."""


class Progress(Protocol):
    """Is told how a run goes; the command line shows it, the API may ignore it."""

    def notify(self, text: str) -> None:
        """A line of preparation, before the first step."""

    def begin(self, step: Step, number: int, total: int) -> None:
        """Step `number` of `total` begins."""

    def done(self, step: Step, seconds: float) -> None:
        """The step that began last is done."""


class Silent:
    """A `Progress` that says nothing."""

    def notify(self, text: str) -> None:
        """Say nothing."""

    def begin(self, step: Step, number: int, total: int) -> None:
        """Say nothing."""

    def done(self, step: Step, seconds: float) -> None:
        """Say nothing."""


class FreezeProgress(Protocol):
    """Is told how a freeze goes."""

    def notify(self, text: str) -> None:
        """A line of text."""

    def recorded(self, found: Recorded, number: int, total: int) -> None:
        """Version `number` of `total` on a database has been recorded."""


class Quiet:
    """A `FreezeProgress` that says nothing."""

    def notify(self, text: str) -> None:
        """Say nothing."""

    def recorded(self, found: Recorded, number: int, total: int) -> None:
        """Say nothing."""


class SnapshotProgress(Protocol):
    """Is told how a snapshot is made."""

    def notify(self, text: str) -> None:
        """A line of text."""
