"""Backups before the first write, and putting them back."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from databases import Database, SQLiteDatabase
from projects import TOP, Project, copy_sample

from bridge import BridgeError
from bridge.errors import BackupError, RevisionFailedError

OLD = TOP / "snapshots" / "core-v10-likes-v01"
MakeDatabase = Callable[[str], Database]
SERVERS = ("postgresql", "mariadb")


@pytest.fixture
def sample(tmp_path: Path) -> Project:
    return copy_sample(tmp_path / "sample")


@pytest.fixture
def old(database: Database) -> Database:
    database.load(OLD)
    return database


def backups(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.bridge-backup*"))


def place_of(database: Database, sample: Project) -> Path:
    return database.path.parent if isinstance(database, SQLiteDatabase) else sample.root / "backups"


def fail_late(sample: Project) -> None:
    """The last revision of the plan fails, after all the others."""
    (script,) = sample.root.glob("alembic_migrations/**/messages_threads.py")
    script.write_text(script.read_text() + "\n\ndef upgrade():\n    raise ValueError('late')\n")


def test_a_failed_upgrade_is_undone_by_the_backup_that_its_error_names(
    sample: Project, old: Database
) -> None:
    before = old.contents()
    fail_late(sample)
    with pytest.raises(RevisionFailedError) as caught:
        sample.bridge(old).dbupdate(backup=True)
    (backup,) = backups(place_of(old, sample))
    assert caught.value.help == (
        "Mend what it complains of, then run: bridge dbupdate\n"
        f"Or put back the backup: bridge restore {backup}"
    )
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert old.contents() != before
    result = sample.run("restore", str(backup), "--yes", url=old.url)
    assert (result.exit_code, result.stdout) == (0, f"Restored  {backup}\n"), result.stderr
    assert old.contents() == before


def test_what_came_after_the_backup_is_gone(sample: Project, old: Database) -> None:
    before = old.contents()
    report = sample.bridge(old).dbupdate(backup=True)
    assert report.backup in backups(place_of(old, sample))
    old.execute("CREATE TABLE later (id INTEGER PRIMARY KEY, text VARCHAR(10))")
    old.execute("CREATE VIEW seen AS SELECT id FROM later")
    if old.dialect == "postgresql":
        old.execute("CREATE TYPE mood AS ENUM ('good')", "CREATE SEQUENCE numbers")
        old.execute("CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        old.execute("CREATE SCHEMA more", "CREATE TABLE more.later (mood mood)")
    sample.bridge(old).restore(report.backup)
    assert old.contents() == before
    if old.dialect == "postgresql":
        with old.engine().connect() as connection:
            names = "SELECT nspname FROM pg_namespace WHERE nspname = 'more'"
            assert connection.execute(sa.text(names)).fetchall() == []
            names = "SELECT typname FROM pg_type WHERE typname IN ('mood', 'later')"
            assert connection.execute(sa.text(names)).fetchall() == []


# --- when -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "asked", "servers", "made"),
    [
        ("sqlite", None, False, True),
        ("sqlite", False, False, False),
        ("postgresql", None, False, False),
        ("postgresql", None, True, True),
        ("postgresql", False, True, False),
        ("mariadb", True, False, True),
    ],
)
def test_who_is_backed_up(
    *, sample: Project, make_database: MakeDatabase, dialect: str, asked: bool | None,
    servers: bool, made: bool,
) -> None:  # fmt: skip
    database = make_database(dialect)
    database.load(OLD)
    sample.configure("backup", f"servers = {str(servers).lower()}")
    report = sample.bridge(database).dbupdate(backup=asked)
    assert bool(report.backup) is made
    assert len(backups(place_of(database, sample))) == made


def test_nothing_to_do_and_nothing_there_need_no_backup(
    sample: Project, sqlite_database: SQLiteDatabase
) -> None:
    bridge = sample.bridge(sqlite_database)
    assert bridge.dbupdate().backup is None
    assert bridge.dbupdate().outcome == "nothing_to_do"
    assert backups(sqlite_database.path.parent) == []


def test_the_newest_are_kept_and_no_other_file_goes(sample: Project, tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "media.db")
    others = [
        tmp_path / "media.db.20200101T000000.000000Z.bridge-backup.mine",
        tmp_path / "other.db.20200101T000000.000000Z.bridge-backup",
        tmp_path / "media.db.20200101T000000.bridge-backup",
    ]
    for path in others:
        path.touch()
    oldest = tmp_path / "media.db.20200102T000000.000000Z.bridge-backup"
    oldest.touch()
    made = []
    sample.configure("backup", "keep = 2")
    for _ in range(3):
        database.drop()
        database.load(OLD)
        made.append(sample.bridge(database).dbupdate().backup)
    assert backups(tmp_path) == sorted([*others, *(path for path in made[1:] if path)])


def test_the_output_names_the_backup(sample: Project, tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "media.db")
    database.load(OLD)
    sample.configure("backup", f'folder = "{tmp_path}/a folder"')
    result = sample.run("dbupdate", "--json", url=database.url)
    (backup,) = backups(tmp_path / "a folder")
    assert json.loads(result.stdout)["backup"] == str(backup)
    size = f"{backup.stat().st_size / 1e3:.0f} kB"
    assert result.stderr.startswith(f"Backup: {backup} ({size})\n")
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700


# --- what can go wrong ------------------------------------------------------------------------


def failure(sample: Project, database: Database, *, backup: bool | None = None) -> BridgeError:
    """The error of a run that must not even begin."""
    before = database.contents()
    with pytest.raises(BackupError) as caught:
        sample.bridge(database).dbupdate(backup=backup)
    assert caught.value.state_of_data == "The database is unchanged."
    assert database.contents() == before
    assert backups(place_of(database, sample)) == []
    return caught.value


def test_too_little_room_is_told_before(
    sample: Project, old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_000_000))
    error = failure(sample, old, backup=True)
    assert error.message.startswith("There is too little room for a backup in ")
    assert error.message.endswith(" are free.") or "1.0 MB are free" in error.message
    assert "--no-backup" in error.help


@pytest.mark.parametrize("dialect", SERVERS)
def test_a_program_that_is_missing_is_named_with_its_package(
    dialect: str, sample: Project, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make_database(dialect)
    database.load(OLD)
    monkeypatch.setenv("PATH", str(sample.root))
    error = failure(sample, database, backup=True)
    program, package = {
        "postgresql": ("pg_dump", "postgresql-client"),
        "mariadb": ("mariadb-dump", "mariadb-client"),
    }[dialect]
    assert error.message == f"The program {program} is not installed."
    assert f"apt install {package}" in error.help


RECORDER = """#!{python}
import os, sys
with open({file!r}, "a") as stream:
    stream.write(repr(sys.argv) + repr(dict(os.environ)))
