"""The schemas at Alembic revisions, as `bridge check --record` keeps them. Pure.

Beside the scripts, in a file for each kind of database: one line for each set of revisions that are
applied, with what it changes of the line before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bridge.frozen import changed, family, fold

FOLDER = "recorded"
"""In the folder that holds env.py."""

Schema = Mapping[str, Any]
Heads = tuple[str, ...]
"""Effective revisions: those that no other applied one descends from or depends on; sorted."""


def path_of(folder: Path, dialect: str) -> Path:
    """The file for a kind of database, beside the env.py of this folder."""
    return folder / FOLDER / f"{family(dialect)}.schema.jsonl"


def written(schemas: Iterable[tuple[Heads, Schema]]) -> str:
    """The text of a file with these schemas."""
    lines, before = [], fold(())
    for heads, schema in schemas:
        line = {"revisions": list(heads), **changed(before, schema)}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        before = dict(schema)
    return "".join(lines)


def read(text: str) -> dict[Heads, Schema]:
    """The schemas from the text of a file, in its order.

    :raises ValueError: it is not one.
    """
    found: dict[Heads, Schema] = {}
    schema: Schema = fold(())
    for line in text.splitlines():
        change = json.loads(line)
        try:
            heads = tuple(change.pop("revisions"))
        except (KeyError, TypeError, AttributeError):
            raise ValueError("a line names no revisions") from None
        found[heads] = schema = fold((schema, change))
    return found
