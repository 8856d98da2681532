"""How a run goes: plain lines, and on a terminal a bar under them."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING

from bridge.model.progress import Progress
from bridge.output.redaction import Hide, redacted_streams
from bridge.output.text import step_words

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from bridge.model.steps import Step
    from bridge.output.writer import Writer


class TextProgress(Progress):
    """Progress as plain lines: one for each step, when it is done."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.place = ""

    def notify(self, text: str) -> None:
        """Print a line of preparation."""
        self._print(text)

    def begin(self, step: Step, number: int, total: int) -> None:
        """Remember the number of the step."""
        self.place = place_words(number, total)

    def done(self, step: Step, seconds: float) -> None:
        """Print the step and its time."""
        verb, what, _remark = step_words(step)
        self._print(f"{self.place}  {verb} {what}  {seconds:.2f} s")

    def close(self) -> None:
        """Do nothing: there is nothing to remove."""

    def _print(self, line: str) -> None:
        # Whoever read the output wants no more of it (`| head`): no reason to stop half-way.
        with contextlib.suppress(SystemExit):
            self._write(line)

    def _write(self, line: str) -> None:
        self.writer.line(line)


class TerminalProgress(TextProgress):
    """Progress on a terminal: the lines, and under them a bar with the step that runs."""

    def __init__(self, writer: Writer, hide: Hide) -> None:
        super().__init__(writer)
        self._streams = redacted_streams(hide)

    @cached_property
    def bar(self) -> Bar:
        """The bar, made when the first step begins."""
        # rich, 0.05 s: most runs have nothing to do.
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import Progress as Bar

        return Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.writer.console,
            transient=True,
        )

    @cached_property
    def task(self) -> TaskID:
        """The bar's only task."""
        return self.bar.add_task("", total=None)

    def begin(self, step: Step, number: int, total: int) -> None:
        """Show the step beside the bar."""
        super().begin(step, number, total)
        if not self._has_begun:
            self.bar.start()
            # rich now stands in the place of both streams, and writes past those before it.
            self._streams.__enter__()
        self.bar.update(self.task, description=str(step), total=total, completed=number - 1)

    def close(self) -> None:
        """Remove the bar."""
        if self._has_begun:
            self._streams.__exit__(None, None, None)
            self.bar.stop()

    @property
    def _has_begun(self) -> bool:
        return "bar" in self.__dict__

    def _write(self, line: str) -> None:
        if self._has_begun:
            self.bar.console.print(line)
        else:
            super()._write(line)


def place_words(number: int, total: int) -> str:
    """Return the place of one among many, of the same length for each: `` 7/12``."""
    return f"{number:>{len(str(total))}}/{total}"
