"""Dump and restore a PostgreSQL database with its own programs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.drivers import LIBPQ
from bridge.database.dump.files import postgresql_lines
from bridge.database.dump.program import (
    LOCK_SECONDS,
    error_stream,
    find_program,
    program_environment,
    program_error,
    restore_error,
    run_program,
    secret_file,
)
from bridge.database.engine import connect, unreadable
from bridge.database.servers.postgresql import ARCHIVE_START
from bridge.model.errors import BackupError
from bridge.model.remedy import OTHER_BACKUP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine

_OWN = (
    "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT EXISTS "
    "(SELECT 1 FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
)

_SCHEMAS = " AND n.nspname = ANY (:schemas)"

# What else would go with the tables, types and routines of some schemas.
_DEPENDENTS = """
SELECT DISTINCT c.oid::regclass::text FROM pg_depend d
JOIN (SELECT 'pg_class'::regclass AS kind, oid, relnamespace AS home FROM pg_class
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc) o
  ON o.kind = d.refclassid AND o.oid = d.refobjid
JOIN pg_namespace n ON n.oid = o.home AND n.nspname = ANY (:schemas)
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
JOIN pg_class c ON c.oid = COALESCE(w.ev_class, k.conrelid, a.adrelid, t.tgrelid,
    CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END)
