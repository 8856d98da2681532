"""`bridge init`: what it writes is what the history leaves, and nothing that exists is touched."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.alembic_projects import OUR_ENV, write_env, write_revision
from support.databases import Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    ONCE,
    run_sqlalchemy_migrate,
    write_repository,
)
from support.projects import COMPLETE, TOP, Project, invoke

from bridge import Bridge
from bridge.init.options import InitOptions
from bridge.init.workflow import init
from bridge.model.errors import HookError, InitError, LegacyPreflightError

VERSIONS = ("alembic_version", "migrate_version")
NOTES = {"001_notes": CREATE_NOTES, "002_placeholder": ""}
MakeDatabase = Callable[[str], Database]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An app with a legacy repository, which is the working directory."""
    write_repository(tmp_path / "app/legacy", NOTES, repository_id="Notes Migrations")
    monkeypatch.chdir(tmp_path / "app")
    return Project(tmp_path / "app")


def files(root: Path) -> dict[str, bytes]:
    """Every file but the legacy repository's own."""
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if not name.startswith("legacy") and "__pycache__" not in name
    }


def schema(database: Database) -> dict[str, Any]:
    """As the tests themselves see it; without the texts that SQLite keeps."""
    return {part: what for part, what in database.schema(VERSIONS).items() if part != "sql"}


def tables_of(database: Database) -> set[str]:
    return {*database.schema(VERSIONS)["tables"]}


# --- what is written is right -------------------------------------------------------------


@pytest.mark.server
@LEGACY_SIDE
@pytest.mark.parametrize("only", ["sqlite", "postgresql"])
def test_a_primary_key_may_be_that_of_some_databases(
    make_database: MakeDatabase, tmp_path: Path, only: str
) -> None:
    table = f'Column("id", Integer, primary_key=migrate_engine.name == "{only}", nullable=False)'
    script = f'Table("t", MetaData(bind=migrate_engine), {table}).create()'
    write_repository(tmp_path / "old", {"001_t": script})
    options = InitOptions(root=tmp_path, urls=[make_database("postgresql").url])
    tried = init([tmp_path / "old"], options).tried
    assert [(one.dialect, one.proved) for one in tried] == [
        ("sqlite", True), ("postgresql", True)
    ]  # fmt: skip


@pytest.mark.server
@LEGACY_SIDE
def test_what_is_in_another_schema_is_told(make_database: MakeDatabase, tmp_path: Path) -> None:
    other = (
        'migrate_engine.execute("CREATE SCHEMA other")\n'
        'migrate_engine.execute("CREATE TABLE other.kept (id INTEGER)")\n'
        'migrate_engine.execute("CREATE FUNCTION other.one() RETURNS integer AS '
        "'SELECT 1' LANGUAGE sql\")"
    )
    write_repository(tmp_path / "old", {"001_notes": CREATE_NOTES, "002_other": other})
    options = InitOptions(root=tmp_path, urls=[make_database("postgresql").url], sqlite=False)
    (tried,) = init([tmp_path / "old"], options).tried
    assert tried.elsewhere == ("function other.one", "table other.kept")
    assert not tried.proved


