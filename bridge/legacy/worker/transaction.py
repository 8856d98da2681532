"""Makes all that runs on an engine one transaction."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy.pool import NullPool

from .statements import is_non_transactional

if TYPE_CHECKING:
    from .capture import Capture

NON_TRANSACTIONAL_CODES = ("25001", "55006", "55P04")
"""PostgreSQL's errors: refused in a transaction, or after what the transaction has done before."""


class NotSingleTransaction(BaseException):
    """What runs cannot be one transaction. Not an Exception: scripts catch these."""


class SingleTransaction:
    """All that runs on an engine as one transaction of one connection, until `commit`.

    Meanwhile a commit keeps a savepoint, and a rollback goes back to it. So what a version does and
    its version row are one, where the database rolls back changes of the schema too.

    What is checked out of the engine at one time was so many transactions, and is one now. That
    shows only when one is rolled back while another has open changes: then `commit` refuses.

    :param script: whether it is sqlalchemy-migrate's. Such a one may commit each statement by
        itself, as there: `NotSingleTransaction` is raised. A function's work and its row are one by
        definition, so what stands against that is its error.
    :param capture: is notified what is kept and what is rolled back.
    """

    DIALECTS = ("sqlite", "postgresql")
    # PostgreSQL's codes for a savepoint that is gone; SQLite has only a text.
    GONE = ("25P01", "3B001")
    # At these SQLite rolls back the whole transaction by itself.
    ROLLS_BACK = ("disk is full", "disk I/O error", "out of memory", "interrupted", "is locked")

    def __init__(
        self, engine: Any, *, script: bool = False, capture: Capture | None = None
    ) -> None:
        self.script, self.capture = script, capture
        self.reason = ""  # why it cannot be one
        self.thread = threading.get_ident()
        self.engine, self.dialect, self.pool = engine, engine.dialect, engine.pool
        # Marks of connections, as `owner_of` has them: those with changes that are neither kept nor
        # rolled back; those whose open changes another's commit has kept; those whose statement is
        # running, or has failed.
        self.open: set[object] = set()
        self.kept: set[object] = set()
        self.running: set[object] = set()
        self.tangled = self.over = False
        self.lost: Any = None  # the error at which the database itself rolled all of it back
        self.checkout = engine.pool.connect()
        self.connection = self.checkout.connection
        if engine.name == "sqlite":
            self.connection.isolation_level = None  # else the driver begins and commits by itself
            self.execute("BEGIN")
        self.execute("SAVEPOINT bridge")  # other drivers begin by themselves
        # The very engine that the setup hook knows, and that may have what functions expect.
        engine.pool = NullPool(lambda: self.connection, dialect=self.dialect)
        self.replaced = {
            "do_commit": self.keep,
            "do_rollback": self.go_back,
            "do_close": lambda _connection: None,  # Engine.dispose() must not lose all
            "set_isolation_level": self.refuse_level,
        }
        vars(self.dialect).update(self.replaced)

    def execute(self, *statements: str) -> None:
        """Run statements of its own.

        :raises RuntimeError: the transaction has been ended behind it.
        """
        cursor = self.connection.cursor()
        try:
            for statement in statements:
                cursor.execute(statement)
        except Exception as error:
            if getattr(error, "pgcode", None) in self.GONE or "no such savepoint" in str(error):
                raise RuntimeError(
                    "it ended its transaction past SQLAlchemy, by a statement or on the driver's "
                    "own connection, so that its work and its version row cannot be one"
                ) from error
            raise
        finally:
            cursor.close()

    # --- what SQLAlchemy calls ---

    def statement_begins(self, connection: Any) -> None:
        """Note that a statement runs."""
        if connection.dialect is self.dialect:
            self.running.add(owner_of(connection))

    def statement_ends(self, connection: Any, *, wrote: bool) -> None:
        """Note that a statement went through."""
        if connection.dialect is self.dialect:
            self.running.discard(owner_of(connection))
            if wrote:
                self.open.add(owner_of(connection))

    def keep(self, connection: Any) -> None:
        """Do what stands for a commit."""
        if self.lost:
            raise self.lost
        self.execute("RELEASE SAVEPOINT bridge", "SAVEPOINT bridge")
        if self.capture:
            self.capture.keep()
        self.kept = (self.kept | self.open) - {owner_of(connection)}
        self.running.discard(owner_of(connection))
        self.open.clear()

    def go_back(self, connection: Any) -> None:
        """Do what stands for a rollback."""
        one = {owner_of(connection)}
        # Every connection that is given back is rolled back: mostly it has only read.
        if not self.over and not self.lost and one & (self.open | self.kept | self.running):
            self.tangled = self.tangled or bool(self.open - one or self.kept & one)
            self.roll_back()
            self.kept -= one
            self.open.clear()
            self.running.clear()

    def roll_back(self) -> None:
        """Go back to the last commit."""
        self.execute("ROLLBACK TO SAVEPOINT bridge")
        if self.capture:
            self.capture.undo()

    def refuse_level(self, _connection: Any, level: str) -> None:
        """Refuse to change the isolation level."""
        self.refuse(
            f"it asks for the isolation level {level}",
            "its work and its version row are one transaction, which has begun",
        )

    def refuse(self, what: str, advice: str) -> None:
        """Refuse what one transaction cannot have.

        :raises NotSingleTransaction: a script does it.
        :raises RuntimeError: a function does it.
        """
        if self.script:
            self.give_up(what)
        raise RuntimeError(f"{what}: {advice}")

    def give_up(self, reason: str) -> None:
        """Say that it cannot be one, also to a script that catches all exceptions and goes on."""
        self.reason = self.reason or reason
        raise NotSingleTransaction(reason)

    def check(self, connection: Any, statement: str) -> None:
        """Refuse a statement that cannot be part of the transaction."""
        if self.lost and connection.dialect is self.dialect:
            raise self.lost
        if not self.script:
            return
        self.check_thread()
        if connection.dialect is not self.dialect:
            if connection.dialect.name == self.dialect.name:
                self.give_up("it opens a connection of its own")
        elif is_non_transactional(self.dialect.name, statement):
            self.give_up(f"it runs {' '.join(statement.split())[:60]}")

    def check_thread(self) -> None:
        """Refuse a second thread."""
        if threading.get_ident() != self.thread:
            self.give_up("it works in several threads")

    def statement_failed(self, error: Any) -> None:
        """Note that a statement was refused: perhaps only because it is part of the transaction."""
        if self.script:
            self.check_thread()
        rolled_back = any(words in str(error) for words in self.ROLLS_BACK)
        if rolled_back and self.dialect.name == "sqlite" and not self.connection.in_transaction:
            self.lost = self.lost or error
        locked = self.dialect.name == "sqlite" and "locked" in str(error)
        if self.script and (locked or getattr(error, "pgcode", None) in NON_TRANSACTIONAL_CODES):
            self.give_up(f"inside a transaction the database says: {' '.join(str(error).split())}")

    # --- what the worker calls ---

    def drop_open(self) -> None:
        """Roll back what was never committed, which would have been lost when the script ended."""
        if self.lost:
            raise self.lost
        if self.open or self.running:
            self.roll_back()
            self.tangled = self.tangled or bool(self.kept)
            self.open.clear()
            self.running.clear()

    def commit(self) -> None:
        """Commit all of it.

        :raises NotSingleTransaction: a script cannot be one transaction.
        :raises RuntimeError: a function cannot.
        """
        if self.lost:
            raise self.lost
        if self.reason:
            raise NotSingleTransaction(self.reason)
        if self.tangled or self.kept:
            self.refuse(
                "it rolled back, or left open, one transaction while another had changes",
                "bridge runs it on one connection, where these are one. Let it commit the session "
                "before it works on the session's engine",
            )
        self.over = True
        self.connection.commit()

    def undo(self) -> bool:
        """Roll all of it back. Return whether nothing has stayed."""
        try:
            if not self.over and not self.lost:  # a commit that failed leaves no savepoint
                self.execute("ROLLBACK TO SAVEPOINT bridge")
            self.connection.rollback()
        except Exception as error:
            # A server undoes what it has when the connection ends; else somebody has committed.
            return bool(self.dialect.is_disconnect(error, self.connection, None))
        finally:
            self.over = True
        return True

    def release(self) -> None:
        """Give the engine back as it was. What was not committed is gone."""
        for name in self.replaced:
            del vars(self.dialect)[name]
        self.engine.pool = self.pool
        self.checkout.invalidate()


def owner_of(connection: Any) -> object:
    """Return a mark of a checked-out connection, the same for each object that stands for it."""
    return connection.info.setdefault("bridge", object())
