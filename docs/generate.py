"""Writes the pages that are made from the code: `docs/cli.md`.

Usage: python docs/generate.py [--check]

With --check nothing is written; a page that is stale is shown as a diff, and the status is 1.
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.cli.main import main as bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parent

# A line of --help is as long on every machine.
WIDTH = 80

CLI_HEAD = """\
<!-- Made by docs/generate.py from the code; `make generate` writes it. -->

# Command line

Every command that works on a database takes `--config`, `--url` and `--debug`.
How the configuration file and the database are found is in [Configuration](configuration.md);
the exit statuses are in [Errors](errors.md#exit-statuses).
"""


def contexts(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """Yield the command and all its subcommands, as click sees them when they are called."""
    context = command.context_class(
        command, info_name=name, parent=parent, terminal_width=WIDTH, **command.context_settings
    )
    yield context
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from contexts(command.commands[child], child, context)


def cli_page() -> str:
    """Return the text of `docs/cli.md`."""
    sections = [CLI_HEAD]
    for context in contexts(bridge, "bridge"):
        text = context.command.get_help(context)
        sections.append(f"## {context.command_path}\n\n```text\n{text}\n```\n")
    return "\n".join(sections)


def pages() -> dict[Path, str]:
    """Each generated file with the text that it should have."""
    return {DOCS / "cli.md": cli_page()}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` compare them; returns the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = False
    for path, wanted in pages().items():
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        if found == wanted:
            continue
        stale = True
        name = f"docs/{path.name}"
        if not arguments:
            path.write_text(wanted, encoding="utf-8")
            print(f"{name} written")
            continue
        lines = difflib.unified_diff(
            found.splitlines(), wanted.splitlines(), name, f"{name} as it should be", lineterm=""
        )
        print("\n".join(lines))
    if stale and arguments:
        print("A page that is made from the code is stale. Run: make generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
