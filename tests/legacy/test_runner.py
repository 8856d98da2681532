"""One runner for the three methods: what it runs, what it writes, and what its observer hears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from support.databases import Database
from support.legacy_projects import CREATE_NOTES, LegacyProject, add_note, notes, versions

from bridge import Bridge
from bridge.database.scratch import scratch
from bridge.legacy.frozen.replay import Connections
from bridge.legacy.observer import VersionObserver
from bridge.legacy.runner import LegacyRunner
from bridge.legacy.scratch_upgrade import ScratchUpgrade
from bridge.legacy.version_table import put_under_control
from bridge.model.errors import DatabaseError, LegacyError
from bridge.model.state import LegacyState
from bridge.model.steps import RunLegacy

READING = (
    'found = migrate_engine.execute(text("SELECT text FROM notes")).scalar()\n'
    "migrate_engine.execute(text(\"INSERT INTO notes (text) VALUES ('after %s')\" % found))\n"
)

PORT = """
def upgrade(connection):
    found = connection.exec_driver_sql("SELECT text FROM notes").scalar()
    connection.exec_driver_sql(f"INSERT INTO notes (text) VALUES ('after {found}')")
"""


class Heard(VersionObserver):
    """Keeps what it hears, and what has been written when a version finishes."""

    def __init__(self) -> None:
        self.finished: list[list[Any]] = []

    def finishing(self, connection: Connection) -> None:
        found = connection.exec_driver_sql("SELECT text FROM notes ORDER BY id").scalars()
        self.finished.append(list(found))


@pytest.fixture
def bridge(tmp_path: Path, sqlite_database: Database) -> Bridge:
    """An app whose versions are replayed, but for the second, which is ported."""
    project = LegacyProject(tmp_path / "app")
    project.repository(
        {
            "001_notes": CREATE_NOTES + add_note("one"),
            "002_reads": READING,
            "003_adds": add_note("three"),
        }
    )
    project.write("legacy/app/frozen/ported/002.py", PORT)
    bridge = project.bridge(sqlite_database)
    bridge.freeze()
    return bridge


@pytest.fixture
def runner(bridge: Bridge, sqlite_database: Database) -> LegacyRunner:
    """A runner on a database that is just before the first version."""
    repository = bridge.project.repositories["app"]
    engine = sqlite_database.engine()
    put_under_control(engine, [repository])
    states = [LegacyState(repository, 0, "app")]
    return LegacyRunner(bridge.project, Connections(engine), states)


@pytest.mark.process
def test_each_method_leaves_the_same(runner: LegacyRunner, sqlite_database: Database) -> None:
    steps = [RunLegacy("app", 1, "live"), RunLegacy("app", 2, "ported"), RunLegacy("app", 3)]
    observer = Heard()
    with runner:
        assert [runner.is_prepared(step) for step in steps] == [False, False, False]
        runner.prepare(steps)
        assert [runner.is_prepared(step) for step in steps] == [True, True, True]
        assert [runner.run(step, observer).statements for step in steps] == [2, 0, 1]
        assert runner.versions == {"app": 3}
    assert notes(sqlite_database) == ["one", "after one", "three"]
    assert versions(sqlite_database) == {"app": 3}
    # Only what runs in this process has a transaction that others may write into.
    assert observer.finished == [["one", "after one"]]


def test_what_is_replayed_needs_no_process(
    runner: LegacyRunner, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.legacy.runner.LegacyClient", None)
    steps = [RunLegacy("app", 1, "replay"), RunLegacy("app", 2, "ported")]
    observer = Heard()
    with runner:
        runner.prepare(steps)
        assert [runner.run(step, observer).statements for step in steps] == [2, 0]
    assert observer.finished == [["one"], ["one", "after one"]]
    assert versions(sqlite_database) == {"app": 2}


def test_a_version_and_what_its_observer_writes_are_one(
    runner: LegacyRunner, sqlite_database: Database
) -> None:
    class Refusing(VersionObserver):
        def finishing(self, connection: Connection) -> None:
            raise ValueError("not today")

    with runner:
        with pytest.raises(LegacyError) as caught:
            runner.run(RunLegacy("app", 1, "replay"), Refusing())
        assert runner.versions == {"app": 0}
    assert caught.value.message == (
        "Version 1 of the legacy repository app failed (replay): ValueError: not today"
    )
    assert versions(sqlite_database) == {"app": 0}
    assert not sa.inspect(sqlite_database.engine()).has_table("notes")


def test_a_database_in_memory_is_seen_by_no_other_process(bridge: Bridge) -> None:
    states = [LegacyState(bridge.project.repositories["app"], 0, "app")]
    runner = LegacyRunner(bridge.project, Connections(sa.create_engine("sqlite://")), states)
    with runner, pytest.raises(DatabaseError) as caught:
        runner.prepare([RunLegacy("app", 1, "live")])
    assert caught.value.message == (
        "Legacy versions run in a separate process, which cannot see a SQLite database in memory."
    )


def test_a_scratch_database_goes_up_by_the_best_methods(bridge: Bridge) -> None:
    with scratch(None) as place, ScratchUpgrade(bridge.project, place, {"app": 3}) as upgrade:
        assert [(step.version, step.method) for step in upgrade.left] == [
            (1, "replay"), (2, "ported"), (3, "replay"),
        ]  # fmt: skip
        assert upgrade.versions == {"app": 0}
        upgrade.run(upgrade.left[0])
        upgrade.fill(3, "a test")
        copy = upgrade.copy()
        while upgrade.left:
            upgrade.run(upgrade.left[0])
        assert upgrade.versions == {"app": 3}
        counts = []
        for engine in (copy, upgrade.engine):
            with engine.connect() as connection:
                counts.append(connection.exec_driver_sql("SELECT count(*) FROM notes").scalar())
        assert counts == [3, 5]


def test_a_scratch_database_ends_where_it_is_to(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_connection: Connection) -> None:
        raise ValueError("no")

    monkeypatch.setattr("bridge.legacy.runner.load_ported", lambda _path: fails)
    with scratch(None) as place, ScratchUpgrade(bridge.project, place, {"app": 2}) as upgrade:
        upgrade.run(upgrade.left[0])
        assert [step.version for step in upgrade.left] == [2]
        with pytest.raises(LegacyError) as caught:
            upgrade.run(upgrade.left[0])
    assert caught.value.message == (
        "Version 2 of the legacy repository app failed (ported): ValueError: no"
    )
    assert caught.value.state_of_data == (
        "It ran on a scratch database, which is removed; no other database was changed."
    )
