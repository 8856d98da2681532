"""Copies of SQLite files: its online backup, which sees one state whoever else writes."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.database.dump.sqlite import sqlite_script
from bridge.database.engine import connect
from bridge.database.secrets import shown
from bridge.database.servers.sqlite import FILE_START
from bridge.database.url import sqlite_file
from bridge.model.errors import BackupError
from bridge.model.remedy import OTHER_BACKUP, WITHOUT_BACKUP, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa
    from sqlalchemy.engine import Engine

# What integrity_check says of rows that a constraint would refuse today. Old databases have such
# rows, since SQLite lets a constraint be added over them; they are no damage.
_SLOPPY = re.compile(r"(NULL|NUMERIC|TEXT|non-\w+) value in |CHECK constraint failed in ")

_BUSY = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED."""


class SQLiteDumper:
    """SQLite's own online backup."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def dump(self, path: Path, *, for_copy: bool = False) -> None:
        """Copy the database as it is at one moment, and check the copy."""
        shown_url = shown(self.engine.url)
        try:
            with (
                connect(self.engine) as connection,
                contextlib.closing(sqlite3.connect(path)) as target,
            ):
                _copy(_driver(connection), target)
        except sqlite3.Error as error:
            raise BackupError(
                f"The database {shown_url} cannot be backed up: {error}",
                help=[Remedy("Fix the error above."), WITHOUT_BACKUP],
            ) from None
        finding = damage(path)
        if finding:
            raise BackupError(
                f"The database {shown_url} is damaged, as SQLite finds: {finding}",
                help=[
                    Remedy("Repair it first (sqlite3 FILE .recover)."),
                    Remedy("Or restore an older backup", ("restore", "BACKUP")),
                ],
            )

    def check(self, path: Path, *, thoroughly: bool) -> None:
        """Look at every page; one that was just made has been looked at already."""
        if not thoroughly:
            return
        file = sqlite_file(self.engine.url)
        if file and file.exists() and file.samefile(path):
            raise BackupError(f"{path} is the database itself.", help="Name one of its backups.")
        finding = damage(path)
        if finding:
            raise BackupError(
                f"The backup {path} is damaged, as SQLite finds: {finding}",
                help=OTHER_BACKUP,
            )

    def restore(self, path: Path, session_mark: str = "") -> None:
        """Write into the file that is there: whoever has it open sees it, owner and mode stay."""
        try:
            with connect(self.engine) as connection, _opened(path) as source:
                _copy(source, _driver(connection))
        except sqlite3.Error as error:
            file = sqlite_file(self.engine.url)
            if "not a database" in str(error) or "malformed" in str(error):
                advice = f"The present file is not a SQLite database. Move {file} away, then run"
            else:
                advice = "Stop the app, then run"
            raise BackupError(
                f"The backup {path} cannot be put back: {error}",
                help=Remedy(advice, ("restore", str(path))),
            ) from None

    def write_script(self, path: Path) -> None:
        """As its own client's `.dump` does."""
        self.engine.dispose()
        with path.open("wb") as stream:
            lines = sqlite_script(Path(str(self.engine.url.database)))
            stream.writelines(f"{line}\n".encode() for line in lines)

    def load(self, path: Path) -> None:
        """Load a file of SQLite's, with what stands beside it, or a script."""
        new = Path(str(self.engine.url.database))
        self.engine.dispose()
        try:
            with path.open("rb") as stream:
                is_file = stream.read(len(FILE_START)) == FILE_START
            if is_file:
                _take(path, new)
            else:
                with contextlib.closing(sqlite3.connect(new)) as connection:
                    connection.set_authorizer(_within)
                    connection.executescript(path.read_bytes().decode())
            finding = damage(new)
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            finding = str(error)
        if finding:
            raise BackupError(finding, help="Name a file that is whole.")


def damage(path: Path) -> str:
    """Return what SQLite finds wrong with a file; empty where nothing is."""
    try:
        with _opened(path) as connection:
            rows = connection.execute("PRAGMA integrity_check(10000)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return next((row[0] for row in rows if row[0] != "ok" and not _SLOPPY.match(row[0])), "")


def _driver(connection: sa.engine.Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise BackupError(
            "The driver of this URL has no online backup.",
            help=[
                Remedy("Copy the file while the app is stopped."),
                Remedy("Then run", ("dbupdate", "--no-backup")),
            ],
        )
    return driver


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy all pages, in one transaction of the target's."""

    def waited(status: int, _remaining: int, _total: int) -> None:
        # The connections' own time-out is over then; Python would try again for ever.
        if status in _BUSY:
            raise sqlite3.OperationalError("database is locked")

    source.backup(target, progress=waited)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a backup for reading; no file is made beside it."""
    beside = any(Path(f"{path}{end}").exists() for end in ("-wal", "-journal"))
    options = "mode=ro" if beside else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{options}"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        yield connection


def _take(path: Path, new: Path) -> None:
    """Copy a database with what is committed and still stands beside it.

    It is not opened where it is: SQLite would write there.
    """
    with tempfile.TemporaryDirectory(dir=new.parent) as folder:
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


def _within(action: int, *_details: str | None) -> int:
    """Refuse to write to another file than its own."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK
