"""The server ends in the middle of a run: a clear error, and the next run ends right."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from sqlalchemy.engine import Engine
from support.alembic_projects import OUR_ENV
from support.databases import Database, MariaDBDatabase, PostgreSQLDatabase, ServerDatabase, running
from support.legacy_projects import ONCE
from support.projects import Project, copy_project, write_shop, write_versions
from support.servers import MariaDB, PostgreSQL, Server
from upgrade.test_lock import Gate, write_script

pytestmark = ONCE

SECONDS = 60.0
HEADS = ("coupons_ends", "reviews_text", "shop_stock")
KINDS = {"postgresql": (PostgreSQL, PostgreSQLDatabase), "mariadb": (MariaDB, MariaDBDatabase)}
# As an administrator stops it, and as nobody should.
STOP = {"postgresql": signal.SIGINT, "mariadb": signal.SIGTERM}
KILL = {"postgresql": signal.SIGKILL, "mariadb": signal.SIGKILL}
AT_ONCE = {"postgresql": signal.SIGQUIT, "mariadb": signal.SIGKILL}
# How it ends, and whether it is there again before anybody has noticed.
OUTAGES = {"stopped": (STOP, False), "killed": (KILL, False), "restarted": (AT_ONCE, True)}


class Outage:
    """The end of a server, once; and its return."""

    def __init__(self, server: Server, kind: str) -> None:
        signals, self.short = OUTAGES[kind]
        self.server, self.signal = server, signals[server.name.lower()]
        self.begun = False

    def begin(self) -> None:
        if not self.begun:
            self.begun = True
            self.server.halt(self.signal)
            if self.short:
                self.server.resume()

    def end(self) -> None:
        if not self.server.pid:
            self.server.resume()


def shop(server: Server, name: str, version: int) -> ServerDatabase:
    """A new database with the shop at a legacy version."""
    _, kind = KINDS[server.name.lower()]
    database: ServerDatabase = kind(server, name)
    write_shop(database, version)
    write_versions(database, ("Shop", version))
    return database


def contents(database: Database) -> Any:
    return database.schema(), database.rows()


def write_project(root: Path) -> Project:
    project = copy_project("shop", root)
    project.write("alembic/env.py", OUR_ENV)
    return project


@dataclass
class Place:
    """A server of this module's own, which its tests may stop, and how a run ends there."""

    server: Server
    dialect: str
    undisturbed: Any


