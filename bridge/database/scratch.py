"""Databases of bridge's own to try things on: made empty or as copies, gone afterwards.

SQLite's are files in a temporary folder. On a server they are databases with names of bridge's own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.backup import damage, dumper_of, write_sqlite
from bridge.database.dump.files import (
    POSTGRESQL_ARCHIVE,
    SQLITE_FILE,
    mysql_lines,
    postgresql_lines,
)
from bridge.database.dump.postgresql import archive_script
from bridge.database.engine import cause, connect, make_engine, unreachable
from bridge.database.guard import Guard
from bridge.database.secrets import shown
from bridge.model.errors import BackupError, DatabaseError

PREFIX = "bridge_scratch_"
"""The begin of the name of a database on a server; 16 hexadecimal digits follow."""


class Scratch:
    """Makes databases of one kind, and drops them all at the end.

    :param name: of the dialect, as SQLAlchemy has it.
    """

    name: str

    def create(self) -> Engine:
        """An empty database.

        :raises DatabaseError: the server does not let us make one.
        """
        raise NotImplementedError

    def copy(self, source: Engine) -> Engine:
        """A database with what another one of ours holds; nobody may be connected to that one."""
        raise NotImplementedError

    def load(self, path: Path) -> Engine:
        """A database with what is in a file: a SQLite file, or a dump of this kind of database.

        :raises DatabaseError: it cannot be loaded.
        """
        raise NotImplementedError

    def drop(self, engine: Engine) -> None:
        """Drop one, whoever is connected to it."""
        raise NotImplementedError


@contextlib.contextmanager
def scratch(url: URL | None) -> Iterator[Scratch]:
    """Where databases can be made: on the server of `url`; SQLite files if it is None.

    :raises DatabaseError: the server cannot be reached.
    """
    with contextlib.ExitStack() as stack:
        if url is None or url.get_backend_name() == "sqlite":
            folder = Path(tempfile.mkdtemp(prefix="bridge-scratch-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            yield _Files(folder)
            return
        kind = _SERVERS.get(url.get_backend_name())
        if kind is None:
            raise DatabaseError(
                f"{shown(url)} is not a server that bridge can make scratch databases on.",
                help="Give the URL of a PostgreSQL, MySQL or MariaDB server.",
            )
        server = kind(url, stack)
        stack.callback(server.drop_all)
        yield server


def guard_for(engine: Engine) -> Guard:
    """What holds scripts that work on one of these databases to it."""
    name = str(engine.url.database)
    if engine.dialect.name == "sqlite":
        return Guard(name, None, r"\s*ATTACH\b")
    if engine.dialect.name == "postgresql":
        return Guard(name, "SELECT current_database()", r"\bdblink\w*\s*\(")
    return Guard(name, "SELECT DATABASE()", None)


def _within(action: int, *_details: str | None) -> int:
    """A script may not write to another file than its own."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


