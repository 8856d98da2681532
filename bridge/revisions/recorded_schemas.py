"""The schemas at Alembic revisions, as `bridge check --record` keeps them. Pure.

They are beside the scripts, in a file for each kind of database. A line stands for a set of applied
revisions, and has what changes from the line before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bridge.database.servers import family
from bridge.model.frozen import apply_changes, schema_changes

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "recorded"
"""The folder of the files, in the folder of env.py."""

Schema = Mapping[str, Any]

Heads = tuple[str, ...]
"""The applied revisions that no other applied one descends from or depends on, sorted."""


def path_of(folder: Path, dialect: str) -> Path:
    """Return the file for a kind of database, beside the env.py of a folder."""
    return folder / FOLDER / f"{family(dialect)}.schema.jsonl"


def written(schemas: Iterable[tuple[Heads, Schema]]) -> str:
    """Return the text of a file with these schemas."""
    lines, before = [], apply_changes(())
    for heads, schema in schemas:
        line = {"revisions": list(heads), **schema_changes(before, schema)}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        before = dict(schema)
    return "".join(lines)


def read(text: str) -> dict[Heads, Schema]:
    """Return the schemas in the text of a file, in its order.

    :raises ValueError: the text is not that of such a file.
    """
    found: dict[Heads, Schema] = {}
    schema: Schema = apply_changes(())
    for line in text.splitlines():
        change = json.loads(line)
        try:
            heads = tuple(change.pop("revisions"))
        except (KeyError, TypeError, AttributeError):
            raise ValueError("a line names no revisions") from None
        found[heads] = schema = apply_changes((schema, change))
    return found
