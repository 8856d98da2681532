"""A temporary copy of a database, on which an upgrade is rehearsed.

The copy of a SQLite database is a file in a folder of its own; that of a server's database is
another database on the same server. The original is only read.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.backup import Place, check_room, size_of
from bridge.database.dump import dumper_of
from bridge.database.engine import cause, connect, make_engine, read_only
from bridge.database.guard import Guard
from bridge.database.scratch import PREFIX as SCRATCH_PREFIX
from bridge.database.scratch import drop_abandoned, guard_for
from bridge.database.servers import server_of
from bridge.database.url import sqlite_file
from bridge.model.errors import BackupError, RehearsalError
from bridge.model.remedy import Remedy
from bridge.model.results import size_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine

    from bridge.database.servers.base import Server
    from bridge.model.config import Config

ENDING = ".bridge-rehearsal"
"""The suffix of the name of a rehearsal's folder."""

PREFIX = "bridge_rehearsal_"
"""The prefix of the name of a copy on a server; 16 hexadecimal digits follow."""

_AGAIN = Remedy("Then run", ("dbupdate", "--rehearse"))

_MARK = "A copy that bridge made to rehearse on, and removes"


@contextlib.contextmanager
def copied(
    engine: Engine, config: Config, notify: Callable[[str], None]
) -> Iterator[tuple[Engine, Guard]]:
    """Copy the database at one moment; yield the copy, and the guard that confines a run to it.

    :param notify: called with a message when the copying begins.
    :raises RehearsalError: it cannot be copied, or a run on the copy could reach the database.
    :raises DatabaseError: the database cannot be read.
    """
    sweep(engine, config)
    with _folder(engine, config) as folder:
        with _as_rehearsal_errors():
            dumper_of(engine)  # refuses other kinds
        if server_of(engine).is_server:
            with _ServerCopy(engine, notify).copied(folder) as found:
                yield found
            return
        with _as_rehearsal_errors():
            found = _copy_file(engine, folder, notify)
        yield found


@contextlib.contextmanager
def _as_rehearsal_errors() -> Iterator[None]:
    """Turn the errors of backups and dumps into those of a rehearsal."""
    try:
        yield
    except BackupError as error:
        # Commands that are advised for a backup do not help a rehearsal.
        advice = [remedy for remedy in error.remedies if not remedy.command]
        raise RehearsalError(
            f"The database cannot be copied for a rehearsal. {error.message}",
            help=[*(advice or [Remedy("Fix the error above.")]), _AGAIN],
        ) from None


@contextlib.contextmanager
def _folder(engine: Engine, config: Config) -> Iterator[Path]:
    """Create a folder beside the backups, where there is space on the same kind of disk."""
    place = Place.of(engine, config)
    is_new = not place.folder.exists()
    try:
        place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(ENDING, f"{place.name}.", place.folder))  # 0700
        lock = FileLock(folder / "lock")
        lock.acquire()
    except OSError as error:
        raise RehearsalError(
            f"The copy cannot be created in {place.folder}: {error.strerror}",
            help=[Remedy("Set backup.folder in the configuration to another folder."), _AGAIN],
        ) from None
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                place.folder.rmdir()


def sweep(engine: Engine, config: Config) -> None:
    """Remove what processes that were killed have left: folders, and databases on the server.

    :raises DatabaseError: the database cannot be read.
    """
    for left in Place.of(engine, config).folder.glob(f"*{ENDING}"):
        _sweep(left)
    if server_of(engine).is_server:
        with _session(engine) as session:
            drop_abandoned(session, PREFIX, _MARK)
            name = session.exec_driver_sql(str(server_of(engine).database_sql)).scalar()
            drop_abandoned(session, SCRATCH_PREFIX, str(name))


def _sweep(left: Path) -> None:
    """Remove the folder of a killed rehearsal; one that is still running holds its lock."""
    if not (left / "lock").is_file():
        with contextlib.suppress(OSError):
            left.rmdir()  # killed before it had a lock
        return
    with contextlib.suppress(Timeout, OSError), FileLock(left / "lock", timeout=0):
        shutil.rmtree(left, ignore_errors=True)


# --- a file -------------------------------------------------------------------------------


def _copy_file(engine: Engine, folder: Path, notify: Callable[[str], None]) -> tuple[Engine, Guard]:
    source = sqlite_file(engine.url)
    path = folder / (source.name if source else "copy.db")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    # Connecting to a file that does not exist would create it.
    if source is None or source.exists():
        check_room(engine, folder)
        _notify_of_size(engine, notify)
        dumper_of(engine).dump(path)
    url = engine.url.set(database=str(path))
    if str(engine.url.database).startswith("file:"):
        url = url.set(query={})
    copy = make_engine(url)
    return copy, guard_for(copy)


