"""Shows how a run, a freeze or a check goes: plain lines, and on a terminal a bar under them."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

from rich.console import Console
from rich.markup import escape

from bridge.model.checks import Proof
from bridge.model.frozen import Recorded
from bridge.model.progress import Progress
from bridge.model.steps import Step
from bridge.output.check_text import readable
from bridge.output.redaction import Hide, redacted_streams
from bridge.output.text import proof_words, recorded_words, step_words


class FreezeText(Progress):
    """How a freeze goes, as plain lines."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def notify(self, text: str) -> None:
        """Print a line."""
        self.console.print(escape(text))

    def recorded(self, version: Recorded, number: int, total: int) -> None:
        """Print the version and what became of it."""
        place = f"{number:>{len(str(total))}}/{total}"
        self.console.print(escape(f"{place}  {recorded_words(version)}"))


class CheckText(Progress):
    """How a check goes, as plain lines."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def notify(self, text: str) -> None:
        """Print a line."""
        self.console.print(escape(readable(text)))

    def proved(self, proof: Proof) -> None:
        """Print what was proved, or not."""
        colour = "green" if proof.ok else "red"
        outcome, rest = readable(proof_words(proof)).split(" ", 1)
        self.console.print(f"[{colour}]{outcome}[/] {escape(rest)}")


class TextProgress(Progress):
    """Progress as plain lines: one for each step, when it is done."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.place = ""

    def notify(self, text: str) -> None:
        """Print a line of preparation."""
        self._print(escape(text))

    def begin(self, step: Step, number: int, total: int) -> None:
        """Remember the number of the step."""
        self.place = f"{number:>{len(str(total))}}/{total}"

    def done(self, step: Step, seconds: float) -> None:
        """Print the step and its time."""
        verb, what, _remark = step_words(step)
        self._print(f"{self.place}  {verb} {escape(what)}  {seconds:.2f} s")

    def close(self) -> None:
        """There is nothing to take away."""

    def _print(self, line: str) -> None:
        try:
            self.console.print(line)
        except (BrokenPipeError, SystemExit):  # rich makes the one into the other
            # Whoever read the output wants no more of it (`| head`): no reason to stop half-way.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.console.file.fileno())
            os.close(null)


class TerminalProgress(TextProgress):
    """Progress on a terminal: the lines, and under them a bar with the step that runs."""

    def __init__(self, console: Console, hide: Hide) -> None:
        super().__init__(console)
        self._streams = redacted_streams(hide)

    @cached_property
    def bar(self) -> Any:
        """The bar, made when the first step begins: most runs have nothing to do."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import Progress as Bar

        return Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )

    @cached_property
    def task(self) -> Any:
        """The bar's only task."""
        return self.bar.add_task("", total=None)

    def begin(self, step: Step, number: int, total: int) -> None:
        """Show the step beside the bar."""
        super().begin(step, number, total)
        if "bar" not in self.__dict__:
            self.bar.start()
            # rich now stands in the place of both streams, and writes past those before it.
            self._streams.__enter__()
        self.bar.update(self.task, description=escape(str(step)), total=total, completed=number - 1)

    def close(self) -> None:
        """Take the bar away."""
        if "bar" in self.__dict__:
            self._streams.__exit__(None, None, None)
            self.bar.stop()
