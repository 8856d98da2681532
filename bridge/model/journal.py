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
    """A row of bridge's own table: what was done, to which revision or component.

    :param step: ``upgrade``, ``downgrade``, ``stamp``, ``seen`` (there before the journal was),
        ``foundations``; ``run`` for a whole run, ``step`` for each of its steps;
        `NON_TRANSACTIONAL`.
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
    the versions or revisions between which it leads, `method` the way in which a legacy version was
    run, `atomic` whether it was one transaction with its version row. `accepted` are the
    differences from the frozen schema with which it was stamped all the same. `schema` has the
    fingerprints of the schema before and after, None where nobody took them.
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
