"""Start the worker process, have it check every script, and tell it which version to run next."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bridge.database.journal.statements.records import CannotResume
from bridge.database.secrets import scrub
from bridge.database.servers import server_of
from bridge.database.url import SECRET_VARIABLES
from bridge.legacy.failures import Remains, problem_lines, state_after_failure
from bridge.legacy.urls import worker_urls
from bridge.model.errors import UNCHANGED, LegacyError, LegacyPreflightError, LegacyWorkerError
from bridge.model.names import JOURNAL_TABLE
from bridge.model.remedy import FIX_AND_RUN, Remedy
from bridge.model.steps import RunLegacy, name_in_journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from sqlalchemy.engine import URL
    from typing_extensions import Self

    from bridge.database.guard import Guard
    from bridge.legacy.observer import VersionObserver
    from bridge.model.config import Config
    from bridge.model.state import LegacyState

log = logging.getLogger("bridge.legacy")

WORKER = Path(__file__).with_name("worker") / "__main__.py"

OUTPUT_LINES = 20
"""How many lines of a script's own output an error shows."""

TAIL_BYTES = 65536

ENDING_SECONDS = 10.0
"""How long the worker may take to end after the last version: scripts may have left threads."""

# Settings of this Python that would change the worker's: warnings as errors, another standard
# library, asserts removed (sqlalchemy-migrate relies on them).
_NOT_INHERITED = (
    "PYTHONHOME", "PYTHONINSPECT", "PYTHONOPTIMIZE", "PYTHONWARNINGS", *SECRET_VARIABLES,
)  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """The result of running a version: its duration in seconds, and how many statements wrote.

    `captured` is what `worker/capture.py` recorded of it, None if nothing was to be recorded.
    """

    seconds: float
    statements: int
    captured: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker runs versions.

    :param python: the interpreter of the legacy runtime; None for the configured one, which is
        created if it does not exist.
    :param mark: how the worker marks its sessions; the lock defines it.
    :param journal: the values that all rows of this run in the journal share; None to write none.
    :param guard: restricts the worker to one database.
    :param moment: the time at which the worker's clock is stopped, in seconds since 1970; then
        what each version emits is captured. None to let the clock run.
    """

    python: Path | None = None
    mark: Mapping[str, Any] | None = None
    journal: Mapping[str, str] | None = None
    guard: Guard | None = None
    moment: float | None = None


@dataclass(frozen=True)
class Scripts:
    """The versions that a worker loads, in order, and the state of each repository."""

    states: Sequence[LegacyState]
    steps: Sequence[RunLegacy]
    config: Config


class LegacyClient:
    """A worker process on one database; a context manager that ends it.

    :param python: the interpreter of the legacy runtime.
    """

    def __init__(self, python: Path, url: URL, scripts: Scripts, options: WorkerOptions) -> None:
        self._python, self._url = python, url
        journal, guard, moment = options.journal, options.guard, options.moment
        self._request: dict[str, Any] = {
            **_request(url, scripts),
            "mark": options.mark,
            "journal": journal and {"table": JOURNAL_TABLE, "common": dict(journal)},
            "recorder": bool(journal) and not server_of(url).transactional_ddl,
            "guard": guard.as_request() if guard else None,
            "capture": None if moment is None else {"moment": moment},
        }
        # Append: it is the worker's standard error, and reading moves the shared position.
        self._output: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115 (closed on exit)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        if self._request["capture"]:
            environment["PYTHONHASHSEED"] = "0"  # sets have the same order in every run
        self._process = subprocess.Popen(
            [str(self._python), str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            env=environment,
            encoding="utf-8",
            # Without a terminal a script cannot prompt, and Ctrl-C reaches this process only.
            start_new_session=True,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(kill=kind is not None)
        self._output.close()

    def close(self, *, kill: bool = False) -> None:
        """End the worker, with every connection, thread and process that scripts left behind.

        :param kill: do not wait for threads of the scripts.
        """
        if self._end(kill=kill):
            log.disabled = False  # fileConfig() in an env.py disables loggers it does not name
            if log.isEnabledFor(logging.INFO):
                for line in self.output():
                    log.info("%s", line)

    def _end(self, *, kill: bool) -> bool:
        process, self._process = self._process, None
        if process is None or process.stdin is None or process.stdout is None:
            return False
        with contextlib.suppress(BrokenPipeError):  # it may have ended already
            process.stdin.close()
        if not kill:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(ENDING_SECONDS)
        _kill(process)
        process.wait()
        process.stdout.close()
        return True

    def preflight(self) -> None:
        """Let the worker load every script; nothing is run.

        :raises LegacyPreflightError: some cannot be loaded; the message names all of them.
        """
        self._send(self._request)
        doing = ""
        while True:
            answer = self._receive(doing, UNCHANGED)
            if answer["event"] == "loaded":
                return
            if answer["event"] == "problems":
                raise self._refused(answer["problems"])
            doing = f" while it loaded {answer['script']}"

    def run(
        self,
        step: RunLegacy,
        before: int | None,
        observer: VersionObserver,
    ) -> Ran:
        """Run one version and write its number, as sqlalchemy-migrate does.

        :param before: the version that the database is at, None without a row.
        :raises LegacyError: the script failed.
        :raises LegacyWorkerError: the worker ended.
        :raises CannotResume: an earlier run was interrupted at an unknown statement.
        """
        if self._process is None:
            self._restart(step, before)
        if self.is_non_transactional(step):
            observer.non_transactional()
        command = self._command(step, before)
        self._send({**command, "from_statement": observer.from_statement})
        script, begun, one = "not begun", 0, False
        while True:
            remains = Remains(0 if one else begun, recorded=self._recorded)
            left = state_after_failure(step, before, remains)
            answer = self._receive(f" while it ran {step} ({script})", left)
            event = answer["event"]
            if event == "begin":
                script, begun, one = answer["script"], 0, answer["one"]
            elif event == "apart":
                self._rerun_non_transactional(step, before, answer["reason"], observer)
            elif event == "statement":
                begun = answer["number"]
            elif event == "resumed":
                observer.resumed(answer["done"])
            elif event == "stopped":
                raise CannotResume(answer["number"], answer["found"], answer["expected"])
            elif event == "end":
                break
            else:
                raise self._failed(step, before, answer)
        # A worker that is started later loads only the versions that are left.
        self._request["steps"].remove([step.repository, step.version])
        return Ran(answer["seconds"], answer["statements"], answer["captured"])

    def _rerun_non_transactional(
        self, step: RunLegacy, before: int | None, reason: str, observer: VersionObserver
    ) -> None:
        """Start a version again in a new process, where each statement is committed separately."""
        log.info("%s cannot run as one transaction: %s", step, scrub(reason, self._url))
        self._end(kill=True)
        observer.non_transactional()
        self._request["apart"].append([step.repository, step.version])
        self._restart(step, before)
        self._send(self._command(step, before))

    def _command(self, step: RunLegacy, before: int | None) -> dict[str, Any]:
        version = [step.repository, step.version]
        return {"run": version, "before": before, "name": name_in_journal(step)}

    def suspend(self) -> None:
        """End the worker until the next version: sessions that scripts left open may hold locks."""
        self._end(kill=False)

    def _restart(self, step: RunLegacy, before: int | None) -> None:
        self._start()
        try:
            self.preflight()
        except LegacyError as error:
            error.state_of_data = state_after_failure(step, before, Remains())
            raise

    @property
    def _recorded(self) -> bool:
        """Whether statements are recorded, so that a later run can resume after them."""
        return bool(self._request["recorder"])

    def is_non_transactional(self, step: RunLegacy) -> bool:
        """Return whether each statement of a version is committed separately."""
        return [step.repository, step.version] in self._request["apart"]

    def output(self, last: int | None = None) -> list[str]:
        """Return the lines that scripts and libraries have printed, without passwords.

        :param last: return only about this many bytes from the end.
        """
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(0 if last is None else max(0, size - last))
        return scrub(self._output.read().decode("utf-8", "replace"), self._url).splitlines()

    # --- the protocol ---------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the worker has not been started")
        with contextlib.suppress(BrokenPipeError):  # it has ended: `_receive` raises the error
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _receive(self, doing: str, state_of_data: str) -> dict[str, Any]:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("the worker has not been started")
        line = self._process.stdout.readline()
        if line.endswith("\n"):  # else the worker ended while it wrote the line
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = self._process.wait()
        raise LegacyWorkerError(
            f"The process that runs the legacy scripts ended{doing}, with "
            + (f"status {status}." if status >= 0 else f"signal {-status}.")
            + self._tail(),
            help=[
                Remedy("Run the command again with --debug to see all its output."),
                Remedy("See where the database stands now", ("status",)),
            ],
            state_of_data=state_of_data,
        )

    def _tail(self) -> str:
        lines = [line for line in self.output(TAIL_BYTES) if line.strip()]
        return "".join(f"\n  | {line}" for line in lines[-OUTPUT_LINES:])

    def _refused(self, problems: Sequence[dict[str, Any]]) -> LegacyPreflightError:
        many = "s" if len(problems) > 1 else ""
        return LegacyPreflightError(
            f"{len(problems)} problem{many} with the legacy scripts that this database needs:\n"
            + scrub("\n".join(problem_lines(problems)), self._url),
            help=Remedy(
                "Nothing has been run. Packages that scripts import go into "
                "legacy.NAME.requirements, folders with modules into legacy.NAME.pythonpath."
            )
            if any(problem.get("repository") for problem in problems)
            else (
                Remedy("Nothing has been run. See which runtime is used", ("runtime", "show")),
                Remedy(
                    "Remove it if it is damaged; the next run creates it again",
                    ("runtime", "remove"),
                ),
            ),
        )

    def _failed(self, step: RunLegacy, before: int | None, answer: dict[str, Any]) -> LegacyError:
        script, line, sql = answer["script"], answer["line"], answer["sql"]
        place = f"{script}, line {line}" if line else script
        parts = [
            f"Version {step.version} of the legacy repository {step.repository} failed ({place}):",
            scrub(answer["message"].strip(), self._url),
        ]
        if sql:
            parts.append(f"SQL: {' '.join(scrub(sql, self._url).split())[:1000]}")
        remains = Remains(answer["written"], answer["unseen"], self._recorded, answer["untracked"])
        return LegacyError(
            "\n".join(parts),
            help=FIX_AND_RUN,
            state_of_data=state_after_failure(step, before, remains),
        )


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill the worker and the processes that scripts started, if they still run."""
    if hasattr(os, "killpg"):  # the worker leads its own process group
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _request(url: URL, scripts: Scripts) -> dict[str, Any]:
    states, steps, config = scripts.states, scripts.steps, scripts.config
    used = [state for state in states if any(s.repository == state.repository.name for s in steps)]
    folders = [
        str(folder) for state in used for folder in config.legacy[state.repository.name].pythonpath
    ]
    return {
        "urls": worker_urls(url),
        "pythonpath": list(dict.fromkeys(folders)),
        "repositories": {
            state.repository.name: {
                "path": str(state.repository.path) if state.repository.path else None,
                "registry": state.repository.registry,
                "version_table": state.repository.store.table,
                "id_column": state.repository.store.id_column,
                "version_column": state.repository.store.version_column,
                "path_column": state.repository.store.path_column,
                "row_id": state.row_id or state.repository.repository_id,
                "last": state.repository.last,
                "setup": config.legacy[state.repository.name].setup,
            }
            for state in used
        },
        "steps": [[step.repository, step.version] for step in steps],
        "apart": [[step.repository, step.version] for step in steps if step.non_transactional],
    }
