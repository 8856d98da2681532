"""Dumps of servers by their own programs: pg_dump and mariadb-dump, and what reads them again.

A password reaches these through a file that only this user can read and that is gone afterwards:
never through their arguments or their environment.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.database import SECRET_VARIABLES, connect, scrub, unreadable
from bridge.drivers import LIBPQ, driver_of, with_driver
from bridge.errors import BackupError

LOCK_SECONDS = 60
"""How long a program waits for a table that somebody else has locked."""

_POSTGRESQL, _MARIADB = "postgresql-client", "mariadb-client"
_PACKAGES = {"pg_dump": _POSTGRESQL, "pg_restore": _POSTGRESQL, "psql": _POSTGRESQL,
             "mariadb-dump": _MARIADB, "mariadb": _MARIADB}  # fmt: skip
# Older names of the same programs.
_OLDER = {"mariadb-dump": "mysqldump", "mariadb": "mysql"}


class Dumper(Protocol):
    """How a server's database is dumped into a file, and made from it again."""

    def dump(self, path: Path, *, for_copy: bool = False) -> None:
        """Write the dump into the file, which is there and empty.

        :param for_copy: without what would be at work by itself in a second database: events,
            subscriptions.
        :raises BackupError: the program is missing or failed.
        """

    def check(self, path: Path, *, thoroughly: bool) -> None:
        """Whether the dump is whole; `thoroughly` reads all of it.

        :raises BackupError: it is not.
        """

    def restore(self, path: Path) -> None:
        """Make the database what the dump says: what it does not have is gone.

        :raises BackupError: it failed; `state_of_data` says what is there.
        """

    def write_script(self, path: Path) -> None:
        """Write a script for people to read, with a line a row, without owners and rights.

        :raises BackupError: the program is missing or failed.
        """

    def run_script(self, path: Path) -> None:
        """Run a script of such a program's in a database that is empty.

        :raises BackupError: it failed.
        """


# --- PostgreSQL ---------------------------------------------------------------------------

_OWN = (
    "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT EXISTS "
    "(SELECT 1 FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
)
_RELATIONS = {"r": "TABLE", "p": "TABLE", "f": "FOREIGN TABLE", "v": "VIEW",
              "m": "MATERIALIZED VIEW", "S": "SEQUENCE"}  # fmt: skip
_ROUTINES = {"p": "PROCEDURE", "a": "AGGREGATE"}


