"""Snapshots: old databases as files for people to read, made up or an administrator's.

All work is done on scratch databases; of others nothing is read and nothing written. A file is the
same wherever and whenever it is made: nothing in it is of one machine or one moment.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from bridge.database.backup import dumper_of
from bridge.database.dump.files import kind_of, mysql_lines, postgresql_lines
from bridge.database.dump.sqlite import sqlite_script
from bridge.database.engine import connect
from bridge.database.integrity import list_tables, rows_that_point_nowhere
from bridge.database.scratch import Scratch, scratch
from bridge.database.secrets import scrub
from bridge.database.url import parse_url
from bridge.legacy.frozen.files import check_seal
from bridge.legacy.runner import Ladder
from bridge.model.errors import (
    BridgeError,
    ConfigError,
    DatabaseError,
    LegacyError,
    LegacyPreflightError,
    ResumeError,
    SnapshotError,
    UnmanagedError,
)
from bridge.model.names import JOURNAL_TABLE, family
from bridge.model.progress import Silent, SnapshotProgress
from bridge.model.results import Imported, Snapshot, standing
from bridge.model.state import State
from bridge.output.redaction import redacted
from bridge.project import Project
from bridge.snapshots.anonymize import Anonymizer, scrubbed_copies, scrubbed_inserts
from bridge.snapshots.files import (
    ENDINGS,
    LABELS,
    header,
    name_for,
    read_header,
    with_sorted_rows,
    without_its_time,
)
from bridge.snapshots.writing import UNCHANGED, RefusedError, label_of, unwritable_error
from bridge.upgrade.detect import detect

ROWS = 5
"""How many rows each table has at least, where nothing else is said."""

_AGAIN = "Name another one with --name, or put this one in its place with --force"


def kind_of_file(path: Path) -> str:
    """The kind of database that a file was made of.

    :raises SnapshotError: it is none that bridge knows.
    :raises DatabaseError: it cannot be read.
    """
    kind = kind_of(path)
    if kind is None:
        raise SnapshotError(
            f"{path} is no database that bridge knows.",
            help="Name a SQLite file, or what sqlite3's .dump, pg_dump or mariadb-dump wrote; "
            "unpack it first if it is packed.",
            state_of_data=UNCHANGED,
        )
    return kind


def server_for(kind: str | None, urls: Sequence[URL]) -> URL | None:
    """The server for databases of a kind, None for SQLite.

    :param kind: None for that of the first URL, or SQLite where there is none.
    :raises SnapshotError: there is no such server.
    """
    if kind == "sqlite" or (kind is None and not urls):
        return None
    for url in urls:
        if kind in (None, family(url.get_backend_name())):
            return url
    raise SnapshotError(
        f"A database of {LABELS[kind or 'mysql']} needs a server.",
        help="Name one on which databases may be made and dropped: "
        f"--scratch-url {kind}://USER:PASSWORD@HOST/DATABASE",
        state_of_data=UNCHANGED,
    )


@dataclass(frozen=True)
class SnapshotFile:
    """Where a snapshot is made, and the file that it becomes.

    :param urls: servers on which databases may be made and dropped.
    :param folder: None for the one that the configuration names.
    :param name: of the file; None for one made of the versions.
    :param force: put it in the place of one that exists.
    """

    urls: Sequence[URL | str] = ()
    folder: Path | str | None = None
    name: str | None = None
    force: bool = False
    progress: SnapshotProgress | None = None


def create_snapshot(
    project: Project,
    at: Mapping[str, int],
    file: SnapshotFile,
    *,
    kind: str | None = None,
    rows: tuple[int, bool],
) -> Snapshot:
    """Generate an old database at these legacy versions, and write it as a file.

    :param at: the version of each repository. What these require comes along; other
        repositories are not in it.
    :param kind: "sqlite", "postgresql" or "mysql"; None for that of the first of the servers,
        or SQLite if there are none.
    :param rows: how many rows each table has at least, and whether they have no edge values.
    :raises ConfigError: there are no such versions, or no upgrade comes by them together.
    :raises LegacyError: a version fails.
    :raises SnapshotError: the file exists already.
    """
    with redacted(lambda text: scrub(project.scrub(text), *file.urls)):
        snapshots = Snapshots(project, file.folder, file.progress)
        with scratch(server_for(kind, [parse_url(url) for url in file.urls])) as place:
            number, plain = rows
            return snapshots.create(
                place, at, rows=number, plain=plain, name=file.name, force=file.force
            )


def import_snapshot(
    project: Project,
    path: Path,
    file: SnapshotFile,
    *,
    anonymize: bool = False,
    keep: Sequence[str] = (),
) -> Imported:
    """Write an administrator's database as a snapshot; the file itself is only read.

    :param path: a SQLite file, or what `.dump`, pg_dump or mariadb-dump wrote.
    :param anonymize: scrub all texts.
    :param keep: columns whose texts stay all the same, as ``TABLE.COLUMN``.
    :raises DatabaseError: it cannot be loaded.
    :raises StateError: it is no database of this app's that can be upgraded.
    :raises SnapshotError: the file exists already, or cannot be anonymized.
    """
    with redacted(lambda text: scrub(project.scrub(text), *file.urls)):
        snapshots = Snapshots(project, file.folder, file.progress)
        servers = [parse_url(url) for url in file.urls]
        with scratch(server_for(kind_of_file(path), servers)) as place:
            return snapshots.take_in(
                place, path, anonymize=anonymize, keep=keep, name=file.name, force=file.force
            )


class Snapshots:
    """The snapshots of an app, and how they are made.

    :param folder: where the files are; None for the one that the configuration names.
    """

    def __init__(
        self,
        project: Project,
        folder: Path | str | None = None,
        progress: SnapshotProgress | None = None,
    ) -> None:
        self._project = project
        self._config, self._app_tables = project.config, project.app_tables
        self._repositories, self._histories = project.repositories, project.histories
        self._progress = progress or Silent()
        self.folder = project.config.snapshots if folder is None else Path(folder)

    def _detect(self, engine: Engine) -> State:
        return detect(self._project, engine)

    # --- the files ------------------------------------------------------------------------

    def found(self) -> tuple[Snapshot, ...]:
        """Those that are in the folder, by their names; also dumps that bridge did not write.

        :raises DatabaseError: one cannot be read.
        """
        found = []
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            kind = kind_of(path) if path.is_file() and not path.name.startswith(".") else None
            if kind is not None:
                versions, revisions = read_header(path)
                size = path.stat().st_size
                found.append(Snapshot(path, kind, versions, revisions, size))
        return tuple(found)

    def _place_for(self, name: str | None, default: str, place: Scratch, *, force: bool) -> Path:
        """Where a new snapshot goes."""
        ending = ENDINGS[family(place.name)]
        if name is not None and (not name.strip(".") or re.search(r"[/\\\0]", name)):
            raise ConfigError(f"{name!r} is not a file's name.", help="Give one without a folder.")
        path = self.folder / f"{(name or default).removesuffix(ending)}{ending}"
        if path.exists() and not force:
            raise SnapshotError(
                f"{path} is there already.", help=f"{_AGAIN}.", state_of_data=UNCHANGED
            )
        return path

    # --- making one up --------------------------------------------------------------------

    def create(
        self,
        place: Scratch,
        at: Mapping[str, int],
        *,
        rows: int = ROWS,
        plain: bool = False,
        name: str | None = None,
        force: bool = False,
    ) -> Snapshot:
        """Make an old database up: climb to these versions, filling tables on the way.

        :param at: the version of each repository; those that these require come along, others are
            absent.
        :param plain: no edge values.
        :raises ConfigError: there are no such versions, or no upgrade comes by them together.
        :raises LegacyError: a version fails.
        :raises SnapshotError: the file is there already.
        """
        at = self.whole(at)
        path = self._place_for(name, name_for(at, ()), place, force=force)
        for repository in at:
            if repository in self._histories:
                check_seal(self._histories[repository])
        begun = time.time()
        engine = self.climbed(place, at, rows, plain=plain)
        return self._write(place, engine, path, at, (), since=begun)

    def whole(self, at: Mapping[str, int]) -> dict[str, int]:
        """The versions, with those of other repositories that they require.

        :raises ConfigError: there are no such versions, or no upgrade comes by them together.
        """
        found: dict[str, int] = {}
        wanted = dict(at)
        while wanted:
            name, version = wanted.popitem()
            repository = self._repositories.get(name)
            if repository is None:
                names = ", ".join(self._repositories) or "none"
                raise ConfigError(
                    f"There is no legacy repository {name}; there are: {names}.",
                    help="See: bridge status",
                )
            if version not in repository.versions:
                raise ConfigError(
                    f"{name} has no version {version}; it has {repository.first} to "
                    f"{repository.last}.",
                    help=f"Give one of these: --at {name}=VERSION",
                )
            found[name] = max(version, found.get(name, version))
            for number, others in repository.requires.items():
                for other, needed in others.items() if number <= version else ():
                    if other in at and at[other] < needed:
                        raise ConfigError(
                            f"No upgrade comes by {name} {version} and {other} {at[other]}: "
                            f"{name} {number} requires {other} {needed}.",
                            help=f"Give a later one: --at {other}={needed}",
                        )
                    if other not in at and needed > max(found.get(other, 0), wanted.get(other, 0)):
                        wanted[other] = needed
        own = {n for n, r in self._repositories.items() if r.module is None}
        if own and not own & {*found}:
            raise ConfigError(
                f"{' and '.join(found)} is a module's history, and the app's own is not named.",
                help=f"Name it too: --at {min(own)}=VERSION",
            )
        return {name: found[name] for name in self._repositories if name in found}

    def climbed(
        self, place: Scratch, at: Mapping[str, int], rows: int, *, plain: bool = False
    ) -> Engine:
        """A database at these versions, filled on the way as far as its versions let us.

        :raises LegacyError: a version fails.
        """
        # What stops at edge values may run over ordinary rows; else over the scripts' own alone.
        fillings = ["plain", "none"] if plain else ["edge", "plain", "none"]
        begin: tuple[Engine, State] | None = None
        repositories = {name: self._repositories[name] for name in at}
        while True:
            ladder = Ladder(
                place, self._config, repositories, self._histories, self._app_tables,
                notify=self._progress.notify, begin=begin, until=at,
            )  # fmt: skip
            try:
                with ladder:
                    self._climb(ladder, rows, fillings[0], plain=plain)
                return ladder.engine
            except LegacyPreflightError:
                raise
            except LegacyError as error:
                told = " ".join(" ".join(error.message.splitlines()[:2]).split())
                if all(ladder.versions[n] < r.first for n, r in repositories.items()):
                    begin = self.beginning(place, at)
                    if begin is None:
                        error.help = (
                            "Mend what it complains of. If the first version needs tables that are "
                            "there already, take in an old database to begin with: "
                            "bridge snapshot import FILE"
                        )
                        raise
                    self._progress.notify(
                        f"It begins with an old database: {standing(versions_of(begin[1]))}."
                    )
                elif len(fillings) == 1:
                    raise
                else:
                    del fillings[0]
                    others = "ordinary rows" if fillings[0] == "plain" else "no generated rows"
                    self._progress.notify(f"{told}\nOnce more, with {others} on the way.")
                    if begin is not None:
                        begin = self.beginning(place, at)
                place.drop(ladder.engine)

    def _climb(self, ladder: Ladder, rows: int, filling: str, *, plain: bool) -> None:
        """Up to the last version, with rows that have seen many of them, and others few."""
        total = len(ladder.left)
        while ladder.left:
            step = ladder.left[0]
            ladder.run(step)
            done = total - len(ladder.left)
            if filling != "none":
                ladder.fill(math.ceil(rows * done / total), str(step), plain=filling == "plain")
        for table, why in ladder.fill(rows, "at the end", plain=plain).refused.items():
            self._progress.notify(f"The table {table} has fewer rows: {why}")

    def beginning(self, place: Scratch, at: Mapping[str, int]) -> tuple[Engine, State] | None:
        """The oldest snapshot from which a climb to these versions can begin, loaded; or None."""
        found: list[tuple[tuple[int, ...], Path]] = []
        for snapshot in self.found():
            if snapshot.kind != family(place.name):
                continue
            versions = snapshot.versions
            if versions is None:
                with contextlib.suppress(BridgeError):
                    versions = self._versions_of(place, snapshot.path)
            if (
                versions
                and {*versions} == {*at}
                and all(self._repositories[n].first <= versions[n] <= at[n] for n in at)
            ):
                found.append((tuple(versions[n] for n in at), snapshot.path))
        if not found:
            return None
        engine = place.load(min(found)[1])
        return engine, self._detect(engine)

    def _versions_of(self, place: Scratch, path: Path) -> dict[str, int]:
        engine = place.load(path)
        try:
            return versions_of(self._detect(engine))
        finally:
            place.drop(engine)

    # --- taking one in --------------------------------------------------------------------

    def take_in(
        self,
        place: Scratch,
        source: Path,
        *,
        anonymize: bool = False,
        keep: Sequence[str] = (),
        name: str | None = None,
        force: bool = False,
    ) -> Imported:
        """Make a snapshot of an administrator's database.

        :param source: a SQLite file, or a dump of the kind of database that `place` makes.
        :param anonymize: scrub all texts.
        :param keep: columns, as ``TABLE.COLUMN``, whose texts stay all the same.
        :raises DatabaseError: it cannot be loaded.
        :raises StateError: it is no database of this app's that can be upgraded.
        :raises SnapshotError: the file is there already, or cannot be anonymized.
        """
        engine = place.load(source)
        state = self._checked(self._detect(engine), source, engine)
        versions = versions_of(state)
        default = name_for(versions, state.current)
        path = self._place_for(name, default, place, force=force)
        drift = tuple(d for s in state.legacy.values() for d in s.drift or () if not d.own)
        if not anonymize:
            snapshot = self._write(place, engine, path, versions, state.current)
            return Imported(snapshot, drift)
        kept = dict.fromkeys(keep, "as --keep says")
        while True:
            with connect(engine) as connection, connection.begin():
                anonymizer = Anonymizer(connection, self._own_tables(), kept)
            try:
                snapshot = self._write(
                    place, engine, path, versions, state.current, anonymizer=anonymizer
                )
            except RefusedError as refused:
                blamed = anonymizer.linking(refused.broken) or anonymizer.blamed(refused.said)
                if not blamed:
                    raise SnapshotError(
                        f"The database refuses what is anonymized: {refused.said}",
                        help="Keep the columns that it complains of: --keep TABLE.COLUMN",
                        state_of_data=UNCHANGED,
                    ) from None
                kept |= dict.fromkeys(blamed, "the database refuses other texts")
            else:
                return Imported(snapshot, drift, anonymizer.count, anonymizer.kept)

    def _own_tables(self) -> set[str]:
        stores = {repository.version_table for repository in self._repositories.values()}
        return {*stores, self._config.alembic.version_table, JOURNAL_TABLE}

    def _checked(self, state: State, source: Path, engine: Engine) -> State:
        """The state, if the database is one of this app's that can be upgraded."""
        problem = state.problem
        if problem is None and state.kind == "fresh":
            problem = UnmanagedError(
                "There is no table of the app's in it, and no version.",
                help="Name a dump of the app's own database.",
            )
        elif problem is None and state.interrupted:
            problem = ResumeError(
                f"An upgrade was cut short in the middle of the step '{state.interrupted}'.",
                help="Let it come to its end there: bridge dbupdate. Then dump it again.",
            )
        if problem is not None:
            problem.message = f"{source} is refused. {problem.message}"
            problem.message = problem.message.replace(str(engine.url.database), str(source))
            problem.state_of_data = UNCHANGED
            raise problem
        return state

    # --- writing --------------------------------------------------------------------------

    def _write(
        self,
        place: Scratch,
        engine: Engine,
        path: Path,
        versions: Mapping[str, int],
        revisions: Sequence[str],
        *,
        since: float | None = None,
        anonymizer: Anonymizer | None = None,
    ) -> Snapshot:
        """Write a snapshot, and make sure that it can be read.

        :param since: when its rows were begun: times since then become one that is always the same.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, new = tempfile.mkstemp(".new", f".{path.name}.", path.parent)
        except OSError as error:
            raise unwritable_error(path, error) from None
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(header(versions, revisions, label_of(engine)).encode())
                lines = self._lines(engine, anonymizer, arrange=since is not None)
                if since is not None:
                    lines = without_its_time(lines, since, time.time())
                stream.writelines(lines)
            self._check(place, engine, Path(new), versions, anonymized=anonymizer is not None)
            os.chmod(new, 0o644)
            os.replace(new, path)
        except OSError as error:
            raise unwritable_error(path, error) from None
        finally:
            Path(new).unlink(missing_ok=True)
        size = path.stat().st_size
        return Snapshot(path, family(place.name), dict(versions), tuple(revisions), size)

    def _check(
        self,
        place: Scratch,
        engine: Engine,
        path: Path,
        versions: Mapping[str, int],
        *,
        anonymized: bool,
    ) -> None:
        """Whether a database can be made of the file, as good as the first one."""
        try:
            loaded = place.load(path)
        except DatabaseError as error:
            if anonymized:
                raise RefusedError(error.message) from None
            raise
        try:
            found = versions_of(self._detect(loaded))
            if found != versions:
                raise SnapshotError(
                    f"What was written cannot be read again: it is {standing(found)}.",
                    help="That is a defect of bridge's: report it.",
                    state_of_data=UNCHANGED,
                )
            if anonymized:
                broken = self._broken(loaded) - self._broken(engine)
                if broken:
                    raise RefusedError("rows would point nowhere", broken)
        finally:
            place.drop(loaded)

    def _broken(self, engine: Engine) -> Counter[tuple[str, str]]:
        with connect(engine) as connection:
            tables = list_tables(connection, self._app_tables)
            return rows_that_point_nowhere(connection, tables)[1]

    def _lines(
        self, engine: Engine, anonymizer: Anonymizer | None, *, arrange: bool
    ) -> Iterator[bytes]:
        """The database as a script."""
        dumper = dumper_of(engine)
        text = anonymizer.text if anonymizer else None
        if dumper is None:
            engine.dispose()
            for line in sqlite_script(Path(str(engine.url.database)), text, arrange=arrange):
                yield f"{line}\n".encode()
            return
        with tempfile.TemporaryDirectory(prefix="bridge-snapshot-") as folder:
            script = Path(folder) / "script"
            dumper.write_script(script)
            with open(script, "rb") as stream:
                if engine.dialect.name == "postgresql":
                    lines = postgresql_lines(stream, str(script))
                    if text is not None:
                        lines = scrubbed_copies(lines, text, self._schema(engine))
                    yield from with_sorted_rows(lines)
                    return
                lines = mysql_lines(stream, str(script))
                name = f"`{engine.url.database}`.".encode()
                lines = (x if x.startswith(b"INSERT") else x.replace(name, b"") for x in lines)
                lines = itertools.chain(itertools.islice(lines, 1), [self._defaults(engine)], lines)
                if text is not None:
                    lines = scrubbed_inserts(lines, text, self._columns(engine))
                yield from lines

    def _defaults(self, engine: Engine) -> bytes:
        """What a new table of MySQL's gets that says nothing itself."""
        with connect(engine) as connection:
            query = "SELECT @@character_set_database, @@collation_database"
            character_set, collation = connection.exec_driver_sql(query).one()
        return f"ALTER DATABASE CHARACTER SET {character_set} COLLATE {collation};\n".encode()

    def _schema(self, engine: Engine) -> str:
        with connect(engine) as connection:
            return str(connection.exec_driver_sql("SELECT current_schema()").scalar())

    def _columns(self, engine: Engine) -> dict[str, list[str]]:
        with connect(engine) as connection:
            inspector = sa.inspect(connection)
            return {
                table: [column["name"] for column in inspector.get_columns(table)]
                for table in inspector.get_table_names()
            }


# --- words ---------------------------------------------------------------------------------


def versions_of(state: State) -> dict[str, int]:
    """The version of each legacy repository that is in a database."""
    return {n: s.version for n, s in state.legacy.items() if s.version is not None}