sys.stderr.write("it says the password: " + {password!r})
sys.exit(3)
"""


@pytest.mark.parametrize(
    ("driver", "program"), [("postgresql", "pg_dump"), ("mysql+pymysql", "mariadb-dump")]
)
def test_a_password_is_in_no_argument_no_environment_and_no_message(
    driver: str, program: str, sample: Project, make_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    from bridge.backup import back_up

    database = make_database("postgresql" if driver == "postgresql" else "mariadb")
    url = database.engine().url
    password = str(url.password)
    said = tmp_path / "said"
    fake = tmp_path / "bin" / program
    fake.parent.mkdir()
    fake.write_text(RECORDER.format(python=sys.executable, file=str(said), password=password))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(BackupError) as caught:
        back_up(database.engine(), sample.bridge(database).config)
    assert caught.value.message == f"{program} ended with status 3: it says the password: ***"
    assert password not in said.read_text()
    assert backups(sample.root / "backups") == []


def test_a_folder_that_cannot_be_written_is_told(
    sample: Project, sqlite_database: SQLiteDatabase, tmp_path: Path
) -> None:
    sqlite_database.load(OLD)
    (tmp_path / "file").touch()
    sample.configure("backup", f'folder = "{tmp_path}/file"')
    error = failure(sample, sqlite_database)
    assert "cannot be written: " in error.message


def test_a_backup_of_another_kind_or_a_damaged_one_is_refused(
    sample: Project, sqlite_database: SQLiteDatabase, tmp_path: Path
) -> None:
    sqlite_database.load(OLD)
    before = sqlite_database.contents()
    damaged = bytearray(sqlite_database.path.read_bytes())
    damaged[8192:16384] = b"\xff" * 8192
    files = {
        "PGDMP and more": "is a backup of postgresql, and ",
        "-- MariaDB dump": "is a backup of mysql, and ",
        "anything": "is no backup that bridge knows, and ",
        bytes(damaged): "is damaged, as SQLite finds: ",
    }
    for n, (text, said) in enumerate(files.items()):
        path = tmp_path / f"backup{n}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(BackupError) as caught:
            sample.bridge(sqlite_database).restore(path)
        assert said in caught.value.message
    with pytest.raises(BackupError, match="cannot be read: No such file"):
        sample.bridge(sqlite_database).restore(tmp_path / "nowhere")
    assert sqlite_database.contents() == before


def test_nobody_to_ask_is_no_consent(sample: Project, sqlite_database: SQLiteDatabase) -> None:
    result = sample.run("restore", "some-file", url=sqlite_database.url)
    assert result.exit_code == 5
    assert "Run it again with --yes: bridge restore some-file --yes" in result.stderr


def test_what_is_there_is_backed_up_before_another_backup_takes_its_place(
    sample: Project, sqlite_database: SQLiteDatabase
) -> None:
    sqlite_database.load(OLD)
    bridge = sample.bridge(sqlite_database)
    first = bridge.dbupdate().backup
    after = sqlite_database.contents()
    assert first is not None
    bridge.restore(first)
    (second,) = set(backups(sqlite_database.path.parent)) - {first}
    bridge.restore(second)
    assert sqlite_database.contents() == after
