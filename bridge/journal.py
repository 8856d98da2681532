"""`bridge_journal`: bridge's own table, in which each step is written down.

It is the memory of what the scripts can no longer tell: which module a revision belonged to whose
file is gone, and whether default rows are still to be laid.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import version

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.model import JOURNAL_TABLE, JournalEntry

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
    sa.Column("details", sa.Text),
)
JOURNAL_COLUMNS = frozenset(column.name for column in _TABLE.columns)
"""What makes a table bridge's own."""


def read_journal(connection: Connection) -> tuple[JournalEntry, ...]:
    """Every entry, oldest first; the table must be there."""
    columns = (_TABLE.c.step, _TABLE.c.name, _TABLE.c.status, _TABLE.c.details)
    rows = connection.execute(sa.select(*columns).order_by(_TABLE.c.id))
    return tuple(
        JournalEntry(step, name, status, json.loads(details) if details else {})
        for step, name, status, details in rows
    )


class Journal:
    """The journal as one run writes it.

    :param run: what the entries of this run have in common: a UUID as text.
    """

    def __init__(self, run: str) -> None:
        self.run = run

    def write(self, connection: Connection, entries: Iterable[JournalEntry]) -> None:
        """Add the entries, in the transaction that the connection is in; makes the table."""
        _TABLE.create(connection, checkfirst=True)
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        rows = [
            {
                "run": self.run,
                "step": entry.step,
                "name": entry.name,
                "status": entry.status,
                "at": now,
                "bridge_version": version("bridge"),
                "details": json.dumps(entry.details) if entry.details else None,
            }
            for entry in entries
        ]
        if rows:
            connection.execute(_TABLE.insert(), rows)
