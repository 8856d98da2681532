"""Kills bridge at one boundary of a statement, wherever that statement runs.

Python imports this by itself when its folder is on PYTHONPATH: in bridge's own process and in its
worker. Both count their boundaries in one file; at the chosen one both are killed.

Boundaries are: before and after each statement that writes, and after each commit of such. With
PyMySQL they are the statements that go to the server, bridge's own records among them. `FAULT_ONLY`
is a pattern of those that count.

With FAULT_EVENTS also: each file that is opened for writing, moved or removed, each page that
SQLite copies, the start and the end of each program, and each statement that goes to one. Before it
dies, the program has done what it was sent.

With FAULT_FAILS the server refuses the statement that is about to run, and nothing is killed.

With FAULT_BYTES the kernel kills the process that writes past so many bytes of a file: the one way
to end it within a commit of SQLite's.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

COUNT = os.environ.get("FAULT_COUNT")
AT = int(os.environ.get("FAULT_AT", "0"))
FAILS = os.environ.get("FAULT_FAILS")
EVENTS = os.environ.get("FAULT_EVENTS")
BYTES = int(os.environ.get("FAULT_BYTES", "0"))
ONLY = re.compile(os.environ.get("FAULT_ONLY", ""), re.DOTALL)
MAIN = os.environ.setdefault("FAULT_MAIN", str(os.getpid()))
READS = re.compile(r"\s*(SELECT|PRAGMA|SHOW|DESCRIBE|DESC|EXPLAIN|SET)\b", re.IGNORECASE)
written: list[str] = []  # since the last commit


def boundary(what: str, settle: Callable[[], object] = lambda: None) -> bool:
    """Count, and die if it is this one's turn; `settle` is called before.

    Return whether it is its turn to be refused.
    """
    if not ONLY.search(what):
        return False
    descriptor = os.open(str(COUNT), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{' '.join(what.split())[:200]}\n".encode())
    os.close(descriptor)
    with Path(str(COUNT)).open("rb") as stream:
        reached = sum(1 for _line in stream)
    if reached == AT and FAILS:
        return True
    if reached == AT:
        settle()
        if os.getpgid(int(MAIN)) == int(MAIN):
            os.killpg(int(MAIN), signal.SIGKILL)  # with all that it has started
        os.kill(int(MAIN), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return False


def refused(owner: Any, connection: Any, arguments: Any, place: int) -> Any:
    """Let the server refuse a statement; on MySQL it commits what is before a change of the schema,
    as it does for those that it refuses."""
    changes_schema = re.match(r"\s*(CREATE|ALTER|DROP|RENAME|TRUNCATE)\b", str(arguments[place]))
    bad = "DROP TABLE refused_here" if changes_schema else "SELECT nothing FROM refused_here"
    if place == 0:
        return owner.query.original(connection, bad)
    return owner.do_execute_no_params.original(connection, arguments[0], bad)


def around(owner: Any, name: str, place: int, *, leave: str = "") -> None:
    """Boundaries around a method; `place` is that of the statement among its arguments."""
    original = getattr(owner, name)

    def execute(self: Any, *arguments: Any, **more: Any) -> Any:
        statement = str(arguments[place])
        if READS.match(statement) or (leave and getattr(self, "driver", "") == leave):
            return original(self, *arguments, **more)
        written.append(statement)
        if boundary(f"before {statement}"):
            return refused(owner, self, arguments, place)
        result = original(self, *arguments, **more)
        boundary(f"after {statement}")
        return result

    execute.original = original  # type: ignore[attr-defined]
    setattr(owner, name, execute)


def around_commit(owner: Any, name: str, *, leave: str = "") -> None:
    original = getattr(owner, name)

    def commit(self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        if written and not (leave and getattr(self, "driver", "") == leave):
            written.clear()
            boundary("after COMMIT")

    setattr(owner, name, commit)


def watch() -> None:
    from sqlalchemy.engine.default import DefaultDialect

    for name in ("do_execute", "do_execute_no_params", "do_executemany"):
        around(DefaultDialect, name, 1, leave="pymysql")
    around_commit(DefaultDialect, "do_commit", leave="pymysql")
    try:
        from pymysql.connections import Connection
    except ImportError:
        return
    around(Connection, "query", 0)
    around_commit(Connection, "commit")


# --- events ---------------------------------------------------------------------------------

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CLIENTS = ("psql", "mariadb", "mysql")
PATHS = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "sqlite3.connect")


def note_file(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event in PATHS or (event == "open" and (arguments[2] or 0) & WRITES)
    if writes and str(arguments[0]) != COUNT:
        boundary(f"before {event}")


class PageByPage(sqlite3.Connection):
    """Copies in as many steps as there are pages; the target's transaction is one all the same."""

    def backup(self, target: Any, *, progress: Any = None, **more: Any) -> None:
        def counted(status: int, remaining: int, total: int) -> None:
            boundary(f"after {total - remaining} of {total} pages")
            if progress is not None:
                progress(status, remaining, total)

        super().backup(target, **{**more, "pages": 1, "progress": counted})


class Script(contextlib.AbstractContextManager["Script"]):
    """What a program reads, sent line by line."""

    def __init__(self, program: Program, stream: Any) -> None:
        self._program, self._stream = program, stream
        self.close = stream.close

    def __exit__(self, *_error: object) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        for line in io.BytesIO(data):
            self._stream.write(line)
            if line.endswith(b";\n"):
                boundary(f"{self._program.name} did {line.decode(errors='replace')}", self._settle)

    def _settle(self) -> None:
        self.close()
        subprocess.Popen.wait(self._program)


class Program(subprocess.Popen):  # type: ignore[type-arg]
    def __init__(self, arguments: Any, *more: Any, **given: Any) -> None:
        self.name = Path(arguments[0]).name
        boundary(f"before {self.name}")
        super().__init__(arguments, *more, **given)
        if self.name in CLIENTS and self.stdin:
            self.stdin: Any = Script(self, self.stdin)

    def wait(self, timeout: float | None = None) -> int:
        running = self.returncode is None
        status = super().wait(timeout)
        if running:
            boundary(f"after {self.name}")
        return status


def watch_events() -> None:
    connect = sqlite3.connect

    def counting(*arguments: Any, **given: Any) -> Any:
        return connect(*arguments, **{"factory": PageByPage, **given})

    sqlite3.connect = sqlite3.dbapi2.connect = counting  # type: ignore[attr-defined]
    subprocess.Popen = Program  # type: ignore[misc]
    tempfile.gettempdir()  # which writes a file, to try the folder, and removes it
    sys.addaudithook(note_file)


if COUNT:
    watch()
if EVENTS:
    watch_events()
if BYTES:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, BYTES))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python makes an error of it
