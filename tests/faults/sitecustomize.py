"""Kills bridge at one boundary of a statement, wherever that statement runs.

Python imports this by itself when its folder is on PYTHONPATH: in bridge's own process and in its
worker. Both count their boundaries in one file; at the chosen one both are killed.

Boundaries are: before and after each statement that writes, and after each commit of such.
"""

from __future__ import annotations

import os
import re
import signal
from typing import Any

COUNT = os.environ.get("FAULT_COUNT")
AT = int(os.environ.get("FAULT_AT", "0"))
MAIN = os.environ.setdefault("FAULT_MAIN", str(os.getpid()))
READS = re.compile(r"\s*(SELECT|PRAGMA|SHOW|DESCRIBE|DESC|EXPLAIN|SET)\b", re.IGNORECASE)
dirty = False


def boundary(what: str) -> None:
    descriptor = os.open(str(COUNT), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{' '.join(what.split())[:200]}\n".encode())
    os.close(descriptor)
    with open(str(COUNT), "rb") as stream:
        reached = sum(1 for _line in stream)
    if reached == AT:
        os.kill(int(MAIN), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def watch() -> None:
    from sqlalchemy.engine.default import DefaultDialect

    def around(name: str) -> None:
        original = getattr(DefaultDialect, name)

        def execute(self: Any, cursor: Any, statement: str, *rest: Any, **more: Any) -> Any:
            global dirty
            if READS.match(statement):
                return original(self, cursor, statement, *rest, **more)
            dirty = True
            boundary(f"before {statement}")
            result = original(self, cursor, statement, *rest, **more)
            boundary(f"after {statement}")
            return result

        setattr(DefaultDialect, name, execute)

    for name in ("do_execute", "do_execute_no_params", "do_executemany"):
        around(name)
    original_commit = DefaultDialect.do_commit

    def commit(self: Any, connection: Any) -> None:
        global dirty
        original_commit(self, connection)
        if dirty:
            dirty = False
            boundary("after COMMIT")

    DefaultDialect.do_commit = commit  # type: ignore[method-assign]


if COUNT:
    watch()
