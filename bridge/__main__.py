"""The process of the command line: ``bridge``, and ``python -m bridge``."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line.

    What an import makes is no garbage, and to look for some in it is a quarter of a short command's
    time. So nobody looks before the command is there, nor ever again at what is there by then, nor
    at the end, when all of it goes.
    """
    gc.disable()
    # Not above: all that is imported here is made without the collector.
    from bridge.cli.main import main as command_line

    for word in sys.argv[1:]:
        if not word.startswith("-"):
            command_line.commands.get(word)
            break
    gc.freeze()
    gc.enable()
    try:
        command_line()
    finally:
        gc.freeze()


if __name__ == "__main__":  # a process of `check` imports it, too
    main()
