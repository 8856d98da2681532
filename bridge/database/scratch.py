"""Databases of bridge's own to try things on: created empty or as copies, gone afterwards.

SQLite's are files in a temporary folder. On a server they are databases with names of bridge's own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.dump import dumper_of
from bridge.database.engine import cause, connect, make_engine, unreachable
from bridge.database.guard import Guard
from bridge.database.secrets import shown
from bridge.database.servers import server_of
from bridge.model.errors import BackupError, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "bridge_scratch_"
"""The begin of the name of a database on a server; 16 hexadecimal digits follow."""


class Scratch:
    """Creates databases of one kind, and drops them all at the end.

    :param name: of the dialect, as SQLAlchemy has it.
    """

    name: str

    def create(self) -> Engine:
        """Create an empty database.

        :raises DatabaseError: the server does not let us create one.
        """
        raise NotImplementedError

    def copy(self, source: Engine) -> Engine:
        """Create a database with what another one of ours holds; nobody may be connected to it."""
        target = self.create()
        copy_by_dump(source, target)
        return target

    def load(self, path: Path) -> Engine:
        """Create a database with what is in a file: a SQLite file, or a dump of its kind.

        :raises DatabaseError: it cannot be loaded.
        """
        engine = self.create()
        try:
            dumper_of(engine).load(path)
        except (OSError, BackupError) as error:
            said = error.message if isinstance(error, BackupError) else str(error)
            raise DatabaseError(
                f"{path} cannot be loaded: {said}",
                help="Name a dump that is whole, and a server of at least the version that it is "
                "of, with the extensions that it needs.",
            ) from None
        return engine

    def drop(self, engine: Engine) -> None:
        """Drop one, whoever is connected to it."""
        raise NotImplementedError


@contextlib.contextmanager
def scratch(url: URL | None) -> Iterator[Scratch]:
    """Open the place where databases can be created: on the server of `url`; SQLite files if None.

    :raises DatabaseError: the server cannot be reached.
    """
    with contextlib.ExitStack() as stack:
        if url is None or not server_of(url).is_server:
            folder = Path(tempfile.mkdtemp(prefix="bridge-scratch-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            yield _Files(folder)
            return
        if server_of(url).database_sql is None:
            raise DatabaseError(
                f"{shown(url)} is not a server on which bridge can create scratch databases.",
                help="Give the URL of a PostgreSQL, MySQL or MariaDB server.",
            )
        databases = _Databases(url, stack)
        stack.callback(databases.drop_all)
        yield databases


def guard_for(engine: Engine) -> Guard:
    """Return what holds scripts that work on one of these databases to it."""
    server = server_of(engine)
    return Guard(str(engine.url.database), server.database_sql, server.beyond)


def copy_by_dump(source: Engine, target: Engine) -> None:
    """Fill a database with what another one holds, through a file."""
    source.dispose()
    with tempfile.TemporaryDirectory(prefix="bridge-scratch-") as folder:
        dump = Path(folder) / "dump"
        os.close(os.open(dump, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        dumper_of(source).dump(dump)
        dumper_of(target).restore(dump)


class _Files(Scratch):
    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self) -> Engine:
        path = self._folder / f"{secrets.token_hex(8)}.db"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        engine = make_engine(URL.create("sqlite", database=str(path)), pooled=True)

        @event.listens_for(engine, "connect")
        def hurry(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA synchronous = OFF")  # nobody keeps the file

        return engine

    def copy(self, source: Engine) -> Engine:
        target = self.create()
        source.dispose()
        dumper_of(source).dump(Path(str(target.url.database)))
        return target

    def load(self, path: Path) -> Engine:
        engine = self.create()
        try:
            dumper_of(engine).load(path)
        except BackupError as error:
            raise DatabaseError(
                f"{path} cannot be loaded: {error.message}", help=error.help
            ) from None
        return engine

    def drop(self, engine: Engine) -> None:
        engine.dispose()
        Path(str(engine.url.database)).unlink(missing_ok=True)


class _Databases(Scratch):
    """Databases on a server."""

    def __init__(self, url: URL, stack: contextlib.ExitStack) -> None:
        self.name = url.get_backend_name()
        self._url = url
        engine = make_engine(url)
        try:
            session = stack.enter_context(connect(engine))
        except SQLAlchemyError as error:
            raise unreachable(url, error) from None
        options = {"isolation_level": "AUTOCOMMIT", "no_parameters": True}
        self._session = session.execution_options(**options)
        self._server = server_of(self._session)
        # Names of another database's are left alone: what claims them is seen from there only.
        self._mark = str(self._session.exec_driver_sql(str(self._server.database_sql)).scalar())
        self._engines: dict[str, Engine] = {}
        drop_abandoned(self._session, PREFIX, self._mark)

    def create(self) -> Engine:
        return self._created(None)

    def copy(self, source: Engine) -> Engine:
        if not self._server.can_copy:
            return super().copy(source)
        source.dispose()
        return self._created(str(source.url.database))

    def _created(self, source: str | None) -> Engine:
        session, server = self._session, self._server
        name = f"{PREFIX}{secrets.token_hex(8)}"
        try:
            server.claim(session, name)
            if source is None:
                server.create(session, name)
            else:
                server.copy(session, source, name)
            server.mark(session, name, self._mark)
        except SQLAlchemyError as error:
            raise DatabaseError(
                f"No scratch database can be created on {shown(self._url)}: "
                f"{cause(error, self._url)}",
                help="Give the URL of a server on which this user may create and drop databases.",
            ) from None
        engine = self._engines[name] = make_engine(self._url.set(database=name), pooled=True)
        return engine

    def load(self, path: Path) -> Engine:
        engine = super().load(path)
        self._server.fit_defaults(self._session, str(engine.url.database))
        engine.dispose()
        return engine

    def drop(self, engine: Engine) -> None:
        name = str(engine.url.database)
        engine.dispose()
        self._server.drop(self._session, name)
        self._engines.pop(name, None)

    def drop_all(self) -> None:
        """Drop every database that is left."""
        for engine in list(self._engines.values()):
            with contextlib.suppress(SQLAlchemyError):
                self.drop(engine)


def drop_abandoned(session: Connection, prefix: str, mark: str) -> None:
    """Drop what a process that was killed has left, as far as we may.

    :param prefix: the begin of the databases' names.
    :param mark: what `Server.mark` wrote beside them.
    """
    server = server_of(session)
    for name in server.abandoned(session, prefix, mark):
        with contextlib.suppress(SQLAlchemyError):
            server.drop(session, name)
