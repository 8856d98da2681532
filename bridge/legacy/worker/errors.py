"""What went wrong, in words and with the place that the parent shows."""

from __future__ import annotations

import contextlib
import os
import traceback
from typing import Any

from . import python2

OWN = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "")
"""The folder of all that this process has of bridge."""


class Problem(Exception):  # noqa: N818 (a finding, not a failure)
    """What keeps a script or a registry from being used.

    :param line: in the script.
    :param script: the file, where it is another one than the script that was loaded.
    """

    def __init__(self, message: str, line: int | None = None, script: str | None = None) -> None:
        super().__init__(message)
        self.line, self.script = line, script

    def as_dict(self, **where: Any) -> dict[str, Any]:
        """Return it as the protocol has it; `where` names its place."""
        if self.script:
            where["script"] = self.script
        return {**where, "line": self.line, "message": str(self)}


def describe_error(error: BaseException) -> str:
    """Return what an exception of a script's says."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return f"it ended the program with status {int(error.code or 0)}"
        return str(error.code)
    original = getattr(error, "orig", None)
    if not isinstance(original, BaseException):
        original = error
    try:
        said = str(original)
    except Exception:  # an exception of the app's whose text cannot be made
        said = ""
    kind = type(original).__name__
    text = f"{kind}: {said}" if said else kind
    return f"{text} (it is Python 2)" if python2.is_python_2(original, said) else text


def describe_import_error(error: BaseException, path: str | None = None) -> str:
    """Return why a module or script cannot be loaded.

    :param path: the script that asked for it; None for this process.
    """
    if type(error).__name__ == "InvalidScriptError":
        return "it has no function upgrade()"
    if isinstance(error, SyntaxError) and error.filename and not is_same_file(error.filename, path):
        why = python2.describe_syntax_error(error)
        return f"it imports {error.filename}: line {error.lineno}: {why}"
    if not isinstance(error, ModuleNotFoundError):
        return describe_error(error)
    if error.name in python2.MODULES:
        what = f"it is Python 2: it imports {error.name}"
    else:
        what = f"it imports {error.name}, which the legacy runtime does not have"
    # The script may import a module of the app's, and that one what is missing.
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    if frames and not is_same_file(frames[-1].filename, path) and not is_own(frames[-1].filename):
        what += f" (in {frames[-1].filename}, line {frames[-1].lineno})"
    return what


def last_app_frame(error: BaseException) -> tuple[str | None, int | None]:
    """Return the file and line of the app's that raised an exception, if the app has raised it."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if "importlib" not in frame.filename and not is_own(frame.filename):
            return frame.filename, frame.lineno
    return None, None


def line_in(error: BaseException, path: str) -> int | None:
    """Return the last line of a file through which an exception went."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if is_same_file(frame.filename, path):
            return frame.lineno
    return None


def is_same_file(one: str, other: str | None) -> bool:
    """Return whether two paths are the same."""
    return other is not None and os.path.abspath(one) == os.path.abspath(other)


def is_own(path: str) -> bool:
    """Return whether a file is of this process itself, and of no script."""
    return os.path.abspath(path).startswith(OWN)


def print_traceback() -> None:
    """Print the exception that is being handled, for the log."""
    with contextlib.suppress(Exception):  # a script may have closed standard error
        traceback.print_exc()
