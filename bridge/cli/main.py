"""The command line: which commands there are, and where each of them is."""

from __future__ import annotations

import click

from bridge.cli.groups import Cli, LazyCommands
from bridge.model.version import VERSION

_MODULES = {
    "upgrade": (
        *("status", "plan", "dbupdate", "history", "resume", "restore", "verify", "adopt"),
    ),
    "develop": ("revision", "alembic", "graph", "freeze", "init"),
    "check": ("check",),
    "snapshots": ("snapshot",),
    "modules": ("modules",),
    "runtime": ("runtime",),
}

COMMANDS = {
    name: f"bridge.cli.commands.{module}:{name}"
    for module, names in _MODULES.items()
    for name in names
}
"""Where each command is. Only the one that is called is imported."""


@click.group(
    cls=Cli,
    commands=LazyCommands(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION, prog_name="bridge")
def main() -> None:
    """Take a database under sqlalchemy-migrate to the Alembic heads, in one command.

    Administrators run `bridge status` and `bridge dbupdate`.
    """
