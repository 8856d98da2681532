"""Two runs at once: one works, the others wait; nothing of a run that is gone still writes."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.alembic_projects import CLASSIC_ENV, OUR_ENV
from support.databases import MARIADB_LOCK, Database
from support.legacy_projects import ONCE
from support.projects import Project, copy_project, invoke, write_shop, write_versions
from support.warm import BridgePopen

from bridge.model.errors import (
    AheadError,
    BridgeError,
    DatabaseRefusedError,
    LockedError,
    LockLostError,
)
from bridge.model.progress import Progress
from bridge.model.steps import Plan, Step
from bridge.upgrade.lock import locked

HEADS = ("coupons_ends", "reviews_text", "shop_stock")
SECONDS = 60.0
OTHERS = 7

# As they are on the server: the lock's session, and how many sessions are marked.
_MARKED = " + ".join(
    f"COALESCE({MARIADB_LOCK.replace('32)', f'32), {mark}')} {{0}}, 0)"
    for mark in ("':0'", "':1'", "':2'")
)
LOCK_SESSION = {
    "postgresql": "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND datname = current_database()",
    "mariadb": f"SELECT {MARIADB_LOCK}",
}
MARKED_SESSIONS = {
    "postgresql": "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE locktype = 'advisory' AND mode = 'ShareLock' AND datname = current_database()",
    "mariadb": f"SELECT {_MARKED.format('> 0')}",
}
WAITING_UPDATES = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'UPDATE gate%%'"
    " AND wait_event_type = 'Lock' AND datname = current_database()",
    "mariadb": "SELECT COUNT(*) FROM information_schema.processlist"
    " WHERE info LIKE 'UPDATE gate%%' AND db = DATABASE()",
}
END_SESSION = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = copy_project("shop", tmp_path / "shop")
    project.write("alembic/env.py", OUR_ENV)
    return project


@pytest.fixture
def old(database: Database) -> Database:
    """The shop at legacy version 1, on each kind of database."""
    return at_version_1(database)


@pytest.fixture
def on_server(request: pytest.FixtureRequest, make_database: Callable[[str], Database]) -> Database:
    """The same, on the servers alone."""
    return at_version_1(make_database(request.param))


servers = pytest.mark.parametrize("on_server", ["postgresql", "mariadb"], indirect=True)


def at_version_1(database: Database) -> Database:
    write_shop(database, 1)
    write_versions(database, ("Shop", 1))
    return database


def ask(database: Database, sql: str) -> Any:
    with database.engine().connect() as connection:
        return connection.exec_driver_sql(sql).scalar()


class Gate:
    """A place in a script at which it says that it is there, and waits until it may go on."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / "reached", folder / "go"]
        for path in self.paths:
            os.mkfifo(path)
        # For both ends: so neither side waits for the other to open it.
        self.reached, self.go = (os.open(path, os.O_RDWR) for path in self.paths)

    @property
    def code(self) -> str:
        reached, go = map(str, self.paths)
        return f"open({reached!r}, 'w').write('.')\nopen({go!r}).read(1)\n"

    def wait(self) -> None:
        ready, _, _ = select.select([self.reached], [], [], SECONDS)
        assert ready, "the script did not come to its gate"
        os.read(self.reached, 1)

    def open(self) -> None:
        os.write(self.go, b".")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    os.close(gate.reached)
    os.close(gate.go)


def write_script(project: Project, body: str) -> None:
    """The shop's version 2, with this before what it does."""
    body += '\nmigrate_engine.execute("ALTER TABLE items ADD COLUMN price INTEGER")'
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    project.write("legacy/shop/versions/002_prices.py", f"def upgrade(migrate_engine):\n{lines}")


