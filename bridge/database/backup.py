"""Backups of a database, and putting one back: where they are, when they go, whose they are.

How each kind of database is copied is in `dump`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.dump import dumper_of
from bridge.database.dump.files import kind_of_backup
from bridge.database.engine import cause, connect, unreadable
from bridge.database.secrets import shown
from bridge.database.servers import server_of
from bridge.database.url import sqlite_file
from bridge.model.errors import BackupError, BridgeError, DatabaseError
from bridge.model.names import RESTORE_TABLE
from bridge.model.remedy import OTHER_BACKUP, WITHOUT_BACKUP, Remedy
from bridge.model.results import Backup, size_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Engine

    from bridge.database.lock import Lock
    from bridge.model.config import Config

ENDING = "bridge-backup"

ROOM = 1 << 20
"""Bytes that stay free beside a backup."""

_PART_ENDS = ("", "-journal", "-wal", "-shm")
"""What SQLite may have made beside a backup that is being written."""

_NAME = re.compile(
    rf"(?P<name>.+)\.(?P<time>\d{{8}}T\d{{6}}\.\d{{6}}Z)\.(?P<identity>[0-9a-f]{{8}})\.{ENDING}"
)


def wanted(engine: Engine, config: Config, *, asked: bool | None) -> bool:
    """Return whether a backup is made: as the caller says, else always of SQLite files.

    Never of a SQLite database in memory, or of a file that does not exist.
    """
    if server_of(engine).is_server:
        return config.backup.servers if asked is None else asked
    file = sqlite_file(engine.url)
    return asked is not False and file is not None and file.exists()


def offer(error: BridgeError, backup: Backup) -> None:
    """Name the backup in an error of the run that made it."""
    error.remedies = (*error.remedies, restore_backup(backup))


def restore_backup(backup: Backup) -> Remedy:
    """Return the advice to restore a backup."""
    return Remedy("Or restore the backup", ("restore", str(backup.path)))


# --- where --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where the backups of one database are, and which of the files there they are."""

    folder: Path
    name: str
    identity: str

    @classmethod
    def of(cls, engine: Engine, config: Config) -> Place:
        """Return where the backups of the engine's database are."""
        url, file = engine.url, sqlite_file(engine.url)
        folder = config.backup.folder or (file.parent if file else config.root / "backups")
        schemas = schemas_of(engine, config)
        whole = ".".join([str(url.database), *schemas])
        name = file.name if file else re.sub(r"[^\w.-]", "_", whole)
        return cls(folder.absolute(), name[:100], _identity(engine, schemas))

    def new(self) -> Path:
        """Return the path of a new backup, with the time in UTC in its name."""
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        return self.folder / f"{self.name}.{stamp}.{self.identity}.{ENDING}"

    def backups(self, more: str = "") -> list[Path]:
        """Return bridge's own backups of this very database, oldest first."""
        found = []
        for path in self.folder.iterdir():
            match = _NAME.fullmatch(path.name.removesuffix(more))
            own = match and (match["name"], match["identity"]) == (self.name, self.identity)
            if own and path.name.endswith(more):
                found.append(path)
        return sorted(found)


def schemas_of(engine: Engine, config: Config) -> list[str]:
    """Return the schemas that a backup has; none for the whole database.

    :raises DatabaseError: the database cannot be read.
    """
    query = server_of(engine).own_schemas_sql
    if query is None:
        return []
    with connect(engine) as connection:
        try:
            found = [str(name) for name in connection.exec_driver_sql(query).scalars()]
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None
    extra = config.alembic.version_table_schema
    return sorted({*found, extra}) if found and extra else found


def _identity(engine: Engine, schemas: Sequence[str]) -> str:
    """Tell databases of one name apart that have their backups in one folder."""
    url, file = engine.url, sqlite_file(engine.url)
    where = (url.host, url.port, url.query.get("host"), url.database, *schemas)
    text = str(file.resolve()) if file else repr((server_of(engine).syntax, *where))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


# --- making -------------------------------------------------------------------------------


def back_up(engine: Engine, config: Config) -> Backup:
    """Write a backup and check it.

    :raises BackupError: there is no room, no right or no program for it, or the copy is bad.
        Nothing has been changed, and no older backup has been taken away.
    :raises DatabaseError: the database cannot be read.
    """
    place, dumper = Place.of(engine, config), dumper_of(engine, schemas_of(engine, config))
    path = place.new()
    part = path.with_name(f"{path.name}.part")
    try:
        place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for end in _PART_ENDS:  # of a run that was killed; there is one at a time
            for old in place.backups(f".part{end}"):
                old.unlink(missing_ok=True)
        check_room(engine, place.folder)
        # Nobody else may read it, from its first byte on.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            dumper.dump(part)
            dumper.check(part, thoroughly=False)
            _sync(part)
            part.replace(path)
            _sync(place.folder)
        finally:
            for end in _PART_ENDS:
                Path(f"{part}{end}").unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(
            f"The backup {path} cannot be written: {error.strerror or error}",
            help=[
                Remedy("Let backup.folder in the configuration name another folder."),
                WITHOUT_BACKUP,
            ],
        ) from None
    return Backup(path, path.stat().st_size)


