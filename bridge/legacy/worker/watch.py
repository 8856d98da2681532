"""Sees what scripts do to the database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.engine import Engine

from .environment import database_of
from .statements import is_read

if TYPE_CHECKING:
    from ...database.journal.statements.recorder import Recorder
    from .capture import Capture
    from .channel import Channel
    from .transaction import SingleTransaction


class StatementWatch:
    """The statements of scripts: counts those that write and tells the parent of each.

    :param engine: of the database that is upgraded.
    :param capture: is notified of each, where a history is recorded.
    """

    def __init__(self, channel: Channel, engine: Any, capture: Capture | None) -> None:
        self.channel, self.engine, self.capture = channel, engine, capture
        self.phase = "loading"  # then "waiting", "running", "writing the version"
        self.transaction: SingleTransaction | None = None
        self.reset()

    def reset(self) -> None:
        """Begin a version."""
        self.recorder: Recorder | None = None
        self.statements = 0  # writes that began
        self.written = 0  # writes that went through
        self.last_write: str | None = None
        self.unseen = False  # whether it may have written past SQLAlchemy

    def listen(self) -> None:
        """See all engines from now on: scripts open some of their own."""
        sqlalchemy.event.listen(Engine, "before_cursor_execute", self.before_statement)
        sqlalchemy.event.listen(Engine, "after_cursor_execute", self.after_statement)
        sqlalchemy.event.listen(Engine, "handle_error", self.statement_failed)
        self.watch_raw_connections()

    def watch_raw_connections(self) -> None:
        """See who takes a driver's own connection, of which no event of SQLAlchemy's tells."""
        engines: Any = Engine
        original = engines.raw_connection

        def raw_connection(engine: Any, *arguments: Any, **options: Any) -> Any:
            caller = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001 - documented
            if caller.partition(".")[0] != "sqlalchemy":
                if self.transaction and self.transaction.script:
                    self.transaction.give_up("it uses the driver's own connection")
                self.unseen = self.recorder is None
                if self.capture:
                    self.capture.problem("it uses the driver's own connection")
            return original(engine, *arguments, **options)

        engines.raw_connection = raw_connection

    def before_statement(
        self, connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any
    ) -> None:
        """Count a statement that writes; refuse it where it cannot be."""
        if self.transaction:
            self.transaction.check(connection, statement)
            self.transaction.statement_begins(connection)
        if self.capture:
            self.capture.begins(connection, statement, parameters)
        if is_read(connection.dialect.name, statement):
            return
        if self.phase == "running":
            self.statements += 1
            self.last_write = statement
            self.channel.send("statement", number=self.statements, sql=statement[:2000])
        elif self.phase == "loading" and database_of(connection.engine) == database_of(self.engine):
            raise RuntimeError("it writes to the database already when it is imported")

    def after_statement(self, connection: Any, _cursor: Any, statement: str, *rest: Any) -> None:
        """Count a statement that went through."""
        wrote = not is_read(connection.dialect.name, statement)
        if self.transaction:
            self.transaction.statement_ends(connection, wrote=wrote)
        if self.phase == "running" and wrote:
            self.written += 1
        if self.capture:
            self.capture.executed(connection, statement, *rest)

    def statement_failed(self, context: Any) -> None:
        """Let the transaction know of a statement that was refused."""
        if self.capture and context.statement is not None:
            self.capture.failed(context.statement)
        if self.transaction:
            self.transaction.statement_failed(context.original_exception)

    def statement_of(self, error: BaseException) -> str | None:
        """Return what the database refused: the last write, where only the commit was refused."""
        statement: str | None = getattr(error, "statement", None)
        return statement or (self.last_write if hasattr(error, "orig") else None)

    def script_done(self) -> None:
        """Note that what is done from now on is not the version's own."""
        self.phase = "writing the version"
        if self.capture:
            self.capture.end()

    def stayed(self) -> int:
        """Return how many writes may have stayed, after an error."""
        if self.recorder and not self.recorder.untracked:
            return int(self.recorder.kept)
        return self.written
