"""Lines on a stream: plain in a log, with colours on a terminal.

rich, which draws tables and bars, takes 0.05 s to import. Lines alone do without it.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

Part = str | tuple[str, str]
"""A piece of a line: its text, or its style and its text."""

_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

# A terminal would obey them: bell, backspace, vertical tab, form feed, carriage return.
_OBEYED = dict.fromkeys((7, 8, 11, 12, 13))


class Writer:
    """Writes lines to a stream.

    :param stream: the stream of now, also while that of scripts is another one.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @cached_property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it: a terminal, or what the environment says is one."""
        compatible = os.environ.get("TTY_COMPATIBLE")
        if compatible in ("0", "1"):
            return compatible == "1"
        forced = os.environ.get("FORCE_COLOR")
        if forced is not None:
            return forced != ""
        try:
            return self.stream.isatty()
        except (AttributeError, ValueError):  # it is closed, or no file at all
            return False

    @cached_property
    def console(self) -> Console:
        """Rich's console on the same stream, for tables and bars."""
        # 0.05 s: only what draws has need of it.
        from rich.console import Console

        # soft_wrap: a path or an SQL statement that is broken in two cannot be copied.
        return Console(file=self.stream, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def line(self, *parts: Part) -> None:
        """Write a line, or several where there are line breaks in it."""
        pairs = [("", part) if isinstance(part, str) else part for part in parts]
        pairs = [(style, text.translate(_OBEYED)) for style, text in pairs]
        if not self._has_styles:
            text = "".join(text for _style, text in pairs)
            self.write("\n".join(line.expandtabs(8) for line in text.split("\n")) + "\n")
        elif sys.platform == "win32":
            # Not every console there knows codes; rich tells them apart.
            from rich.text import Text

            self.console.print(Text.assemble(*((text, style) for style, text in pairs)))
        else:
            self.write("".join(self._styled(style, text) for style, text in pairs) + "\n")

    def write(self, text: str) -> None:
        """Write text as it is.

        :raises SystemExit: whoever read the stream wants no more of it: ``bridge ... | head``.
        """
        try:
            self.stream.write(text)
            self.stream.flush()
        except UnicodeEncodeError as error:
            error.reason += (
                "\n*** You may need to add PYTHONIOENCODING=utf-8 to your environment ***"
            )
            raise
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stream.fileno())
            os.close(null)
            raise SystemExit(1) from None

    @cached_property
    def _has_styles(self) -> bool:
        return self.is_terminal and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")

    def _styled(self, style: str, text: str) -> str:
        colourless = style != "bold" and os.environ.get("NO_COLOR")
        if not style or colourless:
            return text
        return re.sub(r"[^\n]+", lambda line: f"\x1b[{_CODES[style]}m{line[0]}\x1b[0m", text)
