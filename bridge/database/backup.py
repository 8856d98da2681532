"""Backups of a database, and putting one back: the files, and SQLite's own way.

SQLite has an online backup, which sees one state of the database whoever else writes. Servers
are dumped by their own programs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.dump.files import kind_of_backup
from bridge.database.dump.mysql import MySQL
from bridge.database.dump.postgresql import PostgreSQL
from bridge.database.dump.program import Dumper
from bridge.database.engine import connect, unreadable
from bridge.database.secrets import shown
from bridge.database.url import sqlite_file
from bridge.model.config import Config
from bridge.model.errors import BackupError, BridgeError
from bridge.model.results import Backup, size_words

ENDING = "bridge-backup"

ROOM = 1 << 20
"""Bytes that stay free beside a backup."""

_NAME = re.compile(
    rf"(?P<name>.+)\.(?P<time>\d{{8}}T\d{{6}}\.\d{{6}}Z)\.(?P<identity>[0-9a-f]{{8}})\.{ENDING}"
)

# What integrity_check says of rows that a constraint would refuse today. Old databases have such
# rows, since SQLite lets a constraint be added over them; they are no damage.
_SLOPPY = re.compile(r"(NULL|NUMERIC|TEXT|non-\w+) value in |CHECK constraint failed in ")

_BUSY = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED."""

_SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    # Without the indexes: a dump has only their definitions.
    "postgresql": "SELECT sum(pg_table_size(c.oid)) FROM pg_class c JOIN pg_namespace n "
    "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_'",
    "mysql": "SELECT sum(data_length) FROM information_schema.tables "
    "WHERE table_schema = DATABASE()",
}

_WITHOUT = "or run it without a backup: bridge dbupdate --no-backup"


def wanted(engine: Engine, config: Config, asked: bool | None) -> bool:
    """Whether a backup is made: as the caller says, else always of SQLite files.

    Never of a SQLite database in memory, or of a file that is not there.
    """
    if engine.dialect.name == "sqlite":
        file = sqlite_file(engine.url)
        return asked is not False and file is not None and file.exists()
    return config.backup.servers if asked is None else asked


def command(backup: Backup) -> str:
    """What puts the backup back, for a shell."""
    return f"bridge restore {shlex.quote(str(backup.path))}"


def offer(error: BridgeError, backup: Backup) -> None:
    """Name the backup in an error of the run that made it."""
    error.help = f"{error.help}\nOr put back the backup: {command(backup)}".lstrip()


def backend(engine: Engine) -> str:
    """What kind of database it is: MariaDB is a MySQL."""
    return "mysql" if engine.dialect.name == "mariadb" else engine.dialect.name


def dumper_of(engine: Engine) -> Dumper | None:
    """What dumps this server; None for SQLite.

    :raises BackupError: nothing does.
    """
    kind = backend(engine)
    if kind == "sqlite":
        return None
    if kind not in _SIZES:
        raise BackupError(
            f"bridge makes no backups of {kind}.",
            help=f"Make one with the database's own programs, {_WITHOUT}",
        )
    return PostgreSQL(engine) if kind == "postgresql" else MySQL(engine)


# --- where --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where the backups of one database are, and which of the files there they are."""

    folder: Path
    name: str
    identity: str

    @classmethod
    def of(cls, engine: Engine, config: Config) -> Place:
        url, file = engine.url, sqlite_file(engine.url)
        folder = config.backup.folder or (file.parent if file else config.root / "backups")
        name = file.name if file else re.sub(r"[^\w.-]", "_", str(url.database))
        return cls(folder.absolute(), name[:100], _identity(engine))

    def new(self) -> Path:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        return self.folder / f"{self.name}.{stamp}.{self.identity}.{ENDING}"

    def backups(self, more: str = "") -> list[Path]:
        """bridge's own backups of this very database, oldest first."""
        found = []
        for path in self.folder.iterdir():
            match = _NAME.fullmatch(path.name.removesuffix(more))
            own = match and (match["name"], match["identity"]) == (self.name, self.identity)
            if own and path.name.endswith(more):
                found.append(path)
        return sorted(found)


def _identity(engine: Engine) -> str:
    """Tells databases of one name apart that have their backups in one folder."""
    url, file = engine.url, sqlite_file(engine.url)
    where = (url.host, url.port, url.query.get("host"), url.database)
    text = str(file.resolve()) if file else repr((backend(engine), *where))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


# --- making -------------------------------------------------------------------------------


def back_up(engine: Engine, config: Config) -> Backup:
    """Write a backup and check it.

    :raises BackupError: there is no room, no right or no program for it, or the copy is bad.
        Nothing has been changed, and no older backup has been taken away.
    :raises DatabaseError: the database cannot be read.
    """
    place, dumper = Place.of(engine, config), dumper_of(engine)
    path = place.new()
    part = path.with_name(f"{path.name}.part")
    try:
        place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in place.backups(".part"):  # of a run that was killed; there is one at a time
            old.unlink(missing_ok=True)
        check_room(engine, place.folder)
        # Nobody else may read it, from its first byte on.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            if dumper:
                dumper.dump(part)
                dumper.check(part, thoroughly=False)
            else:
                write_sqlite(engine, part)
            _sync(part)
            part.replace(path)
            _sync(place.folder)
        finally:
            for end in ("", "-journal", "-wal", "-shm"):
                Path(f"{part}{end}").unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(
            f"The backup {path} cannot be written: {error.strerror or error}",
            help="Let backup.folder in the configuration name another folder, " + _WITHOUT,
        ) from None
    return Backup(path, path.stat().st_size)


