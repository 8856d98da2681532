"""Kills `bridge dbupdate` at statement boundaries, runs it again, and compares.

`make faults` tries every boundary; the tests try some, as FAULT_EVERY says.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.databases import Database
from support.warm import BridgePopen

HERE = Path(__file__).parent
# The worker's interpreter imports the same file by itself.
COUNTED = (
    f"import runpy; runpy.run_path({str(HERE / 'sitecustomize.py')!r});"
    " runpy.run_module('bridge', run_name='__main__', alter_sys=True)"
)


@dataclass
class Outcome:
    """How many points were tried, and what happened at those that did not end equal."""

    points: int = 0
    tried: list[int] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        equal = len(self.tried) - len(self.wrong)
        return f"{len(self.tried)} of {self.points} points tried, {equal} ended equal"


class Harness:
    """One way, from an old database to the heads, with a run killed at one point or another.

    :param make: makes the old database anew, as often as it is called.
    :param folder: the app's, with its `bridge.toml`.
    :param only: a pattern of the statements that count.
    :param content: what must be equal in the end; the schema and all rows if None.
    :param method: how legacy versions are run, as `--legacy` has it.
    """

    def __init__(
        self,
        make: Callable[[], Database],
        folder: Path,
        work: Path,
        *,
        only: str = "",
        content: Callable[[Database], Any] | None = None,
        method: str = "auto",
    ) -> None:
        self._make, self._folder, self._only = make, folder, only
        self._content, self._method = content or contents, method
        self._count = work / "boundaries"

    def run(self, every: int = 1, first: int = 1, *, fails: bool = False) -> Outcome:
        """Kill a run at every so many-th point, beginning with the `first`.

        :param fails: let the server refuse the statement there instead.
        """
        database = self._make()
        whole = self._bridge(database, kill_at=0)
        assert whole.returncode == 0, whole.stderr
        expected = self._content(database)
        boundaries = self._count.read_text(encoding="utf-8").splitlines()
        points = [
            number
            for number, boundary in enumerate(boundaries, 1)
            if not fails or boundary.startswith("before ")
        ]
        assert len(points) >= first
        outcome = Outcome(points=len(points))
        for point in points[first - 1 :: every]:
            what = f"{point} ({boundaries[point - 1]})"
            database = self._make()
            stopped = self._bridge(database, kill_at=point, fails=fails)
            if fails:
                assert stopped.returncode >= 0, f"{what}: {stopped.stderr}"
                assert "Traceback" not in stopped.stderr, f"{what}: {stopped.stderr}"
            else:
                assert stopped.returncode == -9, f"{what} was not reached: {stopped.stderr}"
            outcome.tried.append(point)
            again = self._bridge(database)
            if again.returncode:
                outcome.wrong[what] = again.stderr.strip()
            elif (found := self._content(database)) != expected:
                outcome.wrong[what] = difference(expected, found)
            # With `pytest -s`, as it goes: to try them all takes long.
            print(f"{what}: {outcome.wrong.get(what, 'equal')}; {outcome}", flush=True)
        return outcome

    def _bridge(
        self, database: Database, kill_at: int | None = None, *, fails: bool = False
    ) -> subprocess.CompletedProcess[str]:
        command = ["dbupdate", "--yes", "--legacy", self._method, "--url", database.url]
        self._count.unlink(missing_ok=True)
        faults = {}
        if kill_at is not None:
            faults = {"COUNT": self._count, "AT": kill_at, "ONLY": self._only}
            faults |= {"FAILS": "1"} if fails else {}
        return run_counted(command, self._folder, **faults)


def run_counted(
    command: Sequence[str], folder: Path, *, new_session: bool = False, **faults: object
) -> subprocess.CompletedProcess[str]:
    """Run bridge in a process of its own.

    :param new_session: at the chosen boundary, what it has started is killed, too.
    :param faults: what `sitecustomize` reads, such as `AT` for FAULT_AT.
    """
    with start_counted(command, folder, new_session=new_session, **faults) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def start_counted(
    command: Sequence[str], folder: Path, *, new_session: bool = False, **faults: object
) -> subprocess.Popen[str]:
    """As `run_counted`, without waiting for its end."""
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    given = {f"FAULT_{name}": str(value) for name, value in faults.items()}
    return BridgePopen(
        [sys.executable, "-c", COUNTED, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **given},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=new_session,
    )


def contents(database: Database) -> Any:
    """The schema and all rows."""
    schema = database.schema()
    # SQLAlchemy writes the constraints of a table in the order of a set.
    schema["sql"] = [
        [*names, sorted(re.split(r",\s*|[()]", str(sql)))] for *names, sql in schema.get("sql", ())
    ]
    return schema, database.rows()


def difference(expected: Any, found: Any) -> str:
    """The first lines in which two contents differ."""
    lines = [
        f"{side}: {line}"
        for side, one, other in (("missing", expected, found), ("extra", found, expected))
        for line in _lines(one)
        if line not in set(_lines(other))
    ]
    return "\n".join(lines[:6])


def _lines(value: Any, path: str = "") -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{path}/{key}")
    elif isinstance(value, list | tuple) and not all(isinstance(v, str | int) for v in value):
        for n, inner in enumerate(value):
            yield from _lines(inner, f"{path}/{n}")
    else:
        yield f"{path}: {value}"
