"""Real database servers for tests, in temporary folders and on free loopback ports.

A server is not the child of pytest but of a small guard process (this same file, run as a script),
which owns the temporary folder too. The guard ends the server and removes the folder as soon as
something comes in on its standard input, or that closes: on `stop()`, and just as well when pytest
is interrupted or killed, so that there is one way down and it is always taken.

What a server's installation makes is kept in the checkout's cache, and copied for the next one.

The upper part of this file, and the guard, need nothing but the standard library:
`python tests/servers.py missing` prints the servers that this machine lacks.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pwd
import secrets
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from typing_extensions import Self

START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.02
# An installation of each kind, which takes ten times as long as its copy.
TEMPLATES = Path(__file__).resolve().parents[2] / ".cache/tests/servers"
# Another process can take a port between the moment we find it free and the server's bind.
PORT_ATTEMPTS = 5


class ServerError(Exception):
    """A server, or a client program of it, failed; the text has its output."""


class ServerMissingError(ServerError):
    """The programs of a server are not installed; the text says what is missing."""


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """What PostgreSQL and MariaDB share. A context manager; or call start() and stop()."""

    name: ClassVar[str]
    # Whom to run as when we are root: the first of these that exists.
    accounts: ClassVar[Sequence[str]]
    user: ClassVar[str] = "bridge"
    stop_signal: ClassVar[signal.Signals]
    maintenance_database: ClassVar[str]
    # What the log says when the server listens.
    ready_line: ClassVar[str]
    # What a test's own engine may say to the driver beside the URL.
    connect_arguments: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, *, durable: bool = False) -> None:
        """:param durable: what is committed stays when the server is killed; slower."""
        self.durable = durable
        # Random, so that a client never gets into another server on a port that changed hands.
        # The tail has what breaks code that pastes passwords into URLs, ini files and commands.
        self.password = secrets.token_hex(8) + "%d/@: '"
        self.port = 0
        self.folder: Path | None = None
        self.pid = 0
        self._programs: dict[str, str] = {}
        self._engines: dict[str, Engine] = {}
        self._guard: subprocess.Popen[bytes] | None = None
        self._owner = 0

    # -- what each server fills in ------------------------------------------------------------

    @classmethod
    def programs(cls) -> dict[str, str]:
        """Paths of the needed programs; raises ServerMissingError."""
        raise NotImplementedError

    def _files(self) -> dict[str, str]:
        """Files that the folder has from the start, by name."""
        raise NotImplementedError

    def _commands(self) -> list[list[str]]:
        """What the guard runs, one after the other; the last one is the server.

        The first one installs it, into the folder `data`. It says nothing of this server alone.
        """
        raise NotImplementedError

    def _template(self, install: Sequence[str]) -> Path:
        """Where a copy of what this command installs is kept, by the version of the program."""
        program = Path(install[0]).resolve()
        about = f"{program} {program.stat().st_mtime} {install[1:]}"
        return TEMPLATES / f"{self.name}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"

    def _driver(self) -> str:
        raise NotImplementedError

    def _query(self) -> str:
        return ""

    def _quoted(self, identifier: str) -> str:
        raise NotImplementedError

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Starts the server and returns when it answers a login."""
        if self._guard is not None:
            raise ServerError(f"{self.name} is started already")
        self._programs = self.programs()
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                self._start_once()
            except ServerError as error:
                self.stop()
                if attempt == PORT_ATTEMPTS or "in use" not in str(error):
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return self
        raise AssertionError("unreachable")

    def _start_once(self) -> None:
        self.port = free_port()
        self._owner = os.getpid()
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, "guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # Ctrl-C goes to the whole process group: the guard must outlive it to clean up.
            start_new_session=True,
        )
        atexit.register(self.stop)
        commands = self._commands()
        spec = {
            "prefix": f"bridge-{self.name.lower()}-",
            "accounts": self.accounts,
            "files": self._files(),
            "commands": commands,
            "template": str(self._template(commands[0])),
            "signal": int(self.stop_signal),
        }
        assert self._guard.stdin is not None
        self._guard.stdin.write(json.dumps(spec).encode() + b"\n")
        deadline = time.monotonic() + START_SECONDS
        self.folder = Path(self._heard("folder", deadline))
        self._serving(deadline)

    def _serving(self, deadline: float) -> None:
        """Returns when the server answers."""
        self.pid = int(self._heard("serving", deadline))
        while not self._answers():
            if self._line(POLL_SECONDS):
                raise ServerError(f"{self.name} ended while it started:\n{self.log()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} gave no answer in time:\n{self.log()}")

    def _line(self, seconds: float) -> str:
        """The guard's next line, or "" when it says nothing for so long."""
        assert self._guard is not None
        assert self._guard.stdout is not None
        readable, _, _ = select.select([self._guard.stdout], [], [], max(seconds, 0))
        if not readable:
            return ""
        line = self._guard.stdout.readline().decode().rstrip("\n")
        return line or "exit of the guard"

    def _heard(self, word: str, deadline: float) -> str:
        line = self._line(deadline - time.monotonic())
        said, _, value = line.partition(" ")
        if said != word:
            what = line or "nothing in time"
            raise ServerError(f"{self.name}: expected {word!r}, got {what!r}:\n{self.log()}")
        return value

    def _answers(self) -> bool:
        from sqlalchemy.exc import OperationalError

        # Not before the port is the server's: a stranger there might accept, and never answer.
        if self.ready_line not in self.log():
            return False
        try:
            self.execute("SELECT 1")
        except OperationalError:
            return False
        return True

    def log(self) -> str:
        """What the server wrote, or "" when there is no log."""
        if self.folder is None:
            return ""
        try:
            return (self.folder / "log").read_text(errors="replace")
        except OSError:
            return ""

    def halt(self, number: signal.Signals) -> None:
        """Ends the server with this signal; its data stay, for `resume()`."""
        # Those of a PostgreSQL that is killed would go on for a moment, and keep its data.
        children = _children_of(self.pid) if number == signal.SIGKILL else []
        for pid in (self.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        self._heard("exit", time.monotonic() + STOP_SECONDS)
        self.pid = 0

    def resume(self) -> None:
        """Starts the server again that `halt()` has ended, with its data and on its port."""
        assert self._guard is not None
        assert self._guard.stdin is not None
        assert self.folder is not None
        (self.folder / "log").write_text("")  # in which it said before that it was ready
        self._guard.stdin.write(b"again")
        self._serving(time.monotonic() + START_SECONDS)

    def stop(self) -> None:
        """Ends the server and removes its folder; does nothing when that is done already."""
        guard = self._guard
        # A forked child has this object too, and its exit must not take the parent's server along.
        if guard is None or self._owner != os.getpid():
            return
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        self._guard = None
        atexit.unregister(self.stop)
        assert guard.stdin is not None
        assert guard.stdout is not None
        # Written, not only closed: a forked child may hold the pipe's end as well.
        with contextlib.suppress(BrokenPipeError), guard.stdin:
            guard.stdin.write(b"stop")
        with guard.stdout:
            guard.wait(STOP_SECONDS)
        self.folder = None
        self.pid = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- use ------------------------------------------------------------------------------------

    def url(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        """The SQLAlchemy URL of a database, with the password in it."""
        # Percent-encoded in full: SQLAlchemy 1.4 and 2 decode that to the same password.
        secret = quote(self.password if password is None else password, safe="")
        who = f"{quote(user or self.user, safe='')}:{secret}"
        where = f"{who}@127.0.0.1:{self.port}/{quote(database, safe='')}"
        return f"{self._driver()}://{where}{self._query()}"

    def execute(self, *statements: str, database: str | None = None) -> None:
        """Runs statements one by one in autocommit, in the maintenance database by default."""
        with self._engine(database or self.maintenance_database).connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def _engine(self, database: str) -> Engine:
        import sqlalchemy as sa
        from sqlalchemy.pool import NullPool, QueuePool

        # Kept: an engine's first connection asks a dozen questions that need no second answer.
        url = self.url(database)
        if url not in self._engines:
            kept = database == self.maintenance_database
            self._engines[url] = sa.create_engine(
                url,
                # Every database of a test is made and dropped there.
                poolclass=QueuePool if kept else NullPool,
                pool_pre_ping=kept,
                isolation_level="AUTOCOMMIT",
                connect_args=self.connect_arguments,
            )
        return self._engines[url]

    def create_database(self, name: str) -> None:
        self.execute(f"CREATE DATABASE {self._quoted(name)}")

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {self._quoted(name)}")

    def run_dump(self, database: str, path: str | os.PathLike[str]) -> None:
        """Loads an SQL file through the server's own client; the first error raises."""
        raise NotImplementedError

    def dump(self, database: str) -> str:
        """The server's own dump; equal databases give equal text, and no byte is lost."""
        raise NotImplementedError

    def _client(
        self, program: str, *arguments: str, stdin: int | Any = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [self._programs[program], *arguments],
            stdin=stdin,
            capture_output=True,
            env=self.client_environment(),
            check=False,
        )
        if done.returncode:
            output = (done.stderr + done.stdout).decode(errors="replace").strip()
            raise ServerError(f"{program} ended with {done.returncode}: {output}")
        return done

    def client_environment(self) -> dict[str, str]:
        """What the client programs log in with: the password must not be in their argv."""
        raise NotImplementedError


class PostgreSQL(Server):
    name = "PostgreSQL"
    accounts = ("postgres", "nobody")
    # "Immediate" shutdown: nothing in there is worth a checkpoint. Not SIGKILL, which would leave
    # the server's children and its shared memory segment behind.
    stop_signal = signal.SIGQUIT
    maintenance_database = "postgres"
    ready_line = "ready to accept connections"

    @classmethod
    def programs(cls) -> dict[str, str]:
        names = ("initdb", "postgres", "psql", "pg_dump")
        for folder in cls._folders():
            if all(os.access(folder / name, os.X_OK) for name in names):
                return {name: str(folder / name) for name in names}
        raise ServerMissingError(f"PostgreSQL is not installed (looked for {', '.join(names)})")

    @staticmethod
    def _folders() -> Iterator[Path]:
        found = shutil.which("postgres")
        if found:
            # One version's programs are together; a link in PATH may be to only some of them.
            yield Path(found).resolve().parent
        # Debian keeps the server's programs out of PATH, by version.
        versions = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if p.parent.name.isdigit()]
        yield from sorted(versions, key=lambda path: int(path.parent.name), reverse=True)

    def _files(self) -> dict[str, str]:
        return {
            "first": secrets.token_hex(8),
            "login.sql": f"ALTER ROLE {self.user} PASSWORD '{self._stored_password()}'\n",
        }

    def _stored_password(self) -> str:
        """What the server keeps of the password, made here: with one round instead of 4096.

        The rounds were most of what a client needs to connect, and what else they cost is what
        somebody pays who has stolen this and looks for the password.
        """
        salt = secrets.token_bytes(16)
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, 1)
        client, server = (
            hmac.digest(salted, name, "sha256") for name in (b"Client Key", b"Server Key")
        )
        parts = (base64.b64encode(x).decode() for x in (hashlib.sha256(client).digest(), server))
        return f"SCRAM-SHA-256$1:{base64.b64encode(salt).decode()}${':'.join(parts)}"

    def _commands(self) -> list[list[str]]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "on" if self.durable else "off",
            # With "minimal", a new sequence forgets after a crash what it has given out.
            "wal_level": "replica" if self.durable else "minimal",
            "max_wal_senders": 0,
            "checkpoint_timeout": "1h",
            "autovacuum": "off",
            "jit": "off",
            "update_process_title": "off",
            "shared_buffers": "16MB",
            "max_connections": 50,
            # In the data folder, not in /dev/shm: gone with the folder, whatever happens.
            "dynamic_shared_memory_type": "mmap",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        data = "{folder}/data"
        init = [self._programs["initdb"], "--pgdata", data, "--no-sync", "--auth=scram-sha-256"]
        init += [f"--username={self.user}", "--pwfile={folder}/first"]
        init += ["--locale=C", "--encoding=UTF8"]
        # Alone with its files: nobody could log in yet.
        single = shlex.join([self._programs["postgres"], "--single", "-D", data, "-F", "postgres"])
        login = ["sh", "-c", f"{single} < {{folder}}/login.sql"]
        serve = [self._programs["postgres"], "-D", data]
        for name, value in settings.items():
            serve += ["-c", f"{name}={value}"]
        return [init, login, serve]

    def _driver(self) -> str:
        import sqlalchemy

        # psycopg 3 has a dialect from SQLAlchemy 2.0 on.
        return "postgresql+psycopg2" if sqlalchemy.__version__ < "2" else "postgresql+psycopg"

    def _quoted(self, identifier: str) -> str:
        return '"' + identifier.replace('"', '""') + '"'

    def create_database(self, name: str) -> None:
        # template0: nobody can be connected to it, which would make the copy fail.
        statement = f"CREATE DATABASE {self._quoted(name)} TEMPLATE template0"
        with self._engine(self.maintenance_database).connect() as connection:
            if connection.dialect.server_version_info >= (15,):  # type: ignore[attr-defined]
                # The older way, no longer the default, takes a fifth of the time without fsync.
                statement += " STRATEGY FILE_COPY"
            connection.exec_driver_sql(statement)

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {self._quoted(name)} WITH (FORCE)")

    def client_environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return {
            **kept,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGCLIENTENCODING": "UTF8",
        }

    def run_dump(self, database: str, path: str | os.PathLike[str]) -> None:
        options = ["--no-psqlrc", "--quiet", "--no-password", "-v", "ON_ERROR_STOP=1"]
        self._client("psql", *options, "-d", database, "-f", os.fspath(path))

    def dump(self, database: str) -> str:
        done = self._client("pg_dump", "--no-password", "--no-owner", "-d", database)
        lines = done.stdout.decode(errors="surrogateescape").splitlines(keepends=True)
        # These two lines carry a key that is random in each dump.
        return "".join(x for x in lines if not x.startswith(("\\restrict ", "\\unrestrict ")))


