"""Exceptions of other programs as a person reads them: what was said, and where."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Sequence

SQL_LENGTH = 500
"""How many characters of a statement a message shows."""


def said(error: BaseException) -> str:
    """Return the text of an exception: the database's own with the statement, else type and text.

    What is written for people to read, as Alembic's complaints and warnings are, stands alone.
    """
    if isinstance(error, DBAPIError):
        statement = " ".join((error.statement or "").split())
        if len(statement) > SQL_LENGTH:
            # Between words: half a password could not be told for one.
            statement = f"{statement[:SQL_LENGTH].rpartition(' ')[0]} ..."
        return f"{str(error.orig).strip()}" + (f"\nSQL: {statement}" if statement else "")
    if isinstance(error, Warning) or type(error).__module__.startswith("alembic."):
        return str(error)
    return f"{type(error).__name__}: {error}"


def place(error: BaseException, folders: Sequence[Path]) -> str:
    """Where in files below `folders` an exception arose, as the end of a message; or nothing."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}, line {error.lineno})"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(folder in Path(frame.filename).resolve().parents for folder in folders):
            return f"\nAt: {frame.filename}, line {frame.lineno}"
    return ""
