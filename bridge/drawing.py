"""A picture of the migrations: legacy lines, hand-overs, branches, and where a database stands.

Pure: `draw` makes it of the graph, the repositories and, where a database was read, its state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Literal

from bridge.graph import Graph
from bridge.model import CORE, LegacyState, Repository, Revision, State

Standing = Literal["applied", "here", "pending", ""]
EdgeKind = Literal["follows", "depends", "stamps"]


@dataclass(frozen=True)
class Lane:
    """The line of a legacy repository, a branch, or the rows that no script explains.

    `note` says whether it is off or dormant.
    """

    name: str
    kind: Literal["legacy", "branch", "unknown"]
    module: str | None = None
    note: str = ""

    @property
    def title(self) -> str:
        """What stands above it."""
        return f"legacy {self.name}" if self.kind == "legacy" else self.name


@dataclass(frozen=True)
class Node:
    """A revision, or versions of a legacy repository that need not be told apart.

    :param lane: the place of its lane in the drawing's.
    :param standing: ``here`` for what a version table names, ``applied`` for what came before it,
        ``pending`` for what an upgrade leads through; empty where neither is so.
    """

    lane: int
    name: str
    standing: Standing = ""
    doc: str = ""


@dataclass(frozen=True)
class Edge:
    """The way from one node to another, by their places in the drawing's nodes.

    :param kind: ``follows`` and ``depends``: `start` must be there before `end`; ``stamps``: a
        database at the legacy version `start` is handed over to the revision `end`.
    """

    start: int
    end: int
    kind: EdgeKind


@dataclass(frozen=True)
class Drawing:
    """Lanes, the legacy ones first; nodes, each after all that it needs; and edges.

    `database` and `state` are None where the scripts alone are drawn.
    """

    lanes: tuple[Lane, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    database: str | None = None
    state: str | None = None

    @property
    def title(self) -> str:
        """What is drawn."""
        return f"{self.database} is {self.state}" if self.database else "The scripts alone"

    def by_lane(self) -> Iterator[tuple[Lane, list[int]]]:
        """Each lane with the places of its nodes."""
        places = defaultdict(list)
        for place, node in enumerate(self.nodes):
            places[node.lane].append(place)
        for number, lane in enumerate(self.lanes):
            yield lane, places[number]

    def remarks(self) -> tuple[str, ...]:
        """For each node what its place under the one before it in its lane does not say."""
        before = {two: one for _lane, places in self.by_lane() for one, two in pairwise(places)}
        others: dict[tuple[EdgeKind, int], list[int]] = defaultdict(list)
        for edge in self.edges:
            ends = (edge.start, edge.end) if edge.kind == "stamps" else (edge.end, edge.start)
            others[edge.kind, ends[0]].append(ends[1])
        found = []
        for place, node in enumerate(self.nodes):
            after, expected = others["follows", place], [before[place]] if place in before else []
            base = self.lanes[node.lane].kind == "branch" and not after
            words = {
                "after": [] if after == expected else after,
                "needs": others["depends", place],
                "stamps": others["stamps", place],
            }
            parts = ["a base"] if base and expected else []
            parts += (
                f"{word} {', '.join(self.nodes[n].name for n in places)}"
                for word, places in words.items()
                if places
            )
            found.append("; ".join(parts))
        return tuple(found)


def plain(text: str) -> str:
    """Text of a stranger's script without line breaks and what a terminal or XML cannot hold."""
    return "".join(c if c.isprintable() else " " for c in text)


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
    """The drawing of the scripts; with a `state`, of where the database stands in them."""
    if state is not None:
        graph = graph.remembering(state.remembered)
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
    """A lane for each module; the core has one for each of its branch labels."""
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