def prune(engine: Engine, config: Config, *, succeeded: bool) -> None:
    """Take away older backups of bridge's own, of this very database.

    While runs fail, the first backup of them all is the one that is wanted: those after it show a
    half-done database. After a run that succeeded there are at most `keep`, so that the first of
    the runs that failed since then is among the oldest `keep` + 1: these stay.
    """
    place, keep = Place.of(engine, config), config.backup.keep
    with contextlib.suppress(OSError):  # no reason for a run to fail
        for old in place.backups()[0 if succeeded else keep + 1 : -keep]:
            old.unlink(missing_ok=True)


def check_room(engine: Engine, folder: Path) -> None:
    """Whether there is room for a copy of the database.

    :raises BackupError: there is not.
    """
    needed, free = size_of(engine), shutil.disk_usage(folder).free
    if free < needed + ROOM:
        raise BackupError(
            f"There is too little room for a backup in {folder}: the database has "
            f"{size_words(needed)}, and {size_words(free)} are free.",
            help="Make room there, let backup.folder in the configuration name another folder, "
            + _WITHOUT,
        )


def size_of(engine: Engine) -> int:
    """The bytes of the database, as far as it says so itself."""
    with connect(engine) as connection:
        try:
            return int(connection.scalar(sa.text(_SIZES[backend(engine)])) or 0)
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_sqlite(engine: Engine, path: Path) -> None:
    """Copy a SQLite database into the file, as it is at one moment, and check the copy.

    :raises BackupError: it cannot be copied, or is damaged.
    """
    try:
        with connect(engine) as connection, contextlib.closing(sqlite3.connect(path)) as target:
            _copy(_driver(connection), target)
    except sqlite3.Error as error:
        raise BackupError(
            f"The database {shown(engine.url)} cannot be backed up: {error}",
            help=f"Mend what SQLite complains of, {_WITHOUT}",
        ) from None
    finding = damage(path)
    if finding:
        raise BackupError(
            f"The database {shown(engine.url)} is damaged, as SQLite finds: {finding}",
            help="Mend it first (sqlite3 FILE .recover), or put back an older backup: "
            "bridge restore BACKUP",
        )


# --- putting back -------------------------------------------------------------------------


def check(path: Path, engine: Engine, *, other_database: bool = False) -> None:
    """Whether the file is a whole backup of this database, as far as it says whose it is.

    :param other_database: it may be one of another database of the same kind.
    :raises BackupError: it is not.
    """
    try:
        with open(path, "rb") as stream:
            begin = stream.read(200)
    except OSError as error:
        raise BackupError(
            f"The backup {path} cannot be read: {error.strerror or error}",
            help="Name one that is there: backups of SQLite are beside the database, those of "
            "servers in the folder backups beside the configuration, or in backup.folder.",
        ) from None
    kind = kind_of_backup(begin)
    if kind != backend(engine):
        found = f"a backup of {kind}" if kind else "no backup that bridge knows"
        raise BackupError(
            f"{path} is {found}, and {shown(engine.url)} is {engine.dialect.name}.",
            help="Name a backup of this database: bridge restore BACKUP",
        )
    named = _NAME.fullmatch(path.name)
    if named and named["identity"] != _identity(engine) and not other_database:
        raise BackupError(
            f"{path} is a backup of another database, {named['name']}, and not of "
            f"{shown(engine.url)}.",
            help="Check the URL and the file. If it is meant: "
            f"bridge restore {shlex.quote(str(path))} --other-database",
        )
    dumper = dumper_of(engine)
    if dumper:
        dumper.check(path, thoroughly=True)
        return
    file = sqlite_file(engine.url)
    if file and file.exists() and file.samefile(path):
        raise BackupError(f"{path} is the database itself.", help="Name one of its backups.")
    finding = damage(path)
    if finding:
        raise BackupError(
            f"The backup {path} is damaged, as SQLite finds: {finding}",
            help="Name another backup: bridge restore BACKUP",
        )


def restore(engine: Engine, path: Path) -> None:
    """Make the database what it was when the backup was made; what came later is gone.

    The backup must have been checked.

    :raises BackupError: it could not be done; `state_of_data` says what is there.
    """
    dumper = dumper_of(engine)
    if dumper:
        dumper.restore(path)
        return
    # Into the file that is there, and not another one in its place: whoever has it open sees it,
    # and its owner and mode stay.
    try:
        with connect(engine) as connection, _opened(path) as source:
            _copy(source, _driver(connection))
    except sqlite3.Error as error:
        file = sqlite_file(engine.url)
        if "not a database" in str(error) or "malformed" in str(error):
            advice = f"What is there is no SQLite database. Move {file} away, then run: "
        else:
            advice = "Stop the app, then run: "
        raise BackupError(
            f"The backup {path} cannot be put back: {error}",
            help=f"{advice}bridge restore {shlex.quote(str(path))}",
        ) from None


# --- SQLite -------------------------------------------------------------------------------


def _driver(connection: sa.engine.Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise BackupError(
            "The driver of this URL has no online backup.",
            help="Copy the file while the app is stopped, then run: bridge dbupdate --no-backup",
        )
    return driver


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """All pages, in one transaction of the target's."""

    def waited(status: int, _remaining: int, _total: int) -> None:
        # The connections' own time-out is over then; Python would try again for ever.
        if status in _BUSY:
            raise sqlite3.OperationalError("database is locked")

    source.backup(target, progress=waited)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A backup, for reading; no file is made beside it."""
    beside = any(Path(f"{path}{end}").exists() for end in ("-wal", "-journal"))
    options = "mode=ro" if beside else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{options}"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        yield connection


def damage(path: Path) -> str:
    """What SQLite finds wrong with a file; empty where nothing is."""
    try:
        with _opened(path) as connection:
            rows = connection.execute("PRAGMA integrity_check(10000)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return next((row[0] for row in rows if row[0] != "ok" and not _SLOPPY.match(row[0])), "")
