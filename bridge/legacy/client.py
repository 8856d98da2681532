"""The parent's side of the worker: starts it, lets it check every script, releases versions."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from sqlalchemy.engine import URL

from bridge.config import Config
from bridge.database import URL_VARIABLE, scrub
from bridge.errors import LegacyError, LegacyPreflightError, LegacyWorkerError
from bridge.model import LegacyState, RunLegacy

log = logging.getLogger("bridge.legacy")

WORKER = Path(__file__).with_name("worker.py")
OUTPUT_LINES = 20
"""How many lines of a script's own output an error shows."""

# What the legacy runtime's SQLAlchemy 1.4 has a driver for. Its "mariadb" dialect is unknown to
# sqlalchemy-migrate, whose scripts say "mysql".
_LEGACY_DRIVERS = {
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "sqlite": "sqlite",
}


def legacy_url(url: URL) -> str:
    """The URL, password and all, with a driver that the legacy runtime has."""
    backend = url.get_backend_name()
    url = url.set(drivername=_LEGACY_DRIVERS.get(backend, url.drivername))
    if backend == "sqlite" and url.database and not url.database.startswith(("file:", ":")):
        url = url.set(database=str(Path(url.database).absolute()))
    return url.render_as_string(hide_password=False)


@dataclass(frozen=True)
class Ran:
    """What the worker says of a version that it has run: seconds, and writing statements."""

    seconds: float
    statements: int


class LegacyClient:
    """A worker process for one run of `dbupdate`; a context manager that ends it.

    :param python: the interpreter of the legacy runtime.
    :param steps: the versions that will be run, in order.
    """

    def __init__(
        self,
        python: Path,
        url: URL,
        states: Sequence[LegacyState],
        steps: Sequence[RunLegacy],
        config: Config,
    ) -> None:
        self._python, self._url, self._steps = python, url, steps
        self._request = _request(url, states, steps, config)
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed on exit)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> LegacyClient:
        environment = {key: value for key, value in os.environ.items() if key != URL_VARIABLE}
        self._process = subprocess.Popen(
            [str(self._python), str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            env=environment,
            encoding="utf-8",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self._process is not None:
            self._process.kill()
        self.close()

    def close(self) -> None:
        """End the worker, and with it every connection that scripts left open."""
        process, self._process = self._process, None
        if process is None or process.stdin is None or process.stdout is None:
            return
        with contextlib.suppress(BrokenPipeError):  # it may have ended before us
            process.stdin.close()
        process.wait()
        process.stdout.close()
        for line in self.output():
            log.info("%s", line)
        self._output.close()

    def preflight(self) -> None:
        """Let the worker load every script; nothing is run.

        :raises LegacyPreflightError: some cannot be loaded; the message names all of them.
        """
        self._send(self._request)
        answer = self._receive()
        if answer["event"] == "loaded":
            return
        lines = [_problem_line(problem) for problem in answer["problems"]]
        many = "s" if len(lines) > 1 else ""
        raise LegacyPreflightError(
            f"{len(lines)} problem{many} with the legacy scripts that this database needs:\n"
            + scrub("\n".join(lines), self._url),
            help="Nothing has been run. Packages that scripts import go into "
            "legacy.NAME.requirements, folders with modules into legacy.NAME.pythonpath.",
        )

    def run(self, step: RunLegacy, before: int, on_statement: Callable[[int], None]) -> Ran:
        """Run one version and write its number, as sqlalchemy-migrate does.

        :param before: the version that the database is at.
        :param on_statement: called with the number of each writing statement that begins.
        :raises LegacyError: the script failed.
        """
        self._send({"run": [step.repository, step.version]})
        script = None
        while True:
            answer = self._receive(step, script)
            event = answer["event"]
            if event == "begin":
                script = answer["script"]
            elif event == "statement":
                on_statement(answer["number"])
            elif event == "end":
                return Ran(answer["seconds"], answer["statements"])
            else:
                raise self._failed(step, before, answer)

    def output(self) -> list[str]:
        """What scripts and libraries printed so far, without passwords, one string a line."""
        self._output.seek(0)
        text = self._output.read().decode("utf-8", "replace")
        self._output.seek(0, os.SEEK_END)
        return scrub(text, self._url).splitlines()

    # --- the protocol ---------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the worker has not been started")
        with contextlib.suppress(BrokenPipeError):  # it has ended: receiving tells how
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _receive(self, step: RunLegacy | None = None, script: str | None = None) -> dict[str, Any]:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("the worker has not been started")
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = self._process.wait()
        during = f" while it ran {step} ({script or 'not begun'})" if step else ""
        raise LegacyWorkerError(
            f"The process that runs the legacy scripts ended{during}, with status {status}."
            + self._tail(),
            help="Run again with --debug to see all that it printed. "
            "See what is there now: bridge status",
            state_of_data="Statements that had run before it ended are in the database; see: "
            "bridge status"
            if step
            else "The database is unchanged.",
        )

    def _tail(self) -> str:
        lines = [line for line in self.output() if line.strip()]
        return "".join(f"\n  | {line}" for line in lines[-OUTPUT_LINES:])

    def _failed(self, step: RunLegacy, before: int, answer: dict[str, Any]) -> LegacyError:
        script, line, sql = answer["script"], answer["line"], answer["sql"]
        place = f"{script}, line {line}" if line else script
        parts = [
            f"Version {step.version} of the legacy repository {step.repository} failed ({place}):",
            scrub(answer["message"].strip(), self._url),
        ]
        if sql:
            parts.append(f"SQL: {scrub(' '.join(sql.split())[:1000], self._url)}")
        return LegacyError(
            "\n".join(parts),
            help="Mend what it complains of, then run: bridge dbupdate",
            state_of_data=_left_behind(step, before, answer["written"]),
        )


def _left_behind(step: RunLegacy, before: int, written: int) -> str:
    """What a failed version leaves: sqlalchemy-migrate commits each statement alone."""
    kept = f"The database is at version {before} of {step.repository}, as its row says"
    if not written:
        return f"{kept}; version {step.version} has changed nothing."
    were = "1 statement" if written == 1 else f"{written} statements"
    return (
        f"{kept}, but {were} of version {step.version} had run before the one that failed and may "
        "have stayed: sqlalchemy-migrate commits each statement alone. Put back a backup before "
        "you run it again, or undo them by hand."
    )


def _problem_line(problem: dict[str, Any]) -> str:
    where = problem.get("script") or problem.get("repository") or "legacy runtime"
    if problem.get("line"):
        where = f"{where}, line {problem['line']}"
    return f"- {where}: {problem['message']}"


def _request(
    url: URL, states: Sequence[LegacyState], steps: Sequence[RunLegacy], config: Config
) -> dict[str, Any]:
    used = [state for state in states if any(s.repository == state.repository.name for s in steps)]
    folders = [
        str(folder) for state in used for folder in config.legacy[state.repository.name].pythonpath
    ]
    return {
        "url": legacy_url(url),
        "pythonpath": list(dict.fromkeys(folders)),
        "repositories": {
            state.repository.name: {
                "path": str(state.repository.path),
                "version_table": state.repository.version_table,
                "row_id": state.row_id,
                "version": state.version,
                "setup": config.legacy[state.repository.name].setup,
            }
            for state in used
        },
        "steps": [[step.repository, step.version] for step in steps],
    }
