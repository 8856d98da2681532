"""The results of commands, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.model.difference import Difference
    from bridge.model.steps import Step


def size_words(size: int) -> str:
    """Return a number of bytes as a text for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


@dataclass(frozen=True)
class Backup:
    """A file with a copy of a database; `size` is in bytes."""

    path: Path
    size: int


@dataclass(frozen=True)
class Rows:
    """The numbers of rows in the app's tables before the first step and after the last.

    A table that does not exist has no number. None stands for a table that was not counted because
    it is large or cannot be read.
    """

    before: Mapping[str, int | None]
    after: Mapping[str, int | None]

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that existed before or after."""
        return tuple(sorted({*self.before, *self.after}))

    @property
    def fewer(self) -> tuple[str, ...]:
        """The tables that still exist and have fewer rows than before."""
        counts = ((name, self.before.get(name), self.after.get(name)) for name in self.tables)
        return tuple(
            n for n, before, after in counts if before and after is not None and after < before
        )

    @property
    def gone(self) -> tuple[str, ...]:
        """The tables that were dropped or renamed, unless they were empty."""
        return tuple(n for n in self.tables if self.before.get(n) != 0 and n not in self.after)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The tables that may or may not have fewer rows, because they were not counted."""
        return tuple(
            n for n in self.tables if None in (self.before.get(n, 0), self.after.get(n, 0))
        )


@dataclass(frozen=True)
class Report:
    """The report of a run: the steps with their seconds, and the version rows afterwards.

    `backup` is None where none was made. `rows` is None where there was nothing to do. `vanished`
    names the keys, checks, indexes, triggers, views, comments and grants that are gone, or weaker,
    without a step that names them.
    """

    outcome: Literal["upgraded", "removed", "adopted", "rehearsed", "nothing_to_do"]
    database: str
    steps: tuple[tuple[Step, float], ...] = ()
    current: tuple[str, ...] = ()
    dormant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    backup: Backup | None = None
    rows: Rows | None = None
    vanished: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """The comparison of a schema with the recorded schemas of its versions and revisions.

    :param compared: the versions and revisions that were compared.
    :param not_recorded: those without a recorded schema.
    """

    compared: tuple[str, ...]
    not_recorded: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def stops(self) -> tuple[Difference, ...]:
        """The differences that are not the administrator's own additions."""
        return tuple(difference for difference in self.differences if not difference.own)
