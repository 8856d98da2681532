"""The version table: revisions with ids that are longer than Alembic has made room for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config as AlembicIni
from support.alembic_projects import bridge_of, create_table, write_env, write_revision
from support.databases import Database, ServerDatabase

from bridge import Bridge
from bridge.model.errors import DatabaseRefusedError
from bridge.model.names import base_revision
from bridge.revisions import environment, running

LONG = "customer_relationship_management_suite_base_2"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    write_env(tmp_path / "alembic")
    write_revision(tmp_path / "alembic/versions", "one", upgrade=create_table("first"))
    write_revision(tmp_path / "alembic/versions", LONG, "one", upgrade=create_table("second"))
    return tmp_path / "alembic"


def bridge(scripts: Path, database: Database) -> Bridge:
    return bridge_of(scripts, database)


def room(database: Database) -> int:
    with database.engine().connect() as connection:
        (column,) = sa.inspect(connection).get_columns("alembic_version")
    return int(column["type"].length)  # type: ignore[attr-defined]


def test_a_new_database_has_room_for_the_longest_id(scripts: Path, database: Database) -> None:
    assert bridge(scripts, database).dbupdate().current == (LONG,)
    assert room(database) == len(LONG) == 45


def test_an_old_database_gets_room_before_a_revision_runs(
    scripts: Path, database: Database
) -> None:
    later = scripts / "versions" / f"{LONG}.py"
    text = later.read_text()
    later.unlink()
    bridge(scripts, database).dbupdate()
    assert room(database) == 32
    later.write_text(text.replace("def upgrade():", "def upgrade():\n    raise ValueError\n"))
    with pytest.raises(Exception, match="ValueError"):
        bridge(scripts, database).dbupdate()
    assert room(database) == (32 if database.dialect == "sqlite" else 45)
    later.write_text(text)
    assert bridge(scripts, database).dbupdate().current == (LONG,)


def test_a_stamp_has_room(scripts: Path, database: Database) -> None:
    ours = bridge(scripts, database)
    ours.alembic(["stamp", "one"])
    assert ours.dbupdate().current == (LONG,)


@pytest.mark.parametrize("arguments", [["stamp", LONG], ["upgrade", "heads"]], ids=" ".join)
def test_alembic_s_own_commands_have_room(
    scripts: Path, database: Database, arguments: list[str]
) -> None:
    ours = bridge(scripts, database)
    ours.alembic(arguments)
    assert ours.status().current == (LONG,)


@pytest.mark.parametrize("start", ["base", "one"])
def test_a_script_makes_room(
    scripts: Path, make_database: Callable[[str], Database], tmp_path: Path, start: str
) -> None:
    database = make_database("postgresql")
    assert isinstance(database, ServerDatabase)
    if start == "one":
        database.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('one')",
        )
    path = tmp_path / "script.sql"
    path.write_text(bridge(scripts, database).sql(starts=[start]))
    database.server.run_dump(database.name, path)
    assert bridge(scripts, database).status().current == (LONG,)
    assert room(database) == 45


def test_the_id_of_a_base_revision_has_room() -> None:
    name = "customer_relationship_management_suite"
    assert base_revision("core") == "core_base"
    assert base_revision("x" * 27) == "x" * 27 + "_base"
    made = base_revision(name)
    assert (len(made), made[:18], made[-5:]) == (32, name[:18], "_base")
    assert made == base_revision(name) != base_revision(f"{name}2")


def test_where_no_room_can_be_made_no_run_begins(
    scripts: Path, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise sa.exc.OperationalError("ALTER", {}, Exception("no right"))

    monkeypatch.setattr(running, "make_room", refuse)
    ours = bridge(scripts, sqlite_database)
    with pytest.raises(DatabaseRefusedError) as caught:
        ours.dbupdate()
    assert caught.value.state_of_data == "The database is unchanged."
    assert ours.history() == ()


@pytest.mark.parametrize("table", ["bridge_journal", "bridge_restore"])
def test_autogenerate_leaves_bridge_s_own_tables_alone(
    scripts: Path, sqlite_database: Database, table: str
) -> None:
    ours = bridge(scripts, sqlite_database)
    shown = environment._include_name(AlembicIni(), ours.config)
    assert not shown(table, "table", {})
    assert shown("first", "table", {})
    include_object = pytest.importorskip("bridge.flask").include_object
    assert not include_object(None, table, "table")
    assert include_object(None, "first", "table")
