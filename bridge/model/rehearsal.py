"""The result of a rehearsal as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.model.results import Report


@dataclass(frozen=True)
class Contents:
    """The contents of a database beyond its numbers of rows.

    :param tables: the app's, by their names, as in the output of ``dbupdate --rehearse --json``.
    :param checked: the number of foreign keys that were checked row by row.
    :param broken: by a table and the one that it refers to, the number of rows whose key refers to
        no row.
    """

    tables: Mapping[str, Mapping[str, Any]]
    checked: int
    broken: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Rehearsal:
    """A run on a copy: its report, and the contents of the copy before and after.

    `before` and `after` are None where there was nothing to do, so that no copy was made.
    """

    report: Report
    before: Contents | None = None
    after: Contents | None = None
