"""A restore that is killed at any moment is known to be unfinished, and finished by the next."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from faults.harness import difference, run_counted
from support.databases import Database, ServerDatabase, SQLiteDatabase
from support.projects import TOP, Project

from bridge.database.backup import back_up
from bridge.database.scratch import PREFIX
from bridge.model.errors import BridgeError

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not sa.__version__.startswith("1.4"), reason="long: it runs with SQLAlchemy 1.4 only"
    ),
]

OLD = TOP / "snapshots" / "core-v10-likes-v01"
MOMENTS = 30
EVERY = int(os.environ.get("FAULT_EVERY", "11"))
PAGE = 4096

# What a backup takes back: a table that is gone, one that is new, one that is changed, fewer rows.
LATER = (
    "DROP TABLE IF EXISTS likes",
    "CREATE TABLE later (id INTEGER PRIMARY KEY)",
    "INSERT INTO later VALUES (1)",
    "ALTER TABLE users ADD COLUMN later INTEGER",
    "CREATE VIEW much_later AS SELECT id, later FROM users",
)


def spread(points: int) -> list[int]:
    """Thirty of so many points, the first and the last among them; or some, as FAULT_EVERY says."""
    moments = sorted({1 + n * (points - 1) // (MOMENTS - 1) for n in range(MOMENTS)})
    return moments[0 if EVERY == 1 else EVERY // 2 :: EVERY]


class Restored:
    """One database, its backup, and what both hold."""

    def __init__(self, project: Project, database: Database, later: tuple[str, ...]) -> None:
        self._project, self._database, self._statements = project, database, later
        self.backup = back_up(database.engine(), project.bridge(database).config).path
        self.old = database.contents()
        self.change()
        self.later = database.contents()

    def change(self) -> None:
        """Make the database another one than that of the backup; as small a file as can be."""
        self._database.execute(*self._statements)
        if isinstance(self._database, SQLiteDatabase):
            with self._database.engine().connect() as connection:
                connection.connection.dbapi_connection.execute("VACUUM")

    def check_killed(self) -> str:
        """Check that the state is known, and return it."""
        bridge = self._project.bridge(self._database)
        problem = bridge.status().problem
        if problem is None:
            found = self._database.contents()
            whole = {"restored": self.old, "unchanged": self.later}
            for name, expected in whole.items():
                if found == expected:
                    return name
            pytest.fail(f"half restored, and nothing says so: {difference(self.old, found)}")
        assert problem.message.startswith("A restore of this database was interrupted")
        assert f"bridge restore {self.backup}" in problem.help
        found = self._database.contents()
        for call in (bridge.plan, bridge.dbupdate, bridge.rehearse):
            with pytest.raises(BridgeError) as caught:
                call()
            assert caught.value.message == problem.message
        assert self._database.contents() == found
        return "half restored"

    def restore_again(self) -> None:
        """Check that the same command makes the database that of the backup, and leaves nothing."""
        done = self._project.run("restore", str(self.backup), "--yes", url=self._database)
        assert done.exit_code == 0, done.stderr
        found = self._database.contents()
        assert found == self.old, difference(self.old, found)
        assert self._project.bridge(self._database).status().problem is None
        assert not list(self.backup.parent.glob("*.part*"))
        assert self._scratch_databases() == []
        for other in set(self.backup.parent.glob("*.bridge-backup")) - {self.backup}:
            other.unlink()

    def _scratch_databases(self) -> list[str]:
        if not isinstance(self._database, ServerDatabase):
            return []
        names = {"postgresql": "SELECT datname FROM pg_database", "mariadb": "SHOW DATABASES"}
        with self._database.engine().connect() as connection:
            found = connection.exec_driver_sql(names[self._database.dialect]).scalars()
            return [name for name in found if name.startswith(PREFIX)]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
def test_a_restore_that_is_killed_is_finished_by_the_next(
    dialect: str, sample: Project, make_database: Callable[[str], Database], tmp_path: Path
) -> None:
    database, count = make_database(dialect), tmp_path / "boundaries"
    database.load(OLD)
    restored = Restored(sample, database, LATER)
    command = ["restore", str(restored.backup), "--yes", "--url", database.url]
    faults: dict[str, Any] = {"COUNT": count, "EVENTS": 1}
    restored.restore_again()  # makes the lock's file, which stays: the others do not
    restored.change()
    whole = run_counted(command, sample.root, **faults)
    assert whole.returncode == 0, whole.stderr
    boundaries = count.read_text(encoding="utf-8").splitlines()
    states = []
    restored.restore_again()
    for point in spread(len(boundaries)):
        restored.change()
        count.unlink()
        killed = run_counted(command, sample.root, new_session=True, AT=point, **faults)
        assert killed.returncode == -9, f"{point} was not reached: {killed.stderr}"
        states.append(restored.check_killed())
        print(f"{point} of {len(boundaries)} ({boundaries[point - 1]}): {states[-1]}", flush=True)
        restored.restore_again()
    print(f"\n{dialect}: {summary(states)}")


def test_a_restore_that_is_killed_within_the_commit_is_finished_by_the_next(
    sample: Project, make_database: Callable[[str], Database]
) -> None:
    """SQLite first writes a journal, as long as the old database, and then page by page."""
    database = make_database("sqlite")
    assert isinstance(database, SQLiteDatabase)
    database.load(OLD)
    database.execute(
        "CREATE TABLE wide (text TEXT)", *["INSERT INTO wide VALUES (zeroblob(4000))"] * 40
    )
    with database.engine().connect() as connection:
        emptied = tuple(f"DROP TABLE {name}" for name in sa.inspect(connection).get_table_names())
    restored = Restored(sample, database, emptied)
    pages = restored.backup.stat().st_size // PAGE
    command = ["restore", str(restored.backup), "--yes", "--no-backup", "--url", database.url]
    states = []
    for page in spread(pages - 1):
        killed = run_counted(command, sample.root, BYTES=page * PAGE)
        assert killed.returncode == -25, f"page {page} was not reached: {killed.stderr}"
        states.append(restored.check_killed())
        print(f"page {page} of {pages}: {states[-1]}", flush=True)
        restored.restore_again()
        restored.change()
    print(f"\nSQLite, within the commit: {summary(states)}")


def summary(states: list[str]) -> str:
    counted = {state: states.count(state) for state in sorted(set(states))}
    return f"{len(states)} moments tried, {len(states)} ended equal to the backup; {counted}"