@LEGACY_SIDE
def test_a_repository_that_changes_another_s_table_is_no_module(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    """A database without a row for it runs it; a module's was never installed there."""
    column = (
        'notes = Table("notes", MetaData(bind=migrate_engine), autoload=True)\n'
        'Column("body", String(40)).create(notes)'
    )
    table = 'Table("likes", MetaData(bind=migrate_engine), Column("id", Integer)).create()'
    for name, scripts in {
        "core": {"001_notes": CREATE_NOTES, "002_nothing": ""},
        "more": {"001_body": column},
        "likes": {"001_likes": table},
    }.items():
        write_repository(tmp_path / "old" / name, scripts, repository_id=name)
    begun = init(
        [tmp_path / "old" / name for name in ("core", "more", "likes")], InitOptions(root=tmp_path)
    )
    assert begun.proved
    assert begun.stamps == {
        "core": {2: ("core_base",)}, "more": {1: ("core_base",)}, "likes": {1: ("likes_base",)}
    }  # fmt: skip
    folders = tmp_path / "alembic_migrations"
    assert {path.name for path in folders.rglob("*_base.py")} == {"core_base.py", "likes_base.py"}
    assert "body" in (folders / "versions/core_base.py").read_text(encoding="utf-8")

    old, new = make_database("sqlite"), make_database("sqlite")
    run_sqlalchemy_migrate(old, tmp_path / "old/core", 0, 1)
    for database in (old, new):
        Bridge.from_config(tmp_path / "bridge.toml", url=database.url).dbupdate()
    assert "body" in str(old.schema()["tables"]["notes"])
    assert old.schema(VERSIONS)["tables"].keys() <= new.schema(VERSIONS)["tables"].keys()
    assert old.schema()["tables"]["notes"] == new.schema()["tables"]["notes"]


@pytest.mark.server
@ONCE
def test_the_sample_gets_one_script_a_branch_for_all_databases(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    for name in ("core", "likes"):
        ignore = shutil.ignore_patterns("frozen", "__pycache__")
        shutil.copytree(TOP / "legacy_migrations" / name, tmp_path / "old" / name, ignore=ignore)
    servers = [make_database(dialect).url for dialect in ("postgresql", "mariadb")]
    options = InitOptions(root=tmp_path, urls=servers)
    begun = init([tmp_path / "old/core", tmp_path / "old/likes"], options)

    assert [(tried.dialect, tried.proved) for tried in begun.tried] == [
        ("sqlite", True), ("postgresql", True), ("mysql", True),
    ]  # fmt: skip
    assert begun.stamps == {"core": {14: ("core_base",)}, "likes": {3: ("likes_base",)}}
    assert not begun.carried
    assert [(rows.table, rows.why) for rows in begun.rows] == [("settings", None)]
    core = (tmp_path / "alembic_migrations/versions/core_base.py").read_text(encoding="utf-8")
    likes = (tmp_path / "alembic_migrations/likes/likes_base.py").read_text(encoding="utf-8")
    # The same operations as in the base revision that people have written, in another order.
    ours = (TOP / "alembic_migrations/versions/core_base.py").read_text(encoding="utf-8")
    pattern = r"(?m)^    op\.create_index.*$|^        sa\.Column\(.*$|^            \{.*$"
    assert sorted(re.findall(pattern, core)) == sorted(
        line.replace(", autoincrement=False", "") for line in re.findall(pattern, ours)
    )
    assert "def on(" not in core + likes
    assert 'depends_on = ("core_base",)' in likes

    # The configuration is one: a new install and the end of the history are the same.
    new = make_database("sqlite")
    Bridge.from_config(tmp_path / "bridge.toml", url=new.url).dbupdate()
    old = make_database("sqlite")
    run_sqlalchemy_migrate(old, tmp_path / "old/core", 0)
    run_sqlalchemy_migrate(old, tmp_path / "old/likes", 0)
    assert schema(new) == schema(old)
    assert new.rows(VERSIONS) == old.rows(VERSIONS)


@LEGACY_SIDE
def test_what_alembic_has_no_words_for_is_carried_over(
    database: Database, make_database: MakeDatabase, tmp_path: Path
) -> None:
    """Judged by sqlalchemy-migrate alone and the tests' own eyes, on every database."""
    shutil.copytree(COMPLETE / "oddities/legacy", tmp_path / "legacy")
    server = database.dialect != "sqlite"
    options = InitOptions(root=tmp_path, urls=[database.url] * server, sqlite=not server)
    begun = init([tmp_path / "legacy"], options)
    assert begun.proved, begun.tried
    assert {"trigger touch", "view a_view", "view v_people"} <= {*begun.carried}

    Bridge.from_config(tmp_path / "bridge.toml", url=database.url).dbupdate()
    old = make_database(database.dialect)
    run_sqlalchemy_migrate(old, tmp_path / "legacy", 0)
    assert schema(database) == schema(old)
    assert database.rows(VERSIONS)["people"] == old.rows(VERSIONS)["people"]


@pytest.mark.server
@ONCE
def test_where_databases_differ_the_script_says_so(
    make_database: MakeDatabase, app: Project
) -> None:
    """On one a version fails: it is left out. On another the schema is another one."""
    app.write(
        "legacy/versions/002_placeholder.py",
        "def upgrade(migrate_engine):\n"
        "    name = migrate_engine.name\n"
        "    if name == 'mysql':\n        raise Exception('not on this one')\n"
        "    if name == 'sqlite':\n"
        "        migrate_engine.execute('CREATE INDEX ix_text ON notes (text)')\n",
    )
    servers = [make_database(dialect).url for dialect in ("postgresql", "mariadb")]
    begun = init(["legacy"], InitOptions(urls=servers))
    assert begun.proved
    errors = {tried.dialect: tried.error for tried in begun.tried}
    assert "not on this one" in str(errors.pop("mysql"))
    assert set(errors.values()) == {None}
    script = (app.root / "alembic_migrations/versions/notes_base.py").read_text(encoding="utf-8")
    assert 'if on("sqlite"):\n        op.create_index("ix_text", "notes", ["text"])' in script


@pytest.mark.server
@ONCE
def test_what_cannot_be_made_is_told_and_the_files_are_for_mending(
    make_database: MakeDatabase, app: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.write(
        "legacy/versions/002_placeholder.py",
        "def upgrade(migrate_engine):\n"
        "    migrate_engine.execute('ALTER TABLE notes SET UNLOGGED')\n",
    )
    monkeypatch.setenv("BRIDGE_SCRATCH_URL", make_database("postgresql").url)
    result = invoke("init", "--no-sqlite", "--legacy", "legacy")
    assert result.exit_code == 8
    assert "the base revisions are wrong there:\n  table notes\n" in result.stdout
    assert "expected (unlogged), found none" in result.stdout
    assert "Fix by hand: alembic_migrations/versions/notes_base.py." in result.stdout
    assert "op.create_table" in app.root.joinpath(
        "alembic_migrations/versions/notes_base.py"
    ).read_text(encoding="utf-8")


# --- where it begins ----------------------------------------------------------------------


ROWS = """
import datetime, uuid
meta = MetaData(bind=migrate_engine)
notes = Table("notes", meta, autoload=True)
notes.insert().execute(text="100%, it's {} :x")
for name, kind, values in (
    ("made", DateTime(), [datetime.datetime.utcnow()]),
    ("then", DateTime(), [datetime.datetime(2013, 5, 1, 12)]),
    ("today", Date(), [datetime.date.today()]),
    ("drawn", String(80), [str(uuid.uuid4())]),
    ("raw", LargeBinary(), [b"0"]),
    ("many", Integer(), range(51)),
):
    table = Table(name, meta, Column("x", kind))
    table.create()
    for value in values:
        table.insert().execute(x=value)
"""


@pytest.mark.process
def test_rows_are_inserted_where_they_are_the_same_at_any_time(app: Project) -> None:
    write_repository(app.root / "legacy", {**NOTES, "002_placeholder": ROWS})
    begun = init(["legacy"])
    assert begun.proved
    why = {rows.table: rows.why for rows in begun.rows}
    assert why["notes"] is why["made"] is why["then"] is None
    assert "random" in str(why["drawn"])
    assert "clock" in str(why["today"])
    assert "text" in str(why["raw"])
    assert "more than 50" in str(why["many"])
    script = (app.root / "alembic_migrations/versions/app_base.py").read_text(encoding="utf-8")
    assert '{"id": 1, "text": "100%, it\'s {} :x"},' in script
    assert '[{"x": now}]' in script
    assert '[{"x": datetime(2013, 5, 1, 12, 0)}]' in script


@pytest.mark.process
def test_a_shortened_history_begins_with_an_old_database(
    app: Project, make_database: MakeDatabase, tmp_path: Path
) -> None:
    body = 'migrate_engine.execute("ALTER TABLE notes ADD COLUMN more INTEGER")'
    shutil.rmtree("legacy")
    write_repository(app.root / "legacy", {"007_more": body}, repository_id="app")
    with pytest.raises(InitError) as caught:
        init(["legacy"])
    assert "no such table: notes" in caught.value.message
    assert "--seed-from" in caught.value.help
    assert files(app.root) == {}

    old = make_database("sqlite")
    old.execute(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text VARCHAR(80))",
        "INSERT INTO notes VALUES (1, 'a user''s')",
        "CREATE TABLE migrate_version (repository_id VARCHAR(250), repository_path TEXT,"
        " version INTEGER)",
        "INSERT INTO migrate_version VALUES ('app', '', 6)",
    )
    begun = init(["legacy"], InitOptions(snapshots=[str(old.engine().url.database)]))
    assert begun.proved
    assert begun.rows == ()
    assert any("bring_up_with" in line for line in begun.todo)
    new = make_database("sqlite")
    Bridge.from_config(url=new.url).dbupdate()
    assert tables_of(new) == {"notes"}


@pytest.mark.process
def test_scripts_find_the_package_that_they_lie_in(app: Project) -> None:
    app.write("package/__init__.py", "")
    app.write("package/texts.py", "TEXT = 'found'\n")
    shutil.move("legacy", "package/legacy")
    app.write(
        "package/legacy/versions/002_placeholder.py",
        "import more_texts\nfrom package.texts import TEXT\n\n\ndef upgrade(migrate_engine):\n"
        "    assert (TEXT, more_texts.TEXT) == ('found', 'too')\n",
    )
    app.write("lib/more_texts.py", "TEXT = 'too'\n")
    with pytest.raises(LegacyPreflightError) as caught:
        init(["package/legacy"])
    assert "more_texts" in caught.value.message
    assert "--pythonpath DIR" in caught.value.help

    assert init(["package/legacy"], InitOptions(pythonpath=["lib"])).proved
    text = app.file.read_text(encoding="utf-8")
    assert 'pythonpath = ["lib", "."]' in text


# --- what is there already ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["bridge.toml", "alembic_migrations/x", "pyproject.toml"])
def test_nothing_is_overwritten(name: str, app: Project) -> None:
    app.write(name, "[tool.bridge]\n")
    before = files(app.root)
    with pytest.raises(InitError) as caught:
        init(["legacy"])
    assert name.partition("/")[0] in caught.value.message
    assert files(app.root) == before
    assert caught.value.state_of_data == "Nothing was written."


@pytest.mark.process
@pytest.mark.parametrize("ini", ["alembic.ini", "migrations/alembic.ini", "pyproject.toml"])
def test_an_alembic_configuration_is_taken_over(
    ini: str, app: Project, make_database: MakeDatabase
) -> None:
    write_env(app.root / "migrations", "from alembic import context\n")
    text = {
        "alembic.ini": "[alembic]\nscript_location = migrations\n",
        "migrations/alembic.ini": "[alembic]\n",
        "pyproject.toml": '[tool.alembic]\nscript_location = "%(here)s/migrations"\n',
    }
    app.write(ini, text[ini])
    before = files(app.root)
    begun = init(["legacy"])
    assert begun.proved
    after = files(app.root)
    assert {*after} - {*before} == {"bridge.toml", "migrations/versions/notes_base.py"}
    assert {name: after[name] for name in before} == before
    assert f'config = "{ini}"' in app.file.read_text(encoding="utf-8")
    assert any(line.startswith("migrations/env.py") and OUR_ENV.strip() for line in begun.todo)

    app.write("migrations/env.py", OUR_ENV)
    new = make_database("sqlite")
    Bridge.from_config(url=new.url).dbupdate()
    assert tables_of(new) == {"notes"}


CREATES_NOTES = (
    'op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), '
    'sa.Column("text", sa.String({})))'
)


@pytest.mark.process
@pytest.mark.parametrize("width", [80, 90])
def test_of_revisions_that_are_there_the_equal_one_is_found(
    width: int, app: Project, make_database: MakeDatabase
) -> None:
    app.write("alembic.ini", "[alembic]\nscript_location = migrations\n")
    versions = write_env(app.root / "migrations") / "versions"
    write_revision(versions, "one", upgrade=CREATES_NOTES.format(width))
    write_revision(versions, "two", "one", upgrade="op.drop_table('notes')")
    before = files(app.root)
    if width == 90:
        with pytest.raises(InitError) as caught:
            init(["legacy"])
        assert "one on sqlite:\ntable notes\n  other notes.text type" in caught.value.message
        assert files(app.root) == before
        return
    assert init(["legacy"]).stamps == {"notes": {2: ("one",)}}
    assert {*files(app.root)} - {*before} == {"bridge.toml"}
    old = make_database("sqlite")
    run_sqlalchemy_migrate(old, app.root / "legacy", 0)
    assert Bridge.from_config(url=old.url).dbupdate().current == ("two",)


# --- what is told -------------------------------------------------------------------------

MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("notes", metadata, sa.Column("id", sa.Integer, primary_key=True),
         sa.Column("text", sa.String(80)), sa.Column("new", sa.Integer))
"""


@pytest.mark.process
def test_the_first_revision_after_the_base_is_the_developer_s(app: Project) -> None:
    """And the command that is told writes it."""
    with pytest.raises(HookError):
        init(["legacy"], InitOptions(models="models_of_init:metadata"))
    assert files(app.root) == {}
    app.write("models_of_init.py", MODELS)
    try:
        result = invoke("init", "--legacy", "legacy", "--models", "models_of_init:metadata")
        assert re.sub(r"\d+\.\d s", "# s", result.stdout) == (
            "sqlite: the history runs in # s; the base revisions make the same schema, and a "
            "hand-over leaves it as it is.\n"
            "Written:\n"
            "  alembic_migrations/env.py\n"
            "  alembic_migrations/script.py.mako\n"
            "  alembic_migrations/versions/notes_base.py\n"
            "  bridge.toml\n"
            "Version 2 of notes is stamped as notes_base.\n"
            "The models differ from what the base revisions create; the next revision is yours "
            "to write:\n"
            "  AddColumn notes.new\n"
            "Left for you to write:\n"
            '  bridge.toml, in [database]: url = "sqlite:///app.db"\n'
            "  .gitattributes: legacy/** -text\n"
            "Next:\n"
            "  bridge dbupdate --url sqlite:///new.db\n"
            "  bridge revision --url sqlite:///new.db --branch core --autogenerate -m MESSAGE\n"
            "  bridge freeze\n"
            "  bridge check\n"
        )
        for line in result.stdout.splitlines():
            if line.startswith(("  bridge dbupdate", "  bridge revision")):
                assert invoke(*line.split()[1:]).exit_code == 0
        (new,) = (app.root / "alembic_migrations/versions").glob("*_message.py")
        assert "sa.Column('new', sa.Integer()" in new.read_text(encoding="utf-8")
    finally:
        app.forget()


def test_models_without_tables_are_refused(app: Project) -> None:
    """They are not compared: nothing has imported the modules that define them."""
    app.write("no_models.py", "import sqlalchemy as sa\nmetadata = sa.MetaData()\n")
    before = files(app.root)
    try:
        with pytest.raises(HookError, match="no_models:metadata have no tables"):
            init(["legacy"], InitOptions(models="no_models:metadata"))
    finally:
        app.forget()
    assert files(app.root) == before


@pytest.mark.process
def test_json_tells_the_same(app: Project) -> None:
    result = invoke("init", "--legacy", "legacy", "--json")
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["proved"] is True
    assert [found["database"] for found in document["databases"]] == ["sqlite"]
    assert document["stamps"] == {"notes": {"2": ["notes_base"]}}
    assert document["models"] is None
    refused = json.loads(invoke("init", "--legacy", "legacy", "--json").stdout)
    assert refused["error"]["code"] == "init-refused"
