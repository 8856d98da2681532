"""The process of the command line: ``bridge``, and ``python -m bridge``."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line.

    Collecting garbage takes a quarter of a short command's time, and finds none: imported objects
    stay to the end. So the collector is off during the imports, ignores what exists by then, and
    ignores everything when the process ends.
    """
    gc.disable()
    # Imported here, while the collector is off.
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
