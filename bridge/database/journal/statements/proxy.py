"""What stands between SQLAlchemy and the driver."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .kinds import leaves_last_id
from .values import compress, decompress, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self


@dataclass(frozen=True)
class Call:
    """A statement as the script hands it to the driver.

    :param many: `parameters` are those of several.
    """

    sql: str
    parameters: Any = None
    many: bool = False

    def with_parameters(self, parameters: Any) -> Call:
        """Return the same statement with other parameters."""
        return replace(self, parameters=parameters)


class Watcher:
    """Knows what runs on the connections that are given to it."""

    def run(self, cursor: Cursor, call: Call) -> Answer:
        """Run a statement of the script, or answer it."""
        raise NotImplementedError

    def commit(self, connection: Connection, commit: Callable[[], Any]) -> Any:
        """Commit what a connection has changed."""
        raise NotImplementedError

    def undo(self, connection: Connection) -> None:
        """Forget what a connection has changed: it is rolled back."""
        raise NotImplementedError

    def stop_tracking(self, why: str) -> None:
        """Watch no longer."""
        raise NotImplementedError


class Session:
    """A driver's connection, for statements of our own."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def ask(self, sql: str, *parameters: Any) -> list[Any]:
        """Return the rows of a query."""
        cursor = self._real.cursor()
        try:
            cursor.execute(sql, parameters or None)
            return [tuple(_text(value) for value in row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def execute(self, sql: str, parameters: Any = None) -> None:
        """Run a statement."""
        cursor = self._real.cursor()
        try:
            cursor.execute(sql, parameters)
        finally:
            cursor.close()


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, (bytes, bytearray)) else value


class Answer:
    """What a statement gave: rows, or how many it changed, or an error.

    `error` is the name of the driver's exception class and its arguments.
    """

    def __init__(
        self,
        rows: list[Any] | None = None,
        description: Any = None,
        rowcount: int = 0,
        lastrowid: Any = None,
        error: tuple[str, list[Any]] | None = None,
    ) -> None:
        self.rows, self.description = rows, description
        self.rowcount, self.lastrowid, self.error = rowcount, lastrowid, error

    @classmethod
    def of(cls, cursor: Any) -> Answer:
        """Return what the driver's cursor has."""
        rows = list(cursor.fetchall()) if cursor.description else None
        return cls(rows, cursor.description, cursor.rowcount, getattr(cursor, "lastrowid", None))

    def dump(self) -> str:
        """Return it as text.

        :raises TypeError: a row has a value of a kind that is not known.
        """
        rows = None if self.rows is None else [pack(tuple(row)) for row in self.rows]
        error = self.error and [self.error[0], pack(list(self.error[1]))]
        described = self.description and [list(column) for column in self.description]
        return compress([rows, described, self.rowcount, self.lastrowid, error])

    @classmethod
    def load(cls, text: str) -> Answer:
        """Return the answer that `dump` wrote."""
        rows, description, rowcount, lastrowid, error = decompress(text)
        return cls(
            None if rows is None else [unpack(row) for row in rows],
            description and tuple(tuple(column) for column in description),
            rowcount,
            lastrowid,
            error and (error[0], unpack(error[1])),
        )


def is_outcome_known(error: BaseException) -> bool:
    """Return whether a driver's error says that the server refused the statement.

    Otherwise the session has ended, and nobody knows what the server did.
    """
    code = error.args[0] if error.args else None
    return isinstance(code, int) and code not in (0, 1053, 1927) and not 2000 <= code < 3000


class Cursor:
    """A driver's cursor whose watcher knows every statement."""

    def __init__(self, connection: Connection, real: Any) -> None:
        self.connection, self.real = connection, real
        self._answer = Answer()
        self._at = 0

    def execute(self, sql: Any, parameters: Any = None) -> Any:
        """Run a statement as a driver does."""
        return self._run(sql, parameters, many=False)

    def executemany(self, sql: Any, parameters: Any) -> Any:
        """Run a statement for each of several parameters, as a driver does."""
        return self._run(sql, parameters, many=True)

    def callproc(self, name: str, arguments: Any = ()) -> Any:
        """Call a procedure as a driver does."""
        self.connection.watcher.stop_tracking(f"it calls the procedure {name}")
        self.connection.before("CALL")
        return self.real.callproc(name, arguments)

    def _run(self, sql: Any, parameters: Any, *, many: bool) -> Any:
        text = sql.decode() if isinstance(sql, bytes) else str(sql)
        self._answer = self.connection.watcher.run(self, Call(text, parameters, many))
        self._at = 0
        return self._answer.rowcount

    def run_really(self, call: Call) -> Answer:
        """Run a statement on the driver's own cursor."""
        self.connection.before(call.sql)
        if call.many:
            self.real.executemany(call.sql, call.parameters)
        elif call.parameters is None:
            self.real.execute(call.sql)
        else:
            self.real.execute(call.sql, call.parameters)
        return Answer.of(self.real)

    def try_really(self, call: Call) -> Answer:
        """Run a statement; a driver's error is an answer too, unless it ends the connection."""
        try:
            return self.run_really(call)
        except self.connection.error("Error") as error:
            if not is_outcome_known(error):
                raise
            try:
                return Answer(error=(type(error).__name__, [*map(unpack, map(pack, error.args))]))
            except TypeError:
                raise error from None

    def answer(self, answer: Answer) -> Answer:
        """Return an answer, or raise its error as the driver does."""
        if answer.error:
            name, arguments = answer.error
            raise self.connection.error(name)(*arguments)
        return answer

    @property
    def description(self) -> Any:
        """Return the columns of the rows as a driver does."""
        return self._answer.description

    @property
    def rowcount(self) -> int:
        """Return how many rows there are, or were changed."""
        return self._answer.rowcount

    @property
    def lastrowid(self) -> Any:
        """Return the number of the last inserted row."""
        return self._answer.lastrowid

    def fetchone(self) -> Any:
        """Return the next row, None behind the last."""
        found = self.fetchmany(1)
        return found[0] if found else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows."""
        return self._take(size or self.real.arraysize)

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return self._take(None)

    def _take(self, count: int | None) -> list[Any]:
        rows = self._answer.rows
        if rows is None:
            raise self.connection.error("ProgrammingError")("the statement gives no rows")
        begin, self._at = self._at, len(rows) if count is None else min(self._at + count, len(rows))
        return rows[begin : self._at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchone, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Connection:
    """A driver's connection whose watcher knows every statement and every commit."""

    real: Any
    watcher: Watcher
    changes: list[dict[str, Any]]
    """What its transaction has changed, and the marks of savepoints."""
    unsettled: Any
    """What else is written down in its transaction."""

    def __init__(self, real: Any, watcher: Watcher) -> None:
        # What LAST_INSERT_ID() says to the script, None where that is not known; and whether it
        # says something else now.
        vars(self).update(real=real, watcher=watcher, changes=[], last_id=None, hidden=False)
        self.settle()

    def cursor(self, *arguments: Any, **options: Any) -> Cursor:
        """Return a cursor as a driver does."""
        return Cursor(self, self.real.cursor(*arguments, **options))

    def commit(self) -> None:
        """Commit as a driver does."""
        self.watcher.commit(self, self.real.commit)

    def begin(self) -> None:
        """Begin a transaction as a driver does, which commits the one before."""
        self.watcher.commit(self, self.real.begin)

    def rollback(self) -> None:
        """Roll back as a driver does."""
        self.watcher.undo(self)
        self.real.rollback()
        with contextlib.suppress(Exception):  # that of the next statement says it better
            self.show_last_id()

    def settle(self, unsettled: Any = None) -> None:
        """Remember what is written down in its transaction; None where that is committed."""
        vars(self).update(unsettled=unsettled)

    def hide_last_id(self) -> None:
        """Remember the number of the last row: a row of our own is to be inserted."""
        if self.last_id is None:
            ((last,),) = Session(self.real).ask("SELECT LAST_INSERT_ID()")
            vars(self).update(last_id=last)
        vars(self).update(hidden=True)

    def show_last_id(self) -> None:
        """Let LAST_INSERT_ID() say again what it said to the script before."""
        if self.hidden:
            Session(self.real).execute("SELECT LAST_INSERT_ID(%s)", (self.last_id,))
            vars(self).update(hidden=False)

    def set_last_id(self, number: Any) -> None:
        """Let LAST_INSERT_ID() say a number, of a row that this session has not inserted."""
        Session(self.real).execute("SELECT LAST_INSERT_ID(%s)", (number,))
        vars(self).update(last_id=None, hidden=False)

    def before(self, sql: str) -> None:
        """Prepare for a statement of the script."""
        if not leaves_last_id(sql):
            self.show_last_id()
            vars(self).update(last_id=None)

    @property
    def pending(self) -> list[dict[str, Any]]:
        """Return what its transaction has changed, without the marks of savepoints."""
        return [change for change in self.changes if "kind" in change]

    def error(self, name: str) -> Any:
        """Return the driver's exception class of that name."""
        return getattr(self.real, name, None) or self.real.DatabaseError

    @property
    def commits_alone(self) -> bool:
        """Return whether each statement is committed by itself."""
        ask = getattr(self.real, "get_autocommit", None)
        return (ask() if ask else getattr(self.real, "autocommit", False)) is True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.real, name, value)
