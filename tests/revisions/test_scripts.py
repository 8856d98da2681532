"""The Alembic side: the graph over branches, stamps, one transaction a revision, its errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.alembic_projects import CLASSIC_ENV, create_table, write_env, write_revision
from support.databases import Database

from bridge import Bridge
from bridge.database.journal.table import Journal
from bridge.model.errors import (
    DatabaseError,
    RevisionFailedError,
    RevisionsError,
    VersionTableMismatchError,
)
from bridge.revisions.running import Runner


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    return write_env(tmp_path / "alembic")


def make_bridge(scripts: Path, where: Database | None = None, **tables: Any) -> Bridge:
    tables.setdefault("alembic", {})
    tables["alembic"] = {"script_location": str(scripts), **tables["alembic"]}
    return Bridge(url=where.url if where else None, root=scripts.parent, **tables)


@pytest.fixture
def branches(scripts: Path) -> Path:
    """Three branches: core; likes, which depends on core's second; extra, a module of its own."""
    versions = scripts / "versions"
    write_revision(versions, "c1", upgrade=create_table("entry"), label="core")
    write_revision(versions, "c2", "c1", upgrade=create_table("tag"))
    write_revision(
        scripts / "likes", "l1", upgrade=create_table("love"), depends="c2", label="likes"
    )
    write_revision(scripts / "extra", "x1", upgrade=create_table("extra"), label="extra")
    return scripts


def modules(scripts: Path, **enabled: bool) -> dict[str, Any]:
    return {
        name: {"migrations": str(scripts / name), "enabled": enabled.get(name, True)}
        for name in ("likes", "extra")
    }


# --- the graph ------------------------------------------------------------------------------


def test_targets_are_effective_heads_of_what_is_on(branches: Path) -> None:
    bridge = make_bridge(branches, module=modules(branches, extra=False))
    # c2 is a head by its own branch, but l1 depends on it: Alembic would not store its row.
    assert bridge.project.graph.targets() == ("l1",)


def test_explicit_targets_may_name_branches(branches: Path) -> None:
    bridge = make_bridge(
        branches, alembic={"targets": ["core@head", "x1"]}, module=modules(branches)
    )
    assert bridge.project.graph.targets() == ("c2", "x1")


def test_an_unknown_target_is_named(branches: Path) -> None:
    bridge = make_bridge(branches, alembic={"targets": ["nowhere"]}, module=modules(branches))
    with pytest.raises(RevisionsError) as caught:
        bridge.project.graph.targets()
    assert caught.value.message == (
        "There is no Alembic revision nowhere: Can't locate revision identified by 'nowhere'"
    )


def test_pending_puts_dependencies_first(branches: Path) -> None:
    bridge = make_bridge(branches, module=modules(branches))
    order = [revision.id for revision in bridge.project.graph.pending((), ("l1", "x1"))]
    assert sorted(order) == ["c1", "c2", "l1", "x1"]
    assert order.index("c1") < order.index("c2") < order.index("l1")


def test_a_revision_id_that_two_files_share_is_named(branches: Path) -> None:
    write_revision(branches / "extra", "l1")
    with pytest.raises(RevisionsError, match="Revision l1 is present more than once"):
        make_bridge(branches, module=modules(branches)).project.graph.targets()


def test_a_missing_parent_is_named(branches: Path) -> None:
    write_revision(branches / "versions", "c9", "c8")
    with pytest.raises(RevisionsError, match="c8"):
        make_bridge(branches, module=modules(branches)).project.graph.targets()


def test_a_script_that_cannot_be_read_is_named_with_its_line(branches: Path) -> None:
    broken = branches / "versions" / "broken.py"
    broken.write_text("revision = 'b1'\ndef broken(:\n", encoding="utf-8")
    with pytest.raises(RevisionsError) as caught:
        make_bridge(branches, module=modules(branches)).project.graph.targets()
    assert f"({broken}, line 2)" in caught.value.message


