"""bridge's commands inside an application's own command line.

::

    cli.add_command(bridge.click.group("bridge.toml", name="db"))   # gmg db dbupdate
    cli.add_command(bridge.click.commands("bridge.toml")["dbupdate"])   # gmg dbupdate
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.cli.groups import LazyCommands
from bridge.cli.main import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from bridge.api import Bridge
    from bridge.project import Database

    Source = Bridge | Path | str | Callable[[], Bridge]
    """A `Bridge`, a configuration file, or a function that returns a `Bridge`."""


def group(
    config: Source, *, name: str = "db", url: Database | Callable[[], Database] | None = None
) -> click.Group:
    """Return a group of all of bridge's commands, for the application's own group.

    Their messages say what to type on the application's command line.

    :param config: read when a command runs, after the application has read its settings.
    :param url: the database, or a function that returns it; None for the configuration's own.
    """
    return click.Group(
        name,
        commands=commands(config, url=url),
        help="Upgrade the database, and see where it stands.",
    )


def commands(
    config: Source, *, url: Database | Callable[[], Database] | None = None
) -> MutableMapping[str, click.Command]:
    """Return the same commands by their names, for an existing group."""
    return _AppCommands(config, url)


class _AppCommands(LazyCommands):
    """The commands, each imported and bound to an application on demand."""

    def __init__(self, config: Source, url: Database | Callable[[], Database] | None) -> None:
        # An app that has bridge in its own command line does not need `init` any more.
        super().__init__({name: place for name, place in COMMANDS.items() if name != "init"})
        self._config, self._url = config, url

    def load(self, name: str) -> click.Command:
        """Import a command and bind it."""
        # Costs 0.2 s: SQLAlchemy, and all that runs an upgrade.
        from bridge.cli.common import bound

        return bound(super().load(name), self._bridge)

    def _bridge(self) -> Bridge:
        # As costly as in `load`, which has imported it already.
        from bridge.api import Bridge

        config, url = self._config, self._url
        if isinstance(config, Bridge):
            return config
        if not isinstance(config, str | Path):
            return config()
        return Bridge.from_config(config, url=url() if callable(url) else url)
