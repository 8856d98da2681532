"""Names that several packages share."""

from __future__ import annotations

JOURNAL_TABLE = "bridge_journal"
"""The name of bridge's own table."""

NON_TRANSACTIONAL = "apart"
"""The `JournalEntry.step` of a version that begins to run statement by statement."""

CORE = "core"
"""The name of the app itself among the names of its modules."""
