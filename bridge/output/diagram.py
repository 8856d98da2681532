"""A picture of the migrations: legacy lines, hand-overs, branches, and where a database stands.

Pure: `draw` makes it of the graph, the repositories and, where a database was read, its state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from bridge.model.diagram import Drawing, Edge, Lane, Node, Standing
from bridge.model.names import CORE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.model.graph import Graph, Revision
    from bridge.model.repository import Repository
    from bridge.model.state import LegacyState, State

# --- drawing ------------------------------------------------------------------------------


@dataclass
class _Sketch:
    """A drawing that is being made."""

    lanes: list[Lane] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def draw(
    graph: Graph, repositories: Mapping[str, Repository], state: State | None = None
) -> Drawing:
    """Return the drawing of the scripts; with a `state`, also where the database stands."""
    if state is not None:
        graph = graph.remembering(state.revisions_without_files)
    sketch = _Sketch()
    mapped: dict[int, tuple[str, ...]] = {}
    for name, repository in repositories.items():
        legacy = state.legacy.get(name) if state else None
        mapped |= _draw_legacy(sketch, repository, legacy, graph)
    places = _draw_branches(sketch, graph, state)
    sketch.edges += (
        Edge(start, places[revision], "stamps")
        for start, revisions in mapped.items()
        for revision in revisions
        if revision in places
    )
    return Drawing(
        tuple(sketch.lanes),
        tuple(sketch.nodes),
        tuple(sketch.edges),
        database=state.database if state else None,
        state=state.kind if state else None,
    )


def _draw_legacy(
    sketch: _Sketch, repository: Repository, legacy: LegacyState | None, graph: Graph
) -> dict[int, tuple[str, ...]]:
    """Draws a legacy line, neighbours of one standing as one; returns nodes with their stamps."""
    lane = len(sketch.lanes)
    note = _legacy_note(repository, legacy, graph)
    sketch.lanes.append(Lane(repository.name, "legacy", repository.module, note))
    versions = {*repository.versions, *repository.stamp}
    if legacy is not None and legacy.version is not None:
        versions.add(legacy.version)
    mapped = {}
    for (standing, version), group in groupby(
        sorted(versions),
        lambda v: (_version_standing(v, legacy), v if v in repository.stamp else None),
    ):
        ends = list(group)
        name = str(ends[0]) if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"
        place = len(sketch.nodes)
        if sketch.nodes and sketch.nodes[-1].lane == lane:
            sketch.edges.append(Edge(place - 1, place, "follows"))
        sketch.nodes.append(Node(lane, name, standing))
        if version is not None:
            # Where nothing is stamped, the branch's own bases run.
            mapped[place] = repository.stamp[version] or graph.bases_of(repository.module)
    return mapped


def _legacy_note(repository: Repository, legacy: LegacyState | None, graph: Graph) -> str:
    if repository.module in graph.off:
        return "off"
    if legacy is None or legacy.waiting:
        return ""
    return "handed over" if legacy.handed_over else "not installed here"


def _version_standing(version: int, legacy: LegacyState | None) -> Standing:
    if legacy is None or legacy.start is None:
        return ""
    if version == legacy.version and not legacy.handed_over:
        return "here"
    if version <= legacy.start:
        return "applied"
    goal = legacy.repository.target(legacy.start)
    return "pending" if legacy.waiting and version <= goal else ""


def _draw_branches(sketch: _Sketch, graph: Graph, state: State | None) -> dict[str, int]:
    """Draws every revision; returns their places."""
    # Each after what it needs; where that leaves a choice the core's first, then module by module.
    revisions = graph.pending((), graph.revisions)
    keys = dict.fromkeys(map(_lane_key, revisions))
    lanes = sorted(keys, key=lambda key: key[0] is not None)
    numbers = {key: len(sketch.lanes) + n for n, key in enumerate(lanes)}
    notes = _branch_notes(graph, state)
    sketch.lanes += (Lane(name, "branch", module, notes.get(module, "")) for module, name in lanes)
    standings = _standings(graph, state)
    places: dict[str, int] = {}
    for revision in revisions:
        place = places[revision.id] = len(sketch.nodes)
        doc = "its file is gone" if revision.gone else revision.doc
        standing = standings.get(revision.id, "")
        sketch.nodes.append(Node(numbers[_lane_key(revision)], revision.id, standing, doc))
        sketch.edges += (Edge(places[r], place, "follows") for r in revision.down)
        sketch.edges += (Edge(places[r], place, "depends") for r in revision.depends)
    unknown = [r for r in state.current if r not in places] if state else []
    if unknown:
        sketch.nodes += (Node(len(sketch.lanes), name, "here") for name in unknown)
        sketch.lanes.append(Lane("unknown", "unknown", note="in no script"))
    return places


def _lane_key(revision: Revision) -> tuple[str | None, str]:
    """Return a lane for each module; the core has one for each of its branch labels."""
    return revision.module, revision.branch or CORE


def _branch_notes(graph: Graph, state: State | None) -> dict[str | None, str]:
    notes: dict[str | None, str] = dict.fromkeys(graph.off, "off")
    for module in state.modules if state else ():
        if module.switch != "on":
            notes[module.name] = f"dormant: {module.switch}" if module.current else module.switch
    return notes


def _standings(graph: Graph, state: State | None) -> dict[str, Standing]:
    if state is None:
        return {}
    known = [revision for revision in state.current if graph.known(revision)]
    found: dict[str, Standing] = dict.fromkeys(graph.ancestors(state.targets), "pending")
    found |= dict.fromkeys(graph.ancestors(known), "applied")
    return found | dict.fromkeys(known, "here")
