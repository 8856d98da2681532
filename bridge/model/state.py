"""The facts about a database, and its state.

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

Unfinished = Literal["failed", "killed", "partly"]
"""How a step ended whose work may be there in part.

It ran statement by statement and failed or was killed, or a revision committed a part itself.
"""


@dataclass(frozen=True)
class HalfReplayed:
    """How far a version was replayed, where each change of the schema commits by itself.

    :param step: its name in the journal.
    :param committed: the last statement that is known to be committed; 0 for none.
    :param refused: the statement that the database refused; 0 where no answer came back.
    :param created: when the version table was made, in seconds since 1970; None if not known.
    """

    step: str
    committed: int = 0
    refused: int = 0
    created: int | None = None


@dataclass(frozen=True)
class Facts:
    """The facts that one look at a database found, not judged yet.

    :param version_rows: the rows of each legacy version table that exists.
    :param revisions: the rows of the Alembic version table; None where it does not exist.
    :param not_version_tables: the columns of tables that have the name of a version table and not
        its columns; these are not read.
    :param journal: bridge's own records, oldest first.
    :param interrupted: the step in which a run was interrupted: the journal has its statements.
    :param no_revisions: the values in the Alembic version table that are no revision's id.
    :param restoring: the backup whose restore was interrupted.
    :param no_details: the numbers of the journal's rows whose details are damaged.
    """

    database: str
    dialect: str
    tables: frozenset[str] = frozenset()
    version_rows: Mapping[str, tuple[VersionRow, ...]] = field(default_factory=dict)
    revisions: tuple[str, ...] | None = None
    not_version_tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    journal: tuple[JournalEntry, ...] = ()
    interrupted: str | None = None
    no_revisions: tuple[str | None, ...] = ()
    no_details: tuple[int, ...] = ()
    restoring: str | None = None


@dataclass(frozen=True)
class LegacyState:
    """Where a database stands in one legacy repository.

    :param version: None where the database has no row for the repository.
    :param row_id: the `repository_id` in the row, which may be an alias.
    :param begins: whether a repository without a row is newer than the database. It is run from
        its first version then, as by sqlalchemy-migrate's own programs; else it was never
        installed.
    :param enabled: False for the repository of a module that is off, which is left alone.
    :param drift: the differences from the frozen schema of the version; None where that is not
        known.
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
        """The version to continue from; None for a repository that was never installed."""
        return self.repository.first - 1 if self.begins else self.version

    @property
    def waiting(self) -> bool:
        """Whether the repository is on, and has a version that is not handed over yet."""
        return self.enabled and self.start is not None and not self.handed_over


@dataclass(frozen=True)
class ModuleState:
    """A module of the app, and where a database stands in it.

    :param switch: "on", "off", "not installed" (its files do not exist) or "broken" (it is off, and
        its files cannot be used; `problem` says why).
    :param current: its applied revisions.
    :param heads: the heads of its files.
    """

    name: str
    switch: Literal["on", "off", "not installed", "broken"]
    current: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class State:
    """Where a database stands: the outcome of detecting.

    :param current: the applied revisions that no other applied one needs.
    :param targets: the revisions to reach.
    :param unclaimed_rows: the rows of the legacy version tables that belong to no repository.
    :param revisions_without_files: the revisions that only the journal knows.
    :param pending_foundations: the components whose default rows an earlier run did not insert.
    :param interrupted: the step in which an earlier run was interrupted, and at which the next run
        resumes.
    :param interrupted_method: how a legacy version was run in that step.
    :param half_replayed: how far it came, if the schema says where it resumes and not the records
        of statements.
    :param unfinished: the steps that an earlier run did not finish and of whose work a part may be
        there, each with how it ended.
    :param new_file: whether it is a SQLite file that does not exist yet.
    :param nearest: the frozen versions that an unmanaged database is most like.
    :param problem: why an upgrade must be refused, and how to fix it; None where it need not be.
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
    half_replayed: HalfReplayed | None = None
    unfinished: Mapping[str, Unfinished] = field(default_factory=dict)
    new_file: bool = False
    nearest: tuple[Nearest, ...] = ()
    problem: BridgeError | None = field(default=None, compare=False)

    @property
    def versions(self) -> dict[str, int]:
        """The version of each legacy repository that is in the database."""
        return {n: s.version for n, s in self.legacy.items() if s.version is not None}

    @property
    def dormant(self) -> dict[str, tuple[str, ...]]:
        """The applied revisions of each module that is off."""
        return {m.name: m.current for m in self.modules if m.switch != "on" and m.current}