# --- stamps ---------------------------------------------------------------------------------


def test_a_stamp_is_reduced_to_effective_heads_and_does_not_wedge(
    branches: Path, database: Database
) -> None:
    bridge = make_bridge(branches, database, module=modules(branches))
    with bridge.engine() as engine, engine.connect() as connection:
        runner = Runner(bridge.project.revisions, Journal("a run"))
        # l1 depends on c2: rows for both would make every later upgrade fail.
        assert runner.stamp(connection, ["c2", "l1"]) == ("l1",)
        assert runner.stamp(connection, ["c1"]) == ("l1",)
    database.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY)")
    report = bridge.dbupdate()
    assert report.current == ("l1", "x1")
    assert bridge.dbupdate().outcome == "nothing_to_do"


# --- running --------------------------------------------------------------------------------

FAILS = (
    "op.create_table('half', sa.Column('id', sa.Integer))\nop.execute('SELECT nonsense FROM no')"
)


def test_a_failing_revision_is_rolled_back_where_the_database_can(
    scripts: Path, database: Database
) -> None:
    versions = scripts / "versions"
    write_revision(versions, "one", upgrade=create_table("first"))
    path = write_revision(versions, "two", "one", upgrade=FAILS)
    bridge = make_bridge(scripts, database)
    with pytest.raises(RevisionFailedError) as caught:
        bridge.dbupdate()
    error = caught.value
    assert error.message.startswith(f"The Alembic revision two ({path}) failed: ")
    assert "SQL: SELECT nonsense FROM no" in error.message
    assert error.message.endswith(f"At: {path}, line 14")
    assert [step["revision"] for step in error.steps] == ["one"]
    assert error.state_of_data.startswith("The step before it stays done, up to 'upgrade one'.")
    assert bridge.status().current == ("one",)
    if database.dialect == "mariadb":
        assert error.state_of_data.endswith(
            "What 'upgrade two' had changed before stays and is recorded: the next run resumes "
            "after it."
        )
    else:
        assert error.state_of_data.endswith("What the revision two had done is rolled back.")
        assert "half" not in database.schema()["tables"]


def test_sys_exit_in_a_revision_is_an_error(scripts: Path, sqlite_database: Database) -> None:
    write_revision(scripts / "versions", "one", upgrade="raise SystemExit('run the tool first')")
    with pytest.raises(RevisionFailedError, match="run the tool first"):
        make_bridge(scripts, sqlite_database).dbupdate()


REBUILD = """\
with op.batch_alter_table('parent', recreate='always') as batch:
    batch.add_column(sa.Column('name', sa.String(20)))"""


def test_a_rebuilt_sqlite_table_keeps_its_childrens_rows(
    scripts: Path, sqlite_database: Database
) -> None:
    """With foreign keys on, dropping the old table would delete the rows that refer to it."""
    sqlite_database.execute(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY,"
        " parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE)",
        "INSERT INTO parent VALUES (1)",
        "INSERT INTO child VALUES (1, 1)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('one')",
    )
    write_revision(scripts / "versions", "one")
    write_revision(scripts / "versions", "two", "one", upgrade=REBUILD)
    engine = sa.create_engine(sqlite_database.url)

    @sa.event.listens_for(engine, "connect")
    def switch_on(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    make_bridge(scripts).dbupdate(engine)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM child")).scalar() == 1
        assert connection.execute(sa.text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()


def test_broken_foreign_keys_stop_the_commit_on_sqlite(
    scripts: Path, sqlite_database: Database
) -> None:
    sqlite_database.execute(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))",
        "INSERT INTO child VALUES (1, 7)",  # broken before: not the revision's fault
        "INSERT INTO parent VALUES (1)",
        "INSERT INTO child VALUES (2, 1)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('one')",
    )
    write_revision(scripts / "versions", "one")
    write_revision(scripts / "versions", "two", "one", upgrade=create_table("more"))
    write_revision(scripts / "versions", "three", "two", upgrade="op.execute('DELETE FROM parent')")
    bridge = make_bridge(scripts, sqlite_database)
    with pytest.raises(RevisionFailedError) as caught:
        bridge.dbupdate()
    assert (
        "it would leave 1 row whose foreign key points nowhere (child -> parent)"
        in caught.value.message
    )
    assert bridge.status().current == ("two",)
    assert len(sqlite_database.rows()["parent"]) == 1