class PostgreSQL:
    """pg_dump, pg_restore and psql."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def dump(self, path: Path, *, for_copy: bool = False) -> None:
        """With a snapshot of its own: whoever writes meanwhile is not in it."""
        options = ["--format=custom", "--no-password", f"--lock-wait-timeout={LOCK_SECONDS}s"]
        if for_copy:
            options.append("--no-subscriptions")
        with self._login() as (database, environment):
            given = [*options, f"--file={path}", database]
            _run("pg_dump", given, self.engine.url, environment)

    def check(self, path: Path, *, thoroughly: bool) -> None:
        """Its table of contents, or every byte."""
        options = [f"--file={os.devnull}"] if thoroughly else ["--list"]
        _found("pg_restore")
        try:
            _run("pg_restore", [*options, str(path)], self.engine.url, _environment())
        except BackupError as error:
            if thoroughly:
                error.message = f"The backup {path} is damaged: {error.message}"
                error.help = "Name another backup: bridge restore BACKUP"
            raise

    def restore(self, path: Path) -> None:
        """In one transaction: what is there now goes, what the backup has comes."""
        with connect(self.engine) as connection:
            try:
                drops, kept = _drops(connection), _kept(connection)
            except SQLAlchemyError as error:
                raise unreadable(self.engine.url, error) from None
        listed = _run("pg_restore", ["--list", str(path)], self.engine.url, _environment())
        first = "\n".join(["BEGIN;", "SET client_encoding = 'UTF8';",
                           f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s';",
                           "SET client_min_messages = warning;", *drops, ""])  # fmt: skip
        with (
            tempfile.TemporaryDirectory() as folder,
            self._login() as (database, environment),
            _output() as said,
        ):
            entries = Path(folder) / "entries"
            entries.write_text("".join(_without(listed, kept)), encoding="utf-8")
            # --clean for what belongs to no schema, and is not among the drops.
            reader = [_found("pg_restore"), "--clean", "--if-exists", f"--use-list={entries}",
                      "--file=-", str(path)]  # fmt: skip
            writer = [_found("psql"), "--no-psqlrc", "--quiet", "--no-password",
                      "--set=ON_ERROR_STOP=1", database]  # fmt: skip
            if not _piped(reader, writer, environment, first, said):
                raise _restoring(_failure("psql", said, self.engine.url), path)

    def write_script(self, path: Path) -> None:
        """As pg_dump's plain format is."""
        options = ["--format=plain", "--no-password", "--encoding=UTF8", "--no-owner",
                   "--no-privileges", "--no-security-labels", "--no-tablespaces",
                   "--no-publications", "--no-subscriptions"]  # fmt: skip
        with self._login() as (database, environment):
            given = [*options, f"--file={path}", database]
            _run("pg_dump", given, self.engine.url, environment)

    def run_script(self, path: Path) -> None:
        """In one transaction."""
        options = ["--no-psqlrc", "--quiet", "--no-password", "--single-transaction"]
        options += ["--set=ON_ERROR_STOP=1", "--output=/dev/null", f"--file={path}"]
        with self._login() as (database, environment):
            _run("psql", [*options, database], self.engine.url, environment)

    @contextlib.contextmanager
    def _login(self) -> Iterator[tuple[str, dict[str, str]]]:
        """The argument that names the database, and the environment."""
        _, given = self.engine.dialect.create_connect_args(self.engine.url)
        given = {"dbname" if k == "database" else k: v for k, v in given.items()}
        password = str(given.pop("password", None) or "")
        words = [
            "{}='{}'".format(key, re.sub(r"(['\\])", r"\\\1", str(value)))
            for key, value in given.items()
            if key in {"dbname", *LIBPQ} - {"sslpassword", "client_encoding"}
        ]
        argument = f"--dbname={' '.join(words)}"
        if not password:
            yield argument, _environment()
            return
        escaped = re.sub(r"([\\:])", r"\\\1", password)
        with _secret(f"*:*:*:*:{escaped}\n") as file:
            # PGPASSWORD would win over the file.
            yield argument, {**_environment("PGPASSWORD"), "PGPASSFILE": file}


def _drops(connection: Connection) -> list[str]:
    """What takes out all that the database's own schemas hold, but for extensions'."""
    quote = connection.dialect.identifier_preparer.quote_identifier

    def found(query: str) -> Sequence[Any]:
        return connection.execute(sa.text(query)).fetchall()

    relations = found(
        "SELECT o.relkind, n.nspname, o.relname FROM pg_class o JOIN pg_namespace n "
        f"ON n.oid = o.relnamespace WHERE o.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND {_OWN}"
    )
    kinds = list(_RELATIONS)
    drops = [
        f"DROP {_RELATIONS[kind]} IF EXISTS {quote(schema)}.{quote(name)} CASCADE;"
        # Tables first: they take the sequences of their columns along.
        for kind, schema, name in sorted(relations, key=lambda row: kinds.index(row[0]))
    ]
    types = found(
        "SELECT n.nspname, o.typname FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace "
        "LEFT JOIN pg_class c ON c.oid = o.typrelid "
        f"WHERE (o.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND {_OWN}"
    )
    # Before the routines: a range takes its own along.
    drops += [f"DROP TYPE IF EXISTS {quote(s)}.{quote(name)} CASCADE;" for s, name in types]
    routines = found(
        "SELECT o.prokind, n.nspname, o.proname, pg_get_function_identity_arguments(o.oid) "
        f"FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace WHERE {_OWN}"
    )
    drops += [
        f"DROP {_ROUTINES.get(kind, 'FUNCTION')} IF EXISTS {quote(schema)}.{quote(name)}"
        f"({arguments or ('*' if kind == 'a' else '')}) CASCADE;"
        for kind, schema, name, arguments in routines
    ]
    schemas = found(
        "SELECT n.nspname FROM pg_namespace o JOIN pg_namespace n ON n.oid = o.oid "
        "WHERE n.nspname <> 'public' AND NOT EXISTS "
        f"(SELECT 1 FROM pg_extension e WHERE e.extnamespace = n.oid) AND {_OWN}"
    )
    drops += [f"DROP SCHEMA IF EXISTS {quote(row[0])} CASCADE;" for row in schemas]
    if found("SELECT 1 FROM pg_largeobject_metadata LIMIT 1"):
        drops.append("DO 'BEGIN PERFORM lo_unlink(oid) FROM pg_largeobject_metadata; END';")
    return drops


