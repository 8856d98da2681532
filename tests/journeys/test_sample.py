"""The sample application, from each of its old databases to the heads, on every dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import Database, Document, ServerDatabase, SQLiteDatabase
from support.legacy_projects import LEGACY_SIDE
from support.projects import TOP, Project, copy_sample

from bridge.legacy.frozen.files import read_frozen
from bridge.model.errors import DatabaseRefusedError, HookError, RevisionFailedError

HEADS = ("core_tag_slugs", "likes_totals", "messages_threads")
SNAPSHOTS = sorted(
    path.name.removesuffix(".sqlite.sql") for path in (TOP / "snapshots").glob("*.sqlite.sql")
)


def select(database: Database, sql: str) -> list[tuple[Any, ...]]:
    with database.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(sql))]


def columns(database: Database) -> dict[str, set[str]]:
    inspector = sa.inspect(database.engine())
    return {
        table: {column["name"] for column in inspector.get_columns(table)}
        for table in inspector.get_table_names()
    }


def what_people_wrote(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that users have put in, whatever the tables are called at this version."""
    found = columns(database)
    text = "caption" if "caption" in found["media_entries"] else "description"
    tags = "tags" if "tags" in found else "keywords"
    queries = {
        "users": "SELECT id, username, email, password_hash, created FROM users ORDER BY id",
        "media": f"SELECT id, uploader_id, title, {text}, created FROM media_entries ORDER BY id",
        "comments": "SELECT id, media_id, author_id, body, created FROM media_comments ORDER BY id",
        "tags": f"SELECT id, name FROM {tags} ORDER BY id",
        "tagged": f"SELECT * FROM media_{tags} ORDER BY 1, 2",
        # One like for each person and entry, as version 2 of the likes wants it: the first.
        "likes": "SELECT min(id), media_id, user_id FROM likes GROUP BY 2, 3 ORDER BY 1",
        "files": "SELECT media_id, path FROM media_files WHERE name = 'original' ORDER BY 1"
        if "media_files" in found
        else "SELECT id, path FROM media_entries WHERE path IS NOT NULL ORDER BY 1",
        "private": "SELECT id FROM media_entries WHERE visibility = 'private' ORDER BY 1"
        if "visibility" in found["media_entries"]
        else "SELECT id FROM media_entries WHERE state = 'private' ORDER BY 1",
    }
    tables = {"comments": "media_comments", "tags": tags, "tagged": f"media_{tags}"}
    return {
        name: select(database, sql)
        for name, sql in queries.items()
        if tables.get(name, name) in found or name in ("media", "files", "private")
    }


def shape(database: Database, ignore: Iterable[str] = ("migrate_version",)) -> Document:
    """The schema as far as the way to it does not matter.

    The order of columns and SQLite's own texts tell what was added later. MariaDB makes an index
    for a foreign key and drops it when another one serves, but keeps it once it has been through
    a dump.
    """
    tables: Document = database.schema(ignore)["tables"]
    for table in tables.values():
        table["columns"].sort(key=lambda column: column["name"])
        keys = {key["name"] for key in table["foreign keys"]}
        table["indexes"] = [index for index in table["indexes"] if index["name"] not in keys]
    return tables


_FRESH: dict[str, Document] = {}


@pytest.fixture
def fresh(tmp_path: Path, database: Database, make_database: Callable[[str], Database]) -> Document:
    """What a new install is like on this dialect; made once."""
    if database.dialect not in _FRESH:
        new = make_database(database.dialect)
        copy_sample(tmp_path / "fresh").bridge(new).dbupdate()
        _FRESH[database.dialect] = shape(new)
    return _FRESH[database.dialect]


def everything(database: Database) -> Any:
    """Schema and rows, to the byte."""
    if isinstance(database, SQLiteDatabase):
        return database.path.read_bytes()
    return database.dump()  # type: ignore[attr-defined]


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_an_old_database_reaches_the_heads_with_all_its_rows(
    sample: Project, fresh: Document, database: Database, snapshot: str
) -> None:
    database.load(TOP / "snapshots" / snapshot)
    before = what_people_wrote(database)
    assert before["users"]

    report = sample.bridge(database).dbupdate()
    assert (report.outcome, report.current) == ("upgraded", HEADS)
    after = what_people_wrote(database)
    assert {name: after[name] for name in before} == before
    assert shape(database) == fresh

    # The second run has nothing to do, and does nothing.
    bytes_before = everything(database)
    report = sample.bridge(database).dbupdate()
    assert (report.outcome, report.steps, report.current) == ("nothing_to_do", (), HEADS)
    assert everything(database) == bytes_before


