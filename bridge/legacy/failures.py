"""Describe what a failed legacy script has left behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import cause
from bridge.database.error_text import said
from bridge.database.secrets import scrub

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import URL

    from bridge.model.steps import RunLegacy

SAME_PROBLEMS = 20
"""How many scripts with the same problem a message lists."""


def frozen_error_text(error: BaseException, url: URL) -> str:
    """Return the text of an error that frozen code raised, without the URL's passwords."""
    return cause(error, url) if isinstance(error, SQLAlchemyError) else scrub(said(error), url)


@dataclass(frozen=True)
class Remains:
    """What is known about the statements that a failed version has run.

    :param written: how many have not been rolled back.
    :param unseen: whether the version used the driver's own connection, where they are not counted.
    :param recorded: whether they are recorded, so that a later run can resume after them.
    :param untracked: why the record is incomplete; None if it is complete.
    """

    written: int = 0
    unseen: bool = False
    recorded: bool = False
    untracked: str | None = None


def state_after_failure(step: RunLegacy, before: int | None, remains: Remains) -> str:
    """Describe what a failed version has left behind.

    :param before: the version that the database is at, None without a row.
    """
    written, untracked = remains.written, remains.untracked
    kept = f"The database is at version {before} of {step.repository}, as its row says"
    if before is None:
        kept = f"The database has no version of {step.repository} yet"
    if remains.unseen:
        return (
            f"{kept}, but version {step.version} used the driver's own connection, where bridge "
            "cannot see what it changed. Restore a backup before you run it again, or undo its "
            "changes by hand."
        )
    if not written:
        return f"{kept}; version {step.version} has changed nothing."
    were = "1 statement" if written == 1 else f"{written} statements"
    if remains.recorded and not untracked:
        return (
            f"{kept}; {were} of version {step.version} had run before. What is committed stays "
            "and is recorded: the next run resumes after it."
        )
    if untracked:
        kept = f"{kept}. bridge cannot resume in the middle of version {step.version}: {untracked}"
    return (
        f"{kept}, but {were} of version {step.version} had run before the one that failed and may "
        "have stayed: they are committed one by one. Restore a backup before you run it again, or "
        "undo them by hand."
    )


def problem_lines(problems: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each problem, in order; a cause that many share ends with a count."""
    lines = []
    seen: Counter[str] = Counter()
    for problem in problems:
        seen[problem["message"]] += 1
        if seen[problem["message"]] <= SAME_PROBLEMS:
            lines.append(_problem_line(problem))
    for message, count in seen.items():
        if count > SAME_PROBLEMS:
            lines.append(f"- {count - SAME_PROBLEMS} more: {message}")
    return lines


def _problem_line(problem: dict[str, Any]) -> str:
    where = problem.get("script") or problem.get("repository") or "legacy runtime"
    if not problem.get("script") and problem.get("version"):
        where = f"{where}, version {problem['version']}"
    if problem.get("line"):
        where = f"{where}, line {problem['line']}"
    return f"- {where}: {problem['message']}"
