"""The words that every layer shares: facts, states, steps, plans and reports.

All are frozen dataclasses of plain values. Nothing here reads a database or a file.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from bridge.errors import BridgeError

StateKind = Literal[
    "fresh", "legacy", "handing over", "alembic", "dormant", "unmanaged", "ahead", "inconsistent"
]


JOURNAL_TABLE = "bridge_journal"
"""bridge's own table."""
APART = "apart"
"""What `JournalEntry.step` is where a version begins to run statement by statement."""
CORE = "core"
"""What names the app itself where the names of its modules stand too."""


@dataclass(frozen=True)
class VersionStore:
    """A legacy version table and its columns; sqlalchemy-migrate's own where nothing else is said.

    One row for each repository: its id, its version, and where `path_column` is set a path that
    nobody reads.
    """

    table: str = "migrate_version"
    id_column: str = "repository_id"
    version_column: str = "version"
    path_column: str | None = "repository_path"

    @property
    def columns(self) -> frozenset[str]:
        """The columns without which it is not that table."""
        return frozenset({self.id_column, self.version_column})


@dataclass(frozen=True)
class Repository:
    """A legacy history as its files and the configuration describe it.

    It is a sqlalchemy-migrate repository at `path`, or a `registry`: the name of a dictionary from
    numbers to functions. `versions` are the versions that have a script or a function, ascending.
    `stamp` maps a version to the Alembic revisions that equal it; to none where the base revisions
    skip what is there already. `requires` maps a version of this repository to the versions that
    other repositories must have reached before it runs.
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
        """The lowest version that has a script; 1 for a registry without any."""
        return self.versions[0] if self.versions else 1

    @property
    def last(self) -> int:
        """The highest version that has a script; 0 for a registry without any."""
        return self.versions[-1] if self.versions else 0

    @property
    def version_table(self) -> str:
        """The name of the table that holds its version row."""
        return self.store.table

    @property
    def home(self) -> str:
        """Where its versions are, for people."""
        return self.registry or str(self.path)

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
    """One row of a legacy version table; without a version it may have something that is none."""

    repository_id: str
    version: int | None
    wrong: str = ""


@dataclass(frozen=True)
class Facts:
    """What one look at a database found; nothing is judged yet.

    `version_rows` has the rows of each legacy version table that exists; `revisions` the rows
    of the Alembic version table, None where that table does not exist. `misshapen` has the
    columns of version tables that lack the columns of a version table; these are not read.
    `journal` has what bridge wrote down itself, oldest first; `interrupted` is the step of which it
    has statements, because a run was cut short in it.
    """

    database: str
    dialect: str
    tables: frozenset[str] = frozenset()
    version_rows: Mapping[str, tuple[VersionRow, ...]] = field(default_factory=dict)
    revisions: tuple[str, ...] | None = None
    misshapen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    journal: tuple[JournalEntry, ...] = ()
    interrupted: str | None = None


@dataclass(frozen=True)
class Revision:
    """An Alembic revision: its id, what it descends from and depends on, whose it is.

    `module` is None for the core's own. `gone` marks one whose file is no longer there: only the
    journal knows it.
    """

    id: str
    down: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    module: str | None = None
    labels: tuple[str, ...] = ()
    doc: str = ""
    gone: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """What must be there before it."""
        return (*self.down, *self.depends)

    @property
    def branch(self) -> str | None:
        """The module's name, else a branch label."""
        return self.module or next(iter(self.labels), None)

    def only(self, known: Container[str]) -> Revision:
        """The same, without what it needs beyond the `known` revisions."""
        return replace(
            self,
            down=tuple(revision for revision in self.down if revision in known),
            depends=tuple(revision for revision in self.depends if revision in known),
        )