def _kept(connection: Connection) -> tuple[set[str], set[str]]:
    """The extensions that are there, and the schemas that stay for them."""
    query = "SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = {}"
    rows = connection.execute(sa.text(query.format("e.extnamespace"))).fetchall()
    return {row[0] for row in rows}, {"public", *(row[1] for row in rows)}


def _without(listed: str, kept: tuple[set[str], set[str]]) -> Iterator[str]:
    """The table of contents without what is kept: only its owner, often root, could make it."""
    extensions, schemas = kept
    pattern = re.compile(r"\d+; \d+ \d+ (?:(?:COMMENT|ACL) - )?(EXTENSION|SCHEMA)(?: -)? (\S+) ")
    for line in listed.splitlines(keepends=True):
        match = pattern.match(line)
        if not match or match[2] not in (extensions if match[1] == "EXTENSION" else schemas):
            yield line


def _piped(
    reader: Sequence[str],
    writer: Sequence[str],
    environment: Mapping[str, str],
    first: str,
    said: IO[bytes],
) -> bool:
    """Whether the writer took `first` and all that the reader gave, and committed it."""
    settings: dict[str, Any] = {"env": environment, "stderr": said}
    giving = subprocess.Popen(reader, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **settings)
    taking = subprocess.Popen(writer, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, **settings)
    try:
        assert giving.stdout is not None
        assert taking.stdin is not None
        with contextlib.suppress(BrokenPipeError), giving.stdout, taking.stdin:
            taking.stdin.write(first.encode())
            for line in giving.stdout:
                # A setting of PostgreSQL 17's, which older servers refuse.
                if line != b"SET transaction_timeout = 0;\n":
                    taking.stdin.write(line)
            # The end of the input alone must not commit: it may be that of a reader that failed.
            if giving.wait() == 0:
                taking.stdin.write(b"\nCOMMIT;\n")
        return taking.wait() == 0 and giving.wait() == 0
    finally:
        for process in (giving, taking):
            if process.poll() is None:
                process.kill()
            process.wait()


def archive_script(archive: Path, path: Path) -> None:
    """Write what is in an archive of pg_dump's as a script, without owners and rights.

    :raises BackupError: the program is missing, or the archive is damaged.
    """
    options = ["--no-owner", "--no-privileges", f"--file={path}", str(archive)]
    _run("pg_restore", options, None, _environment())


# --- MySQL and MariaDB --------------------------------------------------------------------

_SSL = {"ssl_ca": "ssl-ca", "ssl_capath": "ssl-capath", "ssl_cert": "ssl-cert",
        "ssl_cipher": "ssl-cipher", "ssl_key": "ssl-key"}  # fmt: skip
_DUMP_END = b"-- Dump completed"


