"""Compare a database's schema with those of a frozen history."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.database.schema.compare import compare, restrict_to
from bridge.model.difference import Difference, Nearest

if TYPE_CHECKING:
    from bridge.model.frozen import FrozenDialect, Schema


def drift(history: FrozenDialect, version: int, found: Schema) -> tuple[Difference, ...]:
    """Return how a schema differs from that of a version, in tables that the history knows.

    A table that only other versions have does not count as the administrator's own addition.
    """
    return drift_from(history.schema_at(version), history, found)


def drift_from(expected: Schema, history: FrozenDialect, found: Schema) -> tuple[Difference, ...]:
    """Return how a schema differs from an expected one, in tables that the history knows."""
    tables = {n: t for n, t in found.get("tables", {}).items() if n in history.tables}
    differences = compare(expected, {**restrict_to(expected, found), "tables": tables})
    return tuple(replace(d, own=False) if d.what == "table" else d for d in differences)


def nearest(name: str, history: FrozenDialect, found: Schema) -> Nearest | None:
    """Return the version that a schema is most similar to, the last one of several.

    Return None if the schema has no table that the history knows.
    """
    if not history.tables & {*found.get("tables", {})}:
        return None
    drifts = {version: drift(history, version, found) for version in history.versions}

    def distance(version: int) -> tuple[int, int, int]:
        found = drifts[version]
        return sum(not d.own for d in found), len(found), -version

    best = min(drifts, key=distance)
    return Nearest(name, best, drifts[best])
