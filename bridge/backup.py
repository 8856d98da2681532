"""Backups of a database, and putting one back.

SQLite: its online backup, which sees one state of the database whoever else writes. PostgreSQL,
MySQL and MariaDB: their own dump programs; a password reaches these through a file that only this
user can read and that is gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from bridge.config import Config
from bridge.database import connect, scrub, shown, sqlite_file
from bridge.errors import BackupError, BridgeError

ENDING = "bridge-backup"
ROOM = 1 << 20
"""Bytes that stay free beside a backup."""

_SQLITE, _POSTGRESQL, _SQL = b"SQLite format 3\0", b"PGDMP", b"-- "
_KINDS = {_SQLITE: "sqlite", _POSTGRESQL: "postgresql", _SQL: "mysql", b"/*": "mysql"}
_PACKAGES = {"pg_dump": "postgresql-client", "pg_restore": "postgresql-client",
             "psql": "postgresql-client", "mariadb-dump": "mariadb-client",
             "mariadb": "mariadb-client"}  # fmt: skip
# Older names of the same programs.
_OLDER = {"mariadb-dump": "mysqldump", "mariadb": "mysql"}
_MYSQL_FLAGS = ("--single-transaction", "--routines", "--triggers", "--events", "--hex-blob")


@dataclass(frozen=True)
class Backup:
    """A file that holds a database as it was; `size` in bytes."""

    path: Path
    size: int


def wanted(engine: Engine, config: Config, asked: bool | None) -> bool:
    """Whether a run makes a backup: as the caller says, else always of SQLite files."""
    if asked is not None:
        return asked and not _in_memory(engine)
    if engine.dialect.name == "sqlite":
        return not _in_memory(engine)
    return config.backup.servers


def _in_memory(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite" and sqlite_file(engine.url) is None


# --- making -------------------------------------------------------------------------------


def back_up(engine: Engine, config: Config, *, prune: bool = True) -> Backup:
    """Write a backup, check it, and take away bridge's own older ones of this database.

    :raises BackupError: there is no room, no right or no program for it, or the copy is bad.
        Nothing has been changed, and no older backup has been taken away.
    """
    file = sqlite_file(engine.url)
    folder = config.backup.folder or (file.parent if file else config.root / "backups")
    name = file.name if file else re.sub(r"[^\w.-]", "_", str(engine.url.database))
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    path = folder.absolute() / f"{name}.{stamp}.{ENDING}"
    part = path.with_name(f"{path.name}.part")
    try:
        if not file or config.backup.folder:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_room(engine, folder)
        # Nobody else may read it, from its first byte on.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _write(engine, part)
            _sync(part)
            part.replace(path)
            _sync(folder)
        finally:
            for end in ("", "-journal", "-wal", "-shm"):
                Path(f"{part}{end}").unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(
            f"The backup {path} cannot be written: {error.strerror or error}",
            help="Let backup.folder in the configuration name another folder, or run it without a "
            "backup: bridge dbupdate --no-backup",
        ) from None
    if prune:
        _prune(folder, name, config.backup.keep)
    return Backup(path, path.stat().st_size)


def _check_room(engine: Engine, folder: Path) -> None:
    needed, free = size_of(engine), shutil.disk_usage(folder).free
    if free < needed + ROOM:
        raise BackupError(
            f"There is too little room for a backup in {folder}: the database has "
            f"{bytes_words(needed)}, and {bytes_words(free)} are free.",
            help="Make room there, let backup.folder in the configuration name another folder, or "
            "run it without a backup: bridge dbupdate --no-backup",
        )


def size_of(engine: Engine) -> int:
    """The bytes of the database, as far as it says so itself."""
    queries = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }
    other = (
        "SELECT sum(data_length + index_length) FROM information_schema.tables "
        "WHERE table_schema = DATABASE()"
    )
    with connect(engine) as connection:
        return int(connection.scalar(sa.text(queries.get(engine.dialect.name, other))) or 0)


def bytes_words(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prune(folder: Path, name: str, keep: int) -> None:
    pattern = re.compile(rf"{re.escape(name)}\.\d{{8}}T\d{{6}}\.\d{{6}}Z\.{ENDING}")
    own = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    for old in own[: max(0, len(own) - keep)]:
        old.unlink(missing_ok=True)


def _write(engine: Engine, path: Path) -> None:
    if engine.dialect.name == "sqlite":
        with connect(engine) as connection, _opened(path) as target:
            _driver(connection).backup(target)
            _check_sqlite(target, path)
    elif engine.dialect.name == "postgresql":
        with _postgresql(engine.url) as (arguments, environment):
            _run("pg_dump", ["-Fc", "-f", str(path), *arguments], engine.url, environment)
            _run("pg_restore", ["--list", str(path)], engine.url, environment)
    else:
        with _mysql(engine.url) as arguments:
            given = [*arguments, *_MYSQL_FLAGS, f"--result-file={path}", str(engine.url.database)]
            _run("mariadb-dump", given, engine.url)
        with open(path, "rb") as stream:
            stream.seek(max(0, path.stat().st_size - 200))
            if b"-- Dump completed" not in stream.read():
                raise BackupError(f"The dump {path} has no end.", help="Try again.")


# --- putting back -------------------------------------------------------------------------


def check(path: Path, engine: Engine) -> None:
    """Whether the file is a whole backup of this kind of database.

    :raises BackupError: it is not.
    """
    try:
        with open(path, "rb") as stream:
            begin = stream.read(64)
    except OSError as error:
        raise BackupError(
            f"The backup {path} cannot be read: {error.strerror or error}",
            help="See the backups there are: those of SQLite are beside the database.",
        ) from None
    kind = next((name for mark, name in _KINDS.items() if begin.startswith(mark)), None)
    backend = "mysql" if engine.dialect.name == "mariadb" else engine.dialect.name
    if kind != backend:
        found = f"a backup of {kind}" if kind else "no backup that bridge knows"
        raise BackupError(
            f"{path} is {found}, and {shown(engine.url)} is {engine.dialect.name}.",
            help="Name a backup of this database: bridge restore BACKUP",
        )
    if kind == "sqlite":
        with _opened(path) as source:
            _check_sqlite(source, path)
    elif kind == "postgresql":
        _run("pg_restore", ["--list", str(path)], engine.url)


def restore(engine: Engine, path: Path) -> None:
    """Make the database what it was when the backup was made; what came later is gone.

    :raises BackupError: it could not be done; `state_of_data` says what is there.
    """
    check(path, engine)
    if engine.dialect.name == "sqlite":
        with connect(engine) as connection, _opened(path) as source:
            try:
                source.backup(_driver(connection))
            except sqlite3.Error as error:
                raise BackupError(
                    f"The backup {path} cannot be put back: {error}",
                    help=f"Stop the app, then run: bridge restore {path}",
                ) from None
    elif engine.dialect.name == "postgresql":
        _restore_postgresql(engine, path)
    else:
        _restore_mysql(engine, path)


def _restore_postgresql(engine: Engine, path: Path) -> None:
    """In one transaction: what is there now goes, what the backup has comes."""
    with connect(engine) as connection:
        gone = _drops(connection)
    with tempfile.TemporaryDirectory() as folder, _postgresql(engine.url) as (given, environment):
        script = Path(folder) / "restore.sql"
        script.touch(mode=0o600)
        _run("pg_restore", ["--no-owner", "-f", str(script), str(path)], engine.url)
        first = Path(folder) / "first.sql"
        first.write_text("\n".join(gone) + "\n", encoding="utf-8")
        # Not --clean: what came after the backup has to go too.
        options = ["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(first), "-f", str(script)]
        _run("psql", [*options, *given], engine.url, environment, path)


def _drops(connection: Connection) -> list[str]:
    """What takes out everything that this database's own schemas hold, but for extensions'."""
    own = (
        "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_' AND "
        "NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
    )
    queries = {
        "TABLE": f"SELECT n.nspname, o.relname FROM pg_class o JOIN pg_namespace n ON n.oid = "
        f"o.relnamespace WHERE o.relkind IN ('r', 'p', 'f') AND NOT o.relispartition AND {own}",
        "VIEW": f"SELECT n.nspname, o.relname FROM pg_class o JOIN pg_namespace n ON n.oid = "
        f"o.relnamespace WHERE o.relkind = 'v' AND {own}",
        "MATERIALIZED VIEW": f"SELECT n.nspname, o.relname FROM pg_class o JOIN pg_namespace n ON "
        f"n.oid = o.relnamespace WHERE o.relkind = 'm' AND {own}",
        "SEQUENCE": f"SELECT n.nspname, o.relname FROM pg_class o JOIN pg_namespace n ON n.oid = "
        f"o.relnamespace WHERE o.relkind = 'S' AND {own}",
        "TYPE": f"SELECT n.nspname, o.typname FROM pg_type o JOIN pg_namespace n ON n.oid = "
        f"o.typnamespace WHERE o.typtype IN ('e', 'd') AND {own}",
    }
    quote = connection.dialect.identifier_preparer.quote_identifier
    found = [
        f"DROP {kind} IF EXISTS {quote(row[0])}.{quote(row[1])} CASCADE;"
        for kind, query in queries.items()
        for row in connection.execute(sa.text(query))
    ]
    routines = (
        "SELECT CASE WHEN o.prokind = 'p' THEN 'PROCEDURE' WHEN o.prokind = 'a' THEN 'AGGREGATE' "
        "ELSE 'FUNCTION' END, o.oid::regprocedure FROM pg_proc o JOIN pg_namespace n ON n.oid = "
        f"o.pronamespace WHERE {own}"
    )
    rows = connection.execute(sa.text(routines))
    found += [f"DROP {row[0]} IF EXISTS {row[1]} CASCADE;" for row in rows]
    schemas = (
        "SELECT o.nspname FROM pg_namespace o JOIN pg_namespace n ON n.oid = o.oid WHERE "
        f"o.nspname <> 'public' AND {own}"
    )
    rows = connection.execute(sa.text(schemas))
    found += [f"DROP SCHEMA IF EXISTS {quote(row[0])} CASCADE;" for row in rows]
    return found


def _restore_mysql(engine: Engine, path: Path) -> None:
    with connect(engine) as connection, connection.begin():
        quote = connection.dialect.identifier_preparer.quote_identifier
        names = sa.text("SELECT table_name, table_type FROM information_schema.tables WHERE "
                        "table_schema = DATABASE()")  # fmt: skip
        drops = [
            f"DROP {'VIEW' if row[1] == 'VIEW' else 'TABLE'} IF EXISTS {quote(row[0])};"
            for row in connection.execute(names)
        ]
    with _mysql(engine.url) as arguments:
        first = "\n".join(["SET foreign_key_checks = 0;", *drops]).encode()
        given = [*arguments, str(engine.url.database)]
        _run("mariadb", given, engine.url, restoring=path, text=first)
        with open(path, "rb") as stream:
            _run("mariadb", given, engine.url, restoring=path, stdin=stream)


# --- programs and drivers -----------------------------------------------------------------


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise BackupError(
            "The driver of this URL has no online backup.",
            help="Copy the file while the app is stopped, then run: bridge dbupdate --no-backup",
        )
    return driver


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        yield connection


def _check_sqlite(connection: sqlite3.Connection, path: Path) -> None:
    try:
        ((found, *_),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        found = error
    if str(found) != "ok":
        raise BackupError(
            f"The backup {path} is damaged, as SQLite finds: {found}",
            help="If it is the database that is damaged, mend it first: sqlite3 FILE .recover",
        )


@contextlib.contextmanager
def _postgresql(url: URL) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The arguments and the environment for a program of PostgreSQL's."""
    query: Mapping[str, Any] = url.query
    host = str(url.host or query.get("host") or "")
    arguments = ["--no-password", "-d", str(url.database)]
    arguments += ["-h", host] if host else []
    port = url.port or query.get("port")
    arguments += ["-p", str(port)] if port else []
    arguments += ["-U", url.username] if url.username else []
    variables = {"sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout", "options"}
    environment = {
        f"PG{key.replace('_', '').upper()}": str(value)
        for key, value in query.items()
        if key in variables
    }
    password = str(url.password or query.get("password") or "")
    if not password:
        yield arguments, environment
        return
    fields = ["*", "*", "*", "*", password]
    line = ":".join(re.sub(r"([\\:])", r"\\\1", field) for field in fields)
    with _secret(f"{line}\n") as file:
        yield arguments, {**environment, "PGPASSFILE": file}