@pytest.fixture(scope="module", params=KINDS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    kind, _ = KINDS[request.param]
    for server in running(kind(durable=True)):
        database = shop(server, "undisturbed", 3)
        project = write_project(tmp_path_factory.mktemp("undisturbed") / "shop")
        assert project.bridge(database).dbupdate().current == HEADS
        yield Place(server, request.param, contents(database))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_project(tmp_path / "shop")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def set_up(place: Place, stack: ExitStack, kind: str, version: int) -> tuple[Database, Outage]:
    """The shop at a legacy version, and an outage that is over at the end."""
    database, outage = shop(place.server, "disturbed", version), Outage(place.server, kind)
    stack.callback(database.drop)
    stack.callback(outage.end)
    return database, outage


def check_error(
    result: Result, caplog: pytest.LogCaptureFixture, code: str, said: str, state: str
) -> None:
    """What happened, what the data are now, and what to type; and nothing of Python in it."""
    assert f"Error [{code}] {said}" in result.stderr
    assert f"\nState of the data: {state}\n" in result.stderr
    assert re.search(r"\nWhat to do: .* run(: bridge dbupdate| it again\.)\n$", result.stderr)
    assert "Traceback" not in result.stderr
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


def check_next_run(project: Project, database: Database, place: Place, outage: Outage) -> None:
    assert outage.begun
    outage.end()
    assert project.bridge(database).dbupdate().current == HEADS
    assert contents(database) == place.undisturbed


# --- in bridge's own process ----------------------------------------------------------------

LOCK_QUERY = ("SELECT pid FROM pg_locks", "SELECT CONNECTION_ID() FROM DUAL")
BEFORE_STEP_3 = 6
"""The lock is looked at so often until then."""
LAST_LOOK = 3
"""So often a run looks where the database stands."""
REFUSED = "The database refused the step 'stamp shop_base': "
NOTES = "The Alembic revision shop_notes ("
NOTHING = "The database is unchanged."
STAMPED = "The step before it stays done, up to 'stamp shop_base'. "
UNDONE = f"{STAMPED}What the revision shop_notes had done is rolled back."
UNTOUCHED = f"{STAMPED}'upgrade shop_notes' has changed nothing."
KEPT = (
    f"{STAMPED}What 'upgrade shop_notes' had changed before stays and is recorded: the next "
    "run resumes after it."
)

# The statement at which it ends; the how many-th one that begins so; what is told then, and what of
# the data, on PostgreSQL and on MariaDB.
STATEMENTS: dict[str, tuple[tuple[str, ...], int, str, str, str, str]] = {
    "while the database is read": (
        ("SELECT migrate_version",), 1, "database-unreachable", "The database ", NOTHING, NOTHING
    ),
    "when all is done": (
        ("SELECT migrate_version",), LAST_LOOK, "database-unreachable", "The database ",
        *["Every step is done."] * 2,
    ),
    "between two steps": (
        LOCK_QUERY, BEFORE_STEP_3, "lock-lost", "This run has lost its lock on the database",
        *["The 2 steps before it stay done, up to 'upgrade shop_notes'."] * 2,
    ),
    "in a stamp": (
        ("INSERT INTO alembic_version",), 1, "database-refused", REFUSED, NOTHING, NOTHING
    ),
    "in a revision": (("ALTER TABLE orders",), 1, "revision-failed", NOTES, UNDONE, UNTOUCHED),
    "between a revision and its row": (
        ("UPDATE alembic_version",), 1, "revision-failed", NOTES, UNDONE, KEPT
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("when all is done", "stopped"),
        ("while the database is read", "restarted"),
        ("between two steps", "stopped"),
        ("between two steps", "restarted"),
        ("in a stamp", "killed"),
        ("in a stamp", "restarted"),
        ("in a revision", "stopped"),
        ("in a revision", "killed"),
        ("between a revision and its row", "restarted"),
    ],
)
def test_the_server_ends_in_the_middle_of_a_run(
    *, place: Place, project: Project, stack: ExitStack, caplog: pytest.LogCaptureFixture,
    where: str, kind: str,
) -> None:  # fmt: skip
    prefixes, nth, code, said, *states = STATEMENTS[where]
    state = states[0 if place.dialect == "postgresql" else 1]
    database, outage = set_up(place, stack, kind, 3)
    met = 0

    def strike(_connection: Any, _cursor: Any, sql: str, *_more: Any) -> None:
        nonlocal met
        if sql.startswith(prefixes):
            met += 1
            if met == nth:
                outage.begin()

    sa.event.listen(Engine, "before_cursor_execute", strike)
    stack.callback(sa.event.remove, Engine, "before_cursor_execute", strike)
    result = project.run("dbupdate", "--yes", url=database)
    check_error(result, caplog, code, said, state)
    check_next_run(project, database, place, outage)


# --- in the process that runs scripts -------------------------------------------------------

AT_1 = "The database is at version 1 of shop, as its row says; version 2 has changed nothing."
AT_1_KEPT = (
    "The database is at version 1 of shop, as its row says; 1 statement of version 2 had run "
    "before. What is committed stays and is recorded: the next run resumes after it."
)
# What version 2 does before the server ends and afterwards: where one is done twice, it shows.
UP, DOWN = (f'migrate_engine.execute("UPDATE items SET id = id {sign} 1")' for sign in "+-")
# To the server that is there again, but without the run's lock.
CONNECT_ANEW = "migrate_engine.dispose()\n"
# That version 2's own statement waits for a lock.
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE items%%'"
    " AND wait_event_type = 'Lock' AND datname = current_database()",
    "mariadb": "SELECT COUNT(*) FROM information_schema.processlist"
    " WHERE info LIKE 'ALTER TABLE items%%' AND state LIKE 'Waiting%%' AND db = DATABASE()",
}


def upgrade_meanwhile(
    stack: ExitStack, project: Project, database: Database, act: Callable[[], None]
) -> Result:
    """The run's result, with `act` done while it is at work."""
    pool = stack.enter_context(ThreadPoolExecutor(1))
    running = pool.submit(project.run, "dbupdate", "--yes", url=database)
    act()
    return running.result(SECONDS)


@pytest.mark.process
@pytest.mark.parametrize(
    ("kind", "then"), [("stopped", ""), ("restarted", ""), ("restarted", CONNECT_ANEW)]
)
def test_the_server_ends_in_a_legacy_version(
    *, place: Place, project: Project, stack: ExitStack, caplog: pytest.LogCaptureFixture,
    tmp_path: Path, kind: str, then: str,
) -> None:  # fmt: skip
    database, outage = set_up(place, stack, kind, 1)
    gate = Gate(tmp_path)
    for end in (gate.reached, gate.go):
        stack.callback(os.close, end)
    write_script(project, f"{UP}\n{gate.code}{then}{DOWN}")

    def act() -> None:
        gate.wait()
        outage.begin()
        gate.open()

    result = upgrade_meanwhile(stack, project, database, act)
    said = "Version 2 of the legacy repository shop failed ("
    state = AT_1 if place.dialect == "postgresql" else AT_1_KEPT
    check_error(result, caplog, "legacy-failed", said, state)
    gate.open()
    check_next_run(project, database, place, outage)


@pytest.mark.process
@pytest.mark.parametrize("kind", ["killed", "restarted"])
def test_the_server_ends_in_a_legacy_statement(
    *, place: Place, project: Project, stack: ExitStack, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    database, outage = set_up(place, stack, kind, 1)
    reader = database.engine().connect()
    stack.callback(reader.invalidate)
    reader.exec_driver_sql("SELECT * FROM items").fetchall()

    def act() -> None:
        with database.engine().connect() as watch:
            until = time.monotonic() + SECONDS
            while not watch.exec_driver_sql(WAITING[place.dialect]).scalar():
                assert time.monotonic() < until
                watch.rollback()
        outage.begin()

    result = upgrade_meanwhile(stack, project, database, act)
    said = "Version 2 of the legacy repository shop failed ("
    check_error(result, caplog, "legacy-failed", said, AT_1)
    check_next_run(project, database, place, outage)
