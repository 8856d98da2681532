"""An app in the manner of MediaGoblin through its whole life."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic_projects import write_revision
from databases import Database
from projects import Project, copy_project

PLUGINS = ("geolocation", "processing_info", "subtitles")
ROWS = [("__main__", 10), ("goblin_plugins.geolocation", 1), ("goblin_plugins.retired", 2)]


@pytest.fixture
def goblin(tmp_path: Path) -> Iterator[Project]:
    """A copy of the app; its packages are forgotten afterwards."""
    before = list(sys.path)
    yield copy_project("goblin", tmp_path / "goblin")
    sys.path[:] = before
    for name in [name for name in sys.modules if name.startswith("goblin")]:
        del sys.modules[name]


def make_old(database: Database, version: int) -> None:
    """A database of the app at an old number, with a plugin that the app has no more."""
    email = ", email VARCHAR(80)" if version >= 4 else ""
    database.execute(
        "CREATE TABLE core__migrations (name VARCHAR(100) PRIMARY KEY, version INTEGER NOT NULL)",
        f"INSERT INTO core__migrations VALUES ('__main__', {version})",
        "INSERT INTO core__migrations VALUES ('goblin_plugins.geolocation', 0)",
        "INSERT INTO core__migrations VALUES ('goblin_plugins.retired', 2)",
        f"CREATE TABLE core__users (id INTEGER PRIMARY KEY, username VARCHAR(80) NOT NULL{email})",
        "INSERT INTO core__users (id, username) VALUES (1, 'ann')",
        "CREATE TABLE core__media_entries (id INTEGER PRIMARY KEY, uploader INTEGER, "
        "title VARCHAR(200))",
        "INSERT INTO core__media_entries VALUES (1, 1, 'a goblin')",
        "CREATE TABLE geolocation__locations (id INTEGER PRIMARY KEY, place VARCHAR(80))",
        "INSERT INTO geolocation__locations VALUES (1, 'a cave')",
        "CREATE TABLE retired__things (id INTEGER PRIMARY KEY)",
        "INSERT INTO retired__things VALUES (7)",
    )
    if version >= 10:
        database.execute(
            "UPDATE core__users SET email = 'ann@example.org'",
            "UPDATE core__media_entries SET title = 'A Goblin'",
            "CREATE TABLE core__media_comments (id INTEGER PRIMARY KEY, media_entry INTEGER, "
            "content TEXT)",
            "CREATE TABLE core__privileges (id INTEGER PRIMARY KEY, privilege_name VARCHAR(40))",
            "INSERT INTO core__privileges VALUES (1, 'admin')",
            "INSERT INTO core__privileges VALUES (2, 'uploader')",
        )


def rows(database: Database, *tables: str) -> dict[str, list[tuple[object, ...]]]:
    with database.engine().connect() as connection:
        return {
            table: [tuple(r) for r in connection.execute(sa.text(f"SELECT * FROM {table}"))]
            for table in tables
        }


@pytest.mark.parametrize("version", [3, 10])
def test_an_old_database_through_its_whole_life(
    goblin: Project, database: Database, version: int
) -> None:
    make_old(database, version)
    bridge = goblin.bridge(database)
    state = bridge.status()
    assert state.kind == "legacy"
    assert state.legacy["core"].version == version
    assert state.legacy["processing_info"].version is None
    assert [row.repository_id for row in state.strangers] == ["goblin_plugins.retired"]

    report = bridge.dbupdate()
    steps = [str(step) for step, _ in report.steps]
    assert steps == [
        *(f"legacy core {n}" for n in range(version + 1, 11)),
        "legacy geolocation 1",
        "upgrade 52bf0ccbedc1",
        "upgrade 101510e3a713",
        "upgrade cc3651803714",
        "upgrade 38feb829c545",
        "upgrade afd3d1da5e29",
        "foundations goblin_plugins.subtitles.models:FOUNDATIONS",
    ]
    assert rows(
        database,
        "core__users",
        "core__media_entries",
        "core__privileges",
        "geolocation__locations",
        "subtitles__languages",
        "retired__things",
    ) == {
        "core__users": [(1, "ann", "ann@example.org")],
        "core__media_entries": [(1, 1, "A Goblin", None)],
        # Not laid a second time: an old database has them.
        "core__privileges": [(1, "admin"), (2, "uploader")],
        "geolocation__locations": [(1, "a cave", None)],
        "subtitles__languages": [(1, "Esperanto")],
        "retired__things": [(7,)],
    }
    assert sorted(rows(database, "core__migrations")["core__migrations"]) == ROWS
    assert bridge.dbupdate().outcome == "nothing_to_do"

    # A plugin is switched off, then uninstalled, while the app goes on.
    scripts = goblin.root / "goblin/alembic/versions"
    plugin = goblin.root / "goblin_plugins/geolocation"
    write_revision(scripts, "core3", "101510e3a713")
    goblin.configure("module.geolocation", "enabled = false")
    assert goblin.bridge(database).status().dormant == {"geolocation": ("cc3651803714",)}
    assert [str(s) for s, _ in goblin.bridge(database).dbupdate().steps] == ["upgrade core3"]
    settings = goblin.file.read_text(encoding="utf-8")
    plugin.rename(goblin.root / "uninstalled")
    goblin.write("bridge.toml", without(settings, "legacy.geolocation", "module.geolocation"))
    write_revision(scripts, "core4", "core3")
    report = goblin.bridge(database).dbupdate()
    assert [str(step) for step, _ in report.steps] == ["upgrade core4"]
    assert report.dormant == {"geolocation": ("cc3651803714",)}

    # It comes back, newer, and goes on from where it was.
    (goblin.root / "uninstalled").rename(plugin)
    goblin.write("bridge.toml", settings.replace("enabled = false\n", ""))
    write_revision(plugin / "migrations", "geolocation2", "cc3651803714")
    report = goblin.bridge(database).dbupdate()
    assert [str(step) for step, _ in report.steps] == ["upgrade geolocation2"]
    assert rows(database, "geolocation__locations")["geolocation__locations"] == [
        (1, "a cave", None)
    ]

    report = goblin.bridge(database).remove_module("geolocation")
    assert [str(step) for step, _ in report.steps] == [
        "take out legacy geolocation",
        "downgrade geolocation2",
        "downgrade cc3651803714",
    ]
    assert not sa.inspect(database.engine()).has_table("geolocation__locations")
    assert report.current == ("38feb829c545", "afd3d1da5e29", "core4")


def without(text: str, *tables: str) -> str:
    """A configuration without some of its tables."""
    parts = text.split("\n[")
    return "\n[".join(part for part in parts if part.partition("]")[0] not in tables)


@pytest.mark.parametrize("fresh", ["models", "upgrade"])
def test_a_new_install(goblin: Project, database: Database, fresh: str) -> None:
    """The tables are made as they are now, the numbers set, the default rows laid: once."""
    goblin.replace("bridge.toml", 'fresh = "models"', f'fresh = "{fresh}"')
    goblin.configure("module.processing_info", "enabled = false")
    report = goblin.bridge(database).dbupdate()
    steps = [str(step) for step, _ in report.steps]
    laid = [
        "foundations goblin.models:FOUNDATIONS",
        "foundations goblin_plugins.subtitles.models:FOUNDATIONS",
    ]
    if fresh == "models":
        assert steps == [
            "create the models' tables",
            "stamp 101510e3a713, afd3d1da5e29, cc3651803714",
            "set legacy core to 10",
            "set legacy geolocation to 1",
            *laid,
        ]
        assert sorted(rows(database, "core__migrations")["core__migrations"]) == ROWS[:2]
    else:
        assert steps[-2:] == laid
    assert not sa.inspect(database.engine()).has_table("processing__info")
    assert goblin.bridge(database).dbupdate().outcome == "nothing_to_do"

    goblin.replace("bridge.toml", "enabled = false\n", "")
    report = goblin.bridge(database).dbupdate()
    assert [str(step) for step, _ in report.steps] == ["upgrade 38feb829c545"]
    assert rows(database, "core__privileges", "subtitles__languages") == {
        "core__privileges": [(1, "admin"), (2, "uploader")],
        "subtitles__languages": [(1, "Esperanto")],
    }


def test_a_plugin_whose_code_is_gone_stays_as_it_is(
    goblin: Project, sqlite_database: Database
) -> None:
    make_old(sqlite_database, 10)
    result = goblin.run("status", url=sqlite_database)
    assert "Left alone" in result.output
    assert "the version row goblin_plugins.retired at 2, which nothing claims" in result.output
    for name in PLUGINS[1:]:
        shutil.rmtree(goblin.root / "goblin_plugins" / name / "migrations")
        goblin.configure(f"module.{name}", "enabled = false")
    report = goblin.bridge(sqlite_database).dbupdate()
    assert report.current == ("101510e3a713", "cc3651803714")
