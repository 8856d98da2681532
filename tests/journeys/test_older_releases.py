"""What an older release of bridge has written goes on working: sealed histories and journals.

`tests/data/b60b14e/` was written by the commit of that name: the sample's database after a run
without the module messages, and after one that failed in the revision messages_read_at; on MariaDB
in the middle of the replay of version 11; and a MariaDB database of the app below after a run that
failed in the middle of version 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.harness import contents
from support.databases import Database
from support.legacy_projects import CREATE_NOTES, LegacyProject, notes, versions
from support.projects import TOP, Project

from bridge.model.errors import ResumeError

OLD = TOP / "tests/data/b60b14e"
HEADS = ("core_tag_slugs", "likes_totals", "messages_threads")

# Sealed by that commit. A file that changes here would no longer be what installs have.
SEALED = {
    "core/frozen/manifest.json": "830b973ece8b8bfdd9373bfb55cc259882b4cc5dacfb91ae1a4ca3a6e6e05890",
    "core/frozen/mysql.schema.jsonl": (
        "c192b835d763571e3d5c3a5c81faf7c62ebca8d3b09f4e92248e6dce53918ab2"
    ),
    "core/frozen/mysql.sql": "11f611aa384ce341ff28cbdae7c16c63a5a0124a8de7e8ddca11a0cb73df1026",
    "core/frozen/ported/007.py": "670d826b1623c9095cb73b5477736256eb21b7687b7e0e3d9b32956dedf41c4d",
    "core/frozen/postgresql.schema.jsonl": (
        "4372386758d926812ce3aac0de9ba13f05d0a4515a80093826e5fbe49daed34e"
    ),
    "core/frozen/postgresql.sql": (
        "7ef71bfd1acedc539d7dcf3d7ca68f20b118fb1102811079c4a351c53dfd1b91"
    ),
    "core/frozen/sqlite.schema.jsonl": (
        "9625b1f20e5831e38fb287eaccc63f9fe5478fa66cabd14cd4c4434521b19800"
    ),
    "core/frozen/sqlite.sql": "de6aab539274f0aeacd9816ef1905363096486f6cf91cdd69a3aca03194a979d",
    "likes/frozen/manifest.json": (
        "766c67d4147df55b98986148ac915d522e4877209a33a7647b200546357c89a4"
    ),
    "likes/frozen/mysql.schema.jsonl": (
        "1b5318f3733021192a32b10b2a7cb195616b36d215bff5a9d0476b30fe27707f"
    ),
    "likes/frozen/mysql.sql": "805938d6458f75d933e4851808071858256e2e5d51098f66ffec53de36d16771",
    "likes/frozen/ported/002.py": (
        "f9a854e1a317f79fbc19fff0f8b160efd714ea4e18d3c886df947f5ae0389135"
    ),
    "likes/frozen/postgresql.schema.jsonl": (
        "85ed08da543ed1a23de08c0b8bf9b4de0580177adb2f354860baf35c2f0960ff"
    ),
    "likes/frozen/postgresql.sql": (
        "2f49eaf70c22638f2ccf10e8a4c73a08c6ae26ed61fa3ccd8db7f2aede2cf839"
    ),
    "likes/frozen/sqlite.schema.jsonl": (
        "44ae3d3f1da343d482e5dd3292ecbf2fd0af1519289b6a6cbca2f89906de6e63"
    ),
    "likes/frozen/sqlite.sql": "91f5c59a1ce8b19139b7796040c82adbc01b26454c69b1b65a18140bab9daa52",
}


def test_the_sealed_histories_are_those_of_then() -> None:
    folder = TOP / "legacy_migrations"
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("frozen/**/*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert found == SEALED


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
def test_a_history_that_was_sealed_then_is_replayed(
    dialect: str, sample: Project, make_database: Callable[[str], Database]
) -> None:
    database = make_database(dialect)
    database.load(TOP / "snapshots/core-v03")
    report = sample.bridge(database).dbupdate(method="replay")
    assert report.current == HEADS


def test_a_journal_of_then_is_read_and_its_run_is_finished(
    sample: Project, make_database: Callable[[str], Database]
) -> None:
    database = make_database("sqlite")
    database.load(OLD / "sample")
    before = database.rows(journal=True)["bridge_journal"]
    bridge = sample.bridge(database)

    finished, failed = bridge.history()
    assert (finished.status, len(finished.steps)) == ("done", 15)
    assert [(step.name, step.status) for step in failed.steps] == [
        ("upgrade messages_base", "done"),
        ("upgrade messages_read_at", "failed"),
    ]
    assert (failed.status, failed.error) == ("failed", "revision-failed")

    report = bridge.dbupdate()
    assert [str(step) for step, _seconds in report.steps] == [
        "upgrade messages_read_at",
        "upgrade messages_threads",
    ]
    assert report.current == HEADS
    assert bridge.history()[:2] == (finished, failed)
    assert set(before) <= set(database.rows(journal=True)["bridge_journal"])
    assert contents(database) == contents(undisturbed(sample, make_database("sqlite")))


@pytest.mark.server
def test_a_replay_that_stopped_then_resumes_behind_what_was_recorded(
    sample: Project, make_database: Callable[[str], Database]
) -> None:
    """Version 11 had made the table "settings" and put a row into it, which was rolled back."""
    database = make_database("mariadb")
    database.load(OLD / "sample")
    assert database.rows()["settings"] == []
    report = sample.bridge(database).dbupdate()
    assert (str(report.steps[0][0]), report.current) == ("legacy core 11", HEADS)
    assert contents(database) == contents(undisturbed(sample, make_database("mariadb")))


def undisturbed(sample: Project, database: Database) -> Database:
    """One that this code has taken all the way."""
    database.load(TOP / "snapshots/core-v07")
    sample.bridge(database).dbupdate()
    return database


# Version 2 had stopped before its last statement.
SCRIPTS = {
    "001_notes": CREATE_NOTES,
    "002_authors": """
