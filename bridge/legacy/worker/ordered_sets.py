"""Lets SQLAlchemy write the same SQL in each process."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.util import OrderedSet


def order_sets() -> None:
    """Keep what belongs to a table in order, not in that of addresses in memory."""
    of_columns: Any = Column
    of_tables: Any = Table
    of_columns.foreign_keys = _ordered("foreign_keys")
    for name in ("constraints", "foreign_keys", "indexes"):
        setattr(of_tables, name, _ordered(name))


def _ordered(name: str) -> property:
    """Return an attribute that is a set, in the order in which things were put into it."""

    def of(owner: Any) -> Any:
        try:
            return owner.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    def put(owner: Any, value: Any) -> None:
        if isinstance(value, (set, frozenset)) and not isinstance(value, OrderedSet):
            value = OrderedSet(sorted(value, key=_rank))
        owner.__dict__[name] = value

    return property(of, put)


def _rank(thing: Any) -> tuple[int, str, str]:
    order = getattr(thing, "_creation_order", 0)
    return (order, str(getattr(thing, "name", "")), str(getattr(thing, "_colspec", "")))