@contextlib.contextmanager
def _mysql(url: URL) -> Iterator[list[str]]:
    """The arguments for a program of MySQL's or MariaDB's."""
    query: Mapping[str, Any] = url.query
    values = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "socket": query.get("unix_socket"),
        "ssl-ca": query.get("ssl_ca"),
        "ssl-cert": query.get("ssl_cert"),
        "ssl-key": query.get("ssl_key"),
    }
    lines = [
        '{} = "{}"'.format(key, str(value).replace("\\", "\\\\"))
        for key, value in values.items()
        if value
    ]
    with _secret("\n".join(["[client]", *lines, ""])) as file:
        yield [f"--defaults-extra-file={file}"]


@contextlib.contextmanager
def _secret(text: str) -> Iterator[str]:
    """The path of a file that only this user can read, while it is needed."""
    handle, name = tempfile.mkstemp()  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        yield name
    finally:
        Path(name).unlink()


def _run(
    program: str,
    arguments: Sequence[str],
    url: URL,
    environment: Mapping[str, str] | None = None,
    restoring: Path | None = None,
    *,
    text: bytes | None = None,
    stdin: Any = None,
) -> None:
    found = shutil.which(program) or shutil.which(_OLDER.get(program, ""))
    if found is None:
        raise BackupError(
            f"The program {program} is not installed.",
            help=f"Install it (Debian: apt install {_PACKAGES[program]}), or run it without a "
            "backup: bridge dbupdate --no-backup",
        )
    given: dict[str, Any] = {"input": text} if text is not None else {"stdin": stdin}
    if given.get("stdin", ...) is None:
        given = {"stdin": subprocess.DEVNULL}
    done = subprocess.run(
        [found, *arguments],
        env={**os.environ, "LC_MESSAGES": "C", **(environment or {})},
        capture_output=True,
        check=False,
        **given,
    )
    if done.returncode == 0:
        return
    said = scrub(done.stderr.decode("utf-8", "replace").strip(), url)
    error = BackupError(
        f"{program} ended with status {done.returncode}: {said}",
        help="Mend what it complains of, or run it without a backup: bridge dbupdate --no-backup",
    )
    if restoring:
        error.help = f"Mend what it complains of, then run: bridge restore {restoring}"
        if program == "mariadb":
            error.state_of_data = "The database is half way back; put the backup back again."
    raise error


def offer(error: BridgeError, backup: Backup) -> None:
    """Name the backup in an error of the run that made it."""
    error.help = f"{error.help}\nOr put back the backup: bridge restore {backup.path}".lstrip()
