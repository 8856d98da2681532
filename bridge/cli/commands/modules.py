"""`bridge modules`: the app's modules."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from bridge.cli.common import asking, can_ask, common
from bridge.cli.groups import GroupWithDefault
from bridge.cli.options import RunOptions, backup_option, json_option, lock_option
from bridge.model.errors import NotConfirmedError
from bridge.model.remedy import Remedy
from bridge.output.text import print_modules, print_report

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from bridge.api import Bridge
    from bridge.output.console import Output


@click.group(cls=GroupWithDefault, default="list")
def modules() -> None:
    """Show the app's modules: which are on, and where the database stands in each."""


@modules.command("list")
@json_option
@common
def list_modules(bridge: Bridge, output: Output) -> None:
    """List them: on, off or not installed, current revision, head. Reads only."""
    print_modules(output, bridge.modules())


@modules.command("remove")
@click.argument("name")
@json_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@backup_option
@lock_option
@common
def remove_module(
    bridge: Bridge, output: Output, name: str, yes: bool, **options: Unpack[RunOptions]
) -> None:
    """Undo every revision of a module: its tables and their rows are gone afterwards."""
    if not yes and not can_ask(output):
        raise NotConfirmedError(
            "Removing a module drops its tables, and there is nobody here to ask.",
            help=Remedy("Run it again with --yes", ("modules", "remove", name, "--yes")),
        )
    with contextlib.closing(output.progress()) as progress:
        confirm = asking(output, yes, default=False)
        report = bridge.remove_module(name, confirm=confirm, progress=progress, **options)
    print_report(output, report)
    if bridge.config.modules[name].enabled:
        output.notify(
            f"The module is still on: dbupdate would install it again. Switch it off first: "
            f"module.{name}.enabled = false"
        )
