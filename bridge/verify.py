"""Compares a database with what was recorded of the versions and revisions that it is at."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.engine import Engine

from bridge.database import read_only
from bridge.drift import compare
from bridge.frozen import Frozen, Schema, drift
from bridge.graph import Graph
from bridge.model import Difference, State, Verification
from bridge.rows import Choose
from bridge.schema import read_schema


def verify(
    engine: Engine,
    state: State,
    graph: Graph,
    histories: Mapping[str, Frozen],
    choose: Choose,
) -> Verification:
    """How the schema compares; reads only.

    A legacy version is compared until the first revision after its stamp has run. Tables that
    nothing knows are told as additions of the administrator's.

    :raises DatabaseError: it cannot be read.
    """
    with read_only(engine) as connection:
        schema = read_schema(connection)
    compared: list[str] = []
    missing: list[str] = []
    differences: list[Difference] = []
    known: set[str] = set()
    for name, legacy in state.legacy.items():
        history = histories[name].on(state.dialect) if name in histories else None
        stamped = legacy.handed_over and _only_stamped(state, graph, legacy.repository.stamp)
        version = legacy.version if stamped or not legacy.handed_over else None
        if version is None:
            continue
        what = f"version {version} of {name}"
        if history is None or version not in history.versions:
            missing.append(what)
            continue
        compared.append(what)
        differences += drift(history, version, schema)
        known |= history.tables
    at = [] if compared else [f"revision {revision}" for revision in state.current]
    if compared:
        tables = {n: t for n, t in schema["tables"].items() if n in {*choose(schema["tables"])}}
        own: Schema = {"tables": {n: t for n, t in tables.items() if n not in known}}
        differences += compare({"tables": {}}, own)
    return Verification(tuple(compared), (*missing, *at), tuple(differences))


def _only_stamped(state: State, graph: Graph, stamp: Mapping[int, tuple[str, ...]]) -> bool:
    """Whether no revision has run since the legacy history was handed over."""
    reached = graph.ancestors(state.current)
    return any(reached == graph.ancestors(revisions) for revisions in stamp.values())
