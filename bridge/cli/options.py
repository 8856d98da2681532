"""The options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from bridge.database.url import SCRATCH_VARIABLE
from bridge.upgrade.run import LOCK_SECONDS

if TYPE_CHECKING:
    from bridge.legacy.methods import Methods

Command = TypeVar("Command", bound=Callable[..., Any])


class RunOptions(TypedDict, total=False):
    """The options of commands that run a plan, as `Bridge` takes them."""

    method: Methods
    accept_drift: Sequence[str]
    backup: bool | None
    lock_timeout: float
    from_statement: int | None


FILE = click.Path(path_type=Path, dir_okay=False, writable=True)


def not_empty(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Refuse an empty --url: a variable that was not set is never the configuration's database."""
    if value == "":
        raise click.BadParameter("is empty")
    return value


def versions_of(
    _context: click.Context, _parameter: click.Parameter, values: Sequence[str]
) -> dict[str, int]:
    """Read NAME=VERSION, of each legacy repository."""
    found = {}
    for value in values:
        name, equals, number = value.rpartition("=")
        if not equals or not number.isdigit():
            raise click.BadParameter(f"{value} is not NAME=VERSION, such as core=12")
        found[name] = int(number)
    return found


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration file; default: bridge.toml, or pyproject.toml, here or above.",
)

url_option = click.option(
    "--url",
    callback=not_empty,
    help="The database; wins over BRIDGE_DATABASE_URL and the file.",
)

debug_option = click.option("--debug", is_flag=True, help="Show tracebacks and what scripts print.")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")

yes_option = click.option("--yes", is_flag=True, help="Do not ask before the first write.")

backup_option = click.option(
    "--backup/--no-backup",
    default=None,
    help="Make a backup before the first write, or none. SQLite files are backed up when nothing "
    "is said, servers when backup.servers says so.",
)

accept_option = click.option(
    "--accept-drift",
    multiple=True,
    metavar="NAME",
    help="Continue although the schema differs in this from the frozen one: a name as it is "
    "listed, or a pattern.",
)

lock_option = click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=LOCK_SECONDS,
    help=f"How long to wait for another run's end; default: {LOCK_SECONDS:g}.",
)

legacy_option = click.option(
    "--legacy",
    "method",
    type=click.Choice(["auto", "live", "replay"]),
    default="auto",
    help="How legacy versions are run: replay only what is frozen, live only the scripts, auto "
    "(the default) what is frozen where that does the same.",
)


def scratch_options(what: str) -> Callable[[Command], Command]:
    """Return the options of what makes databases of its own.

    :param what: what it does on them.
    """

    def decorated(command: Command) -> Command:
        servers = click.option(
            "--scratch-url",
            "urls",
            multiple=True,
            metavar="URL",
            envvar=SCRATCH_VARIABLE,
            help=f"A server to {what}, besides SQLite; databases are created there, and dropped. "
            f"Also from {SCRATCH_VARIABLE}, several with spaces between.",
        )
        files = click.option(
            "--sqlite/--no-sqlite", default=True, help=f"Whether to {what} SQLite too."
        )
        return servers(files(command))

    return decorated


scratch_option = click.option(
    "--scratch-url",
    "urls",
    multiple=True,
    metavar="URL",
    envvar=SCRATCH_VARIABLE,
    help="A server on which databases are created, and dropped. Also from "
    f"{SCRATCH_VARIABLE}, several with spaces between.",
)

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the snapshots are; default: check.snapshots, or the folder snapshots beside the "
    "configuration.",
)

name_option = click.option(
    "--name", metavar="NAME", help="The file's name; default: made of the versions."
)

force_option = click.option("--force", is_flag=True, help="Replace a snapshot of that name.")
