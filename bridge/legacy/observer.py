"""Hooks for the caller that runs a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class VersionObserver:
    """Is notified how a version runs, and may write into its transaction.

    This one does neither. `from_statement` is the statement with which an interrupted version is to
    resume, where the administrator has said so.
    """

    from_statement: int | None = None

    def resumed(self, done: int) -> None:
        """Take note that an earlier run was interrupted after so many statements."""

    def non_transactional(self) -> None:
        """Take note that each statement is committed by itself, where the database could do more.

        It is called before the first of them.
        """

    def finishing(self, connection: Connection) -> None:
        """Write into the transaction of a replayed or ported version, before its version row."""
