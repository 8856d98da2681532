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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.backup import Place, backend, check_room, dumper_of, size_of, write_sqlite
from bridge.database.dump.program import Dumper
from bridge.database.engine import cause, connect, make_engine, read_only
from bridge.database.guard import Guard
from bridge.database.url import sqlite_file
from bridge.model.config import Config
from bridge.model.errors import BackupError, RehearsalError
from bridge.model.results import size_words

ENDING = ".bridge-rehearsal"
"""The end of the name of the folder that a rehearsal works in."""

PREFIX = "bridge_rehearsal_"
"""The begin of the name of a copy on a server; 16 hexadecimal digits follow."""

_AGAIN = "then run: bridge dbupdate --rehearse"

_MARK = "A copy that bridge made to rehearse on, and removes"


@contextlib.contextmanager
def copied(
    engine: Engine, config: Config, notify: Callable[[str], None]
) -> Iterator[tuple[Engine, Guard]]:
    """A copy of the database as it is at one moment, and what holds a run to it.

    :param notify: is told what is being done.
    :raises RehearsalError: no copy can be made, or what works on it could reach the database.
    :raises DatabaseError: the database cannot be read.
    """
    server = _SERVERS.get(backend(engine))
    with _folder(engine, config) as folder:
        if server is not None:
            with server(engine, notify).copied(folder) as found:
                yield found
            return
        with _told():
            dumper_of(engine)  # refuses other kinds
            found = _sqlite(engine, folder, notify)
        yield found


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """The errors of backups and dumps, in the words of a rehearsal."""
    try:
        yield
    except BackupError as error:
        advice = re.split(r",? or (?:run it without|put back)|, then run", error.help)[0]
        advice = advice.replace("bridge restore BACKUP", "").strip(" .,")
        if error.help.startswith("Stop the app"):
            advice = "Mend what it complains of"
        raise RehearsalError(
            f"There can be no copy to rehearse on. {error.message}", help=f"{advice}; {_AGAIN}"
        ) from None