JOIN pg_namespace m ON m.oid = c.relnamespace AND m.nspname <> ALL (:schemas)
WHERE m.nspname !~ '^pg_'
"""

_RELATIONS = {"r": "TABLE", "p": "TABLE", "f": "FOREIGN TABLE", "v": "VIEW",
              "m": "MATERIALIZED VIEW", "S": "SEQUENCE"}  # fmt: skip

_ROUTINES = {"p": "PROCEDURE", "a": "AGGREGATE"}


class PostgreSQLDumper:
    """pg_dump, pg_restore and psql.

    :param schemas: those that are dumped and put back; the whole database if empty.
    """

    def __init__(self, engine: Engine, schemas: Sequence[str] = ()) -> None:
        self.engine, self._schemas = engine, list(schemas)

    def dump(self, path: Path, *, for_copy: bool = False) -> None:
        """With a snapshot of its own: whoever writes meanwhile is not in it."""
        options = ["--format=custom", "--no-password", f"--lock-wait-timeout={LOCK_SECONDS}s"]
        if for_copy:
            options.append("--no-subscriptions")
        options += [f"--schema={_pattern(name)}" for name in self._schemas]
        with self._login() as (database, environment):
            given = [*options, f"--file={path}", database]
            run_program("pg_dump", given, self.engine.url, environment)

    def check(self, path: Path, *, thoroughly: bool) -> None:
        """Its table of contents, or every byte."""
        options = [f"--file={os.devnull}"] if thoroughly else ["--list"]
        find_program("pg_restore")
        try:
            run_program("pg_restore", [*options, str(path)], self.engine.url, program_environment())
        except BackupError as error:
            if thoroughly:
                error.message = f"The backup {path} is damaged: {error.message}"
                error.remedies = (OTHER_BACKUP,)
            raise

    def restore(self, path: Path, session_mark: str = "") -> None:
        """In one transaction: what is there now goes, what the backup has comes."""
        with connect(self.engine) as connection:
            try:
                self._check_dependents(connection)
                drops, kept = _drops(connection, self._schemas), _kept(connection)
            except SQLAlchemyError as error:
                raise unreadable(self.engine.url, error) from None
        listed = run_program(
            "pg_restore", ["--list", str(path)], self.engine.url, program_environment()
        )
        first = "\n".join([f"{session_mark};" if session_mark else "",
                           "BEGIN;", "SET client_encoding = 'UTF8';",
                           f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s';",
                           "SET client_min_messages = warning;", *drops, ""])  # fmt: skip
        with (
            secret_file("".join(_without(listed, kept))) as entries,
            self._login() as (database, environment),
            error_stream() as said,
        ):
            # --clean for what belongs to no schema, and is not among the drops.
            reader = [find_program("pg_restore"), "--clean", "--if-exists", f"--use-list={entries}",
                      "--file=-", *(f"--schema={name}" for name in self._schemas),
                      str(path)]  # fmt: skip
            writer = [find_program("psql"), "--no-psqlrc", "--quiet", "--no-password",
                      "--set=ON_ERROR_STOP=1", database]  # fmt: skip
            if not _piped(reader, writer, environment, first, said):
                raise restore_error(program_error("psql", said, self.engine.url), path)

    def _check_dependents(self, connection: Connection) -> None:
        """Refuse where other schemas would lose something with what is dropped."""
        given = {"schemas": self._schemas}
        found = connection.execute(sa.text(_DEPENDENTS), given).scalars().all()
        if found:
            raise BackupError(
                f"A restore of {_listed(self._schemas)} alone would take something from "
                f"{', '.join(sorted(found))}, which uses what is there.",
                help="Drop the views, keys, columns or triggers there that do, restore, and make "
                "them again.",
                state_of_data="The database is unchanged.",
            )

    def write_script(self, path: Path) -> None:
        """As pg_dump's plain format is."""
        options = ["--format=plain", "--no-password", "--encoding=UTF8", "--no-owner",
                   "--no-privileges", "--no-security-labels", "--no-tablespaces",
                   "--no-publications", "--no-subscriptions"]  # fmt: skip
        with self._login() as (database, environment):
            given = [*options, f"--file={path}", database]
            run_program("pg_dump", given, self.engine.url, environment)

    def load(self, path: Path) -> None:
        """In one transaction, as a script of psql's."""
        with tempfile.TemporaryDirectory(prefix="bridge-") as folder:
            plain, script = path, Path(folder) / "script"
            with path.open("rb") as stream:
                if stream.read(len(ARCHIVE_START)) == ARCHIVE_START:
                    plain = Path(folder) / "plain"
            if plain != path:
                _write_archive_script(path, plain)
            with plain.open("rb") as stream, script.open("wb") as target:
                target.writelines(postgresql_lines(stream, str(path)))
            options = ["--no-psqlrc", "--quiet", "--no-password", "--single-transaction"]
            options += ["--set=ON_ERROR_STOP=1", "--output=/dev/null", f"--file={script}"]
            with self._login() as (database, environment):
                run_program("psql", [*options, database], self.engine.url, environment)

    @contextlib.contextmanager
    def _login(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Give the argument that names the database, and the environment."""
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
            yield argument, program_environment()
            return
        escaped = re.sub(r"([\\:])", r"\\\1", password)
        with secret_file(f"*:*:*:*:{escaped}\n") as file:
            # PGPASSWORD would win over the file.
            yield argument, {**program_environment("PGPASSWORD"), "PGPASSFILE": file}


def _pattern(name: str) -> str:
    """Return a name as pg_dump's patterns have it."""
    return '"' + name.replace('"', '""') + '"'


def _listed(schemas: Sequence[str]) -> str:
    return f"the schema{'s' if len(schemas) > 1 else ''} {', '.join(schemas)}"


def _drops(connection: Connection, schemas: Sequence[str]) -> list[str]:
    """Return what drops all that schemas hold, but for extensions'.

    :param schemas: those that are emptied; where there are none, the database's own all are, and
        dropped.
    """
    quote = connection.dialect.identifier_preparer.quote_identifier
    limit = _SCHEMAS if schemas else ""

    def found(query: str) -> Sequence[Any]:
        given = {"schemas": schemas} if limit in query and limit else {}
        return connection.execute(sa.text(query), given).fetchall()

    relations = found(
        "SELECT o.relkind, n.nspname, o.relname FROM pg_class o JOIN pg_namespace n "
        f"ON n.oid = o.relnamespace WHERE o.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND {_OWN}"
        f"{limit}"
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
        f"WHERE (o.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND {_OWN}{limit}"
    )
    # Before the routines: a range takes its own along.
    drops += [f"DROP TYPE IF EXISTS {quote(s)}.{quote(name)} CASCADE;" for s, name in types]
    routines = found(
        "SELECT o.prokind, n.nspname, o.proname, pg_get_function_identity_arguments(o.oid) "
        f"FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace WHERE {_OWN}{limit}"
    )
    drops += [
        f"DROP {_ROUTINES.get(kind, 'FUNCTION')} IF EXISTS {quote(schema)}.{quote(name)}"
        f"({arguments or ('*' if kind == 'a' else '')}) CASCADE;"
        for kind, schema, name, arguments in routines
    ]
    if schemas:
        return drops
    others = found(
        "SELECT n.nspname FROM pg_namespace o JOIN pg_namespace n ON n.oid = o.oid "
        "WHERE n.nspname <> 'public' AND NOT EXISTS "
        f"(SELECT 1 FROM pg_extension e WHERE e.extnamespace = n.oid) AND {_OWN}"
    )
    drops += [f"DROP SCHEMA IF EXISTS {quote(row[0])} CASCADE;" for row in others]
    if found("SELECT 1 FROM pg_largeobject_metadata LIMIT 1"):
        drops.append("DO 'BEGIN PERFORM lo_unlink(oid) FROM pg_largeobject_metadata; END';")
    return drops


def _kept(connection: Connection) -> tuple[set[str], set[str]]:
    """Return the extensions that are there, and the schemas that stay for them."""
    query = "SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = {}"
    rows = connection.execute(sa.text(query.format("e.extnamespace"))).fetchall()
    return {row[0] for row in rows}, {"public", *(row[1] for row in rows)}


def _without(listed: str, kept: tuple[set[str], set[str]]) -> Iterator[str]:
    """Return the table of contents without what is kept: only its owner could make it."""
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
    """Return whether the writer took `first` and all that the reader gave, and committed it."""
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


def _write_archive_script(archive: Path, path: Path) -> None:
    """Write what is in an archive of pg_dump's as a script, without owners and rights.

    :raises BackupError: the program is missing, or the archive is damaged.
    """
    options = ["--no-owner", "--no-privileges", f"--file={path}", str(archive)]
    run_program("pg_restore", options, None, program_environment())
