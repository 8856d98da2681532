"""Read the journal: past runs, interrupted ones, and who holds the lock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.database.journal.statements.names import STEP
from bridge.database.journal.table import JOURNAL
from bridge.model.journal import JournalEntry, PastRun, PastStep
from bridge.model.names import REPLAYED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.engine import Connection


def read_journal(connection: Connection) -> tuple[tuple[JournalEntry, ...], tuple[int, ...]]:
    """Return every entry, oldest first, and the numbers of rows whose details are damaged.

    The records of statements are not among them. The table must exist.
    """
    columns = (JOURNAL.c.id, JOURNAL.c.step, JOURNAL.c.name, JOURNAL.c.status, JOURNAL.c.details)
    query = sa.select(*columns).where(JOURNAL.c.step != STEP)
    entries, damaged = [], []
    for row in connection.execute(query.order_by(JOURNAL.c.id)):
        details = _parsed(row.details)
        if details is None:
            damaged.append(row.id)
        entries.append(JournalEntry(row.step, row.name, row.status, details or {}))
    return tuple(entries), tuple(damaged)


def read_interrupted(connection: Connection) -> str | None:
    """Return the interrupted step, whose statements are written down; the table must exist."""
    names = sa.select(JOURNAL.c.name).where(JOURNAL.c.step == STEP).order_by(JOURNAL.c.id.desc())
    found: str | None = connection.execute(names.limit(1)).scalar()
    return found


@dataclass(frozen=True)
class Holder:
    """Who runs or ran last, as its own entries have it; `since` is UTC."""

    host: str
    pid: int
    user: str
    since: datetime
    step: str | None

    def __str__(self) -> str:
        text = f"process {self.pid} of {self.user} on {self.host}, since {self.since:%F %T} UTC"
        return f"{text}, in the step '{self.step}'" if self.step else text


def read_holder(connection: Connection) -> Holder | None:
    """Return the run that began last, None if it ended; the table must exist."""
    of_runs = sa.select(JOURNAL).where(JOURNAL.c.step == "run").order_by(JOURNAL.c.id.desc())
    run = connection.execute(of_runs.limit(1)).first()
    if run is None or run.status != "begun":
        return None
    of_steps = sa.select(JOURNAL.c.name).where(JOURNAL.c.run == run.run, JOURNAL.c.step == "step")
    step = connection.execute(of_steps.order_by(JOURNAL.c.id.desc()).limit(1)).scalar()
    details = _details(run)
    host, user = (str(details.get(key, "somewhere")) for key in ("host", "user"))
    return Holder(host, details.get("pid", 0), user, run.at, step)


def read_history(connection: Connection) -> tuple[PastRun, ...]:
    """Every run with its steps, oldest first; the table must be there."""
    rows = connection.execute(
        sa.select(JOURNAL)
        .where(JOURNAL.c.step.notin_([STEP, REPLAYED, "seen"]))
        .order_by(JOURNAL.c.id)
    )
    runs: dict[str, list[Any]] = {}
    for row in rows:
        runs.setdefault(row.run, []).append(row)
    return tuple(_past_run(its) for its in runs.values())


def _past_run(rows: list[Any]) -> PastRun:
    """Return the run that these rows describe."""
    of_run = [row for row in rows if row.step == "run"]
    begun, last = (of_run or rows)[0], (of_run or rows)[-1]
    details = _details(begun) if of_run else {}
    return PastRun(
        id=begun.run,
        status=last.status,
        begun=begun.at,
        ended=last.at if last.status != "begun" else None,
        bridge_version=begun.bridge_version,
        host=details.get("host"),
        process=details.get("pid"),
        user=details.get("user"),
        error=_details(last).get("error"),
        steps=tuple(_past_steps(rows) if of_run else map(_alone, rows)),
    )


def _past_steps(rows: list[Any]) -> Iterator[PastStep]:
    of_steps = [row for row in rows if row.step == "step"]
    begun = [row for row in of_steps if row.status == "begun"]
    # What the schema was after a step, whoever began or ended next has.
    after = [_details(row).get("schema") for row in begun[1:]]
    after.append(_details(rows[-1]).get("schema"))
    for row, schema in zip(begun, after, strict=True):
        ends = [end for end in of_steps if end.name == row.name and end.status != "begun"]
        details = _details(row) | (_details(ends[-1]) if ends else {})
        yield PastStep(
            name=row.name,
            status=ends[-1].status if ends else "begun",
            begun=row.at,
            ended=ends[-1].at if ends else None,
            kind=details.get("kind"),
            start=tuple(map(_word, details.get("from", ()))),
            end=tuple(map(_word, details.get("to", ()))),
            method=details.get("how"),
            atomic=details.get("one"),
            accepted=tuple(details.get("accepted", ())),
            schema=(_details(row).get("schema"), schema),
        )


def _alone(row: Any) -> PastStep:
    """Return the entry of a revision that Alembic ran or stamped without bridge."""
    start = tuple(_details(row).get("down", ())) if row.step == "upgrade" else ()
    return PastStep(
        f"{row.step} {row.name}", row.status, row.at, row.at, row.step, start, (row.name,)
    )


def _details(row: Any) -> dict[str, Any]:
    """Return the details of a row, nothing where they are damaged: `read_journal` reports these."""
    return _parsed(row.details) or {}


def _parsed(text: str | None) -> dict[str, Any] | None:
    """Return the details in a text; None where they are damaged."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _word(value: Any) -> str:
    return "none" if value is None else str(value)
