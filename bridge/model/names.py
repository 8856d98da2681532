"""Names that several packages share."""

from __future__ import annotations

import hashlib

JOURNAL_TABLE = "bridge_journal"
"""The name of bridge's own table."""

RESTORE_TABLE = "bridge_restore"
"""The name of the table that a database has while it is restored statement by statement."""

OWN_TABLES = frozenset((JOURNAL_TABLE, RESTORE_TABLE))
"""The names of all of bridge's own tables, which belong to no app."""

NON_TRANSACTIONAL = "apart"
"""The `JournalEntry.step` of a version that begins to run statement by statement."""

PARTLY = "partly"
"""The `JournalEntry.step` of a revision that has committed a part of its work itself."""

REPLAYED = "replayed"
"""The `JournalEntry.step` of a row that is committed with the rows of a replayed version."""

CORE = "core"
"""The name of the app itself among the names of its modules."""

REVISION_LENGTH = 32
"""How long a revision's id is at most in the version table that Alembic creates."""


def base_revision(component: str) -> str:
    """Return the id of the base revision of a component, no longer than `REVISION_LENGTH`."""
    name = f"{component}_base"
    if len(name) <= REVISION_LENGTH:
        return name
    digest = hashlib.sha256(component.encode()).hexdigest()[:8]
    return f"{component[: REVISION_LENGTH - 14]}_{digest}_base"
