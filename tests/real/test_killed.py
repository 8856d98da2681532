"""A run over a real history that is killed between two steps is finished by the next run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.harness import Harness, contents
from real.histories import FOREIGN_CODE, OLD_WORLD, Load, Project
from support.databases import Database, SQLiteDatabase
from support.projects import write_versions

pytestmark = [
    pytest.mark.real,
    *FOREIGN_CODE,
    pytest.mark.skipif(not OLD_WORLD, reason="long: it runs with SQLAlchemy 1.4 only"),
]

EVERY = int(os.environ.get("FAULT_EVERY", "31"))
DIALECTS = ("sqlite", "postgresql", "mariadb")
# Before it is written down that a step begins, and that it is done: in its version's transaction.
STEPS = r"^before INSERT INTO bridge_journal (?!.*'statement')"


def what_must_be_equal(database: Database) -> Any:
    """All but what no database takes back, and the clock.

    glance's 003_sqlite_upgrade.sql writes date('now'), and midnight may come in between. A server's
    sequence goes on where a transaction is rolled back, so the numbers of the rows that 019 puts
    into image_locations are others when it runs again; nothing refers to them.
    """
    schema, rows = contents(database)
    del rows["image_properties"]
    if not isinstance(database, SQLiteDatabase):
        rows["image_locations"] = sorted((line[1:] for line in rows["image_locations"]), key=str)
    return schema, rows


# With rows; and all of its versions, where every point is tried.
@pytest.mark.parametrize("start", [2, 0] if EVERY == 1 else [41])
@pytest.mark.parametrize("dialect", DIALECTS if EVERY == 1 else DIALECTS[-1:])
def test_a_run_that_is_killed_between_two_steps_is_finished_by_the_next(
    dialect: str,
    start: int,
    project: Callable[[str], Project],
    load: Load,
    make_database: Callable[[str], Database],
    tmp_path: Path,
) -> None:
    project("glance").write_toml(tmp_path / "bridge.toml")

    def old() -> Database:
        if start:
            return load(f"glance/v{start:03}", dialect)
        database = make_database(dialect)
        write_versions(database, ("Glance Migrations", 0))
        return database

    harness = Harness(old, tmp_path, tmp_path, only=STEPS, content=what_must_be_equal)
    outcome = harness.run(every=EVERY, first=1 if EVERY == 1 else EVERY // 2)
    print(f"\nglance from {start} on {dialect}: {outcome}")
    assert outcome.wrong == {}
