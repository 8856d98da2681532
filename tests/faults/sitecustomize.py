"""Kills bridge at one boundary of a statement, wherever that statement runs.

Python imports this by itself when its folder is on PYTHONPATH: in bridge's own process and in its
worker. Both count their boundaries in one file; at the chosen one both are killed.

Boundaries are: before and after each statement that writes, and after each commit of such. With
PyMySQL they are the statements that go to the server, bridge's own records among them. `FAULT_ONLY`
is a pattern of those that count.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

COUNT = os.environ.get("FAULT_COUNT")
AT = int(os.environ.get("FAULT_AT", "0"))
ONLY = re.compile(os.environ.get("FAULT_ONLY", ""), re.DOTALL)
MAIN = os.environ.setdefault("FAULT_MAIN", str(os.getpid()))
READS = re.compile(r"\s*(SELECT|PRAGMA|SHOW|DESCRIBE|DESC|EXPLAIN|SET)\b", re.IGNORECASE)
written: list[str] = []  # since the last commit


def boundary(what: str) -> None:
    if not ONLY.search(what):
        return
    descriptor = os.open(str(COUNT), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{' '.join(what.split())[:200]}\n".encode())
    os.close(descriptor)
    with Path(str(COUNT)).open("rb") as stream:
        reached = sum(1 for _line in stream)
    if reached == AT:
        os.kill(int(MAIN), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, place: int, *, leave: str = "") -> None:
    """Boundaries around a method; `place` is that of the statement among its arguments."""
    original = getattr(owner, name)

    def execute(self: Any, *arguments: Any, **more: Any) -> Any:
        statement = str(arguments[place])
        if READS.match(statement) or (leave and getattr(self, "driver", "") == leave):
            return original(self, *arguments, **more)
        written.append(statement)
        boundary(f"before {statement}")
        result = original(self, *arguments, **more)
        boundary(f"after {statement}")
        return result

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


if COUNT:
    watch()
