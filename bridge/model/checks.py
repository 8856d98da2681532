"""What `bridge check` proves, and what it finds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bridge.model.diagram import Drawing
    from bridge.model.difference import Difference

Kind = Literal["files", "fresh", "models", "revision", "base", "path", "snapshot"]
"""What a proof is about.

files     what needs no database: seals, heads, stamps
fresh     a new install: from an empty database to the heads, and that a second run does nothing
models    the schema at the heads against the models
revision  that a revision can be undone and applied again
base      that stamped revisions make what the legacy version is
path      the way from a legacy version to the heads
snapshot  the way from a saved old database to the heads
"""


@dataclass(frozen=True)
class Finding:
    """One thing that a proof found.

    `name` is what it is called where it is accepted, in ``check.accept`` of the configuration, with
    the kind of database before it or not; its first word is its `code`. `message` says what is so,
    `help` what mends it. An `accepted` one is told, and does not make the check fail.
    """

    name: str
    message: str
    help: str = ""
    differences: tuple[Difference, ...] = ()
    accepted: bool = False

    @property
    def code(self) -> str:
        """Which kind of finding it is: ``schema``, ``rows``, ``failed``, ..."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class Proof:
    """One thing that was to be proved on a database, and what was found.

    `database` is its kind, such as ``postgresql``, empty where none was needed; `name` is the only
    one of that name there: ``from core 7, likes 2``. `steps` is the number of steps of a path,
    `seconds` what this proof alone took.
    """

    database: str
    kind: Kind
    name: str
    seconds: float = 0.0
    steps: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it holds: nothing was found, or only what is accepted."""
        return all(finding.accepted for finding in self.findings)


@dataclass(frozen=True)
class CheckedDatabase:
    """A kind of database on which was checked, with the server's version.

    `seconds` is what all of its proofs took; `climb` what it takes to go from the first legacy
    version to the heads, once; None where there is no legacy history to climb.
    """

    name: str
    version: str
    seconds: float
    climb: float | None = None


@dataclass(frozen=True)
class Checked:
    """The outcome of `bridge check`.

    `drawing` is the graph of all scripts; `versions` are those of what it ran with (``bridge``,
    ``python``, ``sqlalchemy``, ``alembic``); `at` is when it began, with a time zone.
    """

    proofs: tuple[Proof, ...]
    databases: tuple[CheckedDatabase, ...]
    drawing: Drawing
    at: datetime
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(proof.ok for proof in self.proofs)

    def of(self, database: str) -> tuple[Proof, ...]:
        """The proofs on one kind of database; those without one for an empty name."""
        return tuple(proof for proof in self.proofs if proof.database == database)


def is_accepted(finding: Finding, patterns: Iterable[str], database: str = "") -> bool:
    """Whether one of these is its name, or a pattern that its name matches.

    A pattern may begin with the kind of database: then it counts there only.
    """
    names = (finding.name, f"{database} {finding.name}")
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)
