"""A second database with what a database holds, to try things on; gone afterwards.

Of SQLite it is a file in a folder of its own, of a server a database beside the first one. The
first one is only read.
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
"""The end of the name of the folder that a rehearsal works in."""

PREFIX = "bridge_rehearsal_"
"""The begin of the name of a copy on a server; 16 hexadecimal digits follow."""

_AGAIN = Remedy("Then run", ("dbupdate", "--rehearse"))

_MARK = "A copy that bridge made to rehearse on, and removes"


@contextlib.contextmanager
def copied(
    engine: Engine, config: Config, notify: Callable[[str], None]
) -> Iterator[tuple[Engine, Guard]]:
    """Copy the database as it is at one moment; give the copy, and what holds a run to it.

    :param notify: is notified what is being done.
    :raises RehearsalError: no copy can be made, or what works on it could reach the database.
    :raises DatabaseError: the database cannot be read.
    """
    with _folder(engine, config) as folder:
        with _told():
            dumper_of(engine)  # refuses other kinds
        if server_of(engine).is_server:
            with _ServerCopy(engine, notify).copied(folder) as found:
                yield found
            return
        with _told():
            found = _copy_file(engine, folder, notify)
        yield found


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raise the errors of backups and dumps as errors of a rehearsal."""
    try:
        yield
    except BackupError as error:
        # What is advised for a backup's own command does not help a rehearsal.
        advice = [remedy for remedy in error.remedies if not remedy.command]
        raise RehearsalError(
            f"The database cannot be copied for a rehearsal. {error.message}",
            help=[*(advice or [Remedy("Fix the error above.")]), _AGAIN],
        ) from None


@contextlib.contextmanager
def _folder(engine: Engine, config: Config) -> Iterator[Path]:
    """Yield a folder of our own beside the backups: there is room, and the same kind of disk."""
    place = Place.of(engine, config)
    made = not place.folder.exists()
    try:
        place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in place.folder.glob(f"*{ENDING}"):
            _sweep(left)
        folder = Path(tempfile.mkdtemp(ENDING, f"{place.name}.", place.folder))  # 0700
    except OSError as error:
        raise RehearsalError(
            f"The database cannot be copied to {place.folder}: {error.strerror}",
            help=[Remedy("Let backup.folder in the configuration name another folder."), _AGAIN],
        ) from None
    try:
        with FileLock(folder / "lock"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):
                place.folder.rmdir()


def _sweep(left: Path) -> None:
    """Remove the folder of a rehearsal that was killed; one that is at work holds its lock."""
    if not (left / "lock").is_file():
        return
    with contextlib.suppress(Timeout, OSError), FileLock(left / "lock", timeout=0):
        shutil.rmtree(left, ignore_errors=True)


# --- a file -------------------------------------------------------------------------------


def _copy_file(engine: Engine, folder: Path, notify: Callable[[str], None]) -> tuple[Engine, Guard]:
    source = sqlite_file(engine.url)
    path = folder / (source.name if source else "copy.db")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    # To connect to a file that does not exist would make it.
    if source is None or source.exists():
        check_room(engine, folder)
        _say(engine, notify)
        dumper_of(engine).dump(path)
    url = engine.url.set(database=str(path))
    if str(engine.url.database).startswith("file:"):
        url = url.set(query={})
    copy = make_engine(url)
    return copy, guard_for(copy)


def _say(engine: Engine, notify: Callable[[str], None]) -> None:
    notify(f"Copying the database ({size_words(size_of(engine))}).")


# --- a database of a server ---------------------------------------------------------------


