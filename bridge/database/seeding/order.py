"""In which order tables are filled, so that what a row points to is there before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from bridge.database.seeding.tables import Reference, Table


@dataclass(frozen=True)
class Order:
    """Groups of tables, one after the other, and the references that must wait until the end.

    A group is one table, or a ring of tables that point to each other and cannot hold NULL there:
    also a table that points to itself so. What waits is NULL first and set when all rows are there.
    """

    groups: list[tuple[str, ...]] = field(default_factory=list)
    rings: set[tuple[str, ...]] = field(default_factory=set)
    late: dict[str, list[Reference]] = field(default_factory=dict)


def arrange(tables: Mapping[str, Table]) -> Order:
    """Return the order of the tables; always the same for the same tables."""
    must: dict[str, AbstractSet[str]] = {}
    may: dict[str, AbstractSet[str]] = {}
    order = Order(late={name: [] for name in tables})
    for name, table in tables.items():
        known = [x for x in table.references if x.schema is None and x.table in tables]
        free = [x for x in known if table.nullable(x)]
        order.late[name] = [x for x in free if x.table == name]
        may[name] = {x.table for x in free} - {name}
        must[name] = {x.table for x in known if x not in free} | (table.parts & tables.keys())
    left = set(tables)
    while left:
        group = [name for name in sorted(left) if not (must[name] | may[name]) & left]
        if group:
            order.groups.extend((name,) for name in group)
            left.difference_update(group)
            continue
        # A cycle: it begins where NULL is possible, if anywhere.
        both = {name: must[name] | may[name] for name in left}
        free_ones = [name for name in left if not must[name] & left]
        cyclic = [name for name in free_ones if name in _reached(name, both, left)]
        if free_ones:
            ring: tuple[str, ...] = (
                min(cyclic or free_ones, key=lambda name: (len(may[name] & left), name)),
            )
        else:
            rings = (tuple(sorted(_reached(name, must, left))) for name in left)
            ring = min(rings, key=lambda names: (len(names), names))
            order.rings.add(ring)
        order.groups.append(ring)
        for name in ring:
            late = (x for x in tables[name].references if x.schema is None and x.table in left)
            order.late[name] += [
                x for x in late if tables[name].nullable(x) and x not in order.late[name]
            ]
        left.difference_update(ring)
    return order


def _reached(
    start: str, edges: Mapping[str, AbstractSet[str]], among: AbstractSet[str]
) -> set[str]:
    """Return the tables that one comes to from a table; itself only if a way leads back."""
    found: set[str] = set()
    todo = [start]
    while todo:
        new = (edges[todo.pop()] & among) - found
        found |= new
        todo += new
    return found
