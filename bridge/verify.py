"""Compares a database with what was recorded of the versions and revisions that it is at."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.engine import Engine

from bridge.database import read_only
from bridge.drift import compare, like
from bridge.frozen import Frozen, FrozenDialect, drift
from bridge.graph import Graph
from bridge.model import Difference, State, Verification
from bridge.recorded import Heads, Schema
from bridge.rows import Choose
from bridge.schema import only, read_schema


def verify(
    engine: Engine,
    state: State,
    graph: Graph,
    histories: Mapping[str, Frozen],
    choose: Choose,
    recorded: Mapping[Heads, Schema],
) -> Verification:
    """How the schema compares; reads only.

    A legacy version is compared until the first revision after its stamp has run. Tables that
    nothing knows are told as additions of the administrator's.

    :param recorded: the schemas at Alembic revisions, by the effective ones that are applied.
    :raises DatabaseError: it cannot be read.
    """
    versions: dict[str, tuple[FrozenDialect, int]] = {}
    missing: list[str] = []
    for name, legacy in state.legacy.items():
        history = histories[name].on(state.dialect) if name in histories else None
        stamped = legacy.handed_over and _only_stamped(state, graph, legacy.repository.stamp)
        version = legacy.version if stamped or not legacy.handed_over else None
        if version is None:
            continue
        if history is None or version not in history.versions:
            missing.append(f"version {version} of {name}")
        else:
            versions[name] = (history, version)
    reached = graph.effective(state.current)
    if not versions and reached not in recorded:
        missing += [f"revision {revision}" for revision in state.current]
        return Verification((), tuple(missing), ())
    with read_only(engine) as connection:
        schema = read_schema(connection)
    if not versions:
        return _at_revisions(schema, reached, recorded, missing, choose)
    differences: list[Difference] = []
    known: set[str] = set()
    for history, version in versions.values():
        differences += drift(history, version, schema)
        known |= history.tables
    differences += _additions(schema, known, choose)
    compared = [f"version {version} of {name}" for name, (_, version) in versions.items()]
    return Verification(tuple(compared), tuple(missing), tuple(differences))


def _at_revisions(
    schema: Schema,
    reached: Heads,
    recorded: Mapping[Heads, Schema],
    missing: Sequence[str],
    choose: Choose,
) -> Verification:
    expected = recorded[reached]
    known = {table for document in recorded.values() for table in document["tables"]}
    found = only(schema, known)
    found = {**like(expected, found), "tables": found["tables"]}
    differences = [
        replace(difference, own=False) if difference.what == "table" else difference
        for difference in compare(expected, found)
    ]
    differences += _additions(schema, known, choose)
    compared = tuple(f"revision {revision}" for revision in reached)
    return Verification(compared, tuple(missing), tuple(differences))


def _additions(schema: Schema, known: Container[str], choose: Choose) -> tuple[Difference, ...]:
    """The tables that nothing has made."""
    tables = schema["tables"]
    own = {name: tables[name] for name in choose(tables) if name not in known}
    return compare({"tables": {}}, {"tables": own})


def _only_stamped(state: State, graph: Graph, stamp: Mapping[int, tuple[str, ...]]) -> bool:
    """Whether no revision has run since the legacy history was handed over."""
    reached = graph.ancestors(state.current)
    return any(reached == graph.ancestors(revisions) for revisions in stamp.values())
