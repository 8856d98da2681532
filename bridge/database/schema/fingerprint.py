"""A fingerprint of a database's schema: two that are equal were taken of equal schemas.

It tells whether something has changed in one database. It is not for comparing databases: systems
and their versions write the same column in other words.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.database.servers import server_of
from bridge.model.names import JOURNAL_TABLE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def fingerprint(connection: Connection) -> str | None:
    """Return the fingerprint of every table but bridge's own; None on an unknown server."""
    queries = server_of(connection).schema_queries
    if not queries:
        return None
    found = hashlib.sha256()
    for query in queries:
        given = {"own": JOURNAL_TABLE} if ":own" in query else {}
        rows = connection.execute(sa.text(query), given)
        for row in sorted(repr(tuple(row)) for row in rows):
            found.update(f"{row}\n".encode())
        found.update(b"\n")
    return found.hexdigest()[:16]
