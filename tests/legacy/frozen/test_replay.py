"""On SQLite replayed versions are committed together: each that is told as done is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.databases import Database
from support.projects import TOP, Project

from bridge.database.lock import LOCK_SUFFIX
from bridge.legacy.frozen.replay import Replay
from bridge.model.errors import BridgeError, LegacyError, LockLostError
from bridge.model.progress import Progress
from bridge.model.steps import Step


@pytest.fixture
def old(sqlite_database: Database) -> Database:
    sqlite_database.load(TOP / "snapshots/core-v07")
    return sqlite_database


def version(database: Database) -> int:
    (found,) = (row[2] for row in database.rows()["migrate_version"] if row[0].endswith("core"))
    return int(found)


def done(error: BridgeError) -> list[int]:
    return [step["version"] for step in error.steps]


@pytest.mark.parametrize(
    ("undo", "seconds", "stay"),
    [
        pytest.param("ABORT", Replay.SECONDS, [8, 9], id="the version alone is undone"),
        pytest.param("ROLLBACK", Replay.SECONDS, [], id="SQLite undoes what is not committed"),
        pytest.param("ROLLBACK", -1.0, [8, 9], id="what took its time is committed"),
    ],
)
def test_a_version_that_fails_leaves_those_that_are_reported_as_done(
    undo: str,
    seconds: float,
    stay: list[int],
    sample: Project,
    old: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Replay, "SECONDS", seconds)
    trigger = "CREATE TRIGGER stop BEFORE UPDATE ON migrate_version WHEN NEW.version = 10"
    old.execute(f"{trigger} BEGIN SELECT RAISE({undo}, 'not yet'); END")

    with pytest.raises(LegacyError, match="not yet") as caught:
        sample.bridge(old).dbupdate()

    assert done(caught.value) == stay
    assert version(old) == (stay or [7])[-1]
    assert ("up to 'legacy core 9'" in caught.value.state_of_data) is bool(stay)
    steps = [(s.name, s.status) for run in sample.bridge(old).history() for s in run.steps]
    assert steps[: len(stay)] == [(f"legacy core {number}", "done") for number in stay]
    assert ("legacy core 10", "done") not in steps
    old.execute("DROP TRIGGER stop")
    assert sample.bridge(old).dbupdate().outcome == "upgraded"


def test_nothing_is_committed_without_the_lock(sample: Project, old: Database) -> None:
    lock = Path(f"{old.engine().url.database}{LOCK_SUFFIX}")

    class Removes(Progress):
        def done(self, step: Step, seconds: float) -> None:
            if str(step) == "legacy core 9":
                lock.unlink()

    with pytest.raises(LockLostError) as caught:
        sample.bridge(old).dbupdate(progress=Removes())
    assert (done(caught.value), version(old)) == ([], 7)
    assert caught.value.state_of_data == "The database is unchanged."


def test_many_versions_take_few_commits(
    sample: Project, old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = []
    commit = Replay.commit
    monkeypatch.setattr(Replay, "commit", lambda self: commits.append(self.open) or commit(self))
    monkeypatch.setattr(Replay, "SECONDS", 3600.0)
    sample.bridge(old).dbupdate()
    assert commits.count(True) == 1