class MySQL:
    """mariadb-dump and mariadb, or mysqldump and mysql."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def dump(self, path: Path, *, for_copy: bool = False) -> None:
        """In one transaction: of InnoDB's tables, whoever writes meanwhile is not in it."""
        options = ["--single-transaction", "--quick", "--hex-blob", "--routines", "--triggers",
                   "--no-tablespaces", f"--result-file={path}"]  # fmt: skip
        if not for_copy and self._sees("EVENTS"):
            options.append("--events")
        with self._login() as (file, environment):
            given = [file, *options, "--", str(self.engine.url.database)]
            _run("mariadb-dump", given, self.engine.url, environment)

    def write_script(self, path: Path) -> None:
        """Rows in the order of their keys: of those without, in the server's."""
        options = ["--single-transaction", "--quick", "--hex-blob", "--routines", "--triggers",
                   "--no-tablespaces", "--skip-dump-date", "--skip-extended-insert",
                   "--order-by-primary", "--skip-add-locks",
                   f"--result-file={path}"]  # fmt: skip
        with self._login() as (file, environment):
            given = [file, *options, "--", str(self.engine.url.database)]
            _run("mariadb-dump", given, self.engine.url, environment)

    def run_script(self, path: Path) -> None:
        """Each statement alone."""
        with self._login() as (file, environment), _output() as said:
            given = [_found("mariadb"), file, "--binary-mode", "--", str(self.engine.url.database)]
            with open(path, "rb") as stream:
                done = subprocess.run(
                    given, stdin=stream, stdout=subprocess.DEVNULL, stderr=said, env=environment,
                    check=False,
                )  # fmt: skip
            if done.returncode != 0:
                raise _failure("mariadb", said, self.engine.url)

    def check(self, path: Path, *, thoroughly: bool) -> None:
        """Whether its last line is there."""
        with open(path, "rb") as stream:
            stream.seek(max(0, path.stat().st_size - 500))
            if _DUMP_END in stream.read():
                return
        raise BackupError(
            f"The dump {path} is not whole: its last line is missing.",
            help="Name another backup: bridge restore BACKUP" if thoroughly else "Try again.",
        )

    def restore(self, path: Path) -> None:
        """Each statement alone: this database commits a change of the schema by itself."""
        with connect(self.engine) as connection:
            try:
                first = "\n".join(["SET foreign_key_checks = 0;", *_mysql_drops(connection)])
            except SQLAlchemyError as error:
                raise unreadable(self.engine.url, error) from None
        program = _found("mariadb")
        with self._login() as (file, environment), _output() as said:
            given = [program, file, "--binary-mode", "--", str(self.engine.url.database)]
            settings: dict[str, Any] = {
                "env": environment, "stdout": subprocess.DEVNULL, "stderr": said
            }  # fmt: skip
            done = subprocess.run(given, input=first.encode(), check=False, **settings)
            if done.returncode == 0:
                with open(path, "rb") as stream:
                    done = subprocess.run(given, stdin=stream, check=False, **settings)
            if done.returncode != 0:
                failure = _restoring(_failure("mariadb", said, self.engine.url), path)
                failure.state_of_data = (
                    "The database is half way back: this database commits each change of the "
                    "schema by itself. Put the backup back again."
                )
                raise failure

    def _sees(self, what: str) -> bool:
        try:
            with connect(self.engine) as connection:
                connection.execute(sa.text(f"SHOW {what}"))
        except SQLAlchemyError:
            return False
        return True

    @contextlib.contextmanager
    def _login(self) -> Iterator[tuple[str, dict[str, str]]]:
        """The argument that names the file with the login, and the environment."""
        url = with_driver(self.engine.url, f"mysql+{driver_of(self.engine.url) or 'pymysql'}")
        query: Mapping[str, Any] = url.query
        values: dict[str, Any] = {
            "user": query.get("user") or url.username,
            "password": url.password or query.get("password") or query.get("passwd"),
            "host": url.host,
            "port": url.port,
            "socket": query.get("unix_socket"),
            "default-character-set": "utf8mb4",
        }
        if url.host and not values["socket"] and driver_of(url) != "mysqldb":
            # The programs take "localhost" for a socket, as that driver does.
            values["protocol"] = "tcp"
        certificates = {name: query[key] for key, name in _SSL.items() if key in query}
        # As the drivers: they look at the server's name only where they are told to.
        verify = str(query.get("ssl_check_hostname", "")).lower() in ("1", "true", "yes")
        values |= {**certificates, "loose-ssl-verify-server-cert": int(verify)}
        lines = [f"{key} = {_quoted(str(v))}" for key, v in values.items() if v is not None]
        if "read_default_file" in query:
            lines.insert(0, f"!include {os.path.expanduser(str(query['read_default_file']))}")
        with _secret("\n".join(["[client]", *lines, ""])) as file:
            # Not --defaults-extra-file: the user's own ~/.my.cnf would win over it.
            yield f"--defaults-file={file}", _environment("MYSQL_PWD")


