"""Snapshots as files: their names, and what stands in their first lines. No database."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.model.errors import ConfigError, SnapshotError
from bridge.model.snapshots import Snapshot
from bridge.snapshots.files import SnapshotFile, header, list_snapshots, name_for, read_header


@pytest.mark.parametrize(
    ("file", "path"),
    [
        (SnapshotFile(), "snapshots/core-007.sqlite.sql"),
        (SnapshotFile(folder="other"), "other/core-007.sqlite.sql"),
        (SnapshotFile(name="mine"), "snapshots/mine.sqlite.sql"),
        (SnapshotFile(name="mine.sqlite.sql"), "snapshots/mine.sqlite.sql"),
    ],
)
def test_a_file_is_named_after_its_versions(file: SnapshotFile, path: str) -> None:
    assert file.path(Path("snapshots"), "core-007", "sqlite") == Path(path)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b"])
def test_a_name_has_no_folder(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SnapshotFile(name=name).path(Path(), "core-007", "sqlite")
    assert caught.value.message == f"{name!r} is not a file name."


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "core-007.pg.sql"
    path.touch()
    with pytest.raises(SnapshotError) as caught:
        SnapshotFile().path(tmp_path, "core-007", "postgresql")
    assert caught.value.as_dict() == {
        "code": "snapshot-refused",
        "message": f"{path} exists already.",
        "help": "Give another name with --name, or replace the file with --force.",
        "state_of_data": "No database is changed, and no file written.",
    }
    assert SnapshotFile(force=True).path(tmp_path, "core-007", "postgresql") == path


def test_the_first_line_says_where_it_stands(tmp_path: Path) -> None:
    versions, revisions = {"core": 7, "likes": 2}, ("one", "two")
    assert name_for(versions, revisions) == "core-007_likes-002_one_two"
    file = tmp_path / "file.sql"
    file.write_text(header(versions, revisions, "SQLite"), encoding="utf-8")
    assert read_header(file) == (versions, revisions)
    file.write_text("-- a dump\n", encoding="utf-8")
    assert read_header(file) == (None, ())


def test_only_old_databases_are_listed(tmp_path: Path) -> None:
    assert list_snapshots(tmp_path / "none") == ()
    text = header({"core": 7}, (), "SQLite") + "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
    for name in ("b.sqlite.sql", "a.sqlite.sql", ".hidden.sql"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    assert list_snapshots(tmp_path) == tuple(
        Snapshot(tmp_path / name, "sqlite", {"core": 7}, (), len(text))
        for name in ("a.sqlite.sql", "b.sqlite.sql")
    )