def test_every_snapshot_is_there_for_every_dialect() -> None:
    assert len(SNAPSHOTS) >= 4
    for snapshot in SNAPSHOTS:
        for suffix in ("sqlite", "pg", "mysql"):
            assert (TOP / "snapshots" / f"{snapshot}.{suffix}.sql").is_file()


def test_a_module_that_is_off_is_left_alone_and_comes_along_later(
    sample: Project, database: Database
) -> None:
    on = 'legacy = "likes"\ndepends_on = ["core"]\nenabled = true'
    off = on.replace("true", "false")
    sample.replace("bridge.toml", on, off)
    database.load(TOP / "snapshots/core-v10-likes-v01")
    likes = database.rows()["likes"]
    report = sample.bridge(database).dbupdate()
    assert report.current == ("core_tag_slugs", "messages_threads")
    assert database.rows()["likes"] == likes
    assert dict(select(database, "SELECT repository_id, version FROM migrate_version")) == {
        "core": 14,
        "likes": 1,
    }
    sample.replace("bridge.toml", off, on)
    report = sample.bridge(database).dbupdate()
    assert report.current == HEADS
    assert [str(step) for step, _seconds in report.steps] == [
        "legacy likes 2",
        "legacy likes 3",
        "verify likes 3",
        "stamp likes_base",
        "upgrade likes_weight",
        "upgrade likes_totals",
    ]


# --- frozen histories ---------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql"])
@pytest.mark.parametrize("name", ["core", "likes"])
def test_the_sample_needs_no_legacy_runtime(name: str, dialect: str) -> None:
    frozen = read_frozen(TOP / "legacy_migrations" / name)
    assert frozen is not None
    history = frozen.on(dialect)
    assert history is not None
    assert (history.last, history.error) == (frozen.last, None)
    assert {version.method for version in history.versions.values()} <= {"replay", "ported"}


@LEGACY_SIDE
def test_what_is_sealed_is_what_the_scripts_do(sample: Project, database: Database) -> None:
    on_sqlite = database.dialect == "sqlite"
    urls = ["sqlite:///"] if on_sqlite else [database.url]
    found = sample.bridge(database).freeze(urls, sqlite=False, check=True)
    assert [(one.repository, one.outcome) for one in found.sealed] == [
        ("core", "unchanged"),
        ("likes", "unchanged"),
    ]
    assert database.rows() == {}


# --- new installs -------------------------------------------------------------------------

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""
HOOK = """
import sqlalchemy as sa


def lay(connection):
    connection.execute(sa.text("INSERT INTO users (id{more}) VALUES (7{values})"))
"""


def test_a_new_install_is_upgraded_from_the_base(sample: Project, database: Database) -> None:
    report = sample.bridge(database).dbupdate()
    assert report.current == HEADS
    assert {step.kind for step, _seconds in report.steps} == {"upgrade"}
    assert not sa.inspect(database.engine()).has_table("migrate_version")
    assert sample.bridge(database).dbupdate().outcome == "nothing_to_do"


def test_a_new_install_may_be_made_from_the_models(sample: Project, database: Database) -> None:
    sample.write("sample_models_a.py", MODELS + HOOK.format(more="", values=""))
    sample.configure("alembic", 'models = "sample_models_a:metadata"')
    sample.configure("database", 'fresh = "models"', 'foundations = "sample_models_a:lay"')
    report = sample.bridge(database).dbupdate()
    assert [str(step) for step, _seconds in report.steps] == [
        "create the models' tables",
        f"stamp {', '.join(HEADS)}",
        "foundations sample_models_a:lay",
    ]
    assert report.current == HEADS
    assert database.rows() == {
        "alembic_version": [(head,) for head in HEADS],
        "users": [(7,)],
    }
    # The hook is for new databases only.
    assert sample.bridge(database).dbupdate().outcome == "nothing_to_do"
    assert database.rows()["users"] == [(7,)]


def test_foundations_are_laid_after_the_last_revision(sample: Project, database: Database) -> None:
    more, values = ", username, email, created", ", 'root', 'root@example.org', '2020-01-01'"
    sample.write("sample_hook_a.py", HOOK.format(more=more, values=values))
    sample.configure("database", 'foundations = "sample_hook_a:lay"')
    report = sample.bridge(database).dbupdate()
    assert str(report.steps[-1][0]) == "foundations sample_hook_a:lay"
    assert select(database, "SELECT id, username FROM users") == [(7, "root")]