def test_keys_that_were_broken_before_do_not_stop_a_rebuild(
    scripts: Path, sqlite_database: Database
) -> None:
    """A rebuild gives the rows new numbers, and a rename another table."""
    sqlite_database.execute(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id VARCHAR(5) PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))",
        "INSERT INTO child VALUES ('a', NULL)",
        "INSERT INTO child VALUES ('b', 7)",
        "DELETE FROM child WHERE id = 'a'",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('one')",
    )
    write_revision(scripts / "versions", "one")
    rebuild = REBUILD.replace("parent", "child")
    write_revision(scripts / "versions", "two", "one", upgrade=rebuild)
    rename = "op.rename_table('child', 'kid')"
    write_revision(scripts / "versions", "three", "two", upgrade=rename)
    assert make_bridge(scripts, sqlite_database).dbupdate().current == ("three",)
    assert sqlite_database.rows()["kid"] == [("b", 7, None)]


def test_a_key_that_sqlite_cannot_check_stops_nothing(
    scripts: Path, sqlite_database: Database
) -> None:
    """Old tables have keys to columns that are not unique; the others are checked as ever."""
    sqlite_database.execute(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)",
        "CREATE TABLE odd (id INTEGER PRIMARY KEY, name TEXT REFERENCES parent (name))",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))",
        "INSERT INTO parent VALUES (1, 'x')",
        "INSERT INTO odd VALUES (1, 'x')",
        "INSERT INTO child VALUES (1, 1)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('one')",
    )
    write_revision(scripts / "versions", "one")
    write_revision(scripts / "versions", "two", "one", upgrade=create_table("more"))
    write_revision(scripts / "versions", "three", "two", upgrade="op.execute('DELETE FROM parent')")
    bridge = make_bridge(scripts, sqlite_database)
    with pytest.raises(RevisionFailedError, match=r"1 row .* nowhere \(child -> parent\)"):
        bridge.dbupdate()
    assert bridge.status().current == ("two",)


def test_a_version_row_that_is_there_twice_is_mended(scripts: Path, database: Database) -> None:
    """The tables of old Alembics have no primary key; Alembic itself stops at such rows."""
    database.execute(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('one')",
        "INSERT INTO alembic_version VALUES ('one')",
    )
    write_revision(scripts / "versions", "one")
    write_revision(scripts / "versions", "two", "one")
    assert make_bridge(scripts, database).dbupdate().current == ("two",)
    assert database.rows()["alembic_version"] == [("two",)]


