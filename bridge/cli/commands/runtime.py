"""`bridge runtime`: the environment that runs the legacy scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.cli.common import common
from bridge.cli.groups import GroupWithDefault
from bridge.cli.options import json_option
from bridge.legacy.runtime import (
    LOCKED,
    extra_requirements,
    find_runtime,
    ready_runtime,
    remove_runtime,
)

if TYPE_CHECKING:
    from bridge.api import Bridge
    from bridge.output.console import Output


@click.group(cls=GroupWithDefault, default="show")
def runtime() -> None:
    """Manage the Python environment that runs sqlalchemy-migrate's scripts."""


@runtime.command()
@json_option
@common
def show(bridge: Bridge, output: Output) -> None:
    """Say which environment runs the legacy scripts, and whether it is there."""
    found = find_runtime(bridge.config)
    make = output.command("runtime", "make")
    ready = "yes" if found.exists else f"no; made when needed, or: {make}"
    output.pairs(
        [
            ("Origin", found.origin),
            ("Python", str(found.python)),
            ("Ready", ready),
            ("Locked", str(LOCKED)),
            ("Extra", ", ".join(extra_requirements(bridge.config)) or "none"),
        ]
    )


@runtime.command()
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Install from this folder of wheels, without a network.",
)
@common
def make(bridge: Bridge, output: Output, wheels: Path | None) -> None:
    """Make the environment now, where it does not exist yet."""
    ready = ready_runtime(bridge.config, wheels=wheels, progress=output.progress())
    output.pairs([("Origin", ready.origin), ("Python", str(ready.python)), ("Ready", "yes")])


@runtime.command()
@common
def remove(bridge: Bridge, output: Output) -> None:
    """Remove the private environment; it is made again when it is needed."""
    folder = remove_runtime(bridge.config)
    output.pairs([("Removed", str(folder) if folder else "nothing: there was none")])
