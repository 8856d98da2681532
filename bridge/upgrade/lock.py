"""Allows one run at a time on a database, and none while a statement of an earlier run executes.

The lock is an advisory lock (PostgreSQL), a named lock (MySQL, MariaDB) or a lock on a file beside
a SQLite database. None needs cleaning up: the server or the operating system releases it when its
process ends.

A server continues a statement even if the program that sent it was killed. Hence each session that
writes for a run holds a *mark*, a second lock that exists exactly as long as the session, and a new
run waits until there is no mark. On SQLite the process that runs legacy scripts holds it.
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
"""How long to wait silently: a run that has just begun has not yet recorded who it is."""


@contextmanager
def locked(engine: Engine, timeout: float, notify: Callable[[str], None]) -> Iterator[Lock]:
    """Hold the lock of a database, so that no other run writes to it.

    :param timeout: how many seconds to wait for another run to end.
    :param notify: called once with a message that names the run that is waited for.
    :raises LockedError: the other run did not end in time.
    :raises LockLostError: the lock cannot be held, because of a connection pooler.
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
                f"Another run of bridge is using this database{_named(_holder(engine))}. "
                f"It did not end within {timeout:g} s.",
                help="Wait until it ends, or wait longer: --lock-timeout SECONDS",
                state_of_data="This run has changed nothing; the other one is still running.",
            )
    if not lock.is_idle():
        notify(
            f"Waiting for a statement of an earlier run{_named(_holder(engine))}: that run was "
            "interrupted, but the database is still executing it."
        )
        if not _retry_until(lock.is_idle, end):
            raise LockedError(
                f"A statement of an earlier run{_named(_holder(engine))} is still executing in the "
                "database, although that run was interrupted. It did not end within "
                f"{timeout:g} s.",
                help="Wait until it ends, or wait longer: --lock-timeout SECONDS",
                state_of_data="This run has changed nothing; that statement may still take effect.",
            )


def _retry_until(attempt: Callable[[], bool], end: float) -> bool:
    """Repeat an attempt until it succeeds or `end` has passed, but at least once."""
    while not attempt():
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def busy(engine: Engine) -> bool:
    """Return whether another run holds the lock now; False if that cannot be determined."""
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
    """Return the run that the journal names; None if it cannot be read or is still empty."""
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
