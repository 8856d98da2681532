"""Every error becomes its output and its exit status, without a password and a traceback."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from bridge.cli.groups import INTERRUPTED
from bridge.model.errors import BridgeError
from bridge.model.remedy import Remedies, Remedy
from bridge.output.redaction import redacted_streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.output.console import Output


class InternalError(BridgeError):
    """Something that bridge did not foresee: a defect."""

    code = "internal"


class InterruptedRunError(BridgeError):
    """A run that somebody ended with Ctrl+C."""

    code = "interrupted"
    exit_status = INTERRUPTED


@contextlib.contextmanager
def speaking(output: Output, *, alone: bool, prints: bool = True) -> Iterator[None]:
    """Let no password and no traceback out while a command runs.

    :param alone: whatever scripts, env.py and hooks print must not mix with the JSON, or the SQL.
    :param prints: what goes to standard output is text in which passwords are hidden.
    """
    clean = contextlib.redirect_stdout(sys.stderr) if alone else contextlib.nullcontext()
    with handled(output), clean, redacted_streams(output.hide, output=prints):
        if output.debug:
            logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
        yield


@contextlib.contextmanager
def handled(output: Output) -> Iterator[None]:
    """Print every error and end with its exit status; a traceback only with `--debug`."""
    try:
        yield
    except BridgeError as error:
        fail(output, error)
    except KeyboardInterrupt as interrupt:
        fail(output, _interrupted(interrupt))
    except (click.exceptions.Exit, click.ClickException, click.Abort):
        raise
    except BrokenPipeError:
        # Whoever read the output wants no more of it: `bridge ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(1) from None
    except Exception as error:  # noqa: BLE001 - no traceback reaches an administrator
        internal = InternalError(
            f"bridge met an unexpected error: {type(error).__name__}: {error}",
            help=[
                Remedy("Run it again with --debug, and report what it prints."),
                Remedy("See where the database stands", ("status",)),
            ],
            state_of_data="Finished steps stay done.",
        )
        internal.__cause__ = error
        fail(output, internal)


def _interrupted(interrupt: KeyboardInterrupt) -> InterruptedRunError:
    message: str = "Interrupted."
    state = "Finished steps stay done, the one that was running may be half done."
    remedies: Remedies = (
        Remedy("Run it again", ("dbupdate",)),
        Remedy("See where the database stands", ("status",)),
    )
    if len(interrupt.args) == 3:  # the run says more; an app may raise one of its own
        message, state, remedies = interrupt.args
    return InterruptedRunError(message, help=remedies, state_of_data=state)


def fail(output: Output, error: BridgeError) -> NoReturn:
    """Print the error and end with its status."""
    output.error(error)
    raise click.exceptions.Exit(error.exit_status)