@contextlib.contextmanager
def _folder(engine: Engine, config: Config) -> Iterator[Path]:
    """A folder of our own where backups go: there is the room, and the same kind of disk."""
    place = Place.of(engine, config)
    made = not place.folder.exists()
    try:
        place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in place.folder.glob(f"*{ENDING}"):
            _sweep(left)
        folder = Path(tempfile.mkdtemp(ENDING, f"{place.name}.", place.folder))  # 0700
    except OSError as error:
        raise RehearsalError(
            f"There can be no copy in {place.folder}: {error.strerror}",
            help=f"Let backup.folder in the configuration name another folder, {_AGAIN}",
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


# --- SQLite -------------------------------------------------------------------------------


def _sqlite(engine: Engine, folder: Path, notify: Callable[[str], None]) -> tuple[Engine, Guard]:
    source = sqlite_file(engine.url)
    path = folder / (source.name if source else "copy.db")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    # To connect to a file that is not there would make it.
    if source is None or source.exists():
        check_room(engine, folder)
        _say(engine, notify)
        write_sqlite(engine, path)
    url = engine.url.set(database=str(path))
    if str(engine.url.database).startswith("file:"):
        url = url.set(query={})
    return make_engine(url), Guard(str(path), None, r"\s*ATTACH\b")


def _say(engine: Engine, notify: Callable[[str], None]) -> None:
    notify(f"Copying the database ({size_words(size_of(engine))}).")


# --- servers ------------------------------------------------------------------------------


class _Server:
    """How a copy is made on a server, and removed."""

    name_sql: ClassVar[str]
    # What reaches beyond the database: a name, and why.
    ways_out_sql: ClassVar[str]
    right: ClassVar[str]

    def __init__(self, engine: Engine, notify: Callable[[str], None]) -> None:
        self._engine, self._notify = engine, notify
        self._name = f"{PREFIX}{secrets.token_hex(8)}"
        self._dumper: Dumper | None = dumper_of(engine)

    @contextlib.contextmanager
    def copied(self, folder: Path) -> Iterator[tuple[Engine, Guard]]:
        """Make it, and remove it afterwards."""
        with read_only(self._engine) as connection:
            self._check_ways_out(connection)
            forbidden = self._forbidden(connection)
        guard = Guard(self._name, self.name_sql, forbidden)
        url = self._engine.url.set(database=self._name)
        with contextlib.ExitStack() as stack:
            session = stack.enter_context(self._session())
            self._sweep(session)
            stack.callback(self._remove, session)
            try:
                self._create(session)
            except SQLAlchemyError as error:
                raise RehearsalError(
                    "There can be no copy: the server does not let this user create a database "
                    f"({cause(error, self._engine.url)})",
                    help=f"{self.right}; {_AGAIN}",
                ) from None
            empty = make_engine(url)
            self._claim(session, stack.enter_context(connect(empty)))
            with _told():
                self._fill(empty, folder / "dump")
            # Another one: at its first connection an engine learns what the default schema is.
            yield make_engine(url), guard

    @contextlib.contextmanager
    def _session(self) -> Iterator[Connection]:
        """Commits each statement by itself, and is not the caller's pool's any more."""
        with connect(self._engine) as connection:
            # No parameters: the drivers would take a percent sign for one.
            options = {"isolation_level": "AUTOCOMMIT", "no_parameters": True}
            session = connection.execution_options(**options)
            session.detach()
            yield session

    def _fill(self, copy: Engine, path: Path) -> None:
        dumper, into = self._dumper, dumper_of(copy)
        assert dumper is not None
        assert into is not None
        check_room(self._engine, path.parent)
        _say(self._engine, self._notify)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        dumper.dump(path, for_copy=True)
        into.restore(path)
        path.unlink()

    def _claim(self, session: Connection, connection: Connection) -> None:
        """Make sure that it is the new database: all that is in there will be dropped."""
        found = connection.exec_driver_sql(self.name_sql).scalar()
        if found != self._name:
            raise RehearsalError(
                f"There can be no copy: the server leads to {found} who asks for another database.",
                help=f"Connect to the server itself, not through a pooler, {_AGAIN}",
            )

    def _check_ways_out(self, connection: Connection) -> None:
        found = connection.exec_driver_sql(self.ways_out_sql).scalar()
        if found:
            raise RehearsalError(
                f"There can be no rehearsal: {found} reaches beyond the database, so what runs on "
                "a copy could write elsewhere.",
                help="Rehearse on another server: put a backup of the database into an empty one "
                "there, and let bridge upgrade that.",
            )

    def _remove(self, session: Connection) -> None:
        try:
            self._drop(session)
        except SQLAlchemyError as error:
            self._notify(
                f"The copy {self._name} is still there ({cause(error, self._engine.url)}). The "
                "next rehearsal removes it, if it can; or drop that database by hand."
            )

    def _quoted(self, name: str) -> str:
        return self._engine.dialect.identifier_preparer.quote_identifier(name)

    def _forbidden(self, connection: Connection) -> str:
        """A pattern of statements that reach beyond the database they run in."""
        raise NotImplementedError

    def _create(self, session: Connection) -> None:
        raise NotImplementedError

    def _drop(self, session: Connection) -> None:
        raise NotImplementedError

    def _sweep(self, session: Connection) -> None:
        """Remove copies of rehearsals that were killed."""
        raise NotImplementedError


class _PostgreSQL(_Server):
    name_sql = "SELECT current_database()"
    ways_out_sql = (
        "SELECT 'the foreign table ' || ftrelid::regclass::text FROM pg_foreign_table LIMIT 1"
    )
    right = "As an administrator of the server: ALTER ROLE USER CREATEDB"
    # Settings whose values are lists of names, quoted already.
    lists = ("search_path", "temp_tablespaces", "local_preload_libraries",
             "session_preload_libraries")  # fmt: skip

    def _forbidden(self, connection: Connection) -> str:
        return r"\bdblink\w*\s*\("

    def _create(self, session: Connection) -> None:
        query = "SELECT pg_encoding_to_char(encoding) AS encoding_name, to_jsonb(d) AS all_of_it "
        row = session.exec_driver_sql(
            f"{query} FROM pg_database d WHERE datname = current_database()"
        ).one()
        encoding, found = row
        options = {"ENCODING": encoding, "LC_COLLATE": found["datcollate"],
                   "LC_CTYPE": found["datctype"]}  # fmt: skip
        # From version 15 on; the locale's column was renamed in 17.
        provider = {"i": "icu", "b": "builtin"}.get(found.get("datlocprovider", "c"))
        if provider:
            options["LOCALE_PROVIDER"] = provider
            options[f"{provider.upper()}_LOCALE"] = found.get("datlocale") or found["daticulocale"]
        words = " ".join(f"{key} {_literal(value)}" for key, value in options.items() if value)
        session.exec_driver_sql(
            f"CREATE DATABASE {self._quoted(self._name)} TEMPLATE template0 {words}"
        )
        self._set(session)

    def _set(self, session: Connection) -> None:
        """The database's own settings, such as a search path, are in no dump."""
        settings = session.exec_driver_sql(
            "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d "
            "ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole "
            "WHERE datname = current_database() AND (setrole = 0 OR rolname = current_user) "
            "ORDER BY setrole"
        ).scalars()
        for setting in list(settings):
            name, _, value = setting.partition("=")
            value = value if name in self.lists else _literal(value)
            with contextlib.suppress(SQLAlchemyError):  # an administrator's alone
                session.exec_driver_sql(
                    f"ALTER DATABASE {self._quoted(self._name)} SET {name} = {value}"
                )

    def _claim(self, session: Connection, connection: Connection) -> None:
        super()._claim(session, connection)
        # That connection stays until the end, and was there before the mark: so what has the mark
        # and no connection is of a rehearsal that is no more.
        session.exec_driver_sql(
            f"COMMENT ON DATABASE {self._quoted(self._name)} IS {_literal(_MARK)}"
        )

    def _drop(self, session: Connection) -> None:
        # Scripts may have left some open.
        session.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = {_literal(self._name)}"
        )
        session.exec_driver_sql(f"DROP DATABASE IF EXISTS {self._quoted(self._name)}")

    def _sweep(self, session: Connection) -> None:
        left = session.exec_driver_sql(
            f"SELECT datname FROM pg_database d WHERE datname ~ '^{PREFIX}[0-9a-f]{{16}}$' "
            f"AND shobj_description(oid, 'pg_database') = {_literal(_MARK)} AND NOT EXISTS "
            "(SELECT 1 FROM pg_stat_activity a WHERE a.datname = d.datname)"
        ).scalars()
        for name in list(left):
            with contextlib.suppress(SQLAlchemyError):
                session.exec_driver_sql(f"DROP DATABASE IF EXISTS {self._quoted(name)}")


