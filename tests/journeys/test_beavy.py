"""An app in the manner of Beavy through its whole life: bases and heads of every module."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.alembic_projects import create_table, write_revision
from support.databases import Database
from support.projects import Project, copy_project

from bridge.model.errors import ModuleNeededError


@pytest.fixture
def beavy(tmp_path: Path) -> Iterator[Project]:
    """A copy of the app; its packages are forgotten afterwards."""
    before = list(sys.path)
    project = copy_project("beavy", tmp_path / "beavy")
    yield project
    sys.path[:] = before
    project.forget()


def update(beavy: Project, database: Database) -> list[str]:
    return [str(step) for step, _ in beavy.bridge(database).dbupdate().steps]


def test_the_whole_life(beavy: Project, database: Database) -> None:
    modules = beavy.root / "beavy_modules"
    assert update(beavy, database) == [
        "upgrade 242c2fd98af",
        "upgrade 51ba2c47c9a",
        "upgrade 9c4e21d0b3f",
    ]
    # The core has no row: both of these stand for it.
    assert beavy.bridge(database).status().current == ("51ba2c47c9a", "9c4e21d0b3f")
    assert update(beavy, database) == []
    database.execute(
        "INSERT INTO users (id, name) VALUES (1, 'ann')",
        "INSERT INTO objects (id, owner_id) VALUES (1, 1)",
        "INSERT INTO likes (id, object_id) VALUES (1, 1)",
        "INSERT INTO extracted_links (id, object_id) VALUES (1, 1)",
    )

    # The core goes on; a module depends on what is new there; another is switched on.
    write_revision(
        beavy.root / "migrations/versions", "core2", "242c2fd98af", upgrade=create_table("tags")
    )
    write_revision(
        modules / "likes/migrations", "likes2", "51ba2c47c9a", depends="core2",
        upgrade="op.add_column('likes', sa.Column('weight', sa.Integer))",
        downgrade="op.drop_column('likes', 'weight')",
    )  # fmt: skip
    beavy.replace("bridge.toml", "enabled = false", "enabled = true")
    assert update(beavy, database) == ["upgrade core2", "upgrade likes2", "upgrade 7d3f5a1e6c2"]
    database.execute("INSERT INTO comments (id, object_id) VALUES (1, 1)")

    # One is switched off, and its folder goes; the others are upgraded all the same.
    text = beavy.file.read_text(encoding="utf-8")
    off = text.replace("enabled = true", "enabled = false", 2).replace("= false", "= true", 1)
    beavy.write("bridge.toml", off)
    assert beavy.bridge(database).status().dormant == {"url_extractor": ("9c4e21d0b3f",)}
    (modules / "url_extractor").rename(beavy.root / "put_away")
    write_revision(beavy.root / "migrations/versions", "core3", "core2")
    assert update(beavy, database) == ["upgrade core3"]
    state = beavy.bridge(database).status()
    assert state.dormant == {"url_extractor": ("9c4e21d0b3f",)}
    assert {m.name: m.switch for m in state.modules} == {
        "likes": "on",
        "url_extractor": "not installed",
        "comments": "on",
    }

    # On again, it goes on from where it was.
    (beavy.root / "put_away").rename(modules / "url_extractor")
    write_revision(modules / "url_extractor/migrations", "links2", "9c4e21d0b3f", depends="core3")
    beavy.write("bridge.toml", text)
    assert update(beavy, database) == ["upgrade links2"]

    # Taken out, last come first.
    with pytest.raises(ModuleNeededError):
        beavy.bridge(database).remove_module("likes")
    beavy.bridge(database).remove_module("comments")
    beavy.bridge(database).remove_module("likes")
    assert beavy.bridge(database).status().current == ("links2",)
    found = set(sa.inspect(database.engine()).get_table_names())
    assert {"users", "objects", "tags", "extracted_links"} <= found
    assert not {"likes", "comments"} & found
    kept = database.rows(["bridge_journal", "alembic_version"])
    assert kept["extracted_links"] == [(1, 1)]
    assert kept["objects"] == [(1, 1)]


def test_a_module_that_is_on_needs_its_dependencies(
    beavy: Project, sqlite_database: Database
) -> None:
    beavy.write("bridge.toml", beavy.file.read_text(encoding="utf-8").replace("= false", "= true"))
    beavy.replace(
        "bridge.toml",
        'depends_on = ["core"]\nenabled = true\n\n[module.url',
        "enabled = false\n\n[module.url",
    )
    result = beavy.run("dbupdate", url=sqlite_database)
    assert result.exit_code == 3
    assert "comments is switched on and depends on likes, which is switched off" in result.output


def test_a_module_without_its_files_is_listed(beavy: Project, sqlite_database: Database) -> None:
    update(beavy, sqlite_database)
    shutil.rmtree(beavy.root / "beavy_modules/comments")
    result = beavy.run("modules", "list", url=sqlite_database)
    assert [line.split() for line in result.output.splitlines()[:3]] == [
        ["likes", "on", "51ba2c47c9a", "51ba2c47c9a"],
        ["url_extractor", "on", "9c4e21d0b3f", "9c4e21d0b3f"],
        ["comments", "not", "installed", "-", "-"],
    ]