def _quoted(value: str) -> str:
    """A value for an option file."""
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(character, escape)
    return f'"{value}"'


def _mysql_drops(connection: Connection) -> list[str]:
    """What takes out all that the database holds."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    kinds = {"VIEW": "VIEW", "SEQUENCE": "SEQUENCE"}
    queries = (
        "SELECT table_type, table_name FROM information_schema.tables WHERE table_schema",
        "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema",
        "SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema",
    )
    return [
        f"DROP {kinds.get(kind, 'TABLE') if n == 0 else kind} IF EXISTS {quote(name)};"
        for n, query in enumerate(queries)
        for kind, name in connection.execute(sa.text(f"{query} = DATABASE()"))
    ]


# --- programs -----------------------------------------------------------------------------


def _environment(*without: str) -> dict[str, str]:
    """The environment for a program: in English, and without the URL, which has a password."""
    left = {k: v for k, v in os.environ.items() if k not in (*SECRET_VARIABLES, *without)}
    return {**left, "LC_ALL": "C"}


@contextlib.contextmanager
def _secret(text: str) -> Iterator[str]:
    """The path of a file that only this user can read, while it is needed."""
    handle, name = tempfile.mkstemp(prefix="bridge-")  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        yield name
    finally:
        Path(name).unlink()


@contextlib.contextmanager
def _output() -> Iterator[IO[bytes]]:
    """Where a program's complaints go; not a pipe, which could fill up while nobody reads it."""
    with tempfile.TemporaryFile() as stream:
        yield stream


def _found(program: str) -> str:
    found = shutil.which(program) or shutil.which(_OLDER.get(program, program))
    if found is None:
        raise BackupError(
            f"The program {program} is not installed.",
            help=f"Install it; on Debian: apt install {_PACKAGES[program]}",
        )
    return found


def _run(
    program: str, arguments: Sequence[str], url: URL | None, environment: Mapping[str, str]
) -> str:
    """The output of a program that must succeed."""
    with _output() as said:
        done = subprocess.run(
            [_found(program), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            check=False,
        )
        if done.returncode != 0:
            raise _failure(program, said, url)
    return done.stdout.decode("utf-8", "replace")


def _failure(program: str, said: IO[bytes], url: URL | None) -> BackupError:
    said.seek(0)
    words = scrub(said.read().decode("utf-8", "replace").strip(), *([url] if url else []))
    if "server version mismatch" in words:
        advice = f"Install {program} of the server's version (Debian: postgresql-client-VERSION)"
    else:
        advice = "Mend what it complains of"
    return BackupError(
        f"{program} failed: {words or 'it said nothing'}",
        help=f"{advice}, or run it without a backup: bridge dbupdate --no-backup",
    )


def _restoring(error: BackupError, path: Path) -> BackupError:
    again = shlex.quote(str(path))
    error.help = f"Stop the app and mend what it complains of, then run: bridge restore {again}"
    return error