class _MySQL(_Server):
    name_sql = "SELECT DATABASE()"
    ways_out_sql = (
        "SELECT CONCAT('the table ', table_name) FROM information_schema.tables WHERE table_schema "
        "= DATABASE() AND engine IN ('FEDERATED', 'CONNECT', 'SPIDER', 'MRG_MyISAM') LIMIT 1"
    )
    right = r"As an administrator of the server: GRANT ALL ON `bridge\_rehearsal\_%`.* TO USER"

    def _forbidden(self, connection: Connection) -> str:
        """Statements can name tables of every database: those that name this one's, or make one.

        Its name may be a table's or an alias too: then what follows it is a column.
        """
        real = connection.exec_driver_sql(self.name_sql).scalar()
        name = f"`?{re.escape(str(real))}`?"
        tables = "|".join(map(re.escape, sa.inspect(connection).get_table_names()))
        makes = "TABLE|EXISTS|VIEW|PROCEDURE|FUNCTION|TRIGGER|EVENT|SEQUENCE|TO|RENAME|AS|INTO|CALL"
        pattern = "|".join(
            [
                rf"(?<![\w$.`]){name}\s*\.\s*`?(?:{tables or '(?!)'})(?![\w$])",
                rf"\b(?:{makes})\s+{name}\s*\.",
                rf"\b(?:USE|DATABASE|SCHEMA|SCHEMA\s+IF\s+EXISTS|DATABASE\s+IF\s+EXISTS)\s+{name}"
                r"(?![\w$])",
            ]
        )
        bodies = connection.exec_driver_sql(
            "SELECT CONCAT('the trigger ', trigger_name), action_statement "
            "FROM information_schema.triggers WHERE trigger_schema = DATABASE() UNION ALL "
            "SELECT CONCAT('the routine ', routine_name), routine_definition "
            "FROM information_schema.routines WHERE routine_schema = DATABASE()"
        )
        for what, body in bodies:
            if re.search(pattern, body or "", re.IGNORECASE):
                raise RehearsalError(
                    f"There can be no rehearsal: {what} names the database {real}, so it would "
                    "write there, not into the copy.",
                    help=f"Leave the database's name out of it, {_AGAIN}",
                )
        return pattern

    def _create(self, session: Connection) -> None:
        session.exec_driver_sql("SET SESSION lock_wait_timeout = 60")
        session.exec_driver_sql("SET SESSION wait_timeout = 2147483")
        # Before the database is there: what nobody has locked is of a rehearsal that is no more.
        session.exec_driver_sql(f"SELECT GET_LOCK('{self._name}', 0)").scalar()
        character_set, collation = session.exec_driver_sql(
            "SELECT @@character_set_database, @@collation_database"
        ).one()
        session.exec_driver_sql(
            f"CREATE DATABASE {self._name} CHARACTER SET {character_set} COLLATE {collation}"
        )

    def _drop(self, session: Connection) -> None:
        session.exec_driver_sql(f"DROP DATABASE IF EXISTS {self._name}")

    def _sweep(self, session: Connection) -> None:
        left = session.exec_driver_sql(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name REGEXP "
            f"'^{PREFIX}[0-9a-f]{{16}}$' AND IS_FREE_LOCK(schema_name)"
        ).scalars()
        for name in list(left):
            with contextlib.suppress(SQLAlchemyError):
                session.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


_SERVERS: dict[str, type[_Server]] = {"postgresql": _PostgreSQL, "mysql": _MySQL}


def _literal(text: str) -> str:
    """A string in a statement of PostgreSQL's."""
    return "'" + text.replace("'", "''") + "'"
