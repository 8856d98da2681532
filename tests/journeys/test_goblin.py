"""An app in the manner of MediaGoblin through its whole life."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.alembic_projects import write_revision
from support.databases import Database
from support.legacy_projects import ONCE
from support.projects import Project, copy_project

from bridge.model.errors import RevisionsError

PLUGINS = ("geolocation", "processing_info", "subtitles")
ROWS = [("__main__", 10), ("goblin_plugins.geolocation", 1), ("goblin_plugins.retired", 2)]

NOTES = """\
import sqlalchemy as sa
from goblin.models import Base


class Note(Base):
    __tablename__ = "notes__notes"
    id = sa.Column(sa.Integer, primary_key=True)
    text = sa.Column(sa.Unicode(40))


MODELS = [Note]
FOUNDATIONS = {Note: [{"text": "hello"}]}
"""


@pytest.fixture
def goblin(tmp_path: Path) -> Iterator[Project]:
    """A copy of the app; its packages are forgotten afterwards."""
    before = list(sys.path)
    project = copy_project("goblin", tmp_path / "goblin")
    yield project
    sys.path[:] = before
    project.forget()


def make_old(database: Database, version: int) -> None:
    """A database of the app at an old number, with a plugin that the app has no more.

    The plugin without migrations of its own was there at the last number, and not yet at others.
    """
    email = ", email VARCHAR(80)" if version >= 4 else ""
    key = "id INTEGER NOT NULL PRIMARY KEY"
    database.execute(
        "CREATE TABLE core__migrations (name VARCHAR(100) PRIMARY KEY, version INTEGER NOT NULL)",
        f"INSERT INTO core__migrations VALUES ('__main__', {version})",
        "INSERT INTO core__migrations VALUES ('goblin_plugins.geolocation', 0)",
        "INSERT INTO core__migrations VALUES ('goblin_plugins.retired', 2)",
        f"CREATE TABLE core__users ({key}, username VARCHAR(80) NOT NULL{email})",
        "INSERT INTO core__users (id, username) VALUES (1, 'ann')",
        f"CREATE TABLE core__media_entries ({key}, uploader INTEGER, title VARCHAR(200))",
        "INSERT INTO core__media_entries VALUES (1, 1, 'a goblin')",
        f"CREATE TABLE geolocation__locations ({key}, place VARCHAR(80))",
        "INSERT INTO geolocation__locations VALUES (1, 'a cave')",
        f"CREATE TABLE retired__things ({key})",
        "INSERT INTO retired__things VALUES (7)",
    )
    if version >= 10:
        database.execute(
            "UPDATE core__users SET email = 'ann@example.org'",
            "UPDATE core__media_entries SET title = 'A Goblin'",
            f"CREATE TABLE core__media_comments ({key}, media_entry INTEGER, content TEXT)",
            f"CREATE TABLE core__privileges ({key}, privilege_name VARCHAR(40))",
            "INSERT INTO core__privileges VALUES (1, 'admin')",
            "INSERT INTO core__privileges VALUES (2, 'uploader')",
            "INSERT INTO core__migrations VALUES ('goblin_plugins.processing_info', 0)",
            f"CREATE TABLE processing__info ({key}, seconds INTEGER)",
            "INSERT INTO processing__info VALUES (1, 5)",
        )


def rows(database: Database, *tables: str) -> dict[str, list[tuple[object, ...]]]:
    with database.engine().connect() as connection:
        return {
            table: [tuple(r) for r in connection.execute(sa.text(f"SELECT * FROM {table}"))]
            for table in tables
        }


@pytest.mark.process
@pytest.mark.parametrize("version", [pytest.param(3, marks=ONCE), 10])
def test_an_old_database_through_its_whole_life(
    goblin: Project, database: Database, version: int
) -> None:
    make_old(database, version)
    bridge = goblin.bridge(database)
    state = bridge.status()
    assert state.kind == "legacy"
    assert state.legacy["core"].version == version
    assert state.legacy["processing_info"].version == (0 if version == 10 else None)
    assert [row.repository_id for row in state.unclaimed_rows] == ["goblin_plugins.retired"]

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
        "processing__info",
        "subtitles__languages",
        "retired__things",
    ) == {
        "core__users": [(1, "ann", "ann@example.org")],
        "core__media_entries": [(1, 1, "A Goblin", None)],
        # Not laid a second time: an old database has them.
        "core__privileges": [(1, "admin"), (2, "uploader")],
        "geolocation__locations": [(1, "a cave", None)],
        "processing__info": [(1, 5)] if version == 10 else [],
        "subtitles__languages": [(1, "Esperanto")],
        "retired__things": [(7,)],
    }
    at_0 = [("goblin_plugins.processing_info", 0)] if version == 10 else []
    numbers = rows(database, "core__migrations")["core__migrations"]
    assert sorted(numbers) == sorted([*ROWS, *at_0])
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

    # The models go on, and the revisions of the core and of the plugin are generated.
    changes = {
        "core": ("goblin/models.py", "    license =", scripts),
        "geolocation": (
            "goblin_plugins/geolocation/models.py", "    altitude =", plugin / "migrations"
        ),
    }  # fmt: skip
    for file, line, _ in changes.values():
        goblin.replace(file, line, f"    added = sa.Column(sa.Integer)\n{line}")
    goblin.forget()
    for branch, (_, _, folder) in changes.items():
        path, kept = goblin.bridge(database).revision(
            branch, "added", autogenerate=True, rev_id=f"{branch}_added"
        )
        assert path.parent == folder
        assert kept == ("retired__things",)
        upgrade = path.read_text(encoding="utf-8").partition("def downgrade")[0]
        # On SQLite within batch_alter_table.
        operations = re.findall(r"op\.((?!batch)\w+)", upgrade)
        assert operations == ["add_column"]
    report = goblin.bridge(database).dbupdate()
    assert [str(step) for step, _ in report.steps] == [
        "upgrade core_added",
        "upgrade geolocation_added",
    ]
    assert rows(database, "geolocation__locations")["geolocation__locations"] == [
        (1, "a cave", None, None)
    ]

    report = goblin.bridge(database).remove_module("geolocation")
    assert [str(step) for step, _ in report.steps] == [
        "remove legacy geolocation",
        "downgrade geolocation_added",
        "downgrade geolocation2",
        "downgrade cc3651803714",
    ]
    assert not sa.inspect(database.engine()).has_table("geolocation__locations")
    assert report.current == ("38feb829c545", "afd3d1da5e29", "core_added")


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


@pytest.mark.process
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


def test_a_new_plugin_gets_its_tables_with_its_first_revision(
    goblin: Project, sqlite_database: Database
) -> None:
    """Not by `fresh = "models"`: no stamp would say that they are there."""
    goblin.write("goblin_plugins/notes/models.py", NOTES)
    goblin.configure(
        "module.notes",
        'migrations = "goblin_plugins/notes/migrations"',
        'models = "goblin_plugins.notes.models:MODELS"',
        'foundations = "goblin_plugins.notes.models:FOUNDATIONS"',
    )
    result = goblin.run("dbupdate", url=sqlite_database)
    assert result.exit_code == 3
    assert "bridge revision --branch notes -m MESSAGE" in " ".join(result.output.split())

    (goblin.root / "goblin_plugins/notes/migrations").mkdir()
    goblin.bridge(sqlite_database).dbupdate()
    assert "notes__notes" not in sqlite_database.rows()

    path, _ = goblin.bridge(sqlite_database).revision("notes", "first", autogenerate=True)
    assert "op.create_table('notes__notes'" in path.read_text(encoding="utf-8")
    goblin.bridge(sqlite_database).dbupdate()
    assert sqlite_database.rows()["notes__notes"] == [(1, "hello")]

    goblin.configure("module.notes", "enabled = false")
    with pytest.raises(RevisionsError, match="The module notes is switched off"):
        goblin.bridge(sqlite_database).revision("notes", "second", autogenerate=True)
