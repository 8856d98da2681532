"""The administrator's commands: where a database stands, and all that changes it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.cli.common import asking, can_ask, common
from bridge.cli.options import (
    RunOptions,
    accept_option,
    backup_option,
    json_option,
    legacy_option,
    lock_option,
    versions_of,
    yes_option,
)
from bridge.model.errors import DriftError, NotConfirmedError
from bridge.model.remedy import Remedy
from bridge.output.rehearsal_text import print_rehearsal
from bridge.output.text import (
    print_history,
    print_plan,
    print_report,
    print_restored,
    print_status,
    print_verification,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from bridge.api import Bridge
    from bridge.legacy.methods import Methods
    from bridge.output.console import Output

UPGRADE_NEEDED = 10
"""The status of `status --exit-code` when an upgrade is needed."""


@click.command()
@json_option
@click.option("--exit-code", is_flag=True, help="End with 10 when an upgrade is needed.")
@common
def status(bridge: Bridge, output: Output, exit_code: bool) -> None:
    """Say where the database stands. Reads only."""
    state = bridge.status()
    pending = None if state.problem else len(bridge.plan_from(state).steps)
    print_status(output, state, pending)
    if exit_code and state.problem:
        raise click.exceptions.Exit(state.problem.exit_status)
    if exit_code and pending:
        raise click.exceptions.Exit(UPGRADE_NEEDED)


@click.command()
@json_option
@legacy_option
@common
def plan(bridge: Bridge, output: Output, method: Methods) -> None:
    """Say what dbupdate would do, step by step. Reads only."""
    print_plan(output, bridge.plan(method=method))


@dataclass(frozen=True)
class _Upgrade:
    """What the options of `dbupdate` ask for."""

    dry_run: bool
    rehearse: bool
    sql: bool
    starts: Sequence[str]
    yes: bool
    method: Methods
    accept_drift: Sequence[str]
    backup: bool | None
    lock_timeout: float

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        given = {"--dry-run": self.dry_run, "--rehearse": self.rehearse, "--sql": self.sql}
        several = [name for name, wanted in given.items() if wanted]
        if len(several) > 1:
            raise click.UsageError(f"{' and '.join(several)} are two things: give one of them.")
        if self.starts and not self.sql:
            raise click.UsageError("--from is for --sql: a run looks at the database itself.")
        if self.sql and self.method == "live":
            raise click.UsageError(
                "--sql has only what is frozen, and --legacy live has none of it."
            )


@click.command()
@json_option
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option(
    "--rehearse",
    is_flag=True,
    help="Run it all on a copy, and report the result. Asks nobody, makes no backup and does "
    "not wait for other runs.",
)
@click.option(
    "--sql",
    is_flag=True,
    help="Print it all as an SQL script, for the database's own client, and change nothing.",
)
@click.option(
    "--from",
    "starts",
    multiple=True,
    metavar="START",
    help="With --sql: where the database stands, which then is not looked at. NAME=VERSION of each "
    "legacy repository, an Alembic revision, or base for an empty database.",
)
@yes_option
@legacy_option
@accept_option
@backup_option
@lock_option
@common
def dbupdate(bridge: Bridge, output: Output, **options: Any) -> None:
    """Take the database to the Alembic heads, from wherever it stands."""
    asked = _Upgrade(**options)
    if asked.sql:
        _print_sql(bridge, output, asked)
    elif asked.dry_run:
        print_plan(output, bridge.plan(method=asked.method))
    elif asked.rehearse:
        _rehearse(bridge, output, asked)
    else:
        _update(
            bridge,
            output,
            asked.yes,
            backup=asked.backup,
            lock_timeout=asked.lock_timeout,
            method=asked.method,
            accept_drift=asked.accept_drift,
        )


def _print_sql(bridge: Bridge, output: Output, asked: _Upgrade) -> None:
    script = bridge.sql(
        starts=asked.starts or None, accept_drift=asked.accept_drift, progress=output.remarks()
    )
    if output.as_json:
        script = json.dumps({"sql": script}, indent=2, ensure_ascii=False) + "\n"
    # In a value, too, no word may become another one.
    output.bytes(script)


def _rehearse(bridge: Bridge, output: Output, asked: _Upgrade) -> None:
    with contextlib.closing(output.progress()) as progress:
        rehearsal = bridge.rehearse(
            progress=progress, method=asked.method, accept_drift=asked.accept_drift
        )
    print_rehearsal(output, rehearsal)


def _update(bridge: Bridge, output: Output, yes: bool, **options: Unpack[RunOptions]) -> None:
    """Ask, run and report, as dbupdate and resume do."""
    with contextlib.closing(output.progress()) as progress:
        report = bridge.dbupdate(confirm=asking(output, yes), progress=progress, **options)
    print_report(output, report)


@click.command()
@json_option
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    default=10,
    help="How many runs, the newest; default: 10.",
)
@common
def history(bridge: Bridge, output: Output, limit: int) -> None:
    """Say which runs have changed the database, and how each step ended. Reads only."""
    print_history(output, bridge.history()[-limit:])


@click.command()
@json_option
@click.option(
    "--from-statement",
    type=click.IntRange(min=1),
    metavar="N",
    help="The statement to resume at; those before it count as done.",
)
@yes_option
@backup_option
@lock_option
@common
def resume(bridge: Bridge, output: Output, yes: bool, **options: Unpack[RunOptions]) -> None:
    """Resume an upgrade that was interrupted in the middle of a step.

    Only where dbupdate has said that it cannot go on by itself: on MySQL and MariaDB, which commit
    each change of the schema by itself, and after legacy versions that run statement by statement.
    """
    _update(bridge, output, yes, **options)


@click.command()
@click.argument("file", metavar="BACKUP", type=click.Path(path_type=Path))
@json_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--other-database", is_flag=True, help="Accept a backup of another database, too.")
@backup_option
@lock_option
@common
def restore(bridge: Bridge, output: Output, file: Path, yes: bool, **options: Any) -> None:
    """Make the database what it was when BACKUP was made. What came later is gone.

    Stop the app before. What is there now is backed up first, as before an upgrade.
    """
    if not yes:
        _ask_to_restore(bridge, output, file)
    before = bridge.restore(file, progress=output.progress(), **options)
    print_restored(output, file, before)


def _ask_to_restore(bridge: Bridge, output: Output, file: Path) -> None:
    if not can_ask(output):
        raise NotConfirmedError(
            "What came after the backup would be gone, and there is nobody here to ask.",
            help=Remedy("Run it again with --yes", ("restore", str(file), "--yes")),
        )
    question = f"Put {file} back into {bridge.shown()}? What came later is gone."
    if not click.confirm(question):
        raise NotConfirmedError(
            "The restore was not confirmed.",
            help=Remedy("Run it again", ("restore", str(file))),
        )


@click.command()
@json_option
@common
def verify(bridge: Bridge, output: Output) -> None:
    """Compare the schema with what was recorded of the version that it is at. Reads only."""
    verification = bridge.verify()
    print_verification(output, verification)
    if verification.stops:
        raise click.exceptions.Exit(DriftError.exit_status)


@click.command()
@click.option(
    "--legacy",
    "versions",
    multiple=True,
    required=True,
    metavar="NAME=VERSION",
    callback=versions_of,
    help="The version that the database is at, of each legacy repository that is in it.",
)
@accept_option
@json_option
@yes_option
@backup_option
@lock_option
@common
def adopt(
    bridge: Bridge,
    output: Output,
    versions: dict[str, int],
    yes: bool,
    **options: Unpack[RunOptions],
) -> None:
    """Write down the version of a database that has none, once its schema is that version's.

    `bridge status` names the version that it is most like.
    """
    with contextlib.closing(output.progress()) as progress:
        report = bridge.adopt(versions, confirm=asking(output, yes), progress=progress, **options)
    print_report(output, report)
