"""The forms that documents of all databases share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def new_table(**more: Any) -> dict[str, Any]:
    """Return an empty table; `more` is what only this kind of database has."""
    return {
        "columns": [],
        "primary_key": None,
        "unique": [],
        "foreign_keys": [],
        "checks": [],
        "indexes": [],
        "triggers": [],
        **more,
    }


def ordered(things: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keys and checks by what they say: in the database they have no order, and some no name."""
    return sorted(things, key=lambda thing: [str(value) for value in thing.values()])
