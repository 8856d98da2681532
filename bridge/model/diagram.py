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
