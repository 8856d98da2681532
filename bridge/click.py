"""bridge's commands inside an application's own command line.

::

    cli.add_command(bridge.click.group("bridge.toml", name="db"))   # gmg db dbupdate
    cli.add_command(bridge.click.commands("bridge.toml")["dbupdate"])   # gmg dbupdate
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bridge.api import Bridge
from bridge.cli.main import bound, main
from bridge.project import Database

Source = Bridge | Path | str | Callable[[], Bridge]
"""A `Bridge`, a configuration file, or a function that gives the one to use."""


def group(
    config: Source, *, name: str = "db", url: Database | Callable[[], Database] | None = None
) -> click.Group:
    """A group of all of bridge's commands, for the application's own group.

    Their messages say what to type on the application's command line.

    :param config: asked when a command runs, so that the application may read its settings first.
    :param url: the database, or a function that gives it; the configuration's own when None.
    """
    return click.Group(
        name,
        commands=commands(config, url=url),
        help="Upgrade the database, and see where it stands.",
    )


def commands(
    config: Source, *, url: Database | Callable[[], Database] | None = None
) -> dict[str, click.Command]:
    """The same commands by their names, for those that are to stand in a group of another name."""

    def app() -> Bridge:
        if isinstance(config, Bridge):
            return config
        if not isinstance(config, str | Path):
            return config()
        return Bridge.from_config(config, url=url() if callable(url) else url)

    # An app that has bridge in its own command line is past the beginning.
    return {n: bound(command, app) for n, command in main.commands.items() if n != "init"}