@pytest.fixture
def start(project: Project) -> Iterator[Callable[[Database], subprocess.Popen[str]]]:
    """`start(database)`: `bridge dbupdate` in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(database: Database) -> subprocess.Popen[str]:
        process = BridgePopen(
            [sys.executable, "-u", "-m", "bridge", "dbupdate", "--yes", "--no-backup"],
            cwd=project.root,
            env={**os.environ, "BRIDGE_DATABASE_URL": database.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


class Told(Progress):
    """Remembers what a run says while it prepares, and what is done then."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.notes: list[str] = []
        self.then = then

    def notify(self, text: str) -> None:
        self.notes.append(text)
        if len(self.notes) == 1:
            self.then()


def lock_file(database: Database) -> Path:
    return Path(f"{sa.engine.make_url(database.url).database}.bridge-lock")


def marked(database: Database) -> int:
    return int(ask(database, MARKED_SESSIONS[database.dialect]))


# --- waiting ------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.skipif(sa.__version__.startswith("1.4"), reason="long: it runs with SQLAlchemy 2 only")
def test_of_eight_that_start_together_one_upgrades_and_seven_wait(
    project: Project,
    old: Database,
    gate: Gate,
    start: Callable[[Database], subprocess.Popen[str]],
) -> None:
    write_script(project, gate.code)
    processes = [start(old) for _ in range(OTHERS + 1)]
    gate.wait()
    outputs = dict.fromkeys(processes, "")
    waiting = 0
    while waiting < OTHERS:
        streams = {p.stdout: p for p in processes}
        ready, _, _ = select.select(list(streams), [], [], SECONDS)
        assert ready, f"only {waiting} wait: {outputs.values()}"
        for stream in ready:
            # Not readline(): what it took too much of, select() would not see.
            text = os.read(stream.fileno(), 65536).decode()
            assert text, outputs
            outputs[streams[stream]] += text
            waiting += text.count("Waiting for another run of bridge")
    gate.open()
    for process in processes:
        outputs[process] += process.communicate(timeout=SECONDS)[0]
        assert process.returncode == 0, outputs[process]
    [holder] = [p for p in processes if "Waiting" not in outputs[p]]
    assert "Done: " in outputs[holder]
    end = "Another run has just finished: nothing to do.\nNothing to do: the database is at "
    assert sum(f"\n{end}" in text for text in outputs.values()) == OTHERS
    assert project.bridge(old).status().current == HEADS
    assert len(old.rows()["items"]) == 1


@pytest.mark.process
def test_who_waits_in_vain_is_told_for_whom(
    project: Project,
    old: Database,
    gate: Gate,
    start: Callable[[Database], subprocess.Popen[str]],
) -> None:
    # It has a transaction open, with a write in it.
    write_script(
        project,
        "transaction = migrate_engine.connect().begin()\n"
        "transaction.connection.execute(\"INSERT INTO items (id, name) VALUES (2, 'x')\")\n"
        f"{gate.code}transaction.rollback()",
    )
    holder = start(old)
    gate.wait()
    before = old.rows(journal=True)
    with pytest.raises(LockedError) as caught:
        project.bridge(old).dbupdate(lock_timeout=0)
    error = caught.value
    who = rf"process {holder.pid} of {getpass.getuser()} on {re.escape(socket.gethostname())}"
    assert re.fullmatch(
        rf"Another run of bridge is using this database \({who}, since [-\d]+ [:\d]+ UTC, in "
        r"the step 'legacy shop 2'\)\. It did not end within 0 s\.",
        error.message,
    )
    assert error.exit_status == 11
    assert error.state_of_data == "This run has changed nothing; the other one is still running."
    # Reading needs no lock.
    assert project.bridge(old).status().kind == "legacy"
    assert project.bridge(old).plan().steps
    assert old.rows(journal=True) == before
    gate.open()
    assert "Done: " in holder.communicate(timeout=SECONDS)[0]


def test_a_state_that_another_run_is_just_changing_is_not_refused(
    project: Project, sqlite_database: Database
) -> None:
    write_shop(sqlite_database, 3)
    write_versions(sqlite_database, ("Shop", 9))
    bridge = project.bridge(sqlite_database)
    with locked(sqlite_database.engine(), 0, print), pytest.raises(LockedError):
        bridge.dbupdate(lock_timeout=0)
    with pytest.raises(AheadError):
        bridge.dbupdate(lock_timeout=0)


