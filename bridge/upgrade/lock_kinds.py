"""The locks of each kind of database."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock, Timeout
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import Pool
from sqlalchemy_dlock.exceptions import SqlAlchemyDLockBaseException
from sqlalchemy_dlock.factory import create_sadlock

from bridge.database.engine import cause, connect, unreachable, unreadable
from bridge.model.errors import BridgeError, DatabaseRefusedError, LockLostError

LOCK_SUFFIX = ".bridge-lock"
"""The end of the lock file's name, beside a SQLite file. It stays: to remove it would be a race."""

WORKER_SUFFIX = ".bridge-worker"
"""The same for the mark of the process that runs legacy scripts. It goes with that process."""

POLL_SECONDS = 0.1

QUICK_SECONDS = 2.0
"""How long to wait in silence: who has just begun has not yet written who it is."""

WEEKS = 2_147_483
"""Seconds that the lock's session may idle on MySQL, the most that it takes on every system."""

MARKS = 64
"""How many sessions of a run can be marked on MySQL, which has no shared locks."""


# --- the lock of each kind of database ----------------------------------------------------


class Lock:
    """The lock of a database in memory, which nobody else can see; base of the others.

    `mark` is what the process that runs legacy scripts is to do, so that its sessions can be told.
    """

    mark: Mapping[str, Any] | None = None

    def take(self) -> bool:
        """Take it if it is free; whether it was."""
        return True

    def quiet(self) -> bool:
        """Whether no session of an earlier run is left; asked by who has the lock."""
        return True

    def check(self) -> None:
        """Make sure that we still have it.

        :raises LockLostError: we do not.
        """

    def marking(self) -> AbstractContextManager[Any]:
        """While it lasts, sessions that this thread gets from SQLAlchemy are marked."""
        return contextlib.nullcontext()

    def close(self) -> None:
        """Give it back, if we have it."""


