"""Groups of commands: bridge's own, those of which one is the default, and commands that wait."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from importlib import import_module
from typing import Any

import click

INTERRUPTED = 130

TYPED_PASSWORD = re.compile(r"(://[^:/@\s]*:).*@")
"""Also one with characters that should have been quoted."""


class LazyCommands(MutableMapping[str, click.Command]):
    """The commands of a group, each imported when it is asked for.

    click asks a group's mapping for everything: what is listed, what is run, what is suggested.

    :param places: where each command is, as ``package.module:name``.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._loaded: dict[str, click.Command] = {}

    def load(self, name: str) -> click.Command:
        """Import a command.

        :raises KeyError: there is none of this name.
        """
        module, _, attribute = self._places[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            self._loaded[name] = self.load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._places.setdefault(name, "")
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Cli(click.Group):
    """A group whose usage errors are JSON too when `--json` is given."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run as click does, with status 2 for usage and the error as JSON where it is wanted."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        given = sys.argv[1:] if args is None else args
        try:
            sys.exit(super().main(args, standalone_mode=False, **extra) or 0)
        except click.ClickException as error:
            _show_usage_error(error, as_json="--json" in given)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("Aborted: nothing was done.", err=True)
            sys.exit(INTERRUPTED)


def _show_usage_error(error: click.ClickException, *, as_json: bool) -> None:
    """Print it without the password of a URL in the wrong place, which click quotes."""
    # SQLAlchemy, which knows URLs, takes 0.1 s: not to be imported before the command is.
    from bridge.database.secrets import scrub

    if as_json:
        message = scrub(TYPED_PASSWORD.sub(r"\1***@", error.format_message()))
        document = {"code": "usage", "message": message}
        document |= {"help": "bridge --help", "state_of_data": "Nothing was done."}
        click.echo(json.dumps({"error": document}, indent=2))
        return
    shown = io.StringIO()
    error.show(shown)
    click.echo(scrub(TYPED_PASSWORD.sub(r"\1***@", shown.getvalue())), nl=False, err=True)


class GroupWithDefault(click.Group):
    """A group with a command that runs, with its options, when none is named."""

    def __init__(self, *args: Any, default: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default's name before options that come without one."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)
