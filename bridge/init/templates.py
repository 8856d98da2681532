"""The files that init writes: bridge.toml, env.py and the template of revisions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.model.names import CORE

if TYPE_CHECKING:
    from pathlib import Path

ENV = """\
from bridge.revisions import run_environment

run_environment()
"""
"""The text of a minimal env.py."""

TEMPLATE = '''\
"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''
"""The script.py.mako of new revisions."""

# --- names --------------------------------------------------------------------------------

_NO_NAME = {"migrate", "migration", "migrations", "repo", "repository", "db", "database", "legacy"}
_NO_NAME |= {"versions", "sqlalchemy", "the"}


def fit_names(found: Iterable[tuple[str, Path]]) -> list[str]:
    """Return a name for each repository, from its id, else from its folders."""
    names: list[str] = []
    for identity, path in found:
        texts = [identity, *reversed(path.parts)]
        fit = next(filter(None, map(_fit, texts)), "app")
        if fit == CORE and names:
            fit = "app"  # a module cannot have the core's name
        name, number = fit, 1
        while name in names:
            number += 1
            name = f"{fit}_{number}"
        names.append(name)
    return names


def _fit(text: str) -> str:
    words = [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in _NO_NAME]
    return "_".join(words).lstrip("0123456789_")


# --- bridge.toml --------------------------------------------------------------------------


def configuration_text(tables: Mapping[str, Any], comments: Mapping[str, Sequence[str]]) -> str:
    """Return the text of `bridge.toml`: the tables, each below its comment.

    :param comments: by the name of a table, the lines above it; by ``table.key``, the lines above
        the key, or at the end of a table without it.
    """
    lines = [f"# {line}" for line in comments.get("", ())]
    for name, values in _flat(tables):
        lines += ["", *(f"# {line}" for line in comments.get(name, ())), f"[{name}]"]
        commented = set()
        for key, value in values.items():
            lines += [f"# {line}" for line in comments.get(f"{name}.{key}", ())]
            commented.add(f"{name}.{key}")
            lines.append(f"{key} = {_toml(value)}")
        for other, texts in comments.items():
            table, _, key = other.rpartition(".")
            missing = other not in commented and key not in values
            if table == name and missing and f"{name}." in other:
                lines += [f"# {line}" for line in texts]
    return "\n".join(lines) + "\n"


def _flat(tables: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, values in tables.items():
        if name in ("legacy", "module"):
            yield from ((f"{name}.{inner}", value) for inner, value in values.items())
        else:
            yield name, values


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    # Strings, booleans and lists of strings are written alike in JSON.
    return json.dumps(value, ensure_ascii=False)