@dataclass(frozen=True)
class JournalEntry:
    """A row of bridge's own table: what was done, to which revision or component.

    :param step: ``upgrade``, ``downgrade``, ``stamp``, ``seen`` (there before the journal was),
        ``foundations``; ``run`` for a whole run, ``step`` for each of its steps; `APART`.
    :param name: the revision; for foundations the component, `CORE` or a module; for a step its
        name.
    :param status: ``begun``, ``done`` or ``failed``.
    :param details: for a revision its module and what it needs; for a run its host, process and
        user, and the code of the error with which it failed.
    """

    step: str
    name: str
    status: Literal["begun", "done", "failed"] = "done"
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, step: str, revision: Revision) -> JournalEntry:
        """What is written down of a revision, for when its file is gone."""
        details: dict[str, Any] = {"module": revision.module}
        details |= {"down": list(revision.down), "depends": list(revision.depends)}
        return cls(step, revision.id, details=details)

    @property
    def revision(self) -> Revision | None:
        """The revision that the entry is about, if it is about one."""
        if "down" not in self.details:
            return None
        down, depends = tuple(self.details["down"]), tuple(self.details["depends"])
        return Revision(self.name, down, depends, self.details["module"], gone=True)


@dataclass(frozen=True)
class PastStep:
    """A step of a run, as the journal has it; times are UTC.

    `status` is ``begun`` where it never ended: it runs now, or was killed. `start` and `end` are
    the versions or revisions between which it leads, `how` the way in which a legacy version was
    run, `one` whether it was one transaction with its version row. `accepted` are the differences
    from the frozen schema with which it was stamped all the same. `schema` has the fingerprints of
    the schema before and after, None where nobody took them.
    """

    name: str
    status: Literal["begun", "done", "failed"]
    begun: datetime
    ended: datetime | None = None
    kind: str | None = None
    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    how: str | None = None
    one: bool | None = None
    accepted: tuple[str, ...] = ()
    schema: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class PastRun:
    """A run, as the journal has it; times are UTC.

    `status` is as a step's. What was run by Alembic without bridge has no `host`, `process` and
    `user`; its steps are revisions. `error` is the code of the error with which it failed.
    """

    id: str
    status: Literal["begun", "done", "failed"]
    begun: datetime
    ended: datetime | None = None
    bridge_version: str = ""
    host: str | None = None
    process: int | None = None
    user: str | None = None
    error: str | None = None
    steps: tuple[PastStep, ...] = ()


