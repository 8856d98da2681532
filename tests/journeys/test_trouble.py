"""Trouble with the database itself: a clear error, unchanged data, then a run that ends right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import Database, SQLiteDatabase
from support.legacy_projects import ONCE
from support.projects import TOP, Project
from support.warm import run_warm

pytestmark = ONCE

OLD = TOP / "snapshots" / "core-v03"


def old_database(path: Path) -> SQLiteDatabase:
    database = SQLiteDatabase(path)
    database.load(OLD)
    return database


def content(database: Database) -> Any:
    """What must be equal, whichever way led there."""
    tables = database.schema()["tables"]
    columns = {name: {column["name"] for column in t["columns"]} for name, t in tables.items()}
    return columns, database.rows()


# --- no room --------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a file system of so many kilobytes, or gives it another size."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mounted = False

    def disk(kilobytes: int) -> Path:
        nonlocal mounted
        options = f"size={kilobytes}k" if not mounted else f"remount,size={kilobytes}k"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
        mounted = True
        return folder

    yield disk
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


# The old database has 32, the new one about 130.
@pytest.mark.process
@pytest.mark.parametrize("kilobytes", [36, 72])
def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(
    sample: Project, tmp_path: Path, small_disk: Callable[[int], Path], kilobytes: int
) -> None:
    undisturbed = old_database(tmp_path / "undisturbed.db")
    sample.bridge(undisturbed).dbupdate()
    database = old_database(small_disk(kilobytes) / "media.db")
    result = sample.run("dbupdate", "--yes", "--no-backup", url=database.url)
    assert result.exit_code in (4, 7, 8)
    assert "database or disk is full" in result.stderr
    assert "may have stayed" not in result.stderr
    with database.engine().connect() as connection:
        assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
    small_disk(10_000)
    assert sample.run("dbupdate", "--yes", url=database.url).exit_code == 0
    assert content(database) == content(undisturbed)
    database.drop()


FILE_SIZE = """
import resource, sys
from bridge.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
main(sys.argv[2:])
"""


@pytest.mark.process
@pytest.mark.parametrize("kilobytes", [36, 64])
def test_an_error_of_the_disk_stops_the_run_and_the_next_one_goes_on(
    sample: Project, tmp_path: Path, kilobytes: int
) -> None:
    undisturbed, database = (old_database(tmp_path / f"{name}.db") for name in ("one", "two"))
    sample.bridge(undisturbed).dbupdate()
    arguments = ["dbupdate", "--yes", "--no-backup", "--url", database.url]
    done = run_warm(
        [sys.executable, "-c", FILE_SIZE, str(kilobytes * 1024), *arguments], cwd=sample.root
    )
    assert done.returncode in (4, 7, 8), done.stderr
    assert "disk I/O error" in done.stderr
    assert "may have stayed" not in done.stderr
    assert sample.run("dbupdate", "--yes", url=database.url).exit_code == 0
    assert content(database) == content(undisturbed)


# --- no right -------------------------------------------------------------------------------


def refused(result: Any, status: int, code: str, said: str) -> None:
    """The whole run said no: one error, with what to do, and nothing of Python in it."""
    assert result.exit_code == status, result.stderr
    assert f"Error [{code}] " in result.stderr
    assert said in result.stderr
    assert "State of the data: The database is unchanged.\n" in result.stderr
    assert "What to do: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_a_user_who_may_not_create_tables_is_told_before_anything_has_changed(
    dialect: str, sample: Project, make_database: Callable[[str], Database]
) -> None:
    database = make_database(dialect)
    database.load(OLD)
    url = database.engine().url
    user, password = f"reader_{url.database}"[-30:], "se:cr@t"
    if dialect == "postgresql":
        grants = [
            f"CREATE USER {user} PASSWORD '{password}'",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        ]
        said = "permission denied for schema public"
    else:
        grants = [
            f"CREATE USER {user}@'%' IDENTIFIED BY '{password}'",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {url.database}.* TO {user}@'%'",
        ]
        said = "CREATE command denied to user"
    database.execute(*grants)
    try:
        before = database.contents()
        reader = url.set(username=user, password=password).render_as_string(hide_password=False)
        result = sample.run("dbupdate", "--yes", url=reader)
        refused(result, 4, "database-refused", said)
        assert password not in result.stderr
        assert database.contents() == before
    finally:
        database.execute(
            f"DROP OWNED BY {user}" if dialect == "postgresql" else "SELECT 1",
            f"DROP USER {user}" + ("" if dialect == "postgresql" else "@'%'"),
        )


def test_a_file_that_is_read_only_is_told_before_anything_has_changed(
    sample: Project, tmp_path: Path
) -> None:
    database = old_database(tmp_path / "media.db")
    before = database.contents()
    url = f"sqlite:///file:{database.path}?mode=ro&uri=true"
    result = sample.run("dbupdate", "--yes", url=url)
    refused(result, 4, "database-refused", "attempt to write a readonly database")
    assert database.contents() == before


@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_a_wrong_password_is_told_and_not_shown(
    dialect: str, sample: Project, make_database: Callable[[str], Database]
) -> None:
    url = make_database(dialect).engine().url.set(password="wr:ong@1%")
    result = sample.run("dbupdate", "--yes", url=url.render_as_string(hide_password=False))
    refused(result, 4, "database-unreachable", "cannot be opened")
    assert "wr:ong@1%" not in result.stderr


# --- no database ------------------------------------------------------------------------------


def test_a_file_that_another_program_has_locked_is_told(sample: Project, tmp_path: Path) -> None:
    database = old_database(tmp_path / "media.db")
    before = database.contents()
    with database.engine().connect() as other:
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        result = sample.run("dbupdate", "--yes", url=f"{database.url}?timeout=0.1")
        other.exec_driver_sql("ROLLBACK")
    refused(result, 4, "database-unreachable", "database is locked")
    assert database.contents() == before


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [(0, 16, "file is not a database"), (4096, 32768, "database disk image is malformed")],
)
def test_a_damaged_file_is_told(
    first: int, last: int, said: str, sample: Project, tmp_path: Path
) -> None:
    path = old_database(tmp_path / "media.db").path
    content = bytearray(path.read_bytes())
    content[first:last] = b"\xff" * (last - first)
    path.write_bytes(content)
    result = sample.run("dbupdate", "--yes", url=f"sqlite:///{path}")
    refused(result, 4, "database-unreachable", said)
    assert path.read_bytes() == content


def test_a_damage_that_only_the_backup_finds_stops_the_run(sample: Project, tmp_path: Path) -> None:
    path = old_database(tmp_path / "media.db").path
    content = bytearray(path.read_bytes())
    content[-2048:] = b"\xff" * 2048
    path.write_bytes(content)
    result = sample.run("dbupdate", "--yes", url=f"sqlite:///{path}")
    refused(result, 4, "backup-failed", "is damaged, as SQLite finds: ")
    assert path.read_bytes() == content
    assert list(tmp_path.glob("media.db*backup*")) == []


def test_a_folder_that_is_not_there_is_told(sample: Project, tmp_path: Path) -> None:
    result = sample.run("dbupdate", "--yes", url=f"sqlite:///{tmp_path}/no/media.db")
    assert result.exit_code == 4
    assert f"The folder {tmp_path}/no of the SQLite file media.db does not exist." in result.stderr
    assert "There is no database yet." in result.stderr
    assert not (tmp_path / "no").exists()
