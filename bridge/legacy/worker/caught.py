"""Sees where a script catches the errors of a statement, for `bridge freeze`.

A statement that went through may fail beside other rows, and the script then does something else.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBRARIES = ("sqlalchemy", "migrate", "contextlib")

_EVERYWHERE = (0, sys.maxsize)

_ranges: dict[str, list[tuple[int, int]]] = {}


def is_caught(frame: Any) -> bool:
    """Return whether an error of what the worker hears of would be caught by a script.

    :param frame: of a function of the worker's, which SQLAlchemy has called.
    """
    while _is_ours(frame):
        frame = frame.f_back
    while frame is not None and not _is_ours(frame):
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in _LIBRARIES and _catches(frame.f_code.co_filename, frame.f_lineno):
            return True
        frame = frame.f_back
    return False


def _is_ours(frame: Any) -> bool:
    return bool(frame.f_globals.get("__package__") == __package__)


def _catches(file: str, line: int) -> bool:
    if file not in _ranges:
        _ranges[file] = list(_read_ranges(file))
    return any(first <= line <= last for first, last in _ranges[file])


def _read_ranges(file: str) -> Iterator[tuple[int, int]]:
    """Yield the first and the last line of what is tried, where errors are not raised again."""
    try:
        with open(file, "rb") as source:
            text = source.read()
    except OSError:  # <string>, or a part of Python itself
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # Python 2's
        if b"except" in text:
            yield _EVERYWHERE
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and not all(map(_raises, node.handlers)):
            lines = [getattr(n, "lineno", 0) for part in node.body for n in ast.walk(part)]
            yield node.body[0].lineno, max(lines)


def _raises(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise)
