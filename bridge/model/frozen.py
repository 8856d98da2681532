"""A frozen history as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Schema = Mapping[str, Mapping[str, Any]]
"""A schema document: by kind, such as ``tables``, the things by their names."""

Change = Mapping[str, Mapping[str, Any]]
"""The complete definitions of the things that change; None for a thing that is removed."""


@dataclass(frozen=True)
class FrozenVersion:
    """One version on one database.

    :param replay: whether its statements do what the script does, whatever the rows are.
    :param reason: why they do not, else None.
    :param ported: whether the developer's own function does what the script does.
    :param statements: what the script emits, in order; empty where it cannot be replayed.
    :param count: the number of statements that it emits on a database without rows.
    :param schema: the checksum of the schema document after it.
    :param commits: where each change of the schema commits by itself: the numbers of the statements
        that do, with what each changes, as in `FrozenDialect.changes`. None where that was not
        recorded.
    """

    replay: bool
    reason: str | None
    ported: bool
    statements: tuple[str, ...]
    count: int
    schema: str
    commits: Mapping[int, Change] | None = None

    @property
    def method(self) -> Literal["live", "replay", "ported"]:
        """The preferred method: ``replay``, ``ported`` or ``live``."""
        return "replay" if self.replay else "ported" if self.ported else "live"


@dataclass(frozen=True)
class FrozenDialect:
    """A history on one database.

    :param versions: by their numbers, ascending, as far as the scripts run there.
    :param changes: what each version changes in the schema.
    :param error: why the next version does not run there; None where all of them run.
    :param runtime: the packages that it was recorded with, and their versions.
    """

    versions: Mapping[int, FrozenVersion]
    changes: Mapping[int, Change]
    error: str | None = None
    runtime: Mapping[str, str] = field(default_factory=dict)

    @property
    def last(self) -> int | None:
        """The last version that runs there; None where none does."""
        return max(self.versions, default=None)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables of all versions, and those that are there only within one."""
        within = (found for v in self.versions.values() for found in (v.commits or {}).values())
        changes = (*self.changes.values(), *within)
        return frozenset(table for change in changes for table in change.get("tables", {}))

    def schema_at(self, version: int) -> Schema:
        """Return the schema document after a version."""
        return apply_changes(self.changes[n] for n in sorted(self.changes) if n <= version)

    def schema_within(self, version: int, number: int, before: Schema) -> Schema:
        """Return the schema document after a statement of a version.

        :param before: the one before the version.
        """
        commits = self.versions[version].commits or {}
        return apply_changes([before, *(commits[n] for n in sorted(commits) if n <= number)])


def apply_changes(changes: Iterable[Change]) -> Schema:
    """Return the schema document that results from changes, applied in order."""
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
    """Return the things that differ, as they are afterwards; None for removed ones."""
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted({*before, *after}):
        old, new = before.get(kind, {}), after.get(kind, {})
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                found.setdefault(kind, {})[name] = new.get(name)
    return found
