"""Hooks for the code that runs a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bridge.legacy.frozen.replay import Follower


class VersionObserver:
    """A receiver of what happens while a version runs; it may write into the transaction.

    This class ignores everything. `from_statement` is the number of the statement at which an
    interrupted version resumes, if the administrator has given one. `follower` follows the
    statements of a replayed version.
    """

    from_statement: int | None = None
    follower: Follower | None = None

    def resumed(self, done: int) -> None:
        """Note that an earlier run was interrupted after `done` statements."""

    def non_transactional(self) -> None:
        """Note that each statement is committed separately, though the database could do better.

        It is called before the first statement.
        """

    def finishing(self, connection: Connection) -> None:
        """Write into the transaction of a replayed or ported version, before its version row."""
