"""A scratch database, written as a snapshot that is read again as a check.

The file is reproducible: nothing in it depends on the machine or the time.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import sqlalchemy as sa

from bridge.database.dump import dumper_of
from bridge.database.dump.files import mysql_lines, postgresql_lines
from bridge.database.dump.sqlite import sqlite_script
from bridge.database.engine import connect
from bridge.database.integrity import list_tables, rows_that_point_nowhere
from bridge.database.servers import family, server_of
from bridge.model.errors import DatabaseError, SnapshotError
from bridge.model.snapshots import Snapshot, standing
from bridge.snapshots.files import UNCHANGED, header, with_fixed_times, with_sorted_rows
from bridge.snapshots.scrub_dump import Text, scrubbed_copies, scrubbed_inserts
from bridge.upgrade.detect import detect

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Engine

    from bridge.database.scratch import Scratch
    from bridge.project import Project
    from bridge.snapshots.anonymize import Anonymizer


class RefusedError(Exception):
    """Anonymized rows that the database refuses.

    :param reason: the database's error.
    :param broken: pairs of tables whose foreign keys do not hold any more.
    """

    def __init__(self, reason: str, broken: Collection[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.reason, self.broken = reason, broken


@dataclass(frozen=True)
class Contents:
    """The versions and revisions of a snapshot, and its file.

    :param since: when its generation began, in seconds since 1970; later times are replaced by a
        fixed one. None for an administrator's rows.
    """

    path: Path
    versions: Mapping[str, int]
    revisions: Sequence[str] = ()
    since: float | None = None


class Writer:
    """A writer of one scratch database as a snapshot.

    :param engine: the database, created at `place`.
    """

    def __init__(self, project: Project, place: Scratch, engine: Engine) -> None:
        self._project, self._place, self._engine = project, place, engine

    def write(self, contents: Contents, anonymizer: Anonymizer | None = None) -> Snapshot:
        """Write the file, and check that it can be read.

        :raises SnapshotError: it cannot be written, or not be read again.
        :raises RefusedError: a database refuses the anonymized rows.
        """
        path, since = contents.path, contents.since
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, new = tempfile.mkstemp(".new", f".{path.name}.", path.parent)
        except OSError as error:
            raise _unwritable_error(path, error) from None
        try:
            with os.fdopen(handle, "wb") as stream:
                label = server_of(self._engine).label
                stream.write(header(contents.versions, contents.revisions, label).encode())
                lines = _script(self._engine, anonymizer, arrange=since is not None)
                if since is not None:
                    lines = with_fixed_times(lines, since, time.time())
                stream.writelines(lines)
            self._check(Path(new), contents.versions, anonymized=anonymizer is not None)
            Path(new).chmod(0o644)
            Path(new).replace(path)
        except OSError as error:
            raise _unwritable_error(path, error) from None
        finally:
            Path(new).unlink(missing_ok=True)
        kind, size = family(self._place.name), path.stat().st_size
        return Snapshot(path, kind, dict(contents.versions), tuple(contents.revisions), size)

    def _check(self, path: Path, versions: Mapping[str, int], *, anonymized: bool) -> None:
        """Check that the file contains a database as good as the first one."""
        try:
            loaded = self._place.load(path)
        except DatabaseError as error:
            if anonymized:
                raise RefusedError(error.message) from None
            raise
        try:
            found = detect(self._project, loaded).versions
            if found != versions:
                raise SnapshotError(
                    f"The file has other versions than the database: {standing(found)}.",
                    help="This is a defect of bridge: report it.",
                    state_of_data=UNCHANGED,
                )
            if anonymized:
                broken = self._broken(loaded) - self._broken(self._engine)
                if broken:
                    raise RefusedError("foreign keys would refer to no row", broken)
        finally:
            self._place.drop(loaded)

    def _broken(self, engine: Engine) -> Counter[tuple[str, str]]:
        with connect(engine) as connection:
            tables = list_tables(connection, self._project.app_tables)
            return rows_that_point_nowhere(connection, tables)[1]


def _script(engine: Engine, anonymizer: Anonymizer | None, *, arrange: bool) -> Iterator[bytes]:
    """Yield the database as a script, a line each."""
    text = anonymizer.text if anonymizer else None
    if not server_of(engine).is_server:
        engine.dispose()
        for line in sqlite_script(Path(str(engine.url.database)), text, arrange=arrange):
            yield f"{line}\n".encode()
        return
    with tempfile.TemporaryDirectory(prefix="bridge-snapshot-") as folder:
        script = Path(folder) / "script"
        dumper_of(engine).write_script(script)
        with script.open("rb") as stream:
            yield from _LINES[server_of(engine).syntax](stream, engine, text)


def _postgresql_lines(stream: IO[bytes], engine: Engine, text: Text | None) -> Iterator[bytes]:
    lines = postgresql_lines(stream, stream.name)
    if text is not None:
        lines = scrubbed_copies(lines, text, _schemas(engine))
    return with_sorted_rows(lines)


def _mysql_lines(stream: IO[bytes], engine: Engine, text: Text | None) -> Iterator[bytes]:
    lines = mysql_lines(stream, stream.name)
    name = f"`{engine.url.database}`.".encode()
    lines = (x if x.startswith(b"INSERT") else x.replace(name, b"") for x in lines)
    lines = itertools.chain(itertools.islice(lines, 1), [_defaults(engine)], lines)
    return lines if text is None else scrubbed_inserts(lines, text, _columns(engine))


_LINES = {"postgresql": _postgresql_lines, "mysql": _mysql_lines}


def _defaults(engine: Engine) -> bytes:
    """Return the statement that gives new MySQL tables the character set of the old ones."""
    with connect(engine) as connection:
        query = "SELECT @@character_set_database, @@collation_database"
        character_set, collation = connection.exec_driver_sql(query).one()
    return f"ALTER DATABASE CHARACTER SET {character_set} COLLATE {collation};\n".encode()


def _schemas(engine: Engine) -> list[str]:
    with connect(engine) as connection:
        found = connection.exec_driver_sql("SELECT unnest(current_schemas(false))::text")
        return list(found.scalars())


def _columns(engine: Engine) -> dict[str, list[str]]:
    with connect(engine) as connection:
        inspector = sa.inspect(connection)
        return {
            table: [column["name"] for column in inspector.get_columns(table)]
            for table in server_of(connection).tables(connection)
        }


def _unwritable_error(path: Path, error: OSError) -> SnapshotError:
    return SnapshotError(
        f"{path} cannot be written: {error.strerror or error}",
        help="Name another folder: --folder FOLDER",
        state_of_data=UNCHANGED,
    )
