"""The names in the rows of the table that records are written to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = "bridge_journal"

STEP = "statement"
"""What `step` is in the rows of records."""

TABLES = "tables"
"""The status of a row with fingerprints of tables."""

FAILED = "failed"
"""The status of a row with the error that a statement got."""

ENDED = "ended"
"""The status of a row that says that the outcomes of all statements before it are known."""

UNTRACKED = "blind"
"""The status of a row that says why no more statements are written down."""


@dataclass(frozen=True)
class RecordedStep:
    """A step whose statements are written down.

    :param common: what the rows have in the columns ``run`` and ``bridge_version``.
    :param from_statement: where the administrator has said that the step stands: statements with a
        smaller number are taken for done, and the others run.
    :param sealed: the step's statements are known: none drops a table and creates an equal one.
    """

    name: str
    common: Mapping[str, str]
    from_statement: int | None = None
    sealed: bool = False
