"""Entries of the journal as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bridge.model.graph import Revision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True)
class JournalEntry:
    """A row of bridge's own table: an action, and the revision or component that it concerns.

    :param step: ``upgrade``, ``downgrade``, ``stamp``, ``seen`` (older than the journal),
        ``foundations``; ``run`` for a whole run, ``step`` for each of its steps;
        `NON_TRANSACTIONAL`, `PARTLY` and `REPLAYED`.
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
        """Return the entry of a revision, complete enough for when its file is gone."""
        details: dict[str, Any] = {"module": revision.module}
        details |= {"down": list(revision.down), "depends": list(revision.depends)}
        return cls(step, revision.id, details=details)

    @property
    def revision(self) -> Revision | None:
        """The revision that the entry concerns, if there is one."""
        if "down" not in self.details:
            return None
        down, depends = tuple(self.details["down"]), tuple(self.details["depends"])
        return Revision(self.name, down, depends, self.details["module"], gone=True)


@dataclass(frozen=True)
class PastStep:
    """A step of a run, as the journal has it; times are UTC.

    :param status: ``begun`` where it never ended: it is running, or was killed.
    :param start: the versions or revisions before the step.
    :param end: the versions or revisions after it.
    :param method: how a legacy version was run.
    :param atomic: whether it was one transaction with its version row.
    :param accepted: the differences from the frozen schema that were accepted for a stamp.
    :param schema: the fingerprints of the schema before and after; None where none was taken.
    """

    name: str
    status: Literal["begun", "done", "failed"]
    begun: datetime
    ended: datetime | None = None
    kind: str | None = None
    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    method: str | None = None
    atomic: bool | None = None
    accepted: tuple[str, ...] = ()
    schema: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class PastRun:
    """A run, as the journal has it; times are UTC.

    A run of Alembic without bridge has no `host`, `process` and `user`; its steps are revisions.

    :param status: ``begun`` where it never ended: it is running, or was killed.
    :param error: the code of the error with which it failed.
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
