"""One run at a time for a database, and none while a statement of an earlier run still runs.

The lock is an advisory lock (PostgreSQL), a named lock (MySQL, MariaDB) or a lock on a file beside
a SQLite database. None needs tidying up: server or system let go of it when its process is gone.

A server goes on with a statement when the program that sent it was killed. Hence each session that
writes for a run has a *mark*, a second kind of lock that lives exactly as long as the session, and
a new run waits until there is none. On SQLite the process that runs legacy scripts has it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import read_only, unreadable
from bridge.database.journal.reading import Holder, read_holder
from bridge.database.lock import LOCK_SUFFIX, Lock, lock_of
from bridge.database.url import sqlite_file
from bridge.model.errors import BridgeError, LockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Engine

POLL_SECONDS = 0.1

QUICK_SECONDS = 2.0
"""How long to wait in silence: who has just begun has not yet written who it is."""


@contextmanager
def locked(engine: Engine, timeout: float, notify: Callable[[str], None]) -> Iterator[Lock]:
    """Hold the lock of the database behind `engine`; nobody writes to it meanwhile.

    :param timeout: for how many seconds to wait for another run's end.
    :param notify: is notified once who is waited for.
    :raises LockedError: the other run did not end in time.
    :raises LockLostError: the lock cannot be held, because of a pooler.
    :raises DatabaseError: the database cannot be reached, or refuses the lock.
    """
    end = time.monotonic() + timeout
    lock = lock_of(engine)
    try:
        try:
            _wait(engine, lock, end, timeout, notify)
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None
        with lock.marking():
            yield lock
    finally:
        lock.close()


def _wait(
    engine: Engine, lock: Lock, end: float, timeout: float, notify: Callable[[str], None]
) -> None:
    if not _retry_until(lock.acquire, min(end, time.monotonic() + QUICK_SECONDS)):
        notify(f"Waiting for another run of bridge{_named(_holder(engine))}.")
        if not _retry_until(lock.acquire, end):
            raise LockedError(
                "Another run of bridge is at work on this database"
                f"{_named(_holder(engine))}. It did not end within {timeout:g} s.",
                help="Wait for its end, or wait longer: --lock-timeout SECONDS",
                state_of_data="This run has changed nothing; the other one is at work.",
            )
    if not lock.is_idle():
        notify(
            f"Waiting for a statement of an earlier run{_named(_holder(engine))}: that run was "
            "interrupted, and the database still works on it."
        )
        if not _retry_until(lock.is_idle, end):
            raise LockedError(
                f"A statement of an earlier run{_named(_holder(engine))} still runs in the "
                f"database, though that run was interrupted. It did not end within {timeout:g} s.",
                help="Wait for its end, or wait longer: --lock-timeout SECONDS",
                state_of_data="This run has changed nothing; the statement may still change it.",
            )


def _retry_until(attempt: Callable[[], bool], end: float) -> bool:
    """Try it until it succeeds or the time is over, once at least."""
    while not attempt():
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def busy(engine: Engine) -> bool:
    """Return whether another run has the lock now; where that cannot be told, no."""
    file = sqlite_file(engine.url)
    if file is not None and not Path(f"{file.resolve()}{LOCK_SUFFIX}").exists():
        return False
    try:
        lock = lock_of(engine)
        try:
            return not lock.acquire()
        finally:
            lock.close()
    except (BridgeError, SQLAlchemyError):
        return False


def _holder(engine: Engine) -> Holder | None:
    """Return who runs, as the journal has it; None where it cannot be read, or is empty yet."""
    file = sqlite_file(engine.url)
    if file is not None and not file.exists():
        return None
    try:
        with read_only(engine) as connection:
            return read_holder(connection)
    except BridgeError:
        return None


def _named(holder: Holder | None) -> str:
    return f" ({holder})" if holder else ""