def _notify_of_size(engine: Engine, notify: Callable[[str], None]) -> None:
    notify(f"Copying the database ({size_words(size_of(engine))}).")


# --- a database of a server ---------------------------------------------------------------


@contextlib.contextmanager
def _session(engine: Engine) -> Iterator[Connection]:
    """Connect outside of the pool; each statement is committed on its own."""
    with connect(engine) as connection:
        # Without parameters, because the drivers would read a percent sign as one.
        options = {"isolation_level": "AUTOCOMMIT", "no_parameters": True}
        session = connection.execution_options(**options)
        session.detach()
        yield session


class _ServerCopy:
    """A copy of a database on its own server."""

    def __init__(self, engine: Engine, notify: Callable[[str], None]) -> None:
        self._engine, self._notify = engine, notify
        self._name = f"{PREFIX}{secrets.token_hex(8)}"

    @contextlib.contextmanager
    def copied(self, folder: Path) -> Iterator[tuple[Engine, Guard]]:
        """Create the copy, and drop it afterwards.

        :param folder: where the dump is written.
        :raises RehearsalError: it cannot be created, or a run on it could reach the database.
        """
        with read_only(self._engine) as connection:
            server = server_of(connection)
            self._check_ways_out(server, connection)
            beyond = server.beyond_from(connection)
            self._check_bodies(server, connection, beyond)
        guard = Guard(self._name, server.database_sql, beyond)
        url = self._engine.url.set(database=self._name)
        with contextlib.ExitStack() as stack:
            session = stack.enter_context(_session(self._engine))
            stack.callback(self._remove, server, session)
            try:
                self._create(server, session)
            except SQLAlchemyError as error:
                raise RehearsalError(
                    "The database cannot be copied: this user may not create a database "
                    f"({cause(error, self._engine.url)})",
                    help=[Remedy(f"{server.right_to_create(PREFIX)}."), _AGAIN],
                ) from None
            empty = make_engine(url)
            # This connection is opened before the mark is set, and stays open until the end: a copy
            # with a mark and without a connection belongs to a rehearsal that has ended.
            self._check_database(server, stack.enter_context(connect(empty)))
            server.mark(session, self._name, _MARK)
            with _as_rehearsal_errors():
                self._fill(empty, folder / "dump")
            # A new engine, because an engine reads the default schema at its first connection.
            yield make_engine(url), guard

    def _create(self, server: Server, session: Connection) -> None:
        if server.keep_session_sql is not None:
            session.exec_driver_sql(server.keep_session_sql)
        # Before the database exists: one that is not claimed belongs to a rehearsal that has ended.
        server.claim(session, self._name)
        server.create(session, self._name)
        server.copy_settings(session, self._name)

    def _fill(self, copy: Engine, path: Path) -> None:
        check_room(self._engine, path.parent)
        _notify_of_size(self._engine, self._notify)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        dumper_of(self._engine).dump(path, for_copy=True)
        dumper_of(copy).restore(path)
        path.unlink()

    def _check_database(self, server: Server, connection: Connection) -> None:
        """Check that the connection leads to the new database, because that will be dropped."""
        found = connection.exec_driver_sql(str(server.database_sql)).scalar()
        if found != self._name:
            raise RehearsalError(
                f"The database cannot be copied: the server connects to {found} when another "
                "database is requested.",
                help=[Remedy("Connect to the server itself, not through a pooler."), _AGAIN],
            )

    def _check_ways_out(self, server: Server, connection: Connection) -> None:
        found = connection.exec_driver_sql(str(server.ways_out_sql)).scalar()
        if found:
            raise RehearsalError(
                f"The upgrade cannot be rehearsed: {found} reaches beyond the database, so a run "
                "on a copy could write to another database.",
                help="Rehearse on another server: restore a backup into an empty database there, "
                "and upgrade that database.",
            )

    def _check_bodies(self, server: Server, connection: Connection, beyond: str | None) -> None:
        for what, body in server.bodies(connection):
            if beyond and re.search(beyond, body or "", re.IGNORECASE):
                raise RehearsalError(
                    f"The upgrade cannot be rehearsed: {what} names the database "
                    f"{self._engine.url.database}, so it would write there, not into the copy.",
                    help=[Remedy("Remove the database's name from it."), _AGAIN],
                )

    def _remove(self, server: Server, session: Connection) -> None:
        try:
            server.drop(session, self._name)
        except SQLAlchemyError as error:
            self._notify(
                f"The copy {self._name} could not be removed ({cause(error, self._engine.url)}). "
                "The next rehearsal tries again; or drop that database by hand."
            )
