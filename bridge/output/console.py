"""The one way out of the command line: text for people, or JSON.

On a terminal text has colours; elsewhere it is plain lines that a log can keep. With `--json`
only JSON goes to standard output. What is printed of each topic is in the module of its name.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from bridge.model.remedy import render, typed
from bridge.output.progress import TerminalProgress, TextProgress
from bridge.output.redaction import Hide, scrubbed
from bridge.output.writer import Part, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bridge.model.errors import BridgeError


class Output:
    """Where the command line writes: text for people, or JSON.

    :param as_json: only JSON goes to standard output, errors too.
    :param debug: an error is followed by its traceback, on standard error.
    :param program: what to type for "bridge": an app's own command line has another name for it.
    :param hide: takes the passwords out of what other programs have written.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        debug: bool = False,
        program: str = "bridge",
        hide: Hide = lambda text: text,
    ) -> None:
        self.as_json, self.debug, self.program = as_json, debug, program
        self.hide = hide
        # Remarks and progress go to standard error: the output may be read by a program.
        self.out, self.errors = Writer(sys.stdout), Writer(sys.stderr)

    # --- any command's output -------------------------------------------------------------

    def json(self, document: Mapping[str, Any]) -> None:
        """Print a document."""
        text = json.dumps(document, indent=2, ensure_ascii=False)
        self.out.write(text + "\n")

    def line(self, *parts: Part) -> None:
        """Print a line; a part with a style is a tuple of both."""
        self.out.line(*parts)

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines without styles."""
        for line in lines:
            self.out.line(line)

    def pairs(self, rows: Sequence[tuple[str, str]], colours: Mapping[str, str] = {}) -> None:
        """Print labelled lines, or one JSON object of them.

        :param colours: those of the texts, by their labels.
        """
        if self.as_json:
            self.json({label.lower().replace(" ", "_"): text for label, text in rows})
            return
        width = max(len(label) for label, _text in rows)
        for label, text in rows:
            self.out.line(("bold", f"{label:<{width}}"), "  ", (colours.get(label, ""), text))

    def table(
        self, header: Sequence[str], rows: Iterable[Sequence[str]], *, has_header: bool = False
    ) -> None:
        """Print a table.

        :param has_header: its header goes into a log, too.
        """
        if self.out.is_terminal:
            _draw(self.out, header, rows)
            return
        rows = [header, *rows] if has_header else [*rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.out.line("  ".join(cells).rstrip())

    def bytes(self, text: str) -> None:
        """Print a text as UTF-8, as it is, whatever the terminal's or the shell's language is."""
        self.out.stream.flush()
        stream = getattr(self.out.stream, "buffer", None)
        if stream is None:
            self.out.write(text)
        else:
            stream.write(text.encode())
            stream.flush()

    def notify(self, text: str) -> None:
        """Print a remark to standard error."""
        self.errors.line(text)

    def command(self, *arguments: str) -> str:
        """Return one of our commands as it is typed on this command line."""
        return typed(arguments, self.program)

    # --- errors ---------------------------------------------------------------------------

    def error(self, error: BridgeError) -> None:
        """Print an error: to standard error, or as JSON to standard output."""
        scrubbed(error, self.hide)
        if self.debug:
            # No command pays for it that does not fail.
            import traceback

            # Lines of source code are in it too.
            self.errors.write(self.hide("".join(traceback.format_exception(error))))
        if self.as_json:
            self.json({"error": error.as_dict(self.program)})
            return
        self.problem(error, self.errors)

    def problem(self, error: BridgeError, writer: Writer | None = None) -> None:
        """Print what an error says.

        :param writer: where to; standard output if None.
        """
        writer = writer or self.out
        writer.line(("red", "Error"), f" [{error.code}] {error.message}")
        writer.line(f"State of the data: {error.state_of_data}")
        if error.remedies:
            writer.line(f"What to do: {render(error.remedies, self.program)}")

    # --- progress -------------------------------------------------------------------------

    def progress(self) -> TextProgress:
        """Return what shows the steps of a run; on standard error when JSON is wanted."""
        if self.out.is_terminal and not self.as_json:
            return TerminalProgress(self.out, self.hide)
        return TextProgress(self.errors if self.as_json else self.out)

    def remarks(self) -> TextProgress:
        """Return what a command tells its remarks that prints its outcome at the end."""
        return TextProgress(self.errors)


def _draw(writer: Writer, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Draw a table on a terminal."""
    # rich, 0.05 s: only a terminal's tables are drawn.
    from rich.table import Table

    table = Table(*header, box=None, header_style="dim")
    for row in rows:
        table.add_row(*row)
    writer.console.print(table, soft_wrap=False)
