"""A diagram of revisions as data."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Standing = Literal["applied", "here", "pending", ""]

EdgeKind = Literal["follows", "depends", "stamps"]


@dataclass(frozen=True)
class Lane:
    """The lane of a legacy repository, of a branch, or of the rows that no script explains.

    `note` says whether it is off or dormant.
    """

    name: str
    kind: Literal["legacy", "branch", "unknown"]
    module: str | None = None
    note: str = ""

    @property
    def title(self) -> str:
        """The heading of the lane."""
        return f"legacy {self.name}" if self.kind == "legacy" else self.name


@dataclass(frozen=True)
class Node:
    """A revision, or a range of versions of a legacy repository.

    :param lane: the index of its lane in the drawing.
    :param standing: ``here`` for what a version table names, ``applied`` for what came before it,
        ``pending`` for what an upgrade will apply, else empty.
    """

    lane: int
    name: str
    standing: Standing = ""
    doc: str = ""


@dataclass(frozen=True)
class Edge:
    """The edge from one node to another, by their indexes in the drawing.

    :param kind: ``follows`` and ``depends``: `start` must be applied before `end`; ``stamps``: a
        database at the legacy version `start` is handed over to the revision `end`.
    """

    start: int
    end: int
    kind: EdgeKind


@dataclass(frozen=True)
class Drawing:
    """The lanes, the legacy ones first, the nodes, each after those it needs, and the edges.

    `database` and `state` are None for a drawing of the scripts alone.
    """

    lanes: tuple[Lane, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    database: str | None = None
    state: str | None = None

    @property
    def title(self) -> str:
        """The title of the drawing."""
        return f"{self.database} is {self.state}" if self.database else "The scripts alone"

    def by_lane(self) -> Iterator[tuple[Lane, list[int]]]:
        """Yield each lane with the indexes of its nodes."""
        places = defaultdict(list)
        for place, node in enumerate(self.nodes):
            places[node.lane].append(place)
        for number, lane in enumerate(self.lanes):
            yield lane, places[number]

    def remarks(self) -> tuple[str, ...]:
        """Return a remark for each node: the edges that its place in the lane does not show."""
        before = {two: one for _lane, places in self.by_lane() for one, two in pairwise(places)}
        others: dict[tuple[EdgeKind, int], list[int]] = defaultdict(list)
        for edge in self.edges:
            ends = (edge.start, edge.end) if edge.kind == "stamps" else (edge.end, edge.start)
            others[edge.kind, ends[0]].append(ends[1])
        found = []
        for place, node in enumerate(self.nodes):
            after, expected = others["follows", place], [before[place]] if place in before else []
            base = self.lanes[node.lane].kind == "branch" and not after
            edges = {
                "after": [] if after == expected else after,
                "needs": others["depends", place],
                "stamps": others["stamps", place],
            }
            parts = ["a base"] if base and expected else []
            parts += (
                f"{word} {', '.join(self.nodes[n].name for n in places)}"
                for word, places in edges.items()
                if places
            )
            found.append("; ".join(parts))
        return tuple(found)


def plain(text: str) -> str:
    """Return the text of a script without line breaks and other unprintable characters.

    A terminal and XML cannot show them.
    """
    return "".join(c if c.isprintable() else " " for c in text)
