"""The result of a freeze as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bridge.model.frozen import FrozenDialect, FrozenVersion


@dataclass
class Recorded:
    """A version as it was recorded.

    :param live: the time in seconds that its script took.
    :param seconds: the time that the frozen version took; None where it is not replayed.
    :param statements: those that it emitted on a database without rows. Where they cannot be
        replayed they are not sealed, since they may differ the next time.
    """

    dialect: str
    repository: str
    version: int
    history: FrozenVersion
    live: float
    seconds: float | None = None
    statements: tuple[str, ...] = ()


@dataclass
class Recording:
    """The versions of every repository as recorded on one kind of database, in order."""

    dialect: str
    versions: list[Recorded] = field(default_factory=list)
    changes: dict[str, dict[int, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    runtime: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unfilled: dict[str, str] = field(default_factory=dict)

    def history(self, repository: str) -> FrozenDialect:
        """Return the history of one repository on this database."""
        versions = {v.version: v.history for v in self.versions if v.repository == repository}
        return FrozenDialect(
            versions,
            self.changes.get(repository, {}),
            self.errors.get(repository),
            self.runtime,
        )


@dataclass(frozen=True)
class Sealed:
    """The result of a freeze for one repository.

    :param outcome: ``new``, ``changed`` or ``unchanged``.
    :param changes: the files that differ from those before.
    """

    repository: str
    outcome: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Freeze:
    """The outcome of `bridge freeze`: the recording on each database, and the seals."""

    recordings: tuple[Recording, ...]
    sealed: tuple[Sealed, ...]
