"""A legacy repository as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class VersionStore:
    """A legacy version table and its columns, by default sqlalchemy-migrate's own.

    It has one row for each repository: its id, its version, and with a `path_column` a path, which
    bridge does not read.
    """

    table: str = "migrate_version"
    id_column: str = "repository_id"
    version_column: str = "version"
    path_column: str | None = "repository_path"

    @property
    def columns(self) -> frozenset[str]:
        """The columns that such a table must have."""
        return frozenset({self.id_column, self.version_column})


@dataclass(frozen=True)
class Repository:
    """A legacy history as its files and the configuration describe it.

    It is a sqlalchemy-migrate repository at `path`, or a `registry`.

    :param versions: the versions that have a script or a function, ascending.
    :param stamp: by version, the Alembic revisions that equal it; none where the base revisions
        skip what exists already.
    :param registry: the name of a dictionary from numbers to functions.
    :param requires: by version of this repository, the versions that other repositories must
        have reached before it runs.
    """

    name: str
    repository_id: str
    versions: tuple[int, ...]
    stamp: Mapping[int, tuple[str, ...]]
    store: VersionStore = VersionStore()
    path: Path | None = None
    registry: str | None = None
    aliases: tuple[str, ...] = ()
    requires: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    hand_over: Literal["last", "nearest"] = "last"
    gaps: bool = False
    squashed: bool = True
    bring_up_with: str | None = None
    module: str | None = None

    @property
    def first(self) -> int:
        """The lowest version that has a script; 1 for an empty registry."""
        return self.versions[0] if self.versions else 1

    @property
    def last(self) -> int:
        """The highest version that has a script; 0 for an empty registry."""
        return self.versions[-1] if self.versions else 0

    @property
    def version_table(self) -> str:
        """The name of the table with its version row."""
        return self.store.table

    @property
    def home(self) -> str:
        """The place of its versions, as messages name it."""
        return self.registry or str(self.path)

    @property
    def ids(self) -> tuple[str, ...]:
        """The `repository_id` and its older names."""
        return (self.repository_id, *self.aliases)

    def target(self, version: int) -> int:
        """Return the version at which a database that is now at `version` is handed over."""
        if self.hand_over == "nearest":
            return min((mapped for mapped in self.stamp if mapped >= version), default=self.last)
        return self.last


@dataclass(frozen=True)
class VersionRow:
    """One row of a legacy version table; `wrong` is a value that is not a version."""

    repository_id: str
    version: int | None
    wrong: str = ""
