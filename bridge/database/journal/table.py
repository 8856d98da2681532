"""`bridge_journal`: bridge's own table, in which each step is written down.

It is the memory of what the scripts can no longer tell: which module a revision belonged to whose
file is gone, and whether default rows are still to be laid.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from bridge.database.journal.statements.names import STEP
from bridge.database.servers import server_named
from bridge.model.journal import JournalEntry
from bridge.model.names import JOURNAL_TABLE, PARTLY, REPLAYED
from bridge.model.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy.engine import Connection


class _LongText(sa.Text):
    """A text as long as a statement's outcome. MySQL's TEXT is of 64 KB."""


# Not SQLAlchemy's own type: with it comes the dialect, 10 ms of every start.
@compiles(_LongText, "mysql", "mariadb")
def _on_mysql(_type: Any, _compiler: Any, **_options: Any) -> str:
    return "MEDIUMTEXT"


JOURNAL = sa.Table(
    JOURNAL_TABLE,
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.String(36), nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("bridge_version", sa.String(32), nullable=False),
    sa.Column("details", _LongText),
)

_INSERT = JOURNAL.insert()

JOURNAL_COLUMNS = frozenset(column.name for column in JOURNAL.columns)
"""What makes a table bridge's own."""


def this_process() -> dict[str, str | int]:
    """Who we are, for the entry of a run."""
    # 0.5 ms of every start: only what writes says who it is.
    import getpass

    user = "somebody"
    with contextlib.suppress(ImportError, KeyError, OSError):  # a container's may have no name
        user = getpass.getuser()
    return {"host": socket.gethostname(), "pid": os.getpid(), "user": user}


class StatementRecords(Protocol):
    """What is written down of the statements of the step at work."""

    def finish(self, connection: Connection) -> None:
        """Remove it, in the transaction of the connection: the step is done."""


class Journal:
    """The journal as one run writes it.

    :param run: what the entries of this run have in common: a UUID as text.
    """

    def __init__(self, run: str) -> None:
        self.common: dict[str, str] = {"run": run, "bridge_version": VERSION}
        """What every row of this run has in it."""
        self.step: str | None = None
        """The step that is at work, None outside a run's steps."""
        self.recorder: StatementRecords | None = None
        """What writes down the statements of that step, where the database needs it."""
        self.there = False
        """Whether the table is known to be there."""
        self._partly = False

    def write(self, connection: Connection, entries: Iterable[JournalEntry]) -> None:
        """Add the entries, in the transaction that the connection is in; makes the table."""
        if not self.there:
            JOURNAL.create(connection, checkfirst=True)
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
        if self._partly:
            connection.execute(JOURNAL.delete().where(self._is_partly))
            self._partly = False
        if self.step is not None:
            entries = [*entries, JournalEntry("step", self.step, details=details or {})]
        self.write(connection, [*entries, *then])

    def begin_transaction(self, connection: Connection) -> None:
        """Write down that a part of the step at work is committed.

        That becomes true if something commits before `done` removes it again.
        """
        if self.step is not None:
            self.write(connection, [JournalEntry(PARTLY, self.step, "begun")])
            self._partly = True

    def is_partly_committed(self, connection: Connection) -> bool:
        """Return whether a part of the step at work is committed; the table must exist."""
        query = sa.select(sa.func.count()).select_from(JOURNAL).where(self._is_partly)
        return bool(connection.execute(query).scalar())

    @property
    def _is_partly(self) -> Any:
        its = (JOURNAL.c.run == self.common["run"]) & (JOURNAL.c.name == self.step)
        return its & (JOURNAL.c.step == PARTLY)

    def statements(self, entries: Iterable[JournalEntry], dialect: str) -> Iterator[Any]:
        """Return what `write` does as statements for a script, with the database's own clock."""
        yield sa.schema.CreateTable(JOURNAL, if_not_exists=True)
        now: Any = sa.literal_column(server_named(dialect).utc_now)
        for entry in entries:
            own = {"step": entry.step, "name": entry.name, "status": entry.status}
            yield JOURNAL.insert().values({**self.common, **own, "at": now})

    def forget_statements(self, connection: Connection) -> None:
        """Remove the records of statements: of steps that are done, or that nobody will run."""
        connection.execute(JOURNAL.delete().where(JOURNAL.c.step.in_([STEP, REPLAYED])))

    def forget_replayed(self, connection: Connection) -> None:
        """Remove what says which rows of the step at work are committed: all of it is."""
        its = (JOURNAL.c.step == REPLAYED) & (JOURNAL.c.name == self.step)
        connection.execute(JOURNAL.delete().where(its))
