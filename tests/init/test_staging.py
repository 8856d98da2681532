"""What init writes is moved into the app's folder as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.init.staging import stage
from bridge.model.errors import InitError


def names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_files_are_moved_and_named(tmp_path: Path) -> None:
    with stage(tmp_path) as staging:
        (staging.top / "bridge.toml").write_text("", encoding="utf-8")
        (staging.folder / "versions/__pycache__").mkdir()
        (staging.folder / "versions/__pycache__/one.pyc").write_bytes(b"")
        (staging.folder / "versions/one.py").write_text("", encoding="utf-8")
        places = [
            (staging.folder, tmp_path / "deep/er"),
            (staging.top / "bridge.toml", tmp_path / "bridge.toml"),
        ]
        moved = staging.move(places)
    assert moved == (
        "deep/er/env.py",
        "deep/er/script.py.mako",
        "deep/er/versions/one.py",
        "bridge.toml",
    )
    assert names(tmp_path) == sorted(moved)


def test_nothing_is_moved_where_one_file_cannot_be(tmp_path: Path) -> None:
    with stage(tmp_path) as staging:
        places = [
            (staging.folder, tmp_path / "migrations"),
            (staging.top / "missing", tmp_path / "missing"),
        ]
        with pytest.raises(InitError) as caught:
            staging.move(places)
    assert caught.value.message.endswith("missing cannot be written: No such file or directory")
    assert caught.value.state_of_data == "Nothing was written."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["bridge.toml", "alembic_migrations"])
def test_nothing_that_exists_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InitError) as caught, stage(tmp_path):
        raise AssertionError
    assert caught.value.message == f"{tmp_path} has already: {name}."
    assert caught.value.help == (
        "Move that away: it is not overwritten.\nOr continue with it: bridge status"
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]
