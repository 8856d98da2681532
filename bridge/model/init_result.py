"""What init found, tried and wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.model.difference import Difference


@dataclass(frozen=True)
class Tried:
    """A kind of database on which the history was run; `error` says why it does not run there.

    `differences` are those between what the base revisions make and the end of the history,
    `stamped` what a hand-over has changed, `left` what a downgrade leaves, `rows` the tables with
    other rows, and `failure` what went wrong with a trial. It is not `drafted` where the app has
    revisions already.
    """

    dialect: str
    seconds: float
    error: str | None = None
    differences: tuple[Difference, ...] = ()
    stamped: tuple[Difference, ...] = ()
    left: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    failure: str | None = None
    drafted: bool = True

    @property
    def proved(self) -> bool:
        """Whether the base revisions make what the history leaves, and can be undone."""
        return not (
            self.error or self.differences or self.stamped or self.left or self.rows or self.failure
        )


@dataclass(frozen=True)
class LegacyRows:
    """Rows that the history itself inserts: how many on each kind of database.

    `why` says why the base revision does not insert them, None where it does.
    """

    table: str
    counts: Mapping[str, int]
    why: str | None


@dataclass(frozen=True)
class InitResult:
    """What came of `bridge init`.

    :param files: what was written, relative to the folder of the app.
    :param stamps: by legacy repository, its last version with the revisions that equal it.
    :param carried: what Core has no words for and is in the base revisions as SQL, each with the
        databases that have it.
    :param models: in what the models differ from the base revisions; None where none are named.
    :param todo: lines that are left for the developer to write, and where.
    :param next: the commands that come next.
    """

    root: Path
    files: tuple[str, ...]
    tried: tuple[Tried, ...]
    stamps: Mapping[str, Mapping[int, tuple[str, ...]]]
    carried: Mapping[str, tuple[str, ...]]
    rows: tuple[LegacyRows, ...]
    models: tuple[str, ...] | None
    todo: tuple[str, ...] = ()
    next: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether what was written is right on every database on which the history runs."""
        return all(tried.proved for tried in self.tried if tried.error is None)