def test_a_script_that_ends_the_program_is_told(scripts: Path, sqlite_database: Database) -> None:
    (scripts / "versions/one.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    with pytest.raises(RevisionsError, match=r"cannot be read: SystemExit: 0\nAt: .*one\.py"):
        make_bridge(scripts, sqlite_database).status()


def test_a_revision_that_fails_under_alembics_own_command(
    scripts: Path, sqlite_database: Database
) -> None:
    write_revision(scripts / "versions", "one", upgrade="op.execute('DELETE FROM gone')")
    with pytest.raises(RevisionFailedError) as caught:
        make_bridge(scripts, sqlite_database).alembic(["upgrade", "heads"])
    assert caught.value.message == (
        "alembic upgrade heads: no such table: gone\nSQL: DELETE FROM gone\n"
        f"At: {scripts / 'versions/one.py'}, line 13"
    )


def test_without_env_py_nothing_is_run(scripts: Path, sqlite_database: Database) -> None:
    write_revision(scripts / "versions", "one", upgrade=create_table("first"))
    (scripts / "env.py").unlink()
    with pytest.raises(RevisionsError) as caught:
        make_bridge(scripts, sqlite_database).dbupdate()
    assert caught.value.message == (
        f"{scripts / 'env.py'} does not exist: Alembic runs revisions through it."
    )
    assert caught.value.state_of_data == "The database is unchanged."


# --- somebody else's env.py -----------------------------------------------------------------


def test_a_classic_env_py_and_alembic_ini_are_taken_as_they_are(
    tmp_path: Path, database: Database
) -> None:
    scripts = write_env(tmp_path / "migrations", CLASSIC_ENV)
    write_revision(scripts / "versions", "one", upgrade=create_table("first"))
    write_revision(scripts / "versions", "two", "one", upgrade=create_table("second"))
    write_revision(scripts / "more", "m1", upgrade=create_table("third"), depends="two")
    ini = tmp_path / "alembic.ini"
    url = database.url.replace("%", "%%")
    ini.write_text(
        f"[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = {url}\n"
        "version_locations = %(here)s/migrations/versions %(here)s/migrations/more\n"
        "prepend_sys_path = .\n",
        encoding="utf-8",
    )
    bridge = Bridge(root=tmp_path, alembic={"config": "alembic.ini"})
    assert [step.revision for step in bridge.plan().steps] == ["one", "two", "m1"]  # type: ignore[union-attr]
    assert bridge.dbupdate().current == ("m1",)
    assert {"first", "second", "third"} <= set(database.schema()["tables"])


def test_paths_of_alembic_ini_are_relative_to_its_folder(
    tmp_path: Path, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alembic takes them relative to the working directory, which may be another one here."""
    scripts = write_env(tmp_path / "app" / "migrations", "import helper\n" + CLASSIC_ENV)
    (tmp_path / "app" / "helper.py").write_text("", encoding="utf-8")
    write_revision(scripts / "versions", "one", upgrade=create_table("first"))
    (tmp_path / "app" / "alembic.ini").write_text(
        "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    bridge = Bridge(
        root=tmp_path / "app", url=sqlite_database.url, alembic={"config": "alembic.ini"}
    )
    assert bridge.dbupdate().current == ("one",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[alembic]\n", "alembic.ini has no script_location"), ("nonsense", "no section headers")],
)
def test_an_alembic_ini_that_cannot_be_used_is_named(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "alembic.ini").write_text(text, encoding="utf-8")
    bridge = Bridge(root=tmp_path, url="sqlite://", alembic={"config": "alembic.ini"})
    with pytest.raises(RevisionsError, match=complaint) as caught:
        bridge.status()
    assert caught.value.message.startswith("The Alembic configuration cannot be read: ")


def test_tool_alembic_of_pyproject_is_taken(tmp_path: Path, sqlite_database: Database) -> None:
    scripts = write_env(tmp_path / "migrations")
    write_revision(scripts / "versions", "one", upgrade=create_table("first"))
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/migrations"\n', encoding="utf-8"
    )
    bridge = Bridge(root=tmp_path, url=sqlite_database.url, alembic={"config": "pyproject.toml"})
    assert bridge.dbupdate().current == ("one",)


def test_an_env_py_with_another_version_table_is_found_out(
    tmp_path: Path, sqlite_database: Database
) -> None:
    env = CLASSIC_ENV.replace("target_metadata=None", "version_table='elsewhere'")
    scripts = write_env(tmp_path / "migrations", env)
    write_revision(scripts / "versions", "one", upgrade=create_table("first"))
    with pytest.raises(VersionTableMismatchError) as caught:
        make_bridge(scripts, sqlite_database).dbupdate()
    assert caught.value.message == (
        "The revision one ran, but the table alembic_version of the database does not say so "
        "(it holds nothing): env.py uses another version table, or another database."
    )


# --- Alembic's own command line -------------------------------------------------------------


def test_the_alembic_command_line_works_with_this_configuration(
    branches: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    bridge = make_bridge(branches, database, module=modules(branches, extra=False))
    bridge.alembic(["upgrade", "heads"])
    bridge.alembic(["current"])
    shown = capsys.readouterr().out
    assert "l1 (head)" in shown
    assert "x1" not in shown, "the module is switched off"
    assert "extra" not in database.schema()["tables"]
    bridge.alembic(["downgrade", "c1"])
    assert bridge.status().current == ("c1",)


def test_alembics_complaints_are_bridges_errors(branches: Path, sqlite_database: Database) -> None:
    bridge = make_bridge(branches, sqlite_database, module=modules(branches))
    with pytest.raises(RevisionsError) as caught:
        bridge.alembic(["upgrade", "nowhere"])
    assert caught.value.message == (
        "alembic upgrade nowhere: Can't locate revision identified by 'nowhere'"
    )


def test_offline_sql_needs_no_database(branches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bridge = Bridge(
        url="postgresql://nobody@127.0.0.1:1/none",
        root=branches.parent,
        alembic={"script_location": str(branches)},
        module=modules(branches),
    )
    bridge.alembic(["upgrade", "heads", "--sql"])
    output = capsys.readouterr().out
    for table in ("entry", "tag", "love", "extra"):
        assert f"CREATE TABLE {table} " in output


def test_autogenerate_leaves_version_tables_and_foreign_tables_alone(
    tmp_path: Path, sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = write_env(tmp_path / "alembic")
    write_revision(scripts / "versions", "one", upgrade=create_table("first"))
    repository = tmp_path / "legacy"
    (repository / "versions").mkdir(parents=True)
    (repository / "versions" / "001_first.py").write_text("", encoding="utf-8")
    (repository / "migrate.cfg").write_text(
        "[db_settings]\nrepository_id = app\nversion_table = db_migrate_version\n", encoding="utf-8"
    )
    (tmp_path / "autogenerate_models.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('first', metadata, sa.Column('id', sa.Integer, primary_key=True))\n",
        encoding="utf-8",
    )
    sqlite_database.execute(
        "CREATE TABLE db_migrate_version (repository_id TEXT, repository_path TEXT, version INT)",
        "INSERT INTO db_migrate_version VALUES ('app', NULL, 1)",
        "CREATE TABLE kombu_message (id INTEGER PRIMARY KEY)",
        "CREATE TABLE first (id INTEGER NOT NULL PRIMARY KEY)",
    )
    bridge = make_bridge(
        scripts,
        sqlite_database,
        alembic={"models": ["autogenerate_models:metadata"]},
        database={"ignore_tables": ["kombu_*"]},
        legacy={"core": {"repository": str(repository), "stamp": {1: ["one"]}}},
    )
    assert bridge.dbupdate().current == ("one",)
    bridge.alembic(["check"])
    assert "No new upgrade operations detected." in capsys.readouterr().out
    sqlite_database.execute("CREATE TABLE surplus (id INTEGER PRIMARY KEY)")
    bridge.alembic(["check"])
    assert "Left alone because no loaded model has them: surplus" in capsys.readouterr().out
    sqlite_database.execute("DROP TABLE first")
    with pytest.raises(RevisionsError, match="differs from the models: CreateTable first"):
        bridge.alembic(["check"])


def test_a_placeholder_url_of_alembic_ini_is_no_url(tmp_path: Path) -> None:
    write_env(tmp_path / "migrations")
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\n"
        "sqlalchemy.url = driver://user:pass@localhost/dbname\n",
        encoding="utf-8",
    )
    bridge = Bridge(root=tmp_path, alembic={"config": "alembic.ini"})
    with pytest.raises(DatabaseError) as caught:
        bridge.status()
    assert (
        caught.value.message == "No database is named: there is no database.url in the arguments."
    )
