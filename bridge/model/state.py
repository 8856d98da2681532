"""The words that every layer shares: facts, states, steps, plans and reports.

All are frozen dataclasses of plain values. Nothing here reads a database or a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.model.difference import Difference, Nearest
    from bridge.model.errors import BridgeError
    from bridge.model.graph import Revision
    from bridge.model.journal import JournalEntry
    from bridge.model.repository import Repository, VersionRow

StateKind = Literal[
    "fresh", "legacy", "handing over", "alembic", "dormant", "unmanaged", "ahead", "inconsistent"
]


@dataclass(frozen=True)
class Facts:
    """What one look at a database found; nothing is judged yet.

    `version_rows` has the rows of each legacy version table that exists; `revisions` the rows
    of the Alembic version table, None where that table does not exist. `not_version_tables` has the
    columns of version tables that lack the columns of a version table; these are not read.
    `journal` has what bridge wrote down itself, oldest first; `interrupted` is the step of which it
    has statements, because a run was cut short in it.
    """

    database: str
    dialect: str
    tables: frozenset[str] = frozenset()
    version_rows: Mapping[str, tuple[VersionRow, ...]] = field(default_factory=dict)
    revisions: tuple[str, ...] | None = None
    not_version_tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    journal: tuple[JournalEntry, ...] = ()
    interrupted: str | None = None


@dataclass(frozen=True)
class LegacyState:
    """Where a database stands in one legacy repository.

    `version` is None when the database has no row for the repository. With `begins` that means
    that the repository came later than the database and is to be run from its first version, as
    sqlalchemy-migrate's own programs do; without, that it was never installed. `row_id` is the
    `repository_id` in the row, which may be an alias. `enabled` is False for the repository of a
    module that is switched off: it is left alone. `drift` is in what the schema differs from the
    frozen one of the version, None where that is not known.
    """

    repository: Repository
    version: int | None
    row_id: str | None = None
    handed_over: bool = False
    begins: bool = False
    enabled: bool = True
    drift: tuple[Difference, ...] | None = None

    @property
    def start(self) -> int | None:
        """The version to go on from, None for a repository that was never installed."""
        return self.repository.first - 1 if self.begins else self.version

    @property
    def waiting(self) -> bool:
        """Whether the repository is on and has a version that is not handed over yet."""
        return self.enabled and self.start is not None and not self.handed_over


@dataclass(frozen=True)
class ModuleState:
    """A module of the app, and where a database stands in it.

    `switch` is "on", "off", "not installed" (its files are not there) or "broken" (they cannot be
    used, and it is off; `problem` says why). `current` are its revisions that are applied, `heads`
    those that its files lead to.
    """

    name: str
    switch: Literal["on", "off", "not installed", "broken"]
    current: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class State:
    """Where a database stands: the outcome of detecting.

    `unclaimed_rows` are rows of the legacy version tables that no repository claims.
    `revisions_without_files` are the revisions that only the journal knows; `pending_foundations`
    the components whose foundations a run before this one left unlaid. `interrupted` is the step in
    the middle of which an earlier run was cut short, where the next one goes on in it, and
    `interrupted_method` how a legacy version was run. `unfinished` are the steps that a run before
    this one ran statement by statement and did not finish, with how it ended. `new_file` is set for
    a SQLite file that is not there yet. `nearest` are the frozen versions that an unmanaged
    database is most like. `problem` is set when an upgrade must be refused; it says why and what
    mends it.
    """

    kind: StateKind
    database: str
    dialect: str
    legacy: Mapping[str, LegacyState] = field(default_factory=dict)
    current: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    modules: tuple[ModuleState, ...] = ()
    unclaimed_rows: tuple[VersionRow, ...] = ()
    revisions_without_files: tuple[Revision, ...] = ()
    pending_foundations: tuple[str, ...] = ()
    interrupted: str | None = None
    interrupted_method: str | None = None
    unfinished: Mapping[str, Literal["failed", "killed"]] = field(default_factory=dict)
    new_file: bool = False
    nearest: tuple[Nearest, ...] = ()
    problem: BridgeError | None = field(default=None, compare=False)

    @property
    def versions(self) -> dict[str, int]:
        """The version of each legacy repository that is in the database."""
        return {n: s.version for n, s in self.legacy.items() if s.version is not None}

    @property
    def dormant(self) -> dict[str, tuple[str, ...]]:
        """The applied revisions of each module that is not on."""
        return {m.name: m.current for m in self.modules if m.switch != "on" and m.current}