import os, uuid
own = str(uuid.uuid4())
migrate_engine.execute("CREATE TABLE authors (id INTEGER PRIMARY KEY, name VARCHAR(40))")
migrate_engine.execute(text("INSERT INTO notes (text) VALUES (:own)"), own=own)
count = migrate_engine.execute("SELECT COUNT(*) FROM notes").scalar()
if "STOP" in os.environ:
    raise RuntimeError("stopped")
insert = text("INSERT INTO authors VALUES (:id, :own)")
migrate_engine.execute(insert, id=100 + count, own=own)
""",
}
GIVEN = "93a297fd-e005-4178-ac15-08d243143428"


@pytest.mark.process
@pytest.mark.server
def test_statements_that_were_recorded_then_are_not_run_again(
    make_database: Callable[[str], Database], tmp_path: Path
) -> None:
    database = make_database("mariadb")
    database.load(OLD / "app")
    project = LegacyProject(tmp_path)
    project.repository(SCRIPTS)
    bridge = project.bridge(database)

    with pytest.raises(ResumeError) as caught:
        bridge.dbupdate()
    # A dump puts the tables back, and their times are of now.
    assert caught.value.message == (
        "The step 'legacy app 2' was interrupted at its statement 2, and cannot resume by itself.\n"
        "Found: since the step was interrupted, authors was changed or created again, "
        "migrate_version was changed or created again, notes was changed or created again.\n"
        "Expected: the tables as they were after statement 2, "
        "INSERT INTO notes (text) VALUES (%(own)s)."
    )
    assert bridge.dbupdate(from_statement=3).outcome == "upgraded"
    assert versions(database) == {"app": 2}
    assert notes(database) == [GIVEN]
    [(number, own)] = database.rows()["authors"]
    # What is drawn by lot is drawn anew where the administrator says how to go on.
    assert (number, len(own), own == GIVEN) == (101, 36, False)
