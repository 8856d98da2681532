"""Old databases that are files, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bridge.model.difference import Difference


def standing(versions: Mapping[str, int], revisions: Sequence[str] = ()) -> str:
    """Return where a database stands, for people: ``core 7, likes 2; revisions a1, b2``."""
    parts = [", ".join(f"{name} {version}" for name, version in versions.items())]
    if revisions:
        parts.append(f"revisions {', '.join(revisions)}")
    return "; ".join(filter(None, parts)) or "no version"


@dataclass(frozen=True)
class Snapshot:
    """A file with an old database, and where the file says that it stands.

    :param kind: "sqlite", "postgresql" or "mysql".
    :param versions: those of the legacy repositories in it; None where the file does not say.
    :param revisions: the Alembic revisions in it.
    :param size: in bytes.
    """

    path: Path
    kind: str
    versions: Mapping[str, int] | None
    revisions: tuple[str, ...]
    size: int


@dataclass(frozen=True)
class Imported:
    """An imported database: the snapshot, and what deserves a look.

    :param drift: the differences between its schema and the frozen one of its versions.
    :param scrubbed: the number of texts that were replaced; None without anonymizing.
    :param kept: the columns whose texts were kept, each with the reason.
    """

    snapshot: Snapshot
    drift: tuple[Difference, ...] = ()
    scrubbed: int | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
