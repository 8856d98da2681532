"""A frozen history as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Schema = Mapping[str, Mapping[str, Any]]
"""A schema document: kinds of things, such as ``tables``; of each, the things by their names."""


@dataclass(frozen=True)
class FrozenVersion:
    """One version on one database.

    :param replay: whether its statements do what the script does, whatever the rows are.
    :param reason: why not, else None.
    :param ported: whether the developer's own function does what the script does.
    :param statements: what the script emits, in order, where that can be replayed.
    :param count: how many statements it emits on a database without rows.
    :param schema: the checksum of the schema document after it.
    """

    replay: bool
    reason: str | None
    ported: bool
    statements: tuple[str, ...]
    count: int
    schema: str

    @property
    def method(self) -> Literal["live", "replay", "ported"]:
        """The best way to run it: ``replay``, ``ported`` or ``live``."""
        return "replay" if self.replay else "ported" if self.ported else "live"


@dataclass(frozen=True)
class FrozenDialect:
    """A history on one database.

    :param versions: by their numbers, ascending, as far as the scripts run there.
    :param changes: of each version, the things of the schema that it changes, whole; None for one
        that it takes away.
    :param error: why the next version does not run there; None where all do.
    :param runtime: what it was recorded with: names of packages, and their versions.
    """

    versions: Mapping[int, FrozenVersion]
    changes: Mapping[int, Mapping[str, Mapping[str, Any]]]
    error: str | None = None
    runtime: Mapping[str, str] = field(default_factory=dict)

    @property
    def last(self) -> int | None:
        """The last version that runs there, None where none does."""
        return max(self.versions, default=None)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables that any version has."""
        return frozenset(t for change in self.changes.values() for t in change.get("tables", {}))

    def schema_at(self, version: int) -> Schema:
        """The schema document after a version: that of all versions up to it, folded."""
        return apply_changes(self.changes[n] for n in sorted(self.changes) if n <= version)


def apply_changes(changes: Iterable[Mapping[str, Mapping[str, Any]]]) -> Schema:
    """The schema document that comes of changes, one after the other."""
    found: dict[str, dict[str, Any]] = {}
    for change in changes:
        for kind, things in change.items():
            for name, thing in things.items():
                if thing is None:
                    found.get(kind, {}).pop(name, None)
                else:
                    found.setdefault(kind, {})[name] = thing
    found.setdefault("tables", {})
    return {
        kind: dict(sorted(things.items()))
        for kind, things in sorted(found.items())
        if things or kind == "tables"
    }


def schema_changes(before: Schema, after: Schema) -> dict[str, dict[str, Any]]:
    """The things that differ, as they are after; None for those that are gone."""
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted({*before, *after}):
        old, new = before.get(kind, {}), after.get(kind, {})
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                found.setdefault(kind, {})[name] = new.get(name)
    return found


# --- what a freeze has found ---------------------------------------------------------------


@dataclass
class Recorded:
    """A version as it was recorded: the seconds that its script took, and what runs instead.

    `statements` are those that it emitted on a database without rows, also where these cannot be
    replayed; then they are not sealed: they may be others the next time.
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
    """What was recorded on one kind of database: the versions of every repository, in order."""

    dialect: str
    versions: list[Recorded] = field(default_factory=list)
    changes: dict[str, dict[int, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    runtime: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unfilled: dict[str, str] = field(default_factory=dict)

    def history(self, repository: str) -> FrozenDialect:
        """The history of one repository on this database."""
        versions = {v.version: v.history for v in self.versions if v.repository == repository}
        return FrozenDialect(
            versions,
            self.changes.get(repository, {}),
            self.errors.get(repository),
            self.runtime,
        )


@dataclass(frozen=True)
class Sealed:
    """What a freeze has made of one repository.

    :param outcome: ``new``, ``changed`` or ``unchanged``.
    :param changes: the files that are other ones than before.
    """

    repository: str
    outcome: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Freeze:
    """The outcome of `bridge freeze`: what was recorded on each database, and what was sealed."""

    recordings: tuple[Recording, ...]
    sealed: tuple[Sealed, ...]
