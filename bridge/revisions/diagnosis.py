"""The files that are at fault when Alembic cannot connect the scripts."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NAMES = ("revision", "down_revision", "depends_on", "branch_labels")


@dataclass(frozen=True)
class _Header:
    """The identifiers at the top of a script, read without running it."""

    path: Path
    owner: str
    values: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        return f"{self.path} ({self.owner})"


def diagnose(error: BaseException, locations: Mapping[Path, str]) -> str:
    """Return lines that name the files behind Alembic's error; empty where it says enough.

    :param locations: the version locations, each with its owner as messages name it.
    """
    headers = list(_headers(locations))
    lines = [
        *_shared(headers, "revision", "The revision id"),
        *_shared(headers, "branch_labels", "The branch label"),
        *_missing(headers),
        *(
            f"{header} has the id {name}, which is a reserved word of Alembic's."
            for header in headers
            for name in header.values["revision"]
            if name in ("base", "head", "heads")
        ),
    ]
    if not lines and "ycle" in type(error).__name__ + str(error):
        named = set(re.findall(r"[\w.-]+", str(error)))
        lines = [
            f"{h.values['revision'][0]} is {h}" for h in headers if named & {*h.values["revision"]}
        ]
    return "\n".join(lines)


def _headers(locations: Mapping[Path, str]) -> Iterator[_Header]:
    for folder, owner in locations.items():
        for path in sorted(folder.glob("*.py")):
            try:
                tree = ast.parse(path.read_bytes(), str(path))
            except (OSError, SyntaxError, ValueError):
                continue
            values = dict.fromkeys(_NAMES, ()) | dict(_assignments(tree))
            if values["revision"]:
                yield _Header(path, owner, values)


def _assignments(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id in _NAMES and isinstance(value, ast.expr):
            found = value.elts if isinstance(value, ast.Tuple | ast.List | ast.Set) else [value]
            yield (
                target.id,
                tuple(
                    item.value
                    for item in found
                    if isinstance(item, ast.Constant) and isinstance(item.value, str)
                ),
            )


def _shared(headers: list[_Header], key: str, what: str) -> Iterator[str]:
    users: dict[str, list[str]] = {}
    for header in headers:
        for value in header.values[key]:
            users.setdefault(value, []).append(str(header))
    for value, files in users.items():
        if len(files) > 1:
            yield f"{what} {value} is used by {' and by '.join(files)}."


def _missing(headers: list[_Header]) -> Iterator[str]:
    ids = {value for header in headers for value in header.values["revision"]}
    labels = {value for header in headers for value in header.values["branch_labels"]}
    for header in headers:
        for key in ("down_revision", "depends_on"):
            for value in header.values[key]:
                name = value.partition("@")[0]
                if name not in labels and not any(one.startswith(value) for one in ids):
                    yield f"{header} needs the revision {value}, which no script has."