class MariaDB(Server):
    name = "MariaDB"
    accounts = ("mysql", "nobody")
    # One process without shared memory, in a folder that goes with it: nothing is gained by asking.
    stop_signal = signal.SIGKILL
    maintenance_database = "mysql"
    ready_line = "ready for connections"
    # Else PyMySQL loads all certificates of the machine for each connection: 20 ms.
    connect_arguments: ClassVar[Mapping[str, Any]] = {"ssl_disabled": True}

    @classmethod
    def programs(cls) -> dict[str, str]:
        names = ("mariadb-install-db", "mariadbd", "mariadb", "mariadb-dump")
        # A user's PATH often lacks the sbin folders.
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
        found = {name: shutil.which(name, path=path) for name in names}
        missing = [name for name, program in found.items() if program is None]
        if missing:
            raise ServerMissingError(f"MariaDB is not installed (no {', '.join(missing)})")
        return {name: program for name, program in found.items() if program is not None}

    def _files(self) -> dict[str, str]:
        # The accounts that mariadb-install-db makes have no password: only ours is left.
        secret = self.password.replace("'", "''")
        return {
            "init.sql": "DELETE FROM mysql.global_priv;\nFLUSH PRIVILEGES;\n"
            f"CREATE USER {self.user}@'%' IDENTIFIED BY '{secret}';\n"
            f"GRANT ALL ON *.* TO {self.user}@'%' WITH GRANT OPTION;\n"
        }

    def _commands(self) -> list[list[str]]:
        # The first start must agree with the installation about InnoDB's files.
        shared = [
            "--no-defaults",
            "--datadir={folder}/data",
            # Its own: a server that starts removes all temporary tables that it finds there, those
            # of another one that is just being installed too.
            "--tmpdir={folder}",
            "--innodb-log-file-size=8M",
            "--innodb-buffer-pool-size=16M",
            f"--innodb-flush-log-at-trx-commit={2 if self.durable else 0}",
            "--innodb-doublewrite=0",
            # io_uring needs more locked memory than containers grant.
            "--innodb-use-native-aio=0",
        ]
        install = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        install += ["--skip-name-resolve"]
        serve = [
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--socket={folder}/socket",
            "--pid-file={folder}/pid",
            "--init-file={folder}/init.sql",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--performance-schema=0",
            "--sync-frm=0",
            "--key-buffer-size=1M",
            "--aria-pagecache-buffer-size=8M",
            "--max-connections=50",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
            "--default-time-zone=+00:00",
        ]
        return [
            [self._programs["mariadb-install-db"], *shared, *install],
            [self._programs["mariadbd"], *shared, *serve],
        ]

    def _driver(self) -> str:
        return "mysql+pymysql"

    def _query(self) -> str:
        # Without TLS: to load the certificates takes fifty times as long as to connect.
        return "?charset=utf8mb4&ssl_disabled=1"

    def _quoted(self, identifier: str) -> str:
        return "`" + identifier.replace("`", "``") + "`"

    def drop_database(self, name: str) -> None:
        from sqlalchemy.exc import DBAPIError

        # What PostgreSQL calls FORCE: DROP would wait for every open transaction on a table.
        with self._engine(self.maintenance_database).connect() as connection:
            processes = connection.exec_driver_sql(
                "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = %s", (name,)
            )
            for (number,) in processes.fetchall():
                # It may have gone in the meantime.
                with contextlib.suppress(DBAPIError):
                    connection.exec_driver_sql(f"KILL HARD {int(number)}")
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {self._quoted(name)}")

    def client_environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MYSQL_")}
        return {**kept, "MYSQL_PWD": self.password}

    def _login(self) -> list[str]:
        # --no-defaults must be first, or it is not an option.
        options = ["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}"]
        return [*options, f"--user={self.user}", "--default-character-set=utf8mb4", "--skip-ssl"]

    def run_dump(self, database: str, path: str | os.PathLike[str]) -> None:
        with Path(path).open("rb") as script:
            self._client("mariadb", *self._login(), database, stdin=script)

    def dump(self, database: str) -> str:
        options = ["--skip-dump-date", "--hex-blob", "--routines", "--triggers"]
        done = self._client("mariadb-dump", *self._login(), *options, database)
        return done.stdout.decode(errors="surrogateescape")