@dataclass(frozen=True)
class Nearest:
    """The version of a frozen history that a database is most like, and what differs from it."""

    repository: str
    version: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        count = len(self.stops)
        how = f"with {count} difference{'s' if count > 1 else ''}" if count else "exactly"
        return f"version {self.version} of {self.repository} ({how})"

    @property
    def stops(self) -> tuple[Difference, ...]:
        """Those that keep the database from being taken for that version."""
        return tuple(difference for difference in self.differences if not difference.own)


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

    `strangers` are rows of the legacy version tables that no repository claims. `remembered` are
    the revisions that only the journal knows; `unlaid` the components whose foundations a run
    before this one left unlaid. `interrupted` is the step in the middle of which an earlier run was
    cut short, where the next one goes on in it, and `interrupted_how` how a legacy version was run.
    `unfinished` are the steps that a run before this one ran statement by statement and did not
    finish, with how it ended. `new_file` is set for a SQLite file that is not there yet.
    `nearest` are the frozen versions that an unmanaged database is most like. `problem` is set when
    an upgrade must be refused; it says why and what mends it.
    """

    kind: StateKind
    database: str
    dialect: str
    legacy: Mapping[str, LegacyState] = field(default_factory=dict)
    current: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    modules: tuple[ModuleState, ...] = ()
    strangers: tuple[VersionRow, ...] = ()
    remembered: tuple[Revision, ...] = ()
    unlaid: tuple[str, ...] = ()
    interrupted: str | None = None
    interrupted_how: str | None = None
    unfinished: Mapping[str, Literal["failed", "killed"]] = field(default_factory=dict)
    new_file: bool = False
    nearest: tuple[Nearest, ...] = ()
    problem: BridgeError | None = field(default=None, compare=False)

    @property
    def dormant(self) -> dict[str, tuple[str, ...]]:
        """The applied revisions of each module that is not on."""
        return {m.name: m.current for m in self.modules if m.switch != "on" and m.current}


@dataclass(frozen=True)
class Difference:
    """One thing in which a schema is not what it should be.

    `name` is what it is called where somebody accepts it (``images.checksum``), `table` the table
    or other thing that it belongs to, and `what` says what it is (``column``, ``default``, ...).
    `expected` and `found` are texts for people, None where there is nothing. `own` differences are
    the administrator's own additions or of no consequence: a warning, and no reason to stop.
    """

    name: str
    kind: Literal["missing", "extra", "other"]
    what: str
    expected: str | None
    found: str | None
    meaning: str
    own: bool = False
    table: str = ""


def size_words(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def standing(versions: Mapping[str, int], revisions: Sequence[str] = ()) -> str:
    """Where a database stands, for people: ``core 7, likes 2; revisions a1, b2``."""
    parts = [", ".join(f"{name} {version}" for name, version in versions.items())]
    if revisions:
        parts.append(f"revisions {', '.join(revisions)}")
    return "; ".join(filter(None, parts)) or "no version"


@dataclass(frozen=True)
class Snapshot:
    """A file with an old database, of which it says itself where it stands.

    `kind` is "sqlite", "postgresql" or "mysql"; `versions` are those of the legacy repositories in
    it, None where the file does not say; `revisions` the Alembic ones; `size` is in bytes.
    """

    path: Path
    kind: str
    versions: Mapping[str, int] | None
    revisions: tuple[str, ...]
    size: int


@dataclass(frozen=True)
class Imported:
    """What came of an administrator's database: a snapshot, and what in it is to be looked at.

    `drift` has in what its schema differs from the frozen one of its versions; `scrubbed` counts
    the texts that were replaced, None where none were to be; `kept` has the columns that are as
    they were, each with why.
    """

    snapshot: Snapshot
    drift: tuple[Difference, ...] = ()
    scrubbed: int | None = None
    kept: Mapping[str, str] = field(default_factory=dict)


# --- steps --------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunLegacy:
    """Run one version of a legacy repository and write its number into the version table.

    `how` is "live" (its script, in the legacy runtime), "replay" (the statements that are frozen)
    or "ported" (the developer's own function); `why` says why live, where the history is frozen.
    `apart` says why its statements are committed one by one although the database could do them
    all in one transaction; None where they are one.
    """

    kind: ClassVar[str] = "run_legacy"
    repository: str
    version: int
    how: Literal["live", "replay", "ported"] = "live"
    why: str | None = field(default=None, compare=False)
    apart: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"legacy {self.repository} {self.version}"


@dataclass(frozen=True)
class VerifySchema:
    """Compare the schema with the frozen one of a version of each of these repositories."""

    kind: ClassVar[str] = "verify_schema"
    versions: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return f"verify {', '.join(f'{name} {version}' for name, version in self.versions)}"


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
class Downgrade:
    """Undo one Alembic revision."""

    kind: ClassVar[str] = "downgrade"
    revision: str
    branch: str | None = None
    doc: str = ""

    def __str__(self) -> str:
        return f"downgrade {self.revision}"


@dataclass(frozen=True)
class SetVersion:
    """Write a number into a legacy version table, or take it out, running nothing."""

    kind: ClassVar[str] = "set_version"
    repository: str
    version: int | None

    def __str__(self) -> str:
        if self.version is None:
            return f"take out legacy {self.repository}"
        return f"set legacy {self.repository} to {self.version}"


@dataclass(frozen=True)
class CreateModels:
    """Create the tables of the models at their current state, on a fresh database."""

    kind: ClassVar[str] = "create_models"

    def __str__(self) -> str:
        return "create the models' tables"


@dataclass(frozen=True)
class Foundations:
    """Lay the default rows of a component that has just been installed: of `CORE` or a module."""

    kind: ClassVar[str] = "foundations"
    component: str
    hook: str

    def __str__(self) -> str:
        return f"foundations {self.hook}"


Step = (
    RunLegacy | VerifySchema | Stamp | Upgrade | Downgrade | SetVersion | CreateModels | Foundations
)


def name_in_journal(step: Step) -> str:
    """What the step is called in bridge's own table, whose column is that long."""
    return str(step)[:255]


def step_as_dict(step: Step) -> dict[str, Any]:
    """The step as a JSON object, its kind first; what is only for people is left out."""
    document = {"kind": step.kind, **asdict(step)}
    document.pop("doc", None)
    for key in ("apart", "why"):
        if document.get(key, "") is None:
            del document[key]
    return document


def done_as_dict(step: Step, seconds: float) -> dict[str, Any]:
    """A finished step as a JSON object, its time in seconds."""
    return {**step_as_dict(step), "status": "done", "seconds": round(seconds, 3)}


@dataclass(frozen=True)
class Plan:
    """The steps that take a database from `state` to its targets, in order."""

    state: State
    steps: tuple[Step, ...]

    @property
    def interrupted(self) -> str | None:
        """The one of its steps in the middle of which an earlier run was cut short, if it is."""
        names = {name_in_journal(step) for step in self.steps}
        return self.state.interrupted if self.state.interrupted in names else None


@dataclass(frozen=True)
class Backup:
    """A file that holds a database as it was; `size` in bytes."""

    path: Path
    size: int


@dataclass(frozen=True)
class Rows:
    """How many rows the app's tables had before the first step and after the last.

    A table that was not there is in none of the two; None stands for one that was not counted,
    because it is large or cannot be read.
    """

    before: Mapping[str, int | None]
    after: Mapping[str, int | None]

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that was there, before or after."""
        return tuple(sorted({*self.before, *self.after}))

    @property
    def fewer(self) -> tuple[str, ...]:
        """The tables that are there with fewer rows than before."""
        counts = ((name, self.before.get(name), self.after.get(name)) for name in self.tables)
        return tuple(
            n for n, before, after in counts if before and after is not None and after < before
        )

    @property
    def gone(self) -> tuple[str, ...]:
        """The tables that are not there any more, dropped or renamed, unless they were empty."""
        return tuple(n for n in self.tables if self.before.get(n) != 0 and n not in self.after)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The tables of which it cannot be told whether they have fewer rows."""
        return tuple(
            n for n in self.tables if None in (self.before.get(n, 0), self.after.get(n, 0))
        )


@dataclass(frozen=True)
class Report:
    """What a run did: the steps with their seconds, and the version rows afterwards.

    `backup` is None where none was made; `rows` where there was nothing to do.
    """

    outcome: Literal["upgraded", "removed", "adopted", "rehearsed", "nothing_to_do"]
    database: str
    steps: tuple[tuple[Step, float], ...] = ()
    current: tuple[str, ...] = ()
    dormant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    backup: Backup | None = None
    rows: Rows | None = None


@dataclass(frozen=True)
class Verification:
    """How the schema compares with what was recorded of the versions and revisions it is at.

    `compared` names these, and `not_recorded` those of which nothing was recorded.
    """

    compared: tuple[str, ...]
    not_recorded: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def stops(self) -> tuple[Difference, ...]:
        """The differences that are more than the administrator's own additions."""
        return tuple(difference for difference in self.differences if not difference.own)


@dataclass(frozen=True)
class Contents:
    """What a database holds besides the number of its rows.

    `tables` are the app's, by their names, as in the output of ``dbupdate --rehearse --json``.
    Of the foreign keys so many were `checked` row by row; `broken` counts the rows of a table whose
    key points to no row of another: by the names of both.
    """

    tables: Mapping[str, Mapping[str, Any]]
    checked: int
    broken: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Rehearsal:
    """What a run did on a copy: its report, and the contents of the copy before and after it.

    Both are None where there is nothing to do; then no copy was made.
    """

    report: Report
    before: Contents | None = None
    after: Contents | None = None
