"""Names that several packages share."""

from __future__ import annotations

JOURNAL_TABLE = "bridge_journal"
"""bridge's own table."""

NON_TRANSACTIONAL = "apart"
"""What `JournalEntry.step` is where a version begins to run statement by statement."""

CORE = "core"
"""What names the app itself where the names of its modules stand too."""
