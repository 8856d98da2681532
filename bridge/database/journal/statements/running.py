"""Runs the statements of a step that no earlier run has done, each with its record."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ...sql.statements import read
from .kinds import FAMILY, names_in
from .proxy import Answer, Call, Cursor, Session
from .values import compress

if TYPE_CHECKING:
    from .writing import Writer


class Runner:
    """Runs statements by their kinds."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def run_session(self, cursor: Cursor, call: Call) -> Answer:
        """Run what begins, ends or marks a transaction, or sets something.

        What is to be written down with the transaction goes with it.
        """
        connection = cursor.connection
        (statement,) = read(call.sql, FAMILY)
        what, name = statement.transaction
        if statement.commits:
            self._writer.commit(connection, lambda: cursor.run_really(call))
            return Answer()
        answer = cursor.run_really(call)
        if what == "savepoint":
            connection.changes.append({"savepoint": name.upper()})
        elif what == "rollback to":
            marks = [
                place
                for place, change in enumerate(connection.changes)
                if change.get("savepoint") == name.upper()
            ]
            self._writer.undo(connection, marks[-1] + 1 if marks else 0)
        elif what == "rollback":
            self._writer.undo(connection)
        return answer

    def run_read(self, cursor: Cursor, call: Call, details: dict[str, Any]) -> Answer:
        """Run a query, and remember its answer."""
        answer = self._try(cursor, call)
        try:
            details["answer"] = answer.dump()
        except TypeError as error:
            self._writer.stop_tracking(f"what it reads cannot be recorded: {error}")
            return cursor.answer(answer)
        self._writer.add_read(details)
        self._writer.weigh(details)
        return cursor.answer(answer)

    def change_rows(self, cursor: Cursor, call: Call, details: dict[str, Any]) -> Answer:
        """Run what changes rows; its record is committed with it."""
        connection, session = cursor.connection, Session(cursor.connection.real)
        alone = connection.commits_alone
        if alone:
            session.execute("START TRANSACTION")
        try:
            answer = self._try(cursor, call)
            if answer.error:
                self._writer.add_read({**details, "answer": answer.dump()}, "rows")
                return cursor.answer(answer)
            details["answer"] = answer.dump()
            connection.changes.append({"kind": "rows", **details})
            self._writer.weigh(details)
            if alone:
                self._writer.commit(connection, lambda: session.execute("COMMIT"))
        except BaseException:
            if alone:
                connection.changes.clear()
                with contextlib.suppress(Exception):
                    session.execute("ROLLBACK")
            raise
        return answer

    def change_schema(self, cursor: Cursor, call: Call, details: dict[str, Any]) -> Answer:
        """Run what changes the schema; its record is committed before it."""
        connection = cursor.connection
        # What the statements before it have made is among what it may change.
        self._writer.look(Session(connection.real))
        touches = self._writer.tables.touched(call.sql)
        # The statement commits what is before it in its transaction, unless it is refused for how
        # it is written.
        details = {"kind": "schema", **details, "touches": sorted(touches)}
        if not call.parameters and self._writer.shown(call.sql) == call.sql:
            # Without any, a driver takes a percent sign as it is; with an empty tuple, it does not.
            given = None if call.parameters is None else ()
            before = self._writer.tables.definitions(touches)
            details["again"] = compress({"sql": call.sql, "given": given, "before": before})
        self._writer.flush(connection, details)
        if connection.changes:
            self._writer.kept += len(connection.pending)
            connection.changes.clear()
        else:
            connection.real.commit()
        answer = self._run_recorded(cursor, call, touches)
        connection.settle()
        return answer

    def run_other(self, cursor: Cursor, call: Call, details: dict[str, Any]) -> Answer:
        """Run what may do anything; its record is committed before it, and beside it."""
        touches = self._writer.tables.touched(call.sql)
        self._writer.flush_beside({"kind": "other", **details, "touches": sorted(touches)})
        return self._run_recorded(cursor, call, touches)

    def _run_recorded(self, cursor: Cursor, call: Call, touches: set[str]) -> Answer:
        self._writer.add_touched(touches)
        self._writer.waiting = True
        answer = self._try(cursor, call)
        self._writer.waiting = False
        if answer.error:
            self._writer.add_failure(answer)
        else:
            self._writer.kept += 1
        return cursor.answer(answer)

    def _try(self, cursor: Cursor, call: Call) -> Answer:
        answer = cursor.try_really(call)
        self._writer.refused = names_in(call.sql) if answer.error else set()
        return answer
