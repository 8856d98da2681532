"""`bridge snapshot`: old databases as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.cli.common import common
from bridge.cli.groups import GroupWithDefault
from bridge.cli.options import (
    folder_option,
    force_option,
    json_option,
    name_option,
    scratch_option,
    versions_of,
)
from bridge.output.snapshot_text import print_imported, print_snapshot, print_snapshots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.api import Bridge
    from bridge.output.console import Output


@click.group(cls=GroupWithDefault, default="list")
def snapshot() -> None:
    """Old databases as files, to try upgrades with: generated, or an administrator's."""


@snapshot.command("list")
@folder_option
@json_option
@common
def list_snapshots(bridge: Bridge, output: Output, folder: Path | None) -> None:
    """List them: at which versions each is, its kind and size. Reads only."""
    print_snapshots(output, bridge.snapshots(folder))


@snapshot.command("create")
@click.option(
    "--at",
    multiple=True,
    required=True,
    metavar="NAME=VERSION",
    callback=versions_of,
    help="The version of a legacy repository. What it requires comes along; other repositories "
    "are not in the database.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many rows each table has at least; default: 5.",
)
@click.option("--plain", is_flag=True, help="Ordinary rows only, no edge values.")
@click.option(
    "--kind",
    type=click.Choice(["sqlite", "postgresql", "mysql"]),
    help="The kind of database; default: that of --scratch-url where it is given here, else "
    "sqlite.",
)
@scratch_option
@folder_option
@name_option
@force_option
@json_option
@common
def create_snapshot(
    bridge: Bridge, output: Output, at: dict[str, int], kind: str | None, **options: Any
) -> None:
    """Make an old database up, from the legacy history, with rows put in on the way."""
    source = click.get_current_context().get_parameter_source("urls")
    if kind is None and source is not click.core.ParameterSource.COMMANDLINE:
        kind = "sqlite"
    found = bridge.create_snapshot(at, kind=kind, progress=output.remarks(), **options)
    print_snapshot(output, found)


@snapshot.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--anonymize",
    is_flag=True,
    help="Scrub all texts: other ones of the same length and shape, other for other, the same for "
    "the same.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="TABLE.COLUMN",
    help="With --anonymize: leave the texts of this column as they are.",
)
@scratch_option
@folder_option
@name_option
@force_option
@json_option
@common
def import_snapshot(
    bridge: Bridge, output: Output, file: Path, keep: Sequence[str], **options: Any
) -> None:
    """Take in an old database: a SQLite file, or what .dump, pg_dump or mariadb-dump wrote."""
    if keep and not options["anonymize"]:
        raise click.UsageError("--keep is for --anonymize: without it, every text stays.")
    found = bridge.import_snapshot(file, keep=keep, progress=output.remarks(), **options)
    print_imported(output, found)
