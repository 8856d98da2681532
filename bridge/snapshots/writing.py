"""Write a snapshot."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sqlalchemy.engine import Engine

from bridge.model.errors import SnapshotError
from bridge.snapshots.files import LABELS

UNCHANGED = "No database is changed, and no file written."


class RefusedError(Exception):
    """The database refuses what was anonymized.

    :param said: its words.
    :param broken: pairs of tables between which foreign keys do not hold any more.
    """

    def __init__(self, said: str, broken: Collection[tuple[str, str]] = ()) -> None:
        super().__init__(said)
        self.said, self.broken = said, broken


def label_of(engine: Engine) -> str:
    mariadb = getattr(engine.dialect, "is_mariadb", False)
    return LABELS["mariadb" if mariadb else engine.dialect.name]


def unwritable_error(path: Path, error: OSError) -> SnapshotError:
    return SnapshotError(
        f"{path} cannot be written: {error.strerror or error}",
        help="Name another folder: --folder FOLDER",
        state_of_data=UNCHANGED,
    )
