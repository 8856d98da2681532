"""What every command that works on a database has in common."""

from __future__ import annotations

import copy
import functools
import sys
from typing import TYPE_CHECKING, Any

import click

from bridge.api import Bridge
from bridge.cli.errors import speaking
from bridge.cli.options import Command, config_option, debug_option, url_option
from bridge.database.secrets import scrub
from bridge.database.url import environment_url
from bridge.output.console import Output
from bridge.output.text import print_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.model.steps import Plan


def common(command: Command) -> Command:
    """Give a command the options that all have, and the handling of errors.

    It is called with the bridge, the output, and its own options.
    """

    @config_option
    @url_option
    @debug_option
    @functools.wraps(command)
    def wrapped(
        debug: bool,
        as_json: bool = False,
        app: Callable[[], Bridge] | None = None,
        **options: Any,
    ) -> None:
        config, url = options.pop("config", None), options.pop("url", None)
        typed = [text for text in (url, environment_url()) if text]
        known: list[Bridge] = []

        def hide(text: str) -> str:
            return known[0].scrub(text) if known else scrub(text, *typed)

        output = Output(
            as_json=as_json, debug=debug, program=program() if app else "bridge", hide=hide
        )
        # SQL that Alembic writes is data, in which a word may be that of a password.
        prints = "--sql" not in options.get("arguments", ())
        with speaking(output, alone=as_json or options.get("sql", False), prints=prints):
            # An app's own command line says itself which bridge it is.
            known.append(app() if app else Bridge.from_config(config, url=url))
            command(known[0], output, **options)

    return wrapped  # type: ignore[return-value]


def bound(command: click.Command, app: Callable[[], Bridge]) -> click.Command:
    """Return a copy of a command for the command line of an app, which knows its configuration."""
    copied = copy.copy(command)
    copied.of_an_app = True  # type: ignore[attr-defined]
    if isinstance(copied, click.Group):
        copied.commands = {name: bound(c, app) for name, c in copied.commands.items()}
    elif copied.callback is not None:
        copied.callback = functools.partial(copied.callback, app=app)
        copied.params = [p for p in copied.params if p.name not in ("config", "url")]
        if isinstance(copied.options_metavar, str):
            copied.options_metavar = copied.options_metavar.replace(
                "[--config FILE] [--url URL] ", ""
            )
    return copied


def program() -> str:
    """Return what stands before the name of a command of ours on the app's command line."""
    context = click.get_current_context()
    while context.parent is not None and hasattr(context.command, "of_an_app"):
        context = context.parent
    return context.command_path


def can_ask(output: Output) -> bool:
    """Return whether there is somebody at a terminal."""
    return not output.as_json and sys.stdin.isatty() and output.out.is_terminal


def asking(output: Output, yes: bool, *, default: bool = True) -> Callable[[Plan], bool]:
    """Return what asks before the first write, where there is somebody to ask."""
    if yes or not can_ask(output):
        return lambda _plan: True

    def ask(plan: Plan) -> bool:
        print_plan(output, plan)
        return click.confirm("Go on?", default=default)

    return ask