class _Files(Scratch):
    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _new(self) -> Path:
        path = self._folder / f"{secrets.token_hex(8)}.db"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return path

    def _engine(self, path: Path) -> Engine:
        engine = make_engine(URL.create("sqlite", database=str(path)), pooled=True)

        @event.listens_for(engine, "connect")
        def hurry(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA synchronous = OFF")  # nobody keeps the file

        return engine

    def create(self) -> Engine:
        return self._engine(self._new())

    def copy(self, source: Engine) -> Engine:
        path = self._new()
        source.dispose()
        write_sqlite(source, path)
        return self._engine(path)

    def load(self, path: Path) -> Engine:
        new = self._new()
        try:
            with open(path, "rb") as stream:
                is_file = stream.read(len(SQLITE_FILE)) == SQLITE_FILE
            if is_file:
                self._take(path, new)
            else:
                with contextlib.closing(sqlite3.connect(new)) as connection:
                    connection.set_authorizer(_within)
                    connection.executescript(path.read_bytes().decode())
            finding = damage(new)
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            finding = str(error)
        if finding:
            raise DatabaseError(
                f"{path} cannot be loaded: {finding}", help="Name a file that is whole."
            )
        return self._engine(new)

    def _take(self, path: Path, new: Path) -> None:
        """Copy a database with what is committed and still stands beside it.

        It is not opened where it is: SQLite would write there.
        """
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            copy = Path(folder) / "copy.db"
            for end in ("", "-wal", "-journal"):
                beside = Path(f"{path}{end}")
                if beside.exists():
                    shutil.copyfile(beside, f"{copy}{end}")
            with (
                contextlib.closing(sqlite3.connect(copy)) as source,
                contextlib.closing(sqlite3.connect(new)) as target,
            ):
                source.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")

    def drop(self, engine: Engine) -> None:
        engine.dispose()
        Path(str(engine.url.database)).unlink(missing_ok=True)


class _Server(Scratch):
    left_sql: ClassVar[str]

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
        self._engines: dict[str, Engine] = {}
        self._sweep()

    def _sweep(self) -> None:
        """Drop what a process that was killed has left."""
        for name in list(self._session.exec_driver_sql(self.left_sql).scalars()):
            with contextlib.suppress(SQLAlchemyError):
                self._session.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")

    def _made(self, statement: str) -> Engine:
        name = f"{PREFIX}{secrets.token_hex(8)}"
        try:
            self._claim(name)
            self._session.exec_driver_sql(statement.format(name=name))
        except SQLAlchemyError as error:
            raise DatabaseError(
                f"No scratch database can be made on {shown(self._url)}: {cause(error, self._url)}",
                help="Give the URL of a server on which this user may create and drop databases.",
            ) from None
        engine = self._engines[name] = make_engine(self._url.set(database=name), pooled=True)
        return engine

    def _claim(self, name: str) -> None:
        """Let others see that the database is ours and in use, for as long as we live."""
        raise NotImplementedError

    def load(self, path: Path) -> Engine:
        engine = self.create()
        dumper = dumper_of(engine)
        assert dumper is not None
        try:
            with tempfile.TemporaryDirectory(prefix="bridge-scratch-") as folder:
                script = Path(folder) / "script"
                self._write_script(path, script)
                dumper.run_script(script)
        except (OSError, BackupError) as error:
            said = error.message if isinstance(error, BackupError) else str(error)
            raise DatabaseError(
                f"{path} cannot be loaded: {said}",
                help="Name a dump that is whole, and a server of at least the version that it is "
                "of, with the extensions that it needs.",
            ) from None
        return engine

    def _write_script(self, path: Path, script: Path) -> None:
        """What is in the dump, without what leads to another database than ours."""
        with tempfile.TemporaryDirectory(prefix="bridge-scratch-") as folder:
            with open(path, "rb") as stream:
                is_archive = stream.read(5) == POSTGRESQL_ARCHIVE
            if is_archive:
                plain = Path(folder) / "script"
                archive_script(path, plain)
            else:
                plain = path
            lines = postgresql_lines if self.name == "postgresql" else mysql_lines
            with open(plain, "rb") as stream, open(script, "wb") as target:
                target.writelines(lines(stream, str(path)))

    def drop(self, engine: Engine) -> None:
        name = str(engine.url.database)
        engine.dispose()
        self._close(self._session, name)
        self._session.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        self._engines.pop(name, None)

    def drop_all(self) -> None:
        """Drop every database that is left."""
        for engine in list(self._engines.values()):
            with contextlib.suppress(SQLAlchemyError):
                self.drop(engine)

    def _close(self, session: Connection, name: str) -> None:
        """End the sessions of others, where these keep a database from being dropped."""


class _PostgreSQL(_Server):
    # Such locks are seen from one database only: another one's names are left alone.
    left_sql = (
        f"SELECT datname FROM pg_database WHERE datname ~ '^{PREFIX}[0-9a-f]{{16}}$' "
        "AND shobj_description(oid, 'pg_database') = current_database() "
        "AND pg_try_advisory_lock(hashtext(datname))"
    )

    def _claim(self, name: str) -> None:
        self._session.exec_driver_sql(f"SELECT pg_advisory_lock(hashtext('{name}'))")

    def create(self) -> Engine:
        encoding, collate, ctype = self._session.exec_driver_sql(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database "
            "WHERE datname = current_database()"
        ).one()
        return self._marked(
            f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE '{collate}' LC_CTYPE '{ctype}'"
        )

    def copy(self, source: Engine) -> Engine:
        source.dispose()
        self._close(self._session, str(source.url.database))
        return self._marked(f"TEMPLATE {source.url.database}")

    def _marked(self, options: str) -> Engine:
        engine = self._made(f"CREATE DATABASE {{name}} {options}")
        database = self._session.exec_driver_sql("SELECT quote_literal(current_database())")
        self._session.exec_driver_sql(
            f"COMMENT ON DATABASE {engine.url.database} IS {database.scalar()}"
        )
        return engine

    def _close(self, session: Connection, name: str) -> None:
        session.exec_driver_sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )


class _MySQL(_Server):
    left_sql = (
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name REGEXP "
        f"'^{PREFIX}[0-9a-f]{{16}}$' AND IS_FREE_LOCK(schema_name)"
    )

    def _claim(self, name: str) -> None:
        self._session.exec_driver_sql(f"SELECT GET_LOCK('{name}', 0)").scalar()

    def create(self) -> Engine:
        character_set, collation = self._session.exec_driver_sql(
            "SELECT @@character_set_database, @@collation_database"
        ).one()
        return self._made(
            f"CREATE DATABASE {{name}} CHARACTER SET {character_set} COLLATE {collation}"
        )

    def load(self, path: Path) -> Engine:
        engine = super().load(path)
        name = engine.url.database
        collations = self._session.exec_driver_sql(
            "SELECT DISTINCT table_collation FROM information_schema.tables "
            f"WHERE table_schema = '{name}' AND table_type = 'BASE TABLE'"
        ).fetchall()
        if len(collations) == 1:
            # New tables are to be like those that are there, and few dumps say what they got.
            collation = collations[0][0]
            self._session.exec_driver_sql(
                f"ALTER DATABASE {name} CHARACTER SET {collation.partition('_')[0]} "
                f"COLLATE {collation}"
            )
            engine.dispose()
        return engine

    def copy(self, source: Engine) -> Engine:
        source.dispose()
        target = self.create()
        with tempfile.TemporaryDirectory(prefix="bridge-scratch-") as folder:
            dump = Path(folder) / "dump"
            os.close(os.open(dump, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            for engine, act in ((source, "dump"), (target, "restore")):
                dumper = dumper_of(engine)
                assert dumper is not None
                getattr(dumper, act)(dump)
        return target


_SERVERS: dict[str, type[_Server]] = {
    "postgresql": _PostgreSQL,
    "mysql": _MySQL,
    "mariadb": _MySQL,
}
