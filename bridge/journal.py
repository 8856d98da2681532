"""`bridge_journal`: bridge's own table, in which each step is written down.

It is the memory of what the scripts can no longer tell: which module a revision belonged to whose
file is gone, and whether default rows are still to be laid.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection

from bridge.model import JOURNAL_TABLE, JournalEntry, PastRun, PastStep
from bridge.recorder import STEP, Recorder

# MySQL's TEXT is of 64 KB; a statement's outcome may be longer.
_LONG = sa.Text()
for _dialect in ("mysql", "mariadb"):
    _LONG = _LONG.with_variant(mysql.MEDIUMTEXT(), _dialect)
_TABLE = sa.Table(
    JOURNAL_TABLE,
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.String(36), nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("bridge_version", sa.String(32), nullable=False),
    sa.Column("details", _LONG),
)
# The present moment as the database tells it, in UTC; on MySQL as below.
_UTC_NOW = {"sqlite": "CURRENT_TIMESTAMP", "postgresql": "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'"}
_INSERT = _TABLE.insert()
JOURNAL_COLUMNS = frozenset(column.name for column in _TABLE.columns)
"""What makes a table bridge's own."""


def read_journal(connection: Connection) -> tuple[JournalEntry, ...]:
    """Every entry, oldest first, without the records of statements; the table must be there."""
    columns = (_TABLE.c.step, _TABLE.c.name, _TABLE.c.status, _TABLE.c.details)
    entries = sa.select(*columns).where(_TABLE.c.step != STEP)
    rows = connection.execute(entries.order_by(_TABLE.c.id))
    return tuple(
        JournalEntry(step, name, status, json.loads(details) if details else {})
        for step, name, status, details in rows
    )


def read_interrupted(connection: Connection) -> str | None:
    """The step of which statements are written down: it was cut short; the table must be there."""
    names = sa.select(_TABLE.c.name).where(_TABLE.c.step == STEP).order_by(_TABLE.c.id.desc())
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
    """The run that began last, None where it has come to its end; the table must be there."""
    of_runs = sa.select(_TABLE).where(_TABLE.c.step == "run").order_by(_TABLE.c.id.desc())
    run = connection.execute(of_runs.limit(1)).first()
    if run is None or run.status != "begun":
        return None
    of_steps = sa.select(_TABLE.c.name).where(_TABLE.c.run == run.run, _TABLE.c.step == "step")
    step = connection.execute(of_steps.order_by(_TABLE.c.id.desc()).limit(1)).scalar()
    details = json.loads(run.details)
    return Holder(details["host"], details["pid"], details["user"], run.at, step)


def read_history(connection: Connection) -> tuple[PastRun, ...]:
    """Every run with its steps, oldest first; the table must be there."""
    rows = connection.execute(
        sa.select(_TABLE).where(_TABLE.c.step.notin_([STEP, "seen"])).order_by(_TABLE.c.id)
    )
    runs: dict[str, list[Any]] = {}
    for row in rows:
        runs.setdefault(row.run, []).append(row)
    return tuple(_past_run(its) for its in runs.values())


def _past_run(rows: list[Any]) -> PastRun:
    """The run that the rows of one run tell of."""
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
            how=details.get("how"),
            one=details.get("one"),
            accepted=tuple(details.get("accepted", ())),
            schema=(_details(row).get("schema"), schema),
        )


def _alone(row: Any) -> PastStep:
    """A revision that Alembic ran or stamped without bridge."""
    start = tuple(_details(row).get("down", ())) if row.step == "upgrade" else ()
    return PastStep(
        f"{row.step} {row.name}", row.status, row.at, row.at, row.step, start, (row.name,)
    )


def _details(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.details) if row.details else {}
    return found


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def this_process() -> dict[str, str | int]:
    """Who we are, for the entry of a run."""
    user = "somebody"
    with contextlib.suppress(ImportError, KeyError, OSError):  # a container's may have no name
        user = getpass.getuser()
    return {"host": socket.gethostname(), "pid": os.getpid(), "user": user}


class Journal:
    """The journal as one run writes it.

    :param run: what the entries of this run have in common: a UUID as text.
    """

    def __init__(self, run: str) -> None:
        self.common: dict[str, str] = {"run": run, "bridge_version": version("bridge")}
        """What every row of this run has in it."""
        self.step: str | None = None
        """The step that is at work, None outside a run's steps."""
        self.recorder: Recorder | None = None
        """What writes down the statements of that step, where the database needs it."""
        self.there = False
        """Whether the table is known to be there."""

    def write(self, connection: Connection, entries: Iterable[JournalEntry]) -> None:
        """Add the entries, in the transaction that the connection is in; makes the table."""
        if not self.there:
            _TABLE.create(connection, checkfirst=True)
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        rows = [
            {
                **self.common,
                "step": entry.step,
                "name": entry.name,
                "status": entry.status,
                "at": now,
                "details": json.dumps(entry.details) if entry.details else None,
            }
            for entry in entries
        ]
        for row in rows:  # of two, a driver's way for many takes longer
            connection.execute(_INSERT, row)

    def done(
        self,
        connection: Connection,
        entries: Iterable[JournalEntry] = (),
        details: Mapping[str, Any] | None = None,
        then: Iterable[JournalEntry] = (),
    ) -> None:
        """Write down that the step at work is done, with these entries, in its own transaction.

        :param then: what is to stand behind it.
        """
        if self.recorder is not None:
            self.recorder.finish(connection)
        if self.step is not None:
            entries = [*entries, JournalEntry("step", self.step, details=details or {})]
        self.write(connection, [*entries, *then])

    def statements(self, entries: Iterable[JournalEntry], dialect: str) -> Iterator[Any]:
        """What `write` does as statements for a script, whose moment the database's clock tells."""
        yield sa.schema.CreateTable(_TABLE, if_not_exists=True)
        now: Any = sa.literal_column(_UTC_NOW.get(dialect, "UTC_TIMESTAMP()"))
        for entry in entries:
            own = {"step": entry.step, "name": entry.name, "status": entry.status}
            yield _TABLE.insert().values({**self.common, **own, "at": now})

    def forget_statements(self, connection: Connection) -> None:
        """Take out the records of statements: of steps that are done, or that nobody will run."""
        connection.execute(_TABLE.delete().where(_TABLE.c.step == STEP))