SERVERS: tuple[type[Server], ...] = (PostgreSQL, MariaDB)


# -- the guard: runs in a process of its own ----------------------------------------------------


def _guard() -> None:
    """Read a spec from stdin, run its commands, and undo all when more comes or it closes.

    When the server has ended, "again" starts it again.
    """
    # SIGTERM as an exception, so that the cleaning up below is done for it as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    line = sys.stdin.readline()
    if not line:
        return
    spec: Mapping[str, Any] = json.loads(line)
    account = _account(spec["accounts"]) if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix=spec["prefix"]))
    process: subprocess.Popen[bytes] | None = None
    try:
        _write(spec["files"], folder, account)
        print("folder", folder, flush=True)
        with (folder / "log").open("ab") as log:
            commands, template = list(spec["commands"]), Path(spec["template"])
            if template.exists():
                subprocess.run(["cp", "-a", template, folder / "data"], check=True)
                del commands[0]
            while commands:
                arguments = [word.replace("{folder}", str(folder)) for word in commands[0]]
                process = _run(arguments, folder, account, log.fileno())
                if len(commands) == 1:
                    print("serving", process.pid, flush=True)
                if not _ended_first(process):
                    return
                if process.returncode == 0 and len(commands) > 1:
                    if len(commands) == len(spec["commands"]):
                        _keep(folder / "data", template)
                    del commands[0]
                    continue
                # The folder stays until our parent has read the log.
                print("exit", process.returncode, flush=True)
                # Past Python's own buffer, in which nothing is: our parent waits for our answers.
                if os.read(sys.stdin.fileno(), 16) != b"again":
                    return
    finally:
        # From here on nothing may interrupt.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if process is not None:
            _end(process, spec["signal"])
        _remove(folder)


