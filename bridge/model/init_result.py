"""The result of `bridge init`: what it found, tried and wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.model.difference import Difference


@dataclass(frozen=True)
class Tried:
    """A trial on one kind of database.

    :param seconds: the time that the history took.
    :param error: why the history does not run there.
    :param differences: between what the base revisions make and the end of the history.
    :param stamped: the changes that a hand-over has made.
    :param left: what a downgrade leaves.
    :param rows: the tables whose rows differ.
    :param elsewhere: what the history makes in schemas outside of the search path, and the base
        revisions do not.
    :param failure: why the trial failed.
    :param drafted: whether the base revisions are new; False where the app has its own already.
    """

    dialect: str
    seconds: float
    error: str | None = None
    differences: tuple[Difference, ...] = ()
    stamped: tuple[Difference, ...] = ()
    left: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    failure: str | None = None
    drafted: bool = True

    @property
    def proved(self) -> bool:
        """Whether the base revisions make what the history leaves, and can be undone."""
        wrong = (self.differences, self.stamped, self.left, self.rows, self.elsewhere)
        return not (self.error or self.failure or any(wrong))


@dataclass(frozen=True)
class LegacyRows:
    """Rows that the history itself inserts.

    :param counts: the number of rows on each kind of database.
    :param why: why the base revision does not insert them; None where it does.
    """

    table: str
    counts: Mapping[str, int]
    why: str | None


@dataclass(frozen=True)
class InitResult:
    """The result of `bridge init`.

    :param files: the files that were written, relative to the folder of the app.
    :param stamps: by legacy repository, its last version with the revisions that equal it.
    :param carried: what SQLAlchemy Core cannot express, so that the base revisions have it as SQL,
        each with its databases.
    :param models: the differences between the models and the base revisions; None where the
        configuration names no models.
    :param todo: lines that the developer still has to write, and where.
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