class _ServerCopy:
    """A copy of a database on its own server."""

    def __init__(self, engine: Engine, notify: Callable[[str], None]) -> None:
        self._engine, self._notify = engine, notify
        self._name = f"{PREFIX}{secrets.token_hex(8)}"

    @contextlib.contextmanager
    def copied(self, folder: Path) -> Iterator[tuple[Engine, Guard]]:
        """Make it, and remove it afterwards."""
        with read_only(self._engine) as connection:
            server = server_of(connection)
            self._check_ways_out(server, connection)
            beyond = server.beyond_from(connection)
            self._check_bodies(server, connection, beyond)
        guard = Guard(self._name, server.database_sql, beyond)
        url = self._engine.url.set(database=self._name)
        with contextlib.ExitStack() as stack:
            session = stack.enter_context(self._session())
            drop_abandoned(session, PREFIX, _MARK)
            stack.callback(self._remove, server, session)
            try:
                self._create(server, session)
            except SQLAlchemyError as error:
                raise RehearsalError(
                    "The database cannot be copied: the server does not let this user create a "
                    f"database ({cause(error, self._engine.url)})",
                    help=[Remedy(f"{server.right_to_create(PREFIX)}."), _AGAIN],
                ) from None
            empty = make_engine(url)
            # That connection stays until the end, and was there before the mark: so what has the
            # mark and no connection is of a rehearsal that is no more.
            self._check_database(server, stack.enter_context(connect(empty)))
            server.mark(session, self._name, _MARK)
            with _told():
                self._fill(empty, folder / "dump")
            # Another one: at its first connection an engine learns what the default schema is.
            yield make_engine(url), guard

    @contextlib.contextmanager
    def _session(self) -> Iterator[Connection]:
        """Connect; each statement commits by itself, and no pool has the connection any more."""
        with connect(self._engine) as connection:
            # No parameters: the drivers would take a percent sign for one.
            options = {"isolation_level": "AUTOCOMMIT", "no_parameters": True}
            session = connection.execution_options(**options)
            session.detach()
            yield session

    def _create(self, server: Server, session: Connection) -> None:
        if server.keep_session_sql is not None:
            session.exec_driver_sql(server.keep_session_sql)
        # Before the database is there: what nobody has claimed is of a rehearsal that is no more.
        server.claim(session, self._name)
        server.create(session, self._name)
        server.copy_settings(session, self._name)

    def _fill(self, copy: Engine, path: Path) -> None:
        check_room(self._engine, path.parent)
        _say(self._engine, self._notify)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        dumper_of(self._engine).dump(path, for_copy=True)
        dumper_of(copy).restore(path)
        path.unlink()

    def _check_database(self, server: Server, connection: Connection) -> None:
        """Make sure that it is the new database: all that is in there will be dropped."""
        found = connection.exec_driver_sql(str(server.database_sql)).scalar()
        if found != self._name:
            raise RehearsalError(
                f"The database cannot be copied: the server leads to {found} who asks "
                "for another database.",
                help=[Remedy("Connect to the server itself, not through a pooler."), _AGAIN],
            )

    def _check_ways_out(self, server: Server, connection: Connection) -> None:
        found = connection.exec_driver_sql(str(server.ways_out_sql)).scalar()
        if found:
            raise RehearsalError(
                f"Cannot rehearse: {found} reaches beyond the database, so what runs on "
                "a copy could write elsewhere.",
                help="Rehearse on another server: restore a backup of the database into an empty "
                "one there, and let bridge upgrade that.",
            )

    def _check_bodies(self, server: Server, connection: Connection, beyond: str | None) -> None:
        for what, body in server.bodies(connection):
            if beyond and re.search(beyond, body or "", re.IGNORECASE):
                raise RehearsalError(
                    f"Cannot rehearse: {what} names the database "
                    f"{self._engine.url.database}, so it would write there, not into the copy.",
                    help=[Remedy("Leave the database's name out of it."), _AGAIN],
                )

    def _remove(self, server: Server, session: Connection) -> None:
        try:
            server.drop(session, self._name)
        except SQLAlchemyError as error:
            self._notify(
                f"The copy {self._name} is still there ({cause(error, self._engine.url)}). The "
                "next rehearsal removes it, if it can; or drop that database by hand."
            )
