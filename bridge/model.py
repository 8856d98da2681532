"""The words that every layer shares: facts, states, steps, plans and reports.

All are frozen dataclasses of plain values. Nothing here reads a database or a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from bridge.errors import BridgeError

StateKind = Literal[
    "fresh", "legacy", "handing over", "alembic", "dormant", "unmanaged", "ahead", "inconsistent"
]


@dataclass(frozen=True)
class Repository:
    """A legacy repository as its files and the configuration describe it.

    `versions` are the versions that have a script, ascending. `stamp` maps a version to the
    Alembic revisions that equal it. `requires` maps a version of this repository to the
    versions that other repositories must have reached before it runs.
    """

    name: str
    repository_id: str
    version_table: str
    path: Path
    versions: tuple[int, ...]
    stamp: Mapping[int, tuple[str, ...]]
    aliases: tuple[str, ...] = ()
    requires: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    hand_over: Literal["last", "nearest"] = "last"
    timestamps: bool = False
    squashed: bool = True
    bring_up_with: str | None = None
    module: str | None = None

    @property
    def first(self) -> int:
        """The lowest version that has a script."""
        return self.versions[0]

    @property
    def last(self) -> int:
        """The highest version that has a script."""
        return self.versions[-1]

    @property
    def ids(self) -> tuple[str, ...]:
        """The `repository_id` and its older names."""
        return (self.repository_id, *self.aliases)

    def target(self, version: int) -> int:
        """The version at which a database that is now at `version` is handed over."""
        if self.hand_over == "nearest":
            return min((mapped for mapped in self.stamp if mapped >= version), default=self.last)
        return self.last


@dataclass(frozen=True)
class VersionRow:
    """One row of a legacy version table."""

    repository_id: str
    version: int | None


@dataclass(frozen=True)
class Facts:
    """What one look at a database found; nothing is judged yet.

    `version_rows` has the rows of each legacy version table that exists; `revisions` the rows
    of the Alembic version table, None where that table does not exist. `misshapen` has the
    columns of version tables that lack the columns of a version table; these are not read.
    """

    database: str
    dialect: str
    tables: frozenset[str] = frozenset()
    version_rows: Mapping[str, tuple[VersionRow, ...]] = field(default_factory=dict)
    revisions: tuple[str, ...] | None = None
    misshapen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Revision:
    """An Alembic revision: its id, the branch or module it belongs to, its first doc line."""

    id: str
    branch: str | None = None
    doc: str = ""


class RevisionGraph(Protocol):
    """What deciding needs to know of the Alembic scripts."""

    def known(self, revision: str) -> bool:
        """Whether the scripts have this revision."""

    def module(self, revision: str) -> str | None:
        """The module whose folder holds the revision, None for the core's own."""

    def disabled(self, revision: str) -> bool:
        """Whether the revision belongs to a module that is switched off."""

    def ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """The revisions themselves and all that they descend from or depend on."""

    def effective(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """Those that no other of them descends from or depends on, sorted."""

    def targets(self) -> tuple[str, ...]:
        """The revisions to reach: effective heads of what is switched on, sorted."""

    def pending(self, current: Iterable[str], targets: Iterable[str]) -> tuple[Revision, ...]:
        """What an upgrade from `current` to `targets` runs, dependencies first."""


@dataclass(frozen=True)
class LegacyState:
    """Where a database stands in one legacy repository.

    `version` is None when the database has no row for the repository. With `begins` that means
    that the repository came later than the database and is to be run from its first version, as
    sqlalchemy-migrate's own programs do; without, that it was never installed. `row_id` is the
    `repository_id` in the row, which may be an alias. `enabled` is False for the repository of a
    module that is switched off: it is left alone.
    """

    repository: Repository
    version: int | None
    row_id: str | None = None
    handed_over: bool = False
    begins: bool = False
    enabled: bool = True

    @property
    def start(self) -> int | None:
        """The version to go on from, None for a repository that was never installed."""
        return self.repository.first - 1 if self.begins else self.version

    @property
    def waiting(self) -> bool:
        """Whether the repository is on and has a version that is not handed over yet."""
        return self.enabled and self.start is not None and not self.handed_over


@dataclass(frozen=True)
class State:
    """Where a database stands: the outcome of detecting.

    `problem` is set when an upgrade must be refused; it says why and what mends it.
    """

    kind: StateKind
    database: str
    dialect: str
    legacy: Mapping[str, LegacyState] = field(default_factory=dict)
    current: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    dormant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problem: BridgeError | None = field(default=None, compare=False)


# --- steps --------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunLegacy:
    """Run one version of a legacy repository and write its number into the version table."""

    kind: ClassVar[str] = "run_legacy"
    repository: str
    version: int
    how: Literal["live"] = "live"

    def __str__(self) -> str:
        return f"legacy {self.repository} {self.version}"


@dataclass(frozen=True)
class Stamp:
    """Write down that the database equals these revisions, running nothing."""

    kind: ClassVar[str] = "stamp"
    revisions: tuple[str, ...]

    def __str__(self) -> str:
        return f"stamp {', '.join(self.revisions)}"


@dataclass(frozen=True)
class Upgrade:
    """Run one Alembic revision."""

    kind: ClassVar[str] = "upgrade"
    revision: str
    branch: str | None = None
    doc: str = ""

    def __str__(self) -> str:
        return f"upgrade {self.revision}"


@dataclass(frozen=True)
class CreateModels:
    """Create the tables of the models at their current state, on a fresh database."""

    kind: ClassVar[str] = "create_models"

    def __str__(self) -> str:
        return "create the models' tables"


@dataclass(frozen=True)
class Foundations:
    """Call the application's hook that lays default rows into a fresh database."""

    kind: ClassVar[str] = "foundations"
    hook: str

    def __str__(self) -> str:
        return f"foundations {self.hook}"


Step = RunLegacy | Stamp | Upgrade | CreateModels | Foundations


def step_as_dict(step: Step) -> dict[str, Any]:
    """The step as a JSON object, its kind first; what is only for people is left out."""
    document = {"kind": step.kind, **asdict(step)}
    document.pop("doc", None)
    return document


def done_as_dict(step: Step, seconds: float) -> dict[str, Any]:
    """A finished step as a JSON object, its time in seconds."""
    return {**step_as_dict(step), "status": "done", "seconds": round(seconds, 3)}


@dataclass(frozen=True)
class Plan:
    """The steps that take a database from `state` to its targets, in order."""

    state: State
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Report:
    """What a run of `dbupdate` did: the steps with their seconds, and the rows afterwards."""

    outcome: Literal["upgraded", "nothing_to_do"]
    database: str
    steps: tuple[tuple[Step, float], ...] = ()
    current: tuple[str, ...] = ()
    dormant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
