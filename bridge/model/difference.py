"""A difference between two schemas as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Nearest:
    """The version of a frozen history that a database is most like, and what differs from it."""

    repository: str
    version: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        count = len(self.stops)
        distance = f"with {count} difference{'s' if count > 1 else ''}" if count else "exactly"
        return f"version {self.version} of {self.repository} ({distance})"

    @property
    def stops(self) -> tuple[Difference, ...]:
        """Those that keep the database from being taken for that version."""
        return tuple(difference for difference in self.differences if not difference.own)


@dataclass(frozen=True)
class Difference:
    """One thing in which a schema is not what it should be.

    `name` is what it is called where somebody accepts it (``images.checksum``), `table` the table
    or other thing that it belongs to, and `what` says what it is (``column``, ``default``, ...).
    `expected` and `found` are texts for people, None where there is nothing. `own` differences are
    the administrator's own additions or of no consequence: a warning, and no reason to stop.
    """

    name: str
    kind: Literal["missing", "extra", "other"]
    what: str
    expected: str | None
    found: str | None
    meaning: str
    own: bool = False
    table: str = ""