class SQLiteLock(Lock):
    def __init__(self, database: Path) -> None:
        # One lock for all names of the file.
        self._database = database.resolve()
        self._file = Path(f"{self._database}{LOCK_SUFFIX}")
        self._worker = Path(f"{self._database}{WORKER_SUFFIX}")
        self._lock = FileLock(self._file)
        self.mark = {"file": str(self._worker)}

    def take(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
            self._share()
            self._identity = self._look()
        except Timeout:
            return False
        except OSError as error:
            raise _file_refused(self._file, error) from None
        return True

    def _share(self) -> None:
        """Owner and mode are the database's: a file of root's must not lock its owner out."""
        with contextlib.suppress(OSError):
            found = self._database.stat()
            self._file.chmod(found.st_mode & 0o777 | 0o600)
            shutil.chown(self._file, found.st_uid, found.st_gid)

    def _look(self) -> tuple[int, int]:
        found = self._file.stat()
        return found.st_dev, found.st_ino

    def quiet(self) -> bool:
        if not self._worker.exists():
            return True
        try:
            with FileLock(self._worker).acquire(timeout=0):
                self._worker.unlink(missing_ok=True)
        except Timeout:
            return False
        except OSError as error:
            raise _file_refused(self._worker, error) from None
        return True

    def check(self) -> None:
        try:
            same = self._look() == self._identity
        except OSError:
            same = False
        if not same:
            raise _lost(f"the lock file {self._file} was removed", "Leave that file alone, then")

    def close(self) -> None:
        if self._lock.is_locked:
            with contextlib.suppress(BridgeError):
                self.quiet()  # takes the worker's file away
            self._lock.release()


class _ServerLock(Lock):
    """On a session of its own, which commits each statement and so never idles in a transaction."""

    drivers: ClassVar[tuple[str, ...]]
    name_sql: ClassVar[str]
    session_sql: ClassVar[str]
    idle_sql: ClassVar[str]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session: int | None = None
        try:
            connection = engine.connect()
        except SQLAlchemyError as error:
            raise unreachable(engine.url, error) from None
        self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        # Not the pool's any more, which may be the caller's, and small.
        self._connection.detach()
        try:
            self._scalar(self.idle_sql)
            database = str(self._scalar(self.name_sql) or "")
            self._prepare(hashlib.sha256(database.encode()).hexdigest()[:32])
        except SQLAlchemyError as error:
            self.close()
            raise unreadable(engine.url, error) from None

    def _prepare(self, database: str) -> None:
        self._lock: Any = create_sadlock(self._connection, f"bridge:{database}")

    def _scalar(self, sql: str) -> Any:
        result = self._connection.exec_driver_sql(sql)
        return result.scalar() if result.returns_rows else None

    def take(self) -> bool:
        if not self._lock.acquire(block=False):
            return False
        self._session = self._scalar(self.session_sql)
        self.check()
        # What stands between us and the server may lend one session to many. It would now
        # give this one, which is at rest, to the next transaction.
        with connect(self._engine) as other:
            shared = other.exec_driver_sql(self.session_sql).scalar() == self._session
        if shared:
            raise _lost(
                "a pooler gives the database's session to other connections",
                "Connect to the server itself, or let the pooler keep sessions (pgbouncer: "
                "pool_mode = session). Then",
            )
        self.check()
        return True

    def check(self) -> None:
        try:
            owner = self._scalar(self._owner_sql())
        except SQLAlchemyError as error:
            why = f"its session has ended: {cause(error, self._engine.url)}"
            raise _lost(why, "See that the server runs, then") from None
        if owner is None or owner != self._session:
            raise _lost(
                "its session on the server is not the one that it was",
                "If a pooler is between bridge and the server, connect to the server itself. Then",
            )

    def _owner_sql(self) -> str:
        """A query for the number of our session, without a row where it has not the lock."""
        raise NotImplementedError

    def marking(self) -> AbstractContextManager[Any]:
        assert self.mark is not None
        return _Marking(self.mark)

    def close(self) -> None:
        with contextlib.suppress(SQLAlchemyError, SqlAlchemyDLockBaseException, AttributeError):
            self._lock.close()
        with contextlib.suppress(SQLAlchemyError):
            self._connection.close()


class PostgreSQLLock(_ServerLock):
    drivers = ("psycopg", "psycopg2", "pg8000")
    name_sql = "SELECT current_database()"
    session_sql = "SELECT pg_backend_pid()"
    # Of these, what the server's version knows.
    idle_sql = (
        "SELECT set_config(name, '0', false) FROM pg_settings"
        " WHERE name IN ('idle_session_timeout', 'idle_in_transaction_session_timeout')"
    )

    def _prepare(self, database: str) -> None:
        super()._prepare(database)
        self._marks: Any = create_sadlock(self._connection, f"bridge-mark:{database}")
        key = self._marks.actual_key
        take = f"SELECT pg_advisory_lock_shared({key}) IS NOT NULL"
        undo = f"SELECT pg_advisory_unlock_shared({key})"
        self.mark = {"drivers": self.drivers, "statements": [[take, undo]]}

    def _owner_sql(self) -> str:
        return (
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND pid = pg_backend_pid() AND objsubid = 1"
            " AND (CAST(classid AS bigint) << 32) | CAST(objid AS bigint)"
            f" = {self._lock.actual_key}"
        )

    def quiet(self) -> bool:
        if not self._marks.acquire(block=False):
            return False
        self._marks.release()
        return True


class MySQLLock(_ServerLock):
    drivers = ("pymysql", "MySQLdb", "mysql", "mariadb")
    name_sql = "SELECT LOWER(DATABASE())"
    session_sql = "SELECT CONNECTION_ID()"
    idle_sql = f"SET SESSION wait_timeout = {WEEKS}"

    def _prepare(self, database: str) -> None:
        super()._prepare(database)
        self._names = [f"bridge:{database}:{number}" for number in range(MARKS)]
        statements = [
            [f"SELECT GET_LOCK('{name}', 0)", f"SELECT RELEASE_LOCK('{name}')"]
            for name in self._names
        ]
        self.mark = {"drivers": self.drivers, "statements": statements}

    def take(self) -> bool:
        taken = super().take()
        if taken:
            # Where each statement commits alone, whoever connects anew after a restart of the
            # server would write without the lock. Other servers are none of our business.
            here = "HEX(CONCAT_WS(' ', @@hostname, @@port, @@datadir))"
            held = f"IS_USED_LOCK('{self._lock.actual_key}') <=> {self._session}"
            elsewhere = f"{here} <> '{self._scalar(f'SELECT {here}')}'"
            self.mark = {**(self.mark or {}), "held": f"SELECT {held} OR {elsewhere}"}
        return taken

    def _owner_sql(self) -> str:
        name = self._lock.actual_key
        return f"SELECT CONNECTION_ID() FROM DUAL WHERE IS_USED_LOCK('{name}') = CONNECTION_ID()"

    def quiet(self) -> bool:
        free = " + ".join(f"IS_FREE_LOCK('{name}')" for name in self._names)
        return bool(self._scalar(f"SELECT {free} = {MARKS}"))


# --- marks --------------------------------------------------------------------------------


class _Marking:
    """Marks each session while this thread has it out of a pool, whoever made the engine.

    An app's env.py makes its own. A session that goes back into a pool may live long after the run.
    """

    def __init__(self, mark: Mapping[str, Any]) -> None:
        self._drivers, self._statements = mark["drivers"], mark["statements"]
        self._thread = threading.get_ident()
        self._marked: dict[int, tuple[Any, str]] = {}

    def __enter__(self) -> None:
        event.listen(Pool, "checkout", self._mark)
        event.listen(Pool, "checkin", self._unmark)

    def __exit__(self, *_error: object) -> None:
        event.remove(Pool, "checkout", self._mark)
        event.remove(Pool, "checkin", self._unmark)
        for session, undo in self._marked.values():
            # Somebody has it still, perhaps in a transaction.
            with contextlib.suppress(Exception):
                _ask(session, undo)

    def _mark(self, session: Any, _record: Any, _proxy: Any) -> None:
        ours = type(session).__module__.partition(".")[0] in self._drivers
        if not ours or threading.get_ident() != self._thread:
            return
        try:
            for take, undo in self._statements:
                if _ask(session, take):
                    self._marked[id(session)] = (session, undo)
                    break
            session.rollback()
        except Exception as error:
            # The pool then gets another one, as it does for one that has gone stale.
            raise DisconnectionError(str(error)) from error

    def _unmark(self, session: Any, _record: Any) -> None:
        _session, undo = self._marked.pop(id(session), (None, ""))
        if undo:
            # Its end takes the mark away too.
            with contextlib.suppress(Exception):
                _ask(session, undo)
                session.rollback()


def _ask(session: Any, sql: str) -> Any:
    """The answer on a driver's own connection."""
    cursor = session.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchone()[0]
    finally:
        cursor.close()


def retry_until(attempt: Callable[[], bool], end: float) -> bool:
    """Try it until it succeeds or the time is over, once at least."""
    while not attempt():
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _file_refused(file: Path, error: OSError) -> DatabaseRefusedError:
    return DatabaseRefusedError(
        f"The lock file {file} cannot be opened: {error.strerror}",
        help="Let this user write to the folder of the database, and to that file.",
    )


def _lost(why: str, help: str) -> LockLostError:
    return LockLostError(
        f"This run has lost its lock on the database, and stops: {why}.",
        help=f"{help} run: bridge dbupdate",
    )
