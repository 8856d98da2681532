"""Dump and restore a MySQL or MariaDB database with its own programs."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.drivers import driver_of, with_driver
from bridge.database.dump.files import mysql_lines
from bridge.database.dump.program import (
    error_stream,
    find_program,
    program_environment,
    program_error,
    restore_error,
    run_program,
    secret_file,
)
from bridge.database.engine import connect, unreadable
from bridge.model.errors import BackupError
from bridge.model.names import RESTORE_TABLE
from bridge.model.remedy import OTHER_BACKUP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection, Engine

_SSL = {"ssl_ca": "ssl-ca", "ssl_capath": "ssl-capath", "ssl_cert": "ssl-cert",
        "ssl_cipher": "ssl-cipher", "ssl_key": "ssl-key"}  # fmt: skip

_DUMP_END = b"-- Dump completed"


class MySQLDumper:
    """mariadb-dump and mariadb, or mysqldump and mysql."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def dump(self, path: Path, *, for_copy: bool = False) -> None:
        """In one transaction: of InnoDB's tables, whoever writes meanwhile is not in it."""
        options = ["--single-transaction", "--quick", "--hex-blob", "--routines", "--triggers",
                   "--no-tablespaces", f"--result-file={path}"]  # fmt: skip
        options.append(f"--ignore-table={self.engine.url.database}.{RESTORE_TABLE}")
        if not for_copy and self._sees("EVENTS"):
            options.append("--events")
        with self._login() as (file, environment):
            given = [file, *options, "--", str(self.engine.url.database)]
            run_program("mariadb-dump", given, self.engine.url, environment)

    def write_script(self, path: Path) -> None:
        """Rows in the order of their keys: of those without, in the server's."""
        options = ["--single-transaction", "--quick", "--hex-blob", "--routines", "--triggers",
                   "--no-tablespaces", "--skip-dump-date", "--skip-extended-insert",
                   "--order-by-primary", "--skip-add-locks",
                   f"--result-file={path}"]  # fmt: skip
        with self._login() as (file, environment):
            given = [file, *options, "--", str(self.engine.url.database)]
            run_program("mariadb-dump", given, self.engine.url, environment)

    def load(self, path: Path) -> None:
        """Each statement alone."""
        with tempfile.TemporaryDirectory(prefix="bridge-") as folder:
            script = Path(folder) / "script"
            with path.open("rb") as stream, script.open("wb") as target:
                target.writelines(mysql_lines(stream, str(path)))
            self._run_script(script)

    def _run_script(self, path: Path) -> None:
        with self._login() as (file, environment), error_stream() as said:
            with path.open("rb") as stream:
                done = subprocess.run(
                    self._client(file), stdin=stream, stdout=subprocess.DEVNULL, stderr=said,
                    env=environment, check=False,
                )  # fmt: skip
            if done.returncode != 0:
                raise program_error("mariadb", said, self.engine.url)

    def check(self, path: Path, *, thoroughly: bool) -> None:
        """Look whether its last line is there."""
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 500))
            if _DUMP_END in stream.read():
                return
        raise BackupError(
            f"The dump {path} is not whole: its last line is missing.",
            help=OTHER_BACKUP if thoroughly else "Try again.",
        )

    def restore(self, path: Path, session_mark: str = "") -> None:
        """Each statement alone: this database commits a change of the schema by itself."""
        with connect(self.engine) as connection:
            try:
                drops = _mysql_drops(connection)
            except SQLAlchemyError as error:
                raise unreadable(self.engine.url, error) from None
        first = [f"{session_mark};"] if session_mark else []
        first += ["SET foreign_key_checks = 0;", *drops, ""]
        with self._login() as (file, environment), error_stream() as said:
            # Through a pipe, which ends when this process does, whatever ends it: then the program
            # sends nothing more.
            with subprocess.Popen(
                self._client(file),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=environment,
            ) as client:
                assert client.stdin is not None
                # It reads no more after an error.
                with contextlib.suppress(BrokenPipeError), path.open("rb") as stream:
                    client.stdin.write("\n".join(first).encode())
                    shutil.copyfileobj(stream, client.stdin, 1 << 20)
                with contextlib.suppress(BrokenPipeError):
                    client.stdin.close()
            if client.returncode != 0:
                raise restore_error(program_error("mariadb", said, self.engine.url), path)

    def _client(self, login: str) -> list[str]:
        """Return the command of the client that reads a script; `login` names the file with it."""
        program = find_program("mariadb")
        return [program, login, "--binary-mode", "--", str(self.engine.url.database)]

    def _sees(self, what: str) -> bool:
        try:
            with connect(self.engine) as connection:
                connection.execute(sa.text(f"SHOW {what}"))
        except SQLAlchemyError:
            return False
        return True

    @contextlib.contextmanager
    def _login(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Give the argument that names the file with the login, and the environment."""
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
            lines.insert(0, f"!include {Path(str(query['read_default_file'])).expanduser()}")
        with secret_file("\n".join(["[client]", *lines, ""])) as file:
            # Not --defaults-extra-file: the user's own ~/.my.cnf would win over it.
            yield f"--defaults-file={file}", program_environment("MYSQL_PWD")


def _quoted(value: str) -> str:
    """Return a value for an option file."""
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(character, escape)
    return f'"{value}"'


def _mysql_drops(connection: Connection) -> list[str]:
    """Return what drops all that the database holds."""
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
        if name != RESTORE_TABLE
    ]