def prune(engine: Engine, config: Config, *, succeeded: bool) -> None:
    """Remove older backups of bridge's own, of this very database.

    While runs fail, the first backup of them all is the one that is wanted: those after it show a
    half-done database. After a run that succeeded there are at most `keep`, so that the first of
    the runs that failed since then is among the oldest `keep` + 1: these stay.
    """
    place, keep = Place.of(engine, config), config.backup.keep
    with contextlib.suppress(OSError):  # no reason for a run to fail
        for old in place.backups()[0 if succeeded else keep + 1 : -keep]:
            old.unlink(missing_ok=True)


def check_room(engine: Engine, folder: Path) -> None:
    """Check that there is room for a copy of the database.

    :raises BackupError: there is not.
    """
    needed, free = size_of(engine), shutil.disk_usage(folder).free
    if free < needed + ROOM:
        raise BackupError(
            f"There is too little room for a backup in {folder}: the database has "
            f"{size_words(needed)}, and {size_words(free)} are free.",
            help=[
                Remedy(
                    "Make room there, or let backup.folder in the configuration name another "
                    "folder."
                ),
                WITHOUT_BACKUP,
            ],
        )


def size_of(engine: Engine) -> int:
    """Return the bytes of the database, as far as it says so itself."""
    with connect(engine) as connection:
        try:
            return server_of(connection).size(connection)
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- putting back -------------------------------------------------------------------------


def check(path: Path, engine: Engine, config: Config, *, other_database: bool = False) -> None:
    """Check that the file is a whole backup of this database, as far as it says whose it is.

    :param other_database: it may be one of another database of the same kind.
    :raises BackupError: it is not.
    """
    try:
        with path.open("rb") as stream:
            begin = stream.read(200)
    except OSError as error:
        raise BackupError(
            f"The backup {path} cannot be read: {error.strerror or error}",
            help="Name one that exists: backups of SQLite are beside the database, those of "
            "servers in the folder backups beside the configuration, or in backup.folder.",
        ) from None
    kind = kind_of_backup(begin)
    if kind != server_of(engine).family:
        found = f"a backup of {kind}" if kind else "not a backup that bridge knows"
        raise BackupError(
            f"{path} is {found}, and {shown(engine.url)} is {engine.dialect.name}.",
            help=Remedy("Name a backup of this database", ("restore", "BACKUP")),
        )
    named = _NAME.fullmatch(path.name)
    if named and named["identity"] != Place.of(engine, config).identity and not other_database:
        raise BackupError(
            f"{path} is a backup of another database, {named['name']}, and not of "
            f"{shown(engine.url)}.",
            help=Remedy(
                "Check the URL and the file. If it is meant",
                ("restore", str(path), "--other-database"),
            ),
        )
    dumper_of(engine).check(path, thoroughly=True)


def restore(
    engine: Engine, config: Config, path: Path, lock: Lock, notify: Callable[[str], None]
) -> None:
    """Make the database what it was when the backup was made; what came later is gone.

    The backup must have been checked. Where each change of the schema is committed by itself, a
    table marks the database until it is whole again, and the backup is loaded into a scratch
    database first.

    :param lock: of the database; a program that works for us has a mark of it.
    :param notify: is notified where the backup cannot be tried.
    :raises BackupError: it could not be done; `state_of_data` says what is there.
    """
    dumper = dumper_of(engine, schemas_of(engine, config))
    marks = (lock.mark or {}).get("statements", ())
    mark = marks[-1][0] if marks else ""
    if server_of(engine).transactional_ddl:
        dumper.restore(path, mark)
        return
    _try_to_load(engine, path, notify)
    try:
        _mark_as_restored(engine, path)
        dumper.restore(path, mark)
        with connect(engine) as connection, connection.begin():
            connection.exec_driver_sql(f"DROP TABLE {RESTORE_TABLE}")
    except BackupError as error:
        error.state_of_data = _IN_PARTS
        raise
    except SQLAlchemyError as error:
        raise BackupError(
            f"The backup {path} cannot be put back: {cause(error, engine.url)}",
            help=Remedy("Fix the error above, then run", ("restore", str(path))),
            state_of_data=_IN_PARTS,
        ) from None


def _mark_as_restored(engine: Engine, path: Path) -> None:
    """Let the database have the table that names the backup which is being put back."""
    given = {"path": str(path.absolute())}
    with connect(engine) as connection, connection.begin():
        if sa.inspect(connection).has_table(RESTORE_TABLE):
            connection.execute(sa.text(f"UPDATE {RESTORE_TABLE} SET path = :path"), given)
        else:  # with its row in one statement: there is no moment without
            create = sa.text(f"CREATE TABLE {RESTORE_TABLE} AS SELECT :path AS path")
            connection.execute(create, given)


_IN_PARTS = (
    "A part of the backup may be there. Every command refuses the database until a backup is put "
    "back as a whole."
)


def _try_to_load(engine: Engine, path: Path, notify: Callable[[str], None]) -> None:
    """Load the backup into a scratch database, before anything is dropped.

    :raises BackupError: that failed.
    """
    # It uses this module's dumps.
    from bridge.database.scratch import scratch

    try:
        with scratch(engine.url) as place:
            dumper_of(place.create()).restore(path)
    except BackupError as error:
        error.message = f"The backup {path} cannot be loaded: {error.message}"
        error.remedies = (OTHER_BACKUP,)
        error.state_of_data = "The database is unchanged: the backup was tried in another one."
        raise
    except DatabaseError as error:
        notify(f"The backup is not tried in a scratch database first: {error.message}")
