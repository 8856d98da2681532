"""`bridge check`: proves every upgrade path, and writes what it proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bridge.cli.common import common
from bridge.cli.options import FILE, json_option, scratch_options
from bridge.database.secrets import scrub
from bridge.output.check_text import CheckText, print_checked, scrubbed
from bridge.output.html import page as as_page
from bridge.output.junit import junit as as_junit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bridge.api import Bridge
    from bridge.output.console import Output

NOT_PROVED = 12
"""The status of `check` when something does not hold."""


@click.command()
@scratch_options("check on")
@click.option("--junit", type=FILE, help="Write the proofs as JUnit XML.")
@click.option("--page", type=FILE, help="Write a page for the browser, all in one file.")
@click.option("--record", is_flag=True, help="Write down the schema at each Alembic revision, for "
              "verify and for later checks.")  # fmt: skip
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="On how many kinds of databases to work at once; default: one for each processor.",
)
@json_option
@common
def check(bridge: Bridge, output: Output, urls: Sequence[str], **options: Any) -> None:
    """Prove that every old install can be upgraded: from each legacy version and old database.

    Works on databases that it makes itself. Ends with 12 when something does not hold.
    """
    files: list[tuple[Path | None, Any]] = [
        (options.pop("junit"), as_junit),
        (options.pop("page"), as_page),
    ]
    found = bridge.check(urls, progress=CheckText(output.errors), **options)
    checked = scrubbed(found, lambda text: scrub(bridge.scrub(text), *urls))
    print_checked(output, checked)
    for path, write in files:
        if path is not None:
            path.write_text(write(checked), encoding="utf-8")
    if not (checked.ok and checked.proofs):
        raise click.exceptions.Exit(NOT_PROVED)