def test_a_new_install_that_stops_gets_its_default_rows_from_the_next_run(
    sample: Project, sqlite_database: Database
) -> None:
    sample.write("sample_hook_f.py", "def lay(db):\n    pass\n")
    sample.configure("database", 'foundations = "sample_hook_f:lay"')
    likes = sample.root / "alembic_migrations/likes"
    (path,) = (path for path in likes.rglob("*.py") if "likes_totals" in path.name)
    text = path.read_text()
    path.write_text(text.replace("def upgrade()", "def upgrade(needed)"))
    with pytest.raises(RevisionFailedError) as caught:
        sample.bridge(sqlite_database).dbupdate()
    assert caught.value.help == "Fix the error above, then run: bridge dbupdate"
    path.write_text(text)
    report = sample.bridge(sqlite_database).dbupdate()
    assert str(report.steps[-1][0]) == "foundations sample_hook_f:lay"
    assert sample.bridge(sqlite_database).dbupdate().outcome == "nothing_to_do"


@pytest.mark.parametrize("dialect", ["mariadb"])
def test_models_that_are_made_in_part_are_told(
    dialect: str, sample: Project, make_database: Callable[[str], Database]
) -> None:
    database = make_database(dialect)
    sample.write(
        "sample_models_b.py",
        "from sqlalchemy import *\nmetadata = MetaData()\n"
        "Table('a', metadata, Column('id', Integer, primary_key=True))\n"
        "Table('b', metadata, Column('id', String(5000), primary_key=True))\n",
    )
    sample.configure("alembic", 'models = "sample_models_b:metadata"')
    sample.configure("database", 'fresh = "models"')
    with pytest.raises(DatabaseRefusedError) as caught:
        sample.bridge(database).dbupdate()
    assert caught.value.state_of_data == (
        "What 'create the models' tables' had changed before stays and is recorded: the next "
        "run resumes after it."
    )
    assert set(database.rows()) == {"a"}


def test_foundations_are_not_laid_into_an_old_database(sample: Project, database: Database) -> None:
    sample.write("sample_hook_b.py", "def lay(connection):\n    raise AssertionError\n")
    sample.configure("database", 'foundations = "sample_hook_b:lay"')
    database.load(TOP / "snapshots/core-v14-likes-v03")
    assert sample.bridge(database).dbupdate().current == HEADS


def test_a_hook_that_failed_leaves_nothing_and_is_called_again(
    sample: Project, database: Database
) -> None:
    more, values = ", username, email, created", ", 'root', 'root@example.org', '2020-01-01'"
    hook = HOOK.format(more=more, values=values)
    sample.write("sample_hook_c.py", hook + "    raise KeyError('no settings')\n")
    # One process reads a Python module once: the mended hook is in another.
    sample.write("sample_hook_d.py", hook)
    sample.configure("database", 'foundations = "sample_hook_c:lay"')
    with pytest.raises(HookError) as caught:
        sample.bridge(database).dbupdate()
    error = caught.value
    assert (error.message, error.help) == (
        "The hook sample_hook_c:lay failed: KeyError: 'no settings'",
        "Fix the hook, then run: bridge dbupdate",
    )
    count = len(error.steps)
    assert error.state_of_data.startswith(f"The {count} steps before it stay done, up to 'upgrade ")
    assert select(database, "SELECT id FROM users") == []

    sample.replace("bridge.toml", "sample_hook_c", "sample_hook_d")
    report = sample.bridge(database).dbupdate()
    assert [str(step) for step, _seconds in report.steps] == ["foundations sample_hook_d:lay"]
    assert select(database, "SELECT id FROM users") == [(7,)]
    assert sample.bridge(database).dbupdate().outcome == "nothing_to_do"


def test_a_hook_that_the_database_refuses_is_told_with_the_statement(
    sample: Project, sqlite_database: Database
) -> None:
    sample.write("sample_hook_e.py", "def lay(db):\n    db.exec_driver_sql('DELETE FROM gone')\n")
    sample.configure("database", 'foundations = "sample_hook_e:lay"')
    with pytest.raises(HookError) as caught:
        sample.bridge(sqlite_database).dbupdate()
    assert caught.value.message == (
        "The hook sample_hook_e:lay failed: no such table: gone\nSQL: DELETE FROM gone"
    )
    assert sample.bridge(sqlite_database).status().pending_foundations == ("core",)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_of_another_encoding(
    sample: Project, make_database: Callable[[str], Database], encoding: str
) -> None:
    database = make_database("postgresql")
    assert isinstance(database, ServerDatabase)
    database.server.drop_database(database.name)
    database.server.execute(
        f"CREATE DATABASE {database.name} TEMPLATE template0 ENCODING '{encoding}'"
        " LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    bridge = sample.bridge(database)
    assert bridge.status().kind == "fresh"
    assert bridge.dbupdate().steps
    assert bridge.status().current == bridge.status().targets
    assert not bridge.rehearse().report.steps
