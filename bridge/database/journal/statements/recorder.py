"""Writes down the statements of one step, and answers those that an earlier run has done."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import column, event, table
from sqlalchemy.pool import Pool

from .expected import expected_after
from .kinds import key_of, kind_of, why_untracked
from .names import STEP, TABLE, TABLES, RecordedStep
from .proxy import Answer, Call, Connection, Cursor, Session, Watcher
from .records import Asked, CannotResume, EarlierRun, Record
from .running import Runner
from .tables import TableWatcher
from .values import compress, pack
from .writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self


class Recorder(Watcher):
    """Records one step; a context manager.

    While it is on, every connection of this process to the same database that SQLAlchemy's pools
    give out goes through it. Where a step is interrupted, the records stay.

    :param engine: of the database.
    :param given: a connection of the engine's pool that is not in a transaction; it is watched too.
    :param before: that of the step before, which is done: what it knows is not read again.
    """

    def __init__(
        self, engine: Any, step: RecordedStep, given: Any = None, before: Recorder | None = None
    ) -> None:
        self._given, self._before = given, before
        self._engine, self._step = engine, step
        self.place: list[Any] = []
        """What tells its database from others."""
        self._thread = threading.get_ident()
        self.writer = Writer(engine, step, TableWatcher())
        """Writes the records."""
        self._runner = Runner(self.writer)
        self._earlier = EarlierRun((), None)
        self._finished = False
        self.done = 0
        """How many statements an earlier run of the step has done."""

    @property
    def kept(self) -> int:
        """Return how many statements have changed something that stays."""
        return self.writer.kept

    @property
    def untracked(self) -> str | None:
        """Return why the step cannot be written down; None where it can."""
        return self.writer.untracked

    def __enter__(self) -> Self:
        if self._given is not None:
            self._look_around(self._given)
        else:
            # An open connection of the pool: connecting takes long.
            connection = self._engine.pool.connect()
            try:
                self._look_around(connection)
                connection.close()
            except CannotResume:
                connection.close()
                raise
            except Exception:  # noqa: BLE001 - of any driver
                connection.invalidate()
                # The server may end those that idle.
                with self.writer.own() as connection:
                    self._look_around(connection)
        event.listen(Pool, "checkout", self._checkout)
        if self._given is not None:
            self._watch(self._given)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        event.remove(Pool, "checkout", self._checkout)
        if kind is not None:
            # Also where only the step's own row could not be written.
            self.writer.on = self.writer.on or self._finished
            self.writer.end_with_error()
        self.writer.on = False

    def finish(self, connection: Any) -> None:
        """Remove the records, in the transaction of a SQLAlchemy connection: the step is done.

        :raises CannotResume: the script did not do what an earlier run of it has done.
        """
        if self.writer.broken:
            raise self.writer.broken
        self._earlier.check_finished()
        self._finished, self.writer.on = self.writer.on, False
        of: Any = column
        records = table(TABLE, of("step"), of("name"))
        its = (records.c.step == STEP) & (records.c.name == self._step.name)
        connection.execute(records.delete().where(its))

    # --- connections ---

    def _look_around(self, connection: Any) -> None:
        """Read what the tables are, and what an earlier run has done."""
        session, before, self._before = Session(connection), self._before, None
        if before is not None and before.writer.tables.times == (not self._step.sealed):
            self.place, self.writer.tables = before.place, before.writer.tables
            before.writer.look(session)
        else:
            self.place = _place_of(connection)
            self.writer.tables = TableWatcher(times=self._with_times(session))
            self.writer.tables.look(session)
        self._read_records(connection, session)
        connection.rollback()

    def _with_times(self, session: Session) -> bool:
        """Return whether times count: where there are records, as for these."""
        for (text,) in session.ask(
            f"SELECT details FROM {TABLE} WHERE step = %s AND name = %s AND status = %s",
            STEP,
            self._step.name,
            TABLES,
        ):
            return bool(json.loads(text).get("times", True))
        return not self._step.sealed

    def _read_records(self, connection: Any, session: Session) -> None:
        rows = session.ask(
            f"SELECT id, status, details FROM {TABLE} WHERE step = %s AND name = %s ORDER BY id",
            STEP,
            self._step.name,
        )
        earlier = self._earlier = EarlierRun(rows, self._step.from_statement)
        in_vain = earlier.resume(self.writer.tables, self._expect)
        if in_vain:
            session.execute(f"DELETE FROM {TABLE} WHERE id IN (%s, %s)", in_vain)
            connection.commit()
        self.writer.stored, self.writer.size = earlier.prints, earlier.size
        self.done, self.writer.kept = earlier.done, earlier.kept

    def _expect(self, record: Record) -> list[dict[str, str]]:
        """Return what the tables may be after a statement of an earlier run, as far as known."""
        with self.writer.own() as own:
            return expected_after(own, record.again or {}, str(self._engine.url.database))

    def _watch(self, fairy: Any) -> None:
        """Let a connection that a pool has given out before go through here."""
        given = getattr(fairy, _attribute(fairy))
        self._checkout(getattr(given, "real", given), _record_of(fairy), fairy)

    def _checkout(self, real: Any, record: Any, fairy: Any) -> None:
        if not self.writer.on:
            return
        if "bridge_place" not in record.info:
            try:
                record.info["bridge_place"] = _place_of(real)
                real.rollback()
            except Exception:  # noqa: BLE001 - of any driver: another kind of database
                record.info["bridge_place"] = None
        if record.info["bridge_place"] == self.place:
            setattr(fairy, _attribute(fairy), Connection(real, self))

    # --- what the connections tell ---

    def commit(self, connection: Connection, commit: Callable[[], Any]) -> Any:
        """Write down what the transaction has changed, as its last part, and end it."""
        return self.writer.commit(connection, commit)

    def undo(self, connection: Connection) -> None:
        """Forget what the transaction has changed, which is rolled back."""
        self.writer.undo(connection)

    def stop_tracking(self, why: str) -> None:
        """Write nothing down any more: a later run cannot resume in the middle of this step."""
        self.writer.stop_tracking(why)

    def run(self, cursor: Cursor, call: Call) -> Answer:
        """Run a statement, or answer it from the record of an earlier run."""
        writer = self.writer
        if writer.broken:
            raise writer.broken
        if not writer.on:
            return cursor.run_really(call)
        kind = kind_of(call.sql)
        call = call.with_parameters(self._earlier.as_before(call.parameters))
        packed = self._packed(kind, call)
        if not writer.on:
            return cursor.run_really(call)
        if kind == "session":
            return self._runner.run_session(cursor, call)
        if kind != "read":
            writer.number += 1
        asked = Asked(kind, key_of(kind, call.sql), writer.shown(call.sql), packed, writer.number)
        try:
            record = self._earlier.take(asked)
        except CannotResume as error:
            writer.broken = error  # nothing more is to run, whatever the script catches
            raise
        if record is None:
            return self._run_new(cursor, call, asked)
        if record.answer.lastrowid:
            cursor.connection.set_last_id(record.answer.lastrowid)
        return cursor.answer(record.answer)

    def _packed(self, kind: str, call: Call) -> Any:
        """Return the parameters as they are recorded; stop recording where that cannot be."""
        if threading.get_ident() != self._thread:
            self.writer.stop_tracking("it works in several threads")
        elif kind == "untracked":
            self.writer.stop_tracking(why_untracked(call.sql) or "")
        elif kind != "session":
            try:
                return pack(call.parameters)
            except TypeError as error:
                self.writer.stop_tracking(f"one of its parameters cannot be recorded: {error}")
        return None

    def _run_new(self, cursor: Cursor, call: Call, asked: Asked) -> Answer:
        """Run a statement that no earlier run has come to, and write it down."""
        details = {
            "order": self._earlier.next_order(), "key": asked.key, "sql": asked.sql[:2000]
        }  # fmt: skip
        if asked.parameters is not None:
            details["parameters"] = compress(asked.parameters)
        if asked.kind == "read":
            return self._runner.run_read(cursor, call, details)
        details["number"] = asked.number
        if asked.kind == "schema":
            return self._runner.change_schema(cursor, call, details)
        session = Session(cursor.connection.real)
        if asked.kind == "rows" and self.writer.is_transactional(session, call.sql):
            return self._runner.change_rows(cursor, call, details)
        return self._runner.run_other(cursor, call, details)


def _place_of(connection: Any) -> list[Any]:
    """Return what tells one database from others."""
    found: list[Any] = Session(connection).ask("SELECT DATABASE(), @@hostname, @@port")
    return found


def _attribute(fairy: Any) -> str:
    """Return where a pool's connection has the driver's; SQLAlchemy 1.3 has another name."""
    return "dbapi_connection" if hasattr(fairy, "dbapi_connection") else "connection"


def _record_of(fairy: Any) -> Any:
    """Return what a pool knows of a connection; SQLAlchemy has no public name for it."""
    return fairy._connection_record  # noqa: SLF001
