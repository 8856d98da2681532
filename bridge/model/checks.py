"""The results of `bridge check`: what it proves, and what it finds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from bridge.model.remedy import as_remedies

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bridge.model.diagram import Drawing
    from bridge.model.difference import Difference
    from bridge.model.remedy import Remedies, Remedy

Kind = Literal["files", "fresh", "models", "revision", "base", "path", "snapshot"]
"""The subject of a proof.

files     whatever needs no database: seals, heads, stamps
fresh     a new install: from an empty database to the heads, where a second run does nothing
models    the schema at the heads against the models
revision  a downgrade and a second upgrade of one revision
base      the stamped revisions against the legacy version that they equal
path      the path from a legacy version to the heads
snapshot  the path from a saved old database to the heads
"""


@dataclass(frozen=True)
class Finding:
    """One thing that a proof found.

    :param name: its name in ``check.accept`` of the configuration, where the kind of database may
        precede it; its first word is its `code`.
    :param message: what was found.
    :param help: how to fix it.
    :param accepted: whether it is reported without failing the check.
    """

    name: str
    message: str
    help: Remedies = ""
    differences: tuple[Difference, ...] = ()
    accepted: bool = False

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """How to fix it, as data."""
        return as_remedies(self.help)

    @property
    def code(self) -> str:
        """The kind of finding: ``schema``, ``rows``, ``failed``, ..."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class Proof:
    """One proof on a database, with its findings.

    :param database: the kind of database, such as ``postgresql``; empty where none was needed.
    :param name: its name, which is unique on that database: ``from core 7, likes 2``.
    :param seconds: the time that this proof alone took.
    :param steps: the number of steps of a path.
    """

    database: str
    kind: Kind
    name: str
    seconds: float = 0.0
    steps: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the proof holds: every finding is accepted."""
        return all(finding.accepted for finding in self.findings)


@dataclass(frozen=True)
class CheckedDatabase:
    """A kind of database on which the check ran, with the server's version.

    :param seconds: the time that all of its proofs took.
    :param climb: the time of one upgrade from the first legacy version to the heads; None where
        there is no legacy history.
    """

    name: str
    version: str
    seconds: float
    climb: float | None = None


@dataclass(frozen=True)
class Checked:
    """The outcome of `bridge check`.

    :param drawing: the graph of all scripts.
    :param at: when the check began, with a time zone.
    :param versions: of the programs that it ran with: ``bridge``, ``python``, ``sqlalchemy``,
        ``alembic``.
    """

    proofs: tuple[Proof, ...]
    databases: tuple[CheckedDatabase, ...]
    drawing: Drawing
    at: datetime
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every proof holds."""
        return all(proof.ok for proof in self.proofs)

    def of(self, database: str) -> tuple[Proof, ...]:
        """Return the proofs on one kind of database; an empty name stands for no database."""
        return tuple(proof for proof in self.proofs if proof.database == database)


def is_accepted(finding: Finding, patterns: Iterable[str], database: str = "") -> bool:
    """Return whether the name of a finding matches one of these patterns.

    A pattern that begins with a kind of database applies to that database only.
    """
    names = (finding.name, f"{database} {finding.name}")
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)
