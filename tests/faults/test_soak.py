"""Many processes on one database, many of them killed: the next run ends as if nothing had been.

`make soak` runs it, with a seed of its own; SOAK_SEED repeats one. A run of all tests skips it.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faults.harness import contents, difference, run_counted, start_counted
from support.databases import Database, ServerDatabase
from support.projects import TOP, Project

from bridge.database.backup import back_up
from bridge.database.lock import lock_of

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "0"))
SEED = os.environ.get("SOAK_SEED") or secrets.token_hex(4)

pytestmark = pytest.mark.skipif(not ROUNDS, reason="a soak, which takes long: `make soak` runs it")

OLD = TOP / "snapshots" / "core-v03"
AT_ONCE = 6
# A process has no more time than this, and waits for others no longer than bridge does by itself.
SECONDS = 180

RUN = ["dbupdate", "--yes"]
METHOD = "METHOD"
COMMANDS = (
    [*RUN, "--legacy", METHOD],
    [*RUN, "--legacy", METHOD],
    [*RUN, "--legacy", METHOD, "--backup"],
    ["dbupdate", "--rehearse"],
    ["status"],
    ["plan"],
    ["history"],
)
DATABASES = {"postgresql": "SELECT datname FROM pg_database", "mariadb": "SHOW DATABASES"}
LOCKED = 11
"""The exit status of a run that has waited in vain for another one."""


@dataclass
class Soak:
    """Rounds on databases of one kind, each of which begins with an old one."""

    project: Project
    make: Callable[[], Database]
    folder: Path
    chance: random.Random
    patch: pytest.MonkeyPatch
    ends: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Run once without being disturbed: what all rounds are to end as."""
        database, count = self._old(), self.folder / "count"
        done = run_counted(self._on(database, RUN), self.project.root, COUNT=count)
        assert done.returncode == 0, done.stderr
        self._boundaries = len(count.read_text(encoding="utf-8").splitlines())
        self._expected = contents(database)

    def round(self, number: int) -> list[str]:
        """Return what went wrong in a round."""
        database = self._old()
        folder = self.folder / f"round{number}"
        folder.mkdir()
        self.patch.setenv("TMPDIR", str(folder))
        method = self.chance.choice(("live", "auto"))
        chosen = [COMMANDS[self.chance.randrange(3)]]
        chosen += [self.chance.choice(COMMANDS) for _ in range(AT_ONCE - 1)]
        commands = [[method if word == METHOD else word for word in words] for words in chosen]
        started = [self._start(database, c, n) for n, c in enumerate(commands)]
        wrong = []
        for command, (process, at) in zip(commands, started, strict=True):
            _output, errors = process.communicate(timeout=SECONDS)
            how = "killed" if process.returncode == -9 else str(process.returncode)
            self.ends[f"{' '.join(command)}: {how}"] += 1
            if not (at and how == "killed") and not expected(process.returncode, command, errors):
                wrong.append(f"{' '.join(command)} ended with {how}: {errors}")
        last = run_counted(self._on(database, RUN), self.project.root)
        if last.returncode:
            wrong.append(f"the last run failed: {last.stderr}")
        elif (found := contents(database)) != self._expected:
            wrong.append(f"the last run ended otherwise: {difference(self._expected, found)}")
        return wrong or list(self._left(database, folder))

    def _old(self) -> Database:
        database = self.make()
        database.load(OLD)
        return database

    def _on(self, database: Database, command: list[str]) -> list[str]:
        return [*command, "--url", database.url]

    def _start(
        self, database: Database, command: list[str], number: int
    ) -> tuple[subprocess.Popen[str], int]:
        """Start a process; return it, and the boundary at which it is killed, or 0."""
        far = self.chance.choice((0, 20, self._boundaries // 2, self._boundaries))
        at = self.chance.randint(1, far) if far else 0
        faults: dict[str, Any] = {"COUNT": self.folder / f"count{number}", "AT": at, "EVENTS": 1}
        faults["COUNT"].unlink(missing_ok=True)
        process = start_counted(
            self._on(database, command),
            self.project.root,
            new_session=self.chance.random() < 0.5,
            **faults,
        )
        return process, at

    def _left(self, database: Database, temporary: Path) -> Iterator[str]:
        """What the processes of a round have left behind."""
        for pid in processes_in(self.project.root):
            if not ends(pid):
                yield f"a process is left: {Path(f'/proc/{pid}/cmdline').read_bytes()!r}"
        lock = lock_of(database.engine())
        try:
            if not (lock.acquire() and lock.is_idle()):
                yield "the lock is still held"
        finally:
            lock.close()
        # Who was killed leaves a copy: the next rehearsal removes it, and the next backup.
        bridge = self.project.bridge(database)
        bridge.rehearse()
        back_up(database.engine(), bridge.config)
        places = (self.folder, self.project.root / "backups")
        names = [path.name for place in places for path in place.glob("*.bridge-*")]
        names = [name for name in names if not name.endswith((".bridge-backup", ".bridge-lock"))]
        names += [path.name for path in temporary.iterdir()]
        yield from (f"{name} is left" for name in (*names, *scratch_databases(database)))


def scratch_databases(database: Database) -> list[str]:
    """The databases on the server that bridge has made."""
    if not isinstance(database, ServerDatabase):
        return []
    with database.engine().connect() as connection:
        found = connection.exec_driver_sql(DATABASES[database.dialect]).scalars()
        return [name for name in found if name.startswith("bridge_")]


def expected(status: int, command: list[str], errors: str) -> bool:
    """Whether a command may end so beside others."""
    # Where each change is committed by itself, a copy may show the middle of a step.
    refused = "--rehearse" in command and "[rehearsal-refused] " in errors
    return status in (0, LOCKED) or (refused and "run was interrupted" in errors)


def processes_in(folder: Path) -> list[int]:
    """The processes that work in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if place.readlink() == folder:
                found.append(int(place.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def ends(pid: int) -> bool:
    """Whether a process ends by itself, soon."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        readable, _, _ = select.select([descriptor], [], [], 10)
        return bool(readable)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
def test_a_soak(
    dialect: str,
    sample: Project,
    make_database: Callable[[str], Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    print(f"\n{dialect}: SOAK_SEED={SEED}", flush=True)
    chance = random.Random(f"{SEED} {dialect}")
    soak = Soak(sample, lambda: make_database(dialect), tmp_path, chance, monkeypatch)
    wrong = 0
    for number in range(1, ROUNDS + 1):
        found = soak.round(number)
        wrong += bool(found)
        print(f"{dialect}, round {number}:", *(found or ["equal"]), sep="\n  ", flush=True)
    print(f"{dialect}: {ROUNDS - wrong} of {ROUNDS} rounds ended equal")
    print(*(f"  {end}: {times}" for end, times in sorted(soak.ends.items())), sep="\n", flush=True)
    assert not wrong


# --- threads --------------------------------------------------------------------------------

CALLS = ("status", "plan", "rehearse", "dbupdate", "dbupdate")
PROCESSES, THREADS = 4, 4


@pytest.mark.parametrize(("dialect", "copies"), [("sqlite", 200), ("postgresql", 20)])
def test_a_soak_of_threads(
    dialect: str, copies: int, sample: Project, make_database: Callable[[str], Database]
) -> None:
    """Four processes, each with four threads, over many old databases."""
    print(f"\n{dialect}: SOAK_SEED={SEED}", flush=True)
    chance = random.Random(f"{SEED} {dialect} threads")
    whole, *databases = (make_database(dialect) for _ in range(copies + 1))
    for database in (whole, *databases):
        database.load(OLD)
    sample.bridge(whole).dbupdate()
    tasks = [(call, database.url) for database in databases for call in CALLS]
    chance.shuffle(tasks)
    parts = [tasks[n :: PROCESSES * THREADS] for n in range(PROCESSES * THREADS)]
    started = []
    for number in range(PROCESSES):
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "threads.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        given = {"root": str(sample.root), "threads": parts[number::PROCESSES]}
        assert process.stdin is not None
        process.stdin.write(json.dumps(given))
        process.stdin.close()
        started.append(process)
    wrong = []
    for process in started:
        with process:
            assert process.stdout is not None
            wrong += json.loads(process.stdout.read())
    for number, database in enumerate(databases, 1):
        if (found := contents(database)) != contents(whole):
            wrong.append(f"database {number}: {difference(contents(whole), found)}")
    print(f"{dialect}: {len(tasks)} calls on {copies} databases", *wrong, sep="\n  ", flush=True)
    assert not wrong
