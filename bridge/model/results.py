"""What commands have done, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bridge.model.difference import Difference
    from bridge.model.steps import Step


def size_words(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def standing(versions: Mapping[str, int], revisions: Sequence[str] = ()) -> str:
    """Where a database stands, for people: ``core 7, likes 2; revisions a1, b2``."""
    parts = [", ".join(f"{name} {version}" for name, version in versions.items())]
    if revisions:
        parts.append(f"revisions {', '.join(revisions)}")
    return "; ".join(filter(None, parts)) or "no version"


@dataclass(frozen=True)
class Snapshot:
    """A file with an old database, of which it says itself where it stands.

    `kind` is "sqlite", "postgresql" or "mysql"; `versions` are those of the legacy repositories in
    it, None where the file does not say; `revisions` the Alembic ones; `size` is in bytes.
    """

    path: Path
    kind: str
    versions: Mapping[str, int] | None
    revisions: tuple[str, ...]
    size: int


@dataclass(frozen=True)
class Imported:
    """What came of an administrator's database: a snapshot, and what in it is to be looked at.

    `drift` has in what its schema differs from the frozen one of its versions; `scrubbed` counts
    the texts that were replaced, None where none were to be; `kept` has the columns that are as
    they were, each with why.
    """

    snapshot: Snapshot
    drift: tuple[Difference, ...] = ()
    scrubbed: int | None = None
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Backup:
    """A file that holds a database as it was; `size` in bytes."""

    path: Path
    size: int


@dataclass(frozen=True)
class Rows:
    """How many rows the app's tables had before the first step and after the last.

    A table that was not there is in none of the two; None stands for one that was not counted,
    because it is large or cannot be read.
    """

    before: Mapping[str, int | None]
    after: Mapping[str, int | None]

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that was there, before or after."""
        return tuple(sorted({*self.before, *self.after}))

    @property
    def fewer(self) -> tuple[str, ...]:
        """The tables that are there with fewer rows than before."""
        counts = ((name, self.before.get(name), self.after.get(name)) for name in self.tables)
        return tuple(
            n for n, before, after in counts if before and after is not None and after < before
        )

    @property
    def gone(self) -> tuple[str, ...]:
        """The tables that are not there any more, dropped or renamed, unless they were empty."""
        return tuple(n for n in self.tables if self.before.get(n) != 0 and n not in self.after)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The tables of which it cannot be told whether they have fewer rows."""
        return tuple(
            n for n in self.tables if None in (self.before.get(n, 0), self.after.get(n, 0))
        )


@dataclass(frozen=True)
class Report:
    """What a run did: the steps with their seconds, and the version rows afterwards.

    `backup` is None where none was made; `rows` where there was nothing to do.
    """

    outcome: Literal["upgraded", "removed", "adopted", "rehearsed", "nothing_to_do"]
    database: str
    steps: tuple[tuple[Step, float], ...] = ()
    current: tuple[str, ...] = ()
    dormant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    backup: Backup | None = None
    rows: Rows | None = None


@dataclass(frozen=True)
class Verification:
    """How the schema compares with what was recorded of the versions and revisions it is at.

    `compared` names these, and `not_recorded` those of which nothing was recorded.
    """

    compared: tuple[str, ...]
    not_recorded: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def stops(self) -> tuple[Difference, ...]:
        """The differences that are more than the administrator's own additions."""
        return tuple(difference for difference in self.differences if not difference.own)


@dataclass(frozen=True)
class Contents:
    """What a database holds besides the number of its rows.

    `tables` are the app's, by their names, as in the output of ``dbupdate --rehearse --json``.
    Of the foreign keys so many were `checked` row by row; `broken` counts the rows of a table whose
    key points to no row of another: by the names of both.
    """

    tables: Mapping[str, Mapping[str, Any]]
    checked: int
    broken: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Rehearsal:
    """What a run did on a copy: its report, and the contents of the copy before and after it.

    Both are None where there is nothing to do; then no copy was made.
    """

    report: Report
    before: Contents | None = None
    after: Contents | None = None
