"""A difference between two schemas as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Nearest:
    """The version of a frozen history that a database is most like, with the differences."""

    repository: str
    version: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        count = len(self.stops)
        distance = f"with {count} difference{'s' if count > 1 else ''}" if count else "exactly"
        return f"version {self.version} of {self.repository} ({distance})"

    @property
    def stops(self) -> tuple[Difference, ...]:
        """The differences that keep the database from being adopted at that version."""
        return tuple(difference for difference in self.differences if not difference.own)


@dataclass(frozen=True)
class Difference:
    """One difference between a schema and what it should be.

    :param name: its name where somebody accepts it: ``images.checksum``.
    :param what: what differs: ``column``, ``default``, ...
    :param expected: a text for people; None where nothing is expected.
    :param found: a text for people; None where nothing was found.
    :param own: whether it is the administrator's own addition or of no consequence; such a
        difference is a warning, and does not stop a run.
    :param table: the table or other thing that it belongs to.
    """

    name: str
    kind: Literal["missing", "extra", "other"]
    what: str
    expected: str | None
    found: str | None
    meaning: str
    own: bool = False
    table: str = ""
