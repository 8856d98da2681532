"""Keeps passwords out of errors, with all that caused them, and out of streams."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, cast

from bridge.model.errors import BridgeError
from bridge.model.remedy import redact

Hide = Callable[[str], str]
"""Gives a text back without the passwords in it."""

_Done = dict[int, tuple[BaseException, BaseException]]
"""By its id, each error and what is shown for it. Two may have one cause, or be each other's."""


class Scrubbed(Exception):  # noqa: N818 (it stands for one that may be no error)
    """Stands for an exception whose text cannot be had without the password that is in it."""


@contextmanager
def redacted(hide: Hide) -> Iterator[None]:
    """No error leaves this block with a password, in itself or in what a traceback shows of it."""
    try:
        yield
    except BaseException as error:
        shown = scrubbed(error, hide)
        if shown is error:
            raise
        # Naming a cause keeps the error itself out of tracebacks.
        raise shown from shown.__cause__ or shown.__context__


def scrubbed(error: BaseException, hide: Hide, done: _Done | None = None) -> BaseException:
    """Return the error without passwords, with all that caused it.

    An exception of another program whose text is not made of its arguments gives way to a
    `Scrubbed`; the others stay what they are.
    """
    done = {} if done is None else done
    if id(error) in done:
        return done[id(error)][1]
    shown = _scrubbed_alone(error, hide)
    done[id(error)] = (error, shown)
    suppressed = error.__suppress_context__
    for link in ("__cause__", "__context__"):
        before = getattr(error, link)
        setattr(shown, link, before and scrubbed(before, hide, done))
    shown.__suppress_context__ = suppressed  # which setting a cause sets too
    return shown


def _scrubbed_alone(error: BaseException, hide: Hide) -> BaseException:
    if isinstance(error, BridgeError):
        error.message, error.remedies = hide(error.message), redact(error.remedies, hide)
        error.state_of_data = hide(error.state_of_data)
        error.args = (error.message,)
        return error
    if not _tells(error, hide):
        return error
    error.args = tuple(hide(a) if isinstance(a, str) else a for a in error.args)
    # What is no Exception ends programs: it must stay what it is.
    if not isinstance(error, Exception) or not _tells(error, hide):
        return error
    return Scrubbed(hide(_text(error))).with_traceback(error.__traceback__)


def _tells(error: BaseException, hide: Hide) -> bool:
    """Return whether there is something to hide in what is shown of the exception alone."""
    return any(hide(words) != words for words in (_text(error), repr(error)))


def _text(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)).strip()


class ScrubbedStream:
    """A text stream that hides passwords in what is written; in all else the one behind it."""

    def __init__(self, stream: Any, hide: Hide) -> None:
        self._stream, self._hide = stream, hide

    def write(self, text: str) -> int:
        """Write the text, without its passwords."""
        self._stream.write(self._hide(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each line, without its passwords."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def redacted_streams(hide: Hide, *, output: bool = True) -> Iterator[None]:
    """Keep passwords out of what the app's own code prints or logs meanwhile.

    :param output: whether standard output too, or standard error alone.
    """
    with ExitStack() as stack:
        stack.enter_context(redirect_stderr(cast("Any", ScrubbedStream(sys.stderr, hide))))
        if output:
            stack.enter_context(redirect_stdout(cast("Any", ScrubbedStream(sys.stdout, hide))))
        yield
