"""Writes the statements of a step down, each with what the tables were before it."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .kinds import names_in
from .names import ENDED, FAILED, STEP, TABLE, TABLES, UNTRACKED, RecordedStep
from .proxy import Answer, Connection, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .tables import TableWatcher

READ_LIMIT = 8 * 1024 * 1024
"""How many bytes, compressed, of what a step reads and writes are kept."""

_AT_ONCE = 256 * 1024  # characters of records in one statement


class Writer:
    """Writes the records of one step.

    :param engine: of the database.
    :param tables: what the tables are.
    """

    def __init__(self, engine: Any, step: RecordedStep, tables: TableWatcher) -> None:
        self._engine, self._step, self.tables = engine, step, tables
        self._reads: list[dict[str, Any]] = []
        self._failures: list[dict[str, Any]] = []
        self._stale: set[str] | None = None
        self.stored: dict[str, str] | None = None
        """The fingerprints that are written down already."""
        self.size = 0
        """How many characters are written down, or are to be."""
        self.on = True
        """Whether statements are written down."""
        self.broken: BaseException | None = None
        """Why nothing more may run."""
        self.untracked: str | None = None
        """Why the step cannot be written down; None where it can."""
        self.refused: set[str] = set()
        """The names in the last statement, if it got an error."""
        self.waiting = False
        """Whether a statement has been sent whose outcome has not come back."""
        self.number = 0
        """How many statements that write have begun or been answered."""
        self.kept = 0
        """How many statements have changed something that stays."""

    # --- what a statement did ---

    def add_read(self, details: dict[str, Any], kind: str = "read") -> None:
        """Remember what was read, or what an error answered, until something is written down."""
        self._reads.append({"kind": kind, **details})

    def add_failure(self, answer: Answer) -> None:
        """Remember the error of a statement that is written down."""
        self._failures.append({"kind": FAILED, "number": self.number, "answer": answer.dump()})

    def add_touched(self, names: set[str]) -> None:
        """Remember the tables that a statement may change."""
        self._stale = (self._stale or set()) | names

    def weigh(self, details: dict[str, Any]) -> None:
        """Stop where there is more than is worth keeping."""
        self.size += sum(len(str(value)) for value in details.values())
        if self.size > READ_LIMIT:
            self.stop_tracking("it reads or writes more than is worth keeping")

    def is_transactional(self, session: Session, sql: str) -> bool:
        """Return whether what a statement changes is undone with its transaction."""
        self.look(session)
        return self.tables.is_transactional(names_in(sql))

    # --- writing ---

    def commit(self, connection: Connection, commit: Callable[[], Any]) -> Any:
        """Write down what the transaction has changed, as its last part, and end it."""
        try:
            if self.on and connection.pending:
                self.flush(connection)
            connection.show_last_id()
            found = commit()
        except Exception as error:
            self.broken = self.broken or error
            raise
        self.kept += len(connection.pending)
        connection.changes.clear()
        connection.settle()
        return found

    def undo(self, connection: Connection, first: int = 0) -> None:
        """Forget the transaction's changes from the `first` on, which are rolled back.

        If the script goes on, it has rolled them back on purpose: a later run need not make them.
        """
        if first == 0 and connection.unsettled:
            # What was written down for all was in the transaction, too.
            failures, reads, self.stored = connection.unsettled
            self._failures, self._reads = failures + self._failures, reads + self._reads
            connection.settle()
        undone = [change for change in connection.changes[first:] if "kind" in change]
        self._reads += [{**change, "undone": True} for change in undone]
        del connection.changes[first:]

    def flush(self, connection: Connection, *more: dict[str, Any]) -> None:
        """Write down what is remembered, through the script's own connection."""
        rows = [*connection.pending, *more]
        stored = self.stored
        try:
            written = self._with_tables(Session(connection.real), rows)
            if written:
                connection.hide_last_id()
            self._insert(Session(connection.real), written)
        except Exception as error:
            self.broken = error
            raise
        connection.settle((self._failures, self._reads, stored))
        self._forget()

    def flush_beside(self, *more: dict[str, Any]) -> None:
        """Write down what is remembered, but for changes, through a connection of our own."""
        with self.own() as own:
            session = Session(own)
            try:
                self._insert(session, self._with_tables(session, more))
                own.commit()
            except Exception as error:
                self.broken = error
                raise
        self._forget()

    def end_with_error(self) -> None:
        """Write down that the step ends with an error, after the outcome of its last statement.

        Who changes tables from here on is the administrator. If this cannot be written, the next
        run compares the tables, as after a kill.
        """
        if not self.on or self.broken or self.waiting:
            return
        # What was read or refused last is to be asked again.
        self._reads = []
        row = {"kind": ENDED, "number": self.number, "names": sorted(self.refused)}
        with contextlib.suppress(Exception):
            if self._failures:
                before = self.tables.prints
                with self.own() as own:
                    self.look(Session(own))
                now = self.tables.prints
                changed = {n for n in before.keys() | now.keys() if before.get(n) != now.get(n)}
                self._failures[-1]["changed"] = sorted(changed)
            self.flush_beside(row)

    def stop_tracking(self, why: str) -> None:
        """Write nothing down any more: a later run cannot resume in the middle of this step."""
        if not self.on:
            return
        self.on, self.untracked = False, why
        with self.own() as own:
            row = {"kind": UNTRACKED, "number": self.number, "why": why}
            self._insert(Session(own), [row])
            own.commit()

    @contextlib.contextmanager
    def own(self) -> Iterator[Any]:
        """Connect beside the engine's pool, which may be the caller's, and small."""
        before, self.on = self.on, False
        try:
            connection = self._engine.pool.recreate().connect()
            connection.detach()
            try:
                yield connection
            finally:
                connection.close()
        finally:
            self.on = before

    def look(self, session: Session) -> None:
        """Look again at what the statements before may have changed."""
        if self._stale is not None:
            self.tables.look(session, self._stale)
            self._stale = None

    def _with_tables(self, session: Session, rows: Any) -> list[dict[str, Any]]:
        """Return the rows to write; before them the tables that have changed.

        Where each row commits by itself, what is reported is what was there.
        """
        self.look(session)
        written = [*self._failures, *self._reads, *rows]
        if self.stored != self.tables.prints:
            before = self.stored or {}
            now = {**dict.fromkeys(before), **self.tables.prints}
            prints = {name: now[name] for name in now if now[name] != before.get(name)}
            written.insert(0, {"kind": TABLES, "prints": prints, "times": self.tables.times})
        return written

    def _forget(self) -> None:
        self.stored = self.tables.prints
        self._failures, self._reads = [], []

    def _insert(self, session: Session, rows: list[dict[str, Any]]) -> None:
        """Insert rows, in as few statements as a server takes them."""
        now = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
        values: list[Any] = []
        size = 0
        for row in rows:
            details = json.dumps({name: value for name, value in row.items() if name != "kind"})
            if values and size + len(details) > _AT_ONCE:
                _insert_values(session, values)
                values, size = [], 0
            size += len(details)
            values += [self._step.common["run"], STEP, self._step.name, row["kind"], now]
            values += [self._step.common["bridge_version"], details]
        if values:
            _insert_values(session, values)

    def shown(self, sql: str) -> str:
        """Return a statement as it may be told, and stay: without the database's password."""
        url = self._engine.url
        secret = str(url.password or url.query.get("password") or url.query.get("passwd") or "")
        forms = {secret, secret.replace("'", "''"), re.sub(r"(['\"\\])", r"\\\1", secret)} - {""}
        for form in sorted(forms, key=len, reverse=True):
            sql = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", sql)
        return sql


def _insert_values(session: Session, values: list[Any]) -> None:
    """Insert the values of rows, of seven columns each."""
    marks = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * (len(values) // 7))
    columns = "(run, step, name, status, at, bridge_version, details)"
    session.execute(f"INSERT INTO {TABLE} {columns} VALUES {marks}", values)
