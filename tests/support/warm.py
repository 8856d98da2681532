"""Child processes of Python that need not import what another one has imported for them.

To import SQLAlchemy and sqlalchemy-migrate costs a legacy worker most of its time, and to import
bridge costs the command line most of its own. Here a process that has nothing but those imported,
and has done nothing with them, forks for each child. The child becomes a child of ours: it has its
own process id, can be waited for and be killed. Its command line and its environment in /proc are
those of the process that it was forked from, so this is not for tests of those.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import runpy
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36

LEGACY = (
    "ast", "importlib.metadata", "inspect", "queue", "sqlite3", "migrate.changeset",
    "migrate.versioning.api", "pymysql", "psycopg2", "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "sqlalchemy.orm",
)  # fmt: skip
COMMAND_LINE = (
    "sqlite3", "alembic.command", "sqlalchemy.dialects.mysql", "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite", "bridge.cli.main",
)  # fmt: skip

# What an interpreter makes of its environment when it starts. PYTHONPATH is what the worker sorts
# into the path by itself.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ")


def _start_settings(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(
        (name, value) for name, value in environment.items()
        if name.startswith(_READ_AT_START) and name != "PYTHONPATH"
    ))  # fmt: skip


class Warm:
    """A process with some modules imported, which forks for each child. A context manager."""

    def __init__(self, python: str, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        # Orphans of our descendants become our children, so that they can be waited for.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [python, __file__, str(theirs.fileno()), *modules],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={k: v for k, v in environment.items() if k != "PYTHONPATH"},
            )

    def fork(self, request: Mapping[str, Any], files: Sequence[int]) -> int:
        """Start a child with these three standard files; return its process id."""
        socket.send_fds(self._ours, [json.dumps(request).encode()], files)
        answer = self._ours.recv(32)
        if not answer:
            raise RuntimeError(f"{self._process.args!r} ended")
        return int(answer)

    def close(self) -> None:
        """End the process; its children go on."""
        self._ours.close()
        self._process.wait()


_warm: dict[Any, Warm] = {}


@contextlib.contextmanager
def closing_all() -> Iterator[None]:
    """End all processes of this module that were started meanwhile."""
    try:
        yield
    finally:
        while _warm:
            _warm.popitem()[1].close()


class WarmPopen(subprocess.Popen):  # type: ignore[type-arg]
    """A `Popen` of Python whose child is forked by a process that has imported `modules`."""

    modules: Sequence[str] = ()

    def _execute_child(
        self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, cwd: Any,
        env: Any, startupinfo: Any, creationflags: Any, shell: Any, *more: Any
    ) -> None:  # fmt: skip
        pipes, others = more[:6], more[6:]
        assert not any((preexec_fn, pass_fds, shell))
        python, *arguments = map(os.fspath, args)
        environment = dict(os.environ if env is None else env)
        key = (python, self.modules, _start_settings(environment))
        if key not in _warm:
            _warm[key] = Warm(python, self.modules, environment)
        request = {
            "arguments": arguments,
            "environment": environment,
            "folder": os.fspath(cwd or Path.cwd()),
            "new_session": bool(others[5]),
        }
        stdin, stdout, stderr = pipes[0], pipes[3], pipes[5]
        sys.audit("subprocess.Popen", executable, list(args), cwd, env)
        files = [number if given == -1 else given
                 for number, given in enumerate((stdin, stdout, stderr))]  # fmt: skip
        self.pid = _warm[key].fork(request, files)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


class LegacyPopen(WarmPopen):
    """A child that has imported SQLAlchemy and sqlalchemy-migrate."""

    modules = LEGACY


class BridgePopen(WarmPopen):
    """A child that has imported bridge's command line."""

    modules = COMMAND_LINE


def run_warm(arguments: Sequence[Any], **given: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of a Python that uses bridge, with all output as text."""
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with BridgePopen(arguments, **(piped | given)) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


def worker_popen(arguments: Sequence[str], **given: Any) -> Any:
    """What takes the place of `subprocess.Popen` where a legacy worker is started.

    A worker that captures stops the clock before it imports anything: it starts from nothing.
    """
    cold = given.get("env", {}).get("PYTHONHASHSEED") == "0"
    return (subprocess.Popen if cold else LegacyPopen)(arguments, **given)


# -- the process that forks -----------------------------------------------------------------------


def _serve(ours: socket.socket) -> dict[str, Any]:
    """Fork for each request, and return it in the child that it is for."""
    while True:
        message, files, _flags, _address = socket.recv_fds(ours, 1 << 20, 3)
        if not message:
            os._exit(0)
        reader, writer = os.pipe()
        between = os.fork()
        if not between:
            if os.fork():
                os._exit(0)  # whose parent ends comes to who started us
            os.close(reader)
            request: dict[str, Any] = json.loads(message)
            if request["new_session"]:
                os.setsid()
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            ours.close()
            os.write(writer, str(os.getpid()).encode())
            os.close(writer)
            return request
        os.close(writer)
        for file in files:
            os.close(file)
        os.waitpid(between, 0)
        ours.send(os.read(reader, 32))
        os.close(reader)


def _become(request: Mapping[str, Any]) -> None:
    """Be the Python that the request asks for."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    first, *rest = request["arguments"]
    while first in ("-Wignore", "-u"):
        if first == "-u":
            for stream in (sys.stdout, sys.stderr):
                stream.reconfigure(write_through=True)  # type: ignore[union-attr]
        else:
            warnings.simplefilter("ignore")
        first, *rest = rest
    if first == "-c":
        sys.argv, sys.path[0] = ["-c", *rest[1:]], ""
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    elif first == "-m":
        sys.argv, sys.path[0] = rest, request["folder"]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = [first, *rest], str(Path(first).parent)
        runpy.run_path(first, run_name="__main__")


def _main() -> None:
    import gc
    import importlib

    number, *modules = sys.argv[1:]
    sys.path[0] = str(Path(modules[0]).parent)  # not the tests' helpers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            with contextlib.suppress(ImportError):  # a driver that is not there
                importlib.import_module(name)
    gc.freeze()
    with socket.socket(fileno=int(number)) as ours:
        request = _serve(ours)
    _become(request)


if __name__ == "__main__":
    _main()
