"""Trouble with the database itself: a clear error, unchanged data, then a run that ends right."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from databases import Database, SQLiteDatabase
from projects import TOP, Project, copy_sample

OLD = TOP / "snapshots" / "core-v03"


@pytest.fixture
def sample(tmp_path: Path) -> Project:
    return copy_sample(tmp_path / "sample")


def old_database(path: Path) -> SQLiteDatabase:
    database = SQLiteDatabase(path)
    database.load(OLD)
    return database


def content(database: Database) -> Any:
    """What must be equal, whichever way led there."""
    return {t: set(c) for t, c in columns(database).items()}, database.rows()


def columns(database: Database) -> dict[str, list[str]]:
    tables = database.schema()["tables"]
    return {name: [column["name"] for column in table["columns"]] for name, table in tables.items()}


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
@pytest.mark.parametrize("kilobytes", [36, 48, 72, 100])
def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(
    sample: Project, tmp_path: Path, small_disk: Callable[[int], Path], kilobytes: int
) -> None:
    undisturbed = old_database(tmp_path / "undisturbed.db")
    sample.bridge(undisturbed).dbupdate()
    database = old_database(small_disk(kilobytes) / "media.db")
    result = sample.run("dbupdate", "--yes", url=database.url)
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
from bridge.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
main(sys.argv[2:])
"""


@pytest.mark.parametrize("kilobytes", [36, 64])
def test_an_error_of_the_disk_stops_the_run_and_the_next_one_goes_on(
    sample: Project, tmp_path: Path, kilobytes: int
) -> None:
    undisturbed, database = (old_database(tmp_path / f"{name}.db") for name in ("one", "two"))
    sample.bridge(undisturbed).dbupdate()
    arguments = ["dbupdate", "--yes", "--url", database.url]
    done = subprocess.run(
        [sys.executable, "-c", FILE_SIZE, str(kilobytes * 1024), *arguments],
        cwd=sample.root,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (4, 7, 8), done.stderr
    assert "disk I/O error" in done.stderr
    assert "may have stayed" not in done.stderr
    assert sample.run("dbupdate", "--yes", url=database.url).exit_code == 0
    assert content(database) == content(undisturbed)