@pytest.mark.process
def test_when_another_run_did_it_meanwhile_nothing_is_left_to_do(
    project: Project, old: Database
) -> None:
    def confirm(_plan: Plan) -> bool:
        project.bridge(old).dbupdate()
        return True

    told = Told()
    report = project.bridge(old).dbupdate(confirm=confirm, progress=told)
    assert (report.outcome, report.current) == ("nothing_to_do", HEADS)
    assert told.notes == ["Another run has just finished: nothing to do."]


@pytest.mark.process
def test_a_plan_that_became_another_one_is_shown_again(project: Project, old: Database) -> None:
    plans: list[Plan] = []

    def confirm(plan: Plan) -> bool:
        plans.append(plan)
        if len(plans) == 1:
            old.execute(
                "ALTER TABLE items ADD COLUMN price INTEGER",
                "UPDATE migrate_version SET version = 2",
            )
        return True

    assert project.bridge(old).dbupdate(confirm=confirm).current == HEADS
    assert [len(plan.steps) for plan in plans] == [len(plans[1].steps) + 1, len(plans[1].steps)]


@pytest.mark.parametrize("command", ["upgrade heads", "stamp heads", "downgrade base"])
def test_what_alembic_writes_waits_too(
    project: Project,
    sqlite_database: Database,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bridge.api.LOCK_SECONDS", 0)
    arguments = ["alembic", "--config", str(project.file), "--url", sqlite_database.url]
    with locked(sqlite_database.engine(), 0, print):
        assert invoke(*arguments, "current").exit_code == 0
        assert invoke(*arguments, *command.split(), "--sql").exit_code in (0, 8)
        assert invoke(*arguments, *command.split()).exit_code == LockedError.exit_status
    assert invoke(*arguments, *command.split()).exit_code == 0


# --- a run that is gone -------------------------------------------------------------------


@ONCE
@servers
def test_nobody_runs_while_a_statement_of_a_killed_run_is_still_running(
    project: Project, on_server: Database, start: Callable[[Database], subprocess.Popen[str]]
) -> None:
    on_server.execute("CREATE TABLE gate (shut INTEGER)", "INSERT INTO gate VALUES (1)")
    write_script(project, 'migrate_engine.execute("UPDATE gate SET shut = 0")')
    waiting = WAITING_UPDATES[on_server.dialect]
    with on_server.engine().connect() as connection:
        transaction = connection.begin()
        connection.exec_driver_sql("UPDATE gate SET shut = 2")
        holder = start(on_server)
        end = time.monotonic() + SECONDS
        while not ask(on_server, waiting):
            assert time.monotonic() < end
            assert holder.poll() is None
        holder.kill()
        holder.wait()

        def go_on() -> None:
            assert ask(on_server, waiting) == 1
            transaction.rollback()

        told = Told(go_on)
        report = project.bridge(on_server).dbupdate(progress=told)
    assert report.current == HEADS
    [note] = told.notes
    assert re.match(
        rf"Waiting for a statement of an earlier run \(process {holder.pid} of .*, in the step "
        r"'legacy shop 2'\): that run was interrupted, but the database is still executing it\.$",
        note,
    )
    assert marked(on_server) == 0


@pytest.mark.process
@ONCE
def test_on_sqlite_a_killed_run_takes_its_statement_along(
    project: Project,
    sqlite_database: Database,
    gate: Gate,
    tmp_path: Path,
    start: Callable[[Database], subprocess.Popen[str]],
) -> None:
    at_version_1(sqlite_database)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n"
    been = tmp_path / "been"
    write_script(
        project,
        f"import os\nif not os.path.exists({str(been)!r}):\n"
        f"    open({str(been)!r}, 'w').close()\n"
        + "".join(f"    {line}\n" for line in gate.code.splitlines())
        + f'    migrate_engine.execute("{endless}")',
    )
    holder = start(sqlite_database)
    gate.wait()
    gate.open()
    holder.kill()
    holder.wait()
    assert project.bridge(sqlite_database).dbupdate(backup=False).current == HEADS
    folder = lock_file(sqlite_database).parent
    left = {path.name for path in folder.glob(f"{sqlite_database.path.name}*")}  # type: ignore[attr-defined]
    assert left == {f"{sqlite_database.path.name}{end}" for end in ("", ".bridge-lock")}  # type: ignore[attr-defined]


@pytest.mark.process
def test_on_sqlite_nobody_runs_while_the_process_of_a_killed_run_is_there(
    project: Project, sqlite_database: Database
) -> None:
    at_version_1(sqlite_database)
    worker = lock_file(sqlite_database).with_suffix(".bridge-worker")
    with worker.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        with pytest.raises(LockedError) as caught:
            project.bridge(sqlite_database).dbupdate(lock_timeout=0)
        assert "A statement of an earlier run is still executing" in caught.value.message
        told = Told(stream.close)
        assert (
            project.bridge(sqlite_database).dbupdate(progress=told, backup=False).current == HEADS
        )
    assert len(told.notes) == 1
    assert not worker.exists()


@pytest.mark.process
def test_the_worker_marks_itself_on_sqlite(project: Project, sqlite_database: Database) -> None:
    at_version_1(sqlite_database)
    worker = lock_file(sqlite_database).with_suffix(".bridge-worker")
    write_script(
        project,
        f"import fcntl\nstream = open({str(worker)!r})\n"
        "try:\n    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError:\n    pass\n"
        "else:\n    raise ValueError('nobody sees this process')",
    )
    assert project.bridge(sqlite_database).dbupdate().current == HEADS


@servers
@pytest.mark.parametrize("env", ["bridge's", "the app's"])
def test_every_session_that_writes_is_marked_as_long_as_the_run_has_it(
    project: Project, on_server: Database, env: str
) -> None:
    if env == "the app's":
        project.write("alembic/env.py", CLASSIC_ENV)
    on_server.execute("CREATE TABLE seen (marks INTEGER)")
    if on_server.dialect == "postgresql":
        own = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'ShareLock'"
        own += " AND locktype = 'advisory'"
    else:
        own = f"SELECT {_MARKED.format('= CONNECTION_ID()')}"
    sql = f"INSERT INTO seen {own}"
    write_script(project, f'migrate_engine.execute("""{sql}""")')
    project.replace(
        "alembic/versions/shop_stock.py",
        "def upgrade():\n",
        f'def upgrade():\n    op.get_bind().exec_driver_sql("""{sql}""")\n',
    )
    engine = sa.create_engine(on_server.url, pool_size=1, max_overflow=0, pool_timeout=1)
    assert project.bridge().dbupdate(engine).current == HEADS
    assert [int(row[0]) for row in on_server.rows()["seen"]] == [1, 1]
    # The caller's pool has kept a session.
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    assert marked(on_server) == 0
    engine.dispose()


# --- a lock that is lost ------------------------------------------------------------------


@pytest.mark.process
@ONCE
def test_a_run_that_has_lost_its_lock_stops_before_the_next_step(
    project: Project, old: Database
) -> None:
    class Cut(Progress):
        def done(self, step: Step, seconds: float) -> None:
            if old.dialect == "sqlite":
                lock_file(old).unlink()
            else:
                session = ask(old, LOCK_SESSION[old.dialect])
                old.execute(END_SESSION[old.dialect].format(session))

    with pytest.raises(LockLostError) as caught:
        project.bridge(old).dbupdate(progress=Cut())
    error = caught.value
    assert error.message.startswith("This run has lost its lock on the database, and stops: ")
    assert error.state_of_data == "The step before it stays done, up to 'legacy shop 2'."
    assert [step["version"] for step in error.steps] == [2]
    assert project.bridge(old).status().legacy["shop"].version == 2
    assert project.bridge(old).dbupdate().current == HEADS


@servers
def test_a_pooler_that_lends_sessions_is_noticed_at_once(
    project: Project, on_server: Database
) -> None:
    shared = on_server.engine().raw_connection()
    shared.detach()
    engine = sa.create_engine(
        on_server.url, poolclass=sa.pool.NullPool, creator=lambda: shared.dbapi_connection
    )
    with pytest.raises(LockLostError) as caught, locked(engine, 0, print):
        pass
    assert caught.value.message == (
        "This run has lost its lock on the database, and stops: a pooler gives the database's "
        "session to other connections."
    )
    with contextlib.suppress(Exception):
        shared.close()


# --- the lock itself ----------------------------------------------------------------------


@servers
def test_the_lock_of_one_database_is_not_anothers(
    on_server: Database, make_database: Callable[[str], Database]
) -> None:
    other = make_database(on_server.dialect)
    with locked(on_server.engine(), 0, print), locked(other.engine(), 0, print):
        pass


@pytest.mark.parametrize(
    ("dialect", "setting", "value"),
    [
        ("postgresql", "SHOW idle_session_timeout", "0"),
        ("mariadb", "SELECT @@SESSION.wait_timeout", 2147483),
    ],
)
def test_the_locks_session_may_idle_for_hours(
    make_database: Callable[[str], Database], dialect: str, setting: str, value: object
) -> None:
    database = make_database(dialect)
    if dialect == "postgresql":
        name = sa.engine.make_url(database.url).database
        database.execute(f"ALTER DATABASE {name} SET idle_session_timeout = '10min'")
    with locked(database.engine(), 0, print) as lock:
        assert lock.ask(setting) == value  # type: ignore[attr-defined]


def test_a_lock_file_belongs_to_whom_the_database_belongs(sqlite_database: Database) -> None:
    sqlite_database.execute("CREATE TABLE t (id INTEGER)")
    path = lock_file(sqlite_database)
    path.with_suffix("").chmod(0o664)
    with locked(sqlite_database.engine(), 0, print):
        assert path.stat().st_mode & 0o777 == 0o664
    # It stays, and locks nobody out.
    assert path.exists()
    with locked(sqlite_database.engine(), 0, print):
        pass


def test_a_link_to_the_database_has_the_databases_lock(
    sqlite_database: Database, tmp_path: Path
) -> None:
    sqlite_database.execute("CREATE TABLE t (id INTEGER)")
    link = tmp_path / "link.sqlite"
    link.symlink_to(lock_file(sqlite_database).with_suffix(""))
    engine = sa.create_engine(f"sqlite:///{link}")
    with (
        locked(sqlite_database.engine(), 0, print),
        pytest.raises(LockedError),
        locked(engine, 0, print),
    ):
        pass
    engine.dispose()


def test_a_lock_file_that_cannot_be_opened_is_told(
    project: Project, sqlite_database: Database
) -> None:
    at_version_1(sqlite_database)
    lock_file(sqlite_database).mkdir()
    with pytest.raises(DatabaseRefusedError) as caught:
        project.bridge(sqlite_database).dbupdate()
    assert caught.value.message == (
        f"The lock file {lock_file(sqlite_database)} cannot be opened: Is a directory"
    )


@pytest.mark.process
@ONCE
def test_the_journal_says_how_a_run_ended(project: Project, sqlite_database: Database) -> None:
    at_version_1(sqlite_database)
    write_script(project, "raise ValueError('stop')")
    with pytest.raises(BridgeError):
        project.bridge(sqlite_database).dbupdate()
    write_script(project, "")
    project.bridge(sqlite_database).dbupdate()
    rows = sqlite_database.rows(journal=True)["bridge_journal"]
    runs = sorted((row[0], row[4], row[7]) for row in rows if row[2] == "run")
    assert [status for _id, status, _details in runs] == ["begun", "failed", "begun", "done"]
    assert json.loads(runs[1][2])["error"] == "legacy-failed"