def _write(files: Mapping[str, str], folder: Path, account: pwd.struct_passwd | None) -> None:
    """Write the files of a server, which belong to the account that it runs as."""
    for name, text in files.items():
        (folder / name).write_text(text)
    if account is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, account.pw_uid, account.pw_gid)


def _keep(data: Path, template: Path) -> None:
    """Copy what was installed, whole or not at all."""
    template.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=template.parent))
    try:
        subprocess.run(["cp", "-a", data, work], check=True)
        with contextlib.suppress(OSError):  # another one was first
            (work / "data").rename(template)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _children_of(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


def _account(names: Sequence[str]) -> pwd.struct_passwd:
    """Servers refuse to run as root; this is whom they run as."""
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SystemExit(f"none of the accounts {', '.join(names)} exists")


def _run(
    arguments: list[str], folder: Path, account: pwd.struct_passwd | None, log: int
) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C"}
    drop: dict[str, Any] = {}
    if account is not None:
        drop = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        # A group of its own: an install script's children must end with it.
        start_new_session=True,
        **drop,
    )


def _ended_first(process: subprocess.Popen[bytes]) -> bool:
    """Waits for the end of the process (True) or for our standard input (False)."""
    reader, writer = os.pipe()

    def wait() -> None:
        process.wait()
        os.write(writer, b"!")

    threading.Thread(target=wait, daemon=True).start()
    ready, _, _ = select.select([sys.stdin, reader], [], [])
    return reader in ready


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS / 4)
        except subprocess.TimeoutExpired:
            process.kill()
    # Usually the group is empty by now.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _remove(folder: Path) -> None:
    # A grandchild that was killed a moment ago may still be on its way out, a file in hand.
    deadline = time.monotonic() + STOP_SECONDS / 4
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)


def _missing() -> None:
    for server in SERVERS:
        try:
            server.programs()
        except ServerMissingError:
            print(server.name)


if __name__ == "__main__":
    {"guard": _guard, "missing": _missing}[sys.argv[1]]()
