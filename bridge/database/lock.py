"""The lock of a database: on a session of its own of a server, or on a file beside a SQLite one.

The statements are those of the kind of server: `Server.lock`.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import Pool

from bridge.database.engine import cause, connect, unreachable, unreadable
from bridge.database.servers import server_of
from bridge.database.url import sqlite_file
from bridge.model.errors import BridgeError, DatabaseRefusedError, LockLostError
from bridge.model.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Engine

LOCK_SUFFIX = ".bridge-lock"
"""The end of the lock file's name, beside a SQLite file. It stays: to remove it would be a race."""

WORKER_SUFFIX = ".bridge-worker"
"""The same for the mark of the process that runs legacy scripts. It goes with that process."""


class Lock:
    """The lock of a database that nobody else can see, such as one in memory; base of the others.

    `mark` is what the process that runs legacy scripts is to do, so that its sessions can be told.
    """

    mark: Mapping[str, Any] | None = None

    def acquire(self) -> bool:
        """Take it if it is free; return whether it was."""
        return True

    def is_idle(self) -> bool:
        """Return whether no session of an earlier run is left; asked by who has the lock."""
        return True

    def check(self) -> None:
        """Make sure that we still have it.

        :raises LockLostError: we do not.
        """

    def marking(self) -> AbstractContextManager[Any]:
        """Mark the sessions that this thread gets from SQLAlchemy, while it lasts."""
        return contextlib.nullcontext()

    def close(self) -> None:
        """Give it back, if we have it."""


def lock_of(engine: Engine) -> Lock:
    """Return the lock of the database behind an engine; nobody has acquired it yet.

    :raises DatabaseError: the server cannot be reached, or refuses.
    """
    file = sqlite_file(engine.url)
    if file is not None:
        return DatabaseFileLock(file)
    return Lock() if server_of(engine).lock_name_sql is None else SessionLock(engine)


class DatabaseFileLock(Lock):
    """The lock of a SQLite file: a file beside it."""

    def __init__(self, database: Path) -> None:
        # One lock for all names of the file.
        self._database = database.resolve()
        self._file = Path(f"{self._database}{LOCK_SUFFIX}")
        self._worker = Path(f"{self._database}{WORKER_SUFFIX}")
        self._lock = FileLock(self._file)
        self.mark = {"file": str(self._worker)}

    def acquire(self) -> bool:
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
        """Give it the database's owner and mode: a file of root's must not lock its owner out."""
        with contextlib.suppress(OSError):
            found = self._database.stat()
            self._file.chmod(found.st_mode & 0o777 | 0o600)
            shutil.chown(self._file, found.st_uid, found.st_gid)

    def _look(self) -> tuple[int, int]:
        found = self._file.stat()
        return found.st_dev, found.st_ino

    def is_idle(self) -> bool:
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
                self.is_idle()  # removes the worker's file
            self._lock.release()


class SessionLock(Lock):
    """The lock of a server's database, on a session of its own.

    That commits each statement, and so never idles in a transaction.
    """

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
            self._prepare()
        except SQLAlchemyError as error:
            self.close()
            raise unreadable(engine.url, error) from None

    def _prepare(self) -> None:
        server = self._server = server_of(self._connection)
        assert server.lock_name_sql is not None
        if server.keep_session_sql is not None:
            self.ask(server.keep_session_sql)
        database = str(self.ask(server.lock_name_sql) or "")
        # Of the same length, and of plain letters, whatever the database is called.
        self._sql = server.lock(hashlib.sha256(database.encode()).hexdigest()[:32])
        self.mark = {"drivers": server.session_modules, "statements": self._sql.marks}

    def ask(self, sql: str) -> Any:
        """Return the answer to a query on the lock's session; None for a statement without one."""
        result = self._connection.exec_driver_sql(sql)
        return result.scalar() if result.returns_rows else None

    def acquire(self) -> bool:
        free = self.ask(self._sql.acquire)
        if free is None:
            raise SQLAlchemyError("the server refuses the lock, without a reason")
        if not free:
            return False
        self._session = self.ask(self._server.session_sql)
        self.check()
        # What stands between us and the server may lend one session to many. It would now
        # give this one, which is at rest, to the next transaction.
        with connect(self._engine) as other:
            shared = other.exec_driver_sql(self._server.session_sql).scalar() == self._session
        if shared:
            raise _lost(
                "a pooler gives the database's session to other connections",
                "Connect to the server itself, or let the pooler keep sessions (pgbouncer: "
                "pool_mode = session). Then",
            )
        self.check()
        if self._sql.held is not None:
            server = self.ask(self._server.identity_sql)
            held = self._sql.held.format(session=self._session, server=server)
            self.mark = {**(self.mark or {}), "held": held}
        return True

    def is_idle(self) -> bool:
        return bool(self.ask(self._sql.idle))

    def check(self) -> None:
        try:
            owner = self.ask(self._sql.owner)
        except SQLAlchemyError as error:
            why = f"its session has ended: {cause(error, self._engine.url)}"
            raise _lost(why, "Check that the server runs, then run") from None
        if owner is None or owner != self._session:
            raise _lost(
                "its session on the server has changed",
                "If a pooler is in between, connect to the server itself. Then run",
            )

    def marking(self) -> AbstractContextManager[Any]:
        assert self.mark is not None
        return _Marking(self.mark)

    def close(self) -> None:
        with contextlib.suppress(SQLAlchemyError):
            if self._session is not None:
                self.ask(self._sql.release)
        with contextlib.suppress(SQLAlchemyError):
            self._connection.close()


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
    """Return the answer on a driver's own connection."""
    cursor = session.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchone()[0]
    finally:
        cursor.close()


def _file_refused(file: Path, error: OSError) -> DatabaseRefusedError:
    return DatabaseRefusedError(
        f"The lock file {file} cannot be opened: {error.strerror}",
        help="Let this user write to the folder of the database, and to that file.",
    )


def _lost(why: str, help: str) -> LockLostError:
    return LockLostError(
        f"This run has lost its lock on the database, and stops: {why}.",
        help=Remedy(help, ("dbupdate",)),
    )
