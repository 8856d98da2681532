"""Differences between two schemas, as lines and as a document."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.model.difference import Difference

# --- telling ------------------------------------------------------------------------------


def difference_lines(differences: Iterable[Difference]) -> Iterator[str]:
    """Yield the differences by table, each with what is expected and found, and its meaning."""
    ordered = sorted(differences, key=lambda one: one.table)
    for table, group in groupby(ordered, key=lambda one: one.table):
        if table:
            yield f"table {table}"
        indent = "  " if table else ""
        for one in group:
            name = f"column {one.name}" if one.what == "column" else one.name
            told = one.expected if one.found is None else one.found
            if one.kind == "other":
                told = f"expected {one.expected or 'none'}, found {one.found or 'none'}"
            yield f"{indent}{one.kind} {name}: {told}{' (a warning)' if one.own else ''}"
            yield f"{indent}  {one.meaning}"


def difference_document(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    """Return the differences for JSON."""
    return [asdict(one) for one in differences]
