"""The upgrade as an SQL script: the database's own client runs it, and bridge is not there."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.alembic_projects import CLASSIC_ENV, create_table, write_revision
from support.databases import Database, ServerDatabase, SQLiteDatabase
from support.legacy_projects import BASE, LegacyProject, versions
from support.projects import TOP, Project, write_revisions, write_versions
from support.servers import ServerError

from bridge import Bridge, __version__
from bridge.database.servers import family
from bridge.legacy.frozen.files import Frozen, checksums, manifest
from bridge.legacy.frozen.format import dialect_entry, dialect_files
from bridge.model.errors import (
    AheadError,
    BridgeError,
    ConfigError,
    DriftError,
    NotOfflineError,
    NotReplayableError,
    ResumeError,
    SealBrokenError,
)
from bridge.model.frozen import FrozenDialect, FrozenVersion
from bridge.model.progress import Progress

URLS = {
    "sqlite": "sqlite:////nowhere/at/all.db",
    "postgresql": "postgresql://somebody:PASSWORD@127.0.0.1:1/nothing",
    "mariadb": "mariadb://somebody:PASSWORD@127.0.0.1:1/nothing",
}


def run_script(database: Database, script: str, folder: Path) -> None:
    """Runs it with the database's own client; the first error raises."""
    path = folder / "script.sql"
    path.write_text(script, encoding="utf-8", newline="\n")
    if isinstance(database, ServerDatabase):
        database.server.run_dump(database.name, path)
        return
    assert isinstance(database, SQLiteDatabase)
    program = shutil.which("sqlite3")
    if program is None:
        plain = "".join(x for x in script.splitlines(True) if not x.startswith("."))
        with contextlib.closing(sqlite3.connect(database.path)) as connection:
            try:
                connection.executescript(plain)
            except sqlite3.Error as error:
                raise ServerError(str(error)) from None
        return
    with path.open("rb") as stdin:
        done = subprocess.run(
            [program, database.path], stdin=stdin, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise ServerError(done.stderr)


def seal(
    home: Path,
    databases: Mapping[str, Mapping[int, Sequence[str]]],
    *,
    live: Mapping[int, str] | None = None,
    schemas: Mapping[int, Any] | None = None,
) -> None:
    """Freezes a repository without running it: what each version emits on each database.

    :param live: why versions cannot be replayed.
    """
    entries = {}
    for dialect, statements in databases.items():
        history = FrozenDialect(
            {
                number: FrozenVersion(
                    replay=number not in (live or {}),
                    reason=(live or {}).get(number),
                    ported=False,
                    statements=tuple(found),
                    count=len(found),
                    schema="",
                )
                for number, found in statements.items()
            },
            schemas or {},
        )
        entries[dialect] = dialect_entry(history)
        for name, data in dialect_files(dialect, history).items():
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).write_bytes(data)
    last = max(len(statements) for statements in databases.values())
    (home / "frozen/manifest.json").write_bytes(
        manifest(Frozen(home, "app", 1, last, checksums(home), entries))
    )


CREATE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text VARCHAR(200))"
# Percent signs, colons, a tab, a backslash, two lines, comments that are none, other letters.
WORDS = "50% :off %s %%, a\tb; c:\\d\n-- “ü” it''s"
HISTORY: dict[str, dict[int, Sequence[str]]] = {
    "sqlite": {
        1: [CREATE],
        2: [f"INSERT INTO notes VALUES (1, '{WORDS}')"],
        3: [
            "CREATE TRIGGER shout AFTER INSERT ON notes BEGIN "
            "UPDATE notes SET text = text || '!;' WHERE id = NEW.id; END"
        ],
        4: ["PRAGMA legacy_alter_table = ON", "CREATE TABLE settings (value VARCHAR(80)) -- why"],
    },
    "postgresql": {
        1: [CREATE],
        2: [f"INSERT INTO notes VALUES (1, '{WORDS}')"],
        3: [
            "CREATE FUNCTION shout() RETURNS trigger AS $$ BEGIN NEW.text := NEW.text || '!;'; "
            "RETURN NEW; END; $$ LANGUAGE plpgsql",
            "CREATE TRIGGER shout BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION shout()",
        ],
        4: ["SET datestyle = 'SQL, DMY'", "CREATE TABLE settings (value VARCHAR(80)) -- why"],
    },
    "mysql": {
        1: [CREATE],
        2: ["INSERT INTO notes VALUES (1, '{}')".format(WORDS.replace("\\", "\\\\"))],
        3: [
            "CREATE TRIGGER shout BEFORE INSERT ON notes FOR EACH ROW BEGIN "
            "SET NEW.text = CONCAT(NEW.text, '!;'); END"
        ],
        4: [
            "SET SESSION group_concat_max_len=77, @x = 1",
            "CREATE TABLE settings (value VARCHAR(80)) -- why",
        ],
    },
}
# What the setting is afterwards that version 4 leaves changed.
SETTING = """\
query = {
    "sqlite": "SELECT legacy_alter_table FROM pragma_legacy_alter_table",
    "postgresql": "SELECT current_setting('datestyle')",
}.get(op.get_context().dialect.name, "SELECT @@group_concat_max_len")
op.execute("INSERT INTO settings " + query)
"""
ROWS = r"""
notes = sa.table("notes", sa.column("id", sa.Integer), sa.column("text", sa.String))
words = "50% :off %s %%, a\tb; c:\\d\n-- \u201cü\u201d it's"
op.bulk_insert(notes, [{"id": 2, "text": words}, {"id": 3, "text": None}])
op.execute(notes.update().where(notes.c.id == 3).values(text=words))
bind = op.get_bind()
bind.execute(sa.text("INSERT INTO notes VALUES (:id, :text)"), {"id": 4, "text": words})
bind.execute(sa.text("INSERT INTO notes VALUES (5, 'a\\:b % \\:c')"))
bind.execute(notes.insert(), [{"id": 6, "text": words}, {"id": 7, "text": "%"}])
"""
TRIGGER = """
if op.get_context().dialect.name in ("mysql", "mariadb"):
    op.execute(
        "CREATE TRIGGER tidy BEFORE UPDATE ON notes FOR EACH ROW BEGIN "
        "SET NEW.text = TRIM(NEW.text); SET NEW.id = OLD.id; END;"
    )
"""


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    """Four frozen versions and three revisions, with all that text can have in it."""
    made = LegacyProject(tmp_path / "project")
    home = made.repository({f"{number:03}_step": "" for number in (1, 2, 3, 4)})
    seal(home, HISTORY)
    folder = made.root / "alembic/versions"
    write_revision(folder, "one", BASE, upgrade=SETTING)
    write_revision(folder, "two", "one", upgrade=ROWS, doc="Rows: all kinds.")
    write_revision(folder, "three", "two", upgrade=f"{create_table('more')}\n{TRIGGER}")
    return made


def install(database: Database, version: int) -> None:
    statements = HISTORY[family(database.dialect)]
    database.execute(*(sql for number in range(1, version + 1) for sql in statements[number]))
    write_versions(database, ("app", version))


def unread(bridge: Bridge, start: str) -> str:
    """The script without a look at the database. Only the server says that it is MariaDB."""
    return bridge.sql(starts=[start]).replace("run: mysql ", "run: mariadb ")


@pytest.mark.process
def test_a_script_leaves_what_a_run_leaves(
    database: Database,
    make_database: Callable[[str], Database],
    project: LegacyProject,
    tmp_path: Path,
) -> None:
    twin = make_database(database.dialect)
    for one in (database, twin):
        install(one, 1)
    assert project.bridge(twin).dbupdate().outcome == "upgraded"

    bridge, before = project.bridge(database), database.contents()
    script = bridge.sql()
    assert unread(bridge, "app=1") == script
    assert database.contents() == before
    run_script(database, script, tmp_path)
    assert (database.schema(), database.rows()) == (twin.schema(), twin.rows())
    assert bridge.status().kind == "alembic"
    assert bridge.dbupdate().outcome == "nothing_to_do"
    assert bridge.sql().splitlines()[-1] == "-- Nothing to do: the database is at three."


@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_the_sample_s_branches_become_one_script(
    dialect: str, make_database: Callable[[str], Database], sample: Project, tmp_path: Path
) -> None:
    database, twin = make_database(dialect), make_database(dialect)
    for one in (database, twin):
        one.load(TOP / "snapshots/core-v14-likes-v03")
    run_script(database, sample.bridge(database).sql(), tmp_path)
    sample.bridge(twin).dbupdate()
    assert (database.schema(), database.rows()) == (twin.schema(), twin.rows())
    assert sample.bridge(database).dbupdate().outcome == "nothing_to_do"


def test_a_script_goes_on_from_revisions_of_several_branches(sample: Project) -> None:
    sample.replace("bridge.toml", "enabled = true\n\n# Came", "enabled = false\n\n# Came")
    bridge = sample.bridge(URLS["postgresql"])
    script = bridge.sql(starts=["core_media_visibility", "likes_base", "messages@head"])
    assert [line for line in script.splitlines() if "alembic_version" in line] == [
        "  IF NOT ((SELECT count(*) FROM alembic_version WHERE alembic_version.version_num IN "
        "('core_media_visibility', 'likes_base', 'messages_threads')) = 3 AND (SELECT count(*) "
        "FROM alembic_version WHERE (alembic_version.version_num NOT IN ('core_media_visibility', "
        "'likes_base', 'messages_threads'))) = 0) THEN",
        "UPDATE alembic_version SET version_num='core_tag_slugs' "
        "WHERE alembic_version.version_num = 'core_media_visibility';",
    ]


@pytest.mark.process
@pytest.mark.parametrize("stranger", ["app=2", "one"])
def test_a_script_stops_in_a_database_that_is_somewhere_else(
    stranger: str, database: Database, project: LegacyProject, tmp_path: Path
) -> None:
    install(database, 1)
    write_revisions(database, [BASE])
    before = database.contents()
    script = project.bridge(database).sql(starts=[stranger])
    with pytest.raises(ServerError) as caught:
        run_script(database, script, tmp_path)
    where = f"the database is not at {stranger.replace('=', ' ')}"
    if database.dialect == "mariadb":
        assert f"-- Subquery returns more than 1 row: {where}." in script
        where = "Subquery returns more than 1 row"
    assert where in str(caught.value)
    assert database.contents() == before


@pytest.mark.process
def test_a_script_stops_at_its_first_error(
    database: Database, project: LegacyProject, tmp_path: Path
) -> None:
    install(database, 1)
    database.execute("CREATE TABLE settings (mine VARCHAR(80))")
    with pytest.raises(ServerError, match="settings"):
        run_script(database, project.bridge(database).sql(starts=["app=1"]), tmp_path)
    assert versions(database) == {"app": 3}
    assert set(database.rows()) == {"migrate_version", "notes", "settings"}


def test_the_whole_text_of_a_small_script(tmp_path: Path) -> None:
    project = LegacyProject(tmp_path)
    home = project.repository({"001_a": "", "002_b": "", "003_c": ""})
    seal(home, {"sqlite": {1: [CREATE], 2: ["DROP TABLE notes"], 3: []}})
    write_revision(
        tmp_path / "alembic/versions", "next", BASE, upgrade=create_table("t"), doc="More."
    )
    script = project.bridge(URLS["sqlite"]).sql(starts=["app=1"])
    # SQLAlchemy leaves a space behind each column.
    assert (
        script.replace(", \n", ",\n")
        == f"""\
-- bridge {__version__}, for sqlite:////nowhere/at/all.db
-- From: app 1
-- To: next
-- Stop the app, make a backup, and run: sqlite3 DATABASE < SCRIPT
-- Before, compare the schema with the frozen one: bridge verify

.bail on
PRAGMA foreign_keys = OFF;
CREATE TEMPORARY TABLE bridge_start (
  here INTEGER CONSTRAINT "the database is not at app 1" CHECK (here)
);
INSERT INTO bridge_start VALUES ((SELECT count(*) FROM migrate_version WHERE \
migrate_version.repository_id IN ('app') AND migrate_version.version = 1) = 1);
DROP TABLE bridge_start;

-- 1/4 legacy app 2
BEGIN;
DROP TABLE notes;
UPDATE migrate_version SET version=2 WHERE migrate_version.repository_id IN ('app') \
AND migrate_version.version = 1;
COMMIT;

-- 2/4 legacy app 3
BEGIN;
UPDATE migrate_version SET version=3 WHERE migrate_version.repository_id IN ('app') \
AND migrate_version.version = 2;
COMMIT;

-- 3/4 stamp successor
BEGIN;
CREATE TABLE IF NOT EXISTS alembic_version (
\tversion_num VARCHAR(32) NOT NULL,
\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version (version_num) VALUES ('successor');
COMMIT;

-- 4/4 upgrade next: More.
BEGIN;

-- Running upgrade successor -> next

CREATE TABLE t (
\tid INTEGER NOT NULL,
\tPRIMARY KEY (id)
);

UPDATE alembic_version SET version_num='next' WHERE alembic_version.version_num = 'successor';

COMMIT;
"""
    )


@pytest.mark.process
def test_an_empty_database_gets_all_of_alembic_s_branches(
    database: Database, project: LegacyProject, tmp_path: Path
) -> None:
    write_revisions(database, [])  # as a run leaves it that failed at once
    path = project.root / f"alembic/versions/{BASE}.py"
    text = path.read_text()
    first = f"def upgrade():\n    op.execute({CREATE!r})\n"
    first += "    op.execute('CREATE TABLE settings (value VARCHAR(80))')"
    path.write_text(text.replace("def upgrade():\n    pass", first))
    bridge = project.bridge(database)
    script = bridge.sql()
    assert script == unread(bridge, "base")
    run_script(database, script, tmp_path)
    assert bridge.status().current == ("three",)


MODELS = """\
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("b", sa.Enum("x")))
def lay(connection):
    connection.execute(metadata.tables["a"].insert().values(id=5))
"""


@pytest.mark.process
def test_models_are_in_the_script_and_default_rows_are_left_to_the_next_run(
    database: Database, project: LegacyProject, tmp_path: Path
) -> None:
    name = f"offline_models_{database.dialect}"
    project.write(f"{name}.py", MODELS.replace('"x"', '"x", name="kind"'))
    bridge = Bridge(
        url=database.url,
        root=project.root,
        alembic={"script_location": "alembic", "pythonpath": ["."], "models": f"{name}:metadata"},
        database={"fresh": "models", "foundations": f"{name}:lay"},
    )
    told = Told()
    run_script(database, bridge.sql(starts=["base"], progress=told), tmp_path)
    assert told.notes == [
        f"The hook {name}:lay is Python, which no script can call: run dbupdate afterwards."
    ]
    assert database.rows()["a"] == []
    status = bridge.status()
    assert (status.kind, status.current, status.pending_foundations) == (
        "alembic",
        ("three",),
        ("core",),
    )
    report = bridge.dbupdate()
    assert [str(step) for step, _seconds in report.steps] == [f"foundations {name}:lay"]
    assert database.rows()["a"] == [(5, None)]
    assert [run.status for run in bridge.history()] == ["begun", "done"]


class Told(Progress):
    """A progress that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def notify(self, text: str) -> None:
        self.notes.append(text)

    def begin(self, *_step: Any) -> None:
        raise AssertionError

    done = begin


# --- what cannot be -----------------------------------------------------------------------


def refused(bridge: Bridge, starts: Sequence[str] | None = None) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        bridge.sql(starts=starts)
    assert caught.value.state_of_data == "The database is unchanged."
    return caught.value


def test_all_versions_that_are_not_replayed_are_named(sample: Project) -> None:
    error = refused(sample.bridge(URLS["sqlite"]), ["core=6", "likes=1"])
    assert (type(error), error.message, error.help) == (
        NotReplayableError,
        "2 of the legacy versions cannot be written as SQL:\n"
        "  legacy core 7: it is ported to Python, as it cannot be replayed: it reads rows: SELECT "
        "media_entries.id, media_entries.uploader_id, media_entries.title, media_entries.slug FROM "
        "...\n"
        "  legacy likes 2: it is ported to Python, as it cannot be replayed: it reads rows: SELECT "
        "likes.id, likes.media_id, likes.user_id FROM likes ORDER BY likes.id",
        "Run these with bridge itself: bridge dbupdate",
    )


@pytest.mark.parametrize(
    ("frozen", "why"),
    [
        (None, "its history is not frozen"),
        ("postgresql", "its history is not frozen for sqlite"),
        ("sqlite", "it reads rows: SELECT 1 FROM notes"),
    ],
)
def test_versions_without_known_sql_are_named_with_the_reason(
    frozen: str | None, why: str, tmp_path: Path
) -> None:
    project = LegacyProject(tmp_path)
    home = project.repository({"001_a": "", "002_b": ""})
    if frozen:
        seal(home, {frozen: {1: [], 2: []}}, live={2: why})
    error = refused(project.bridge(URLS["sqlite"]), ["app=1"])
    assert isinstance(error, NotReplayableError)
    assert error.message == (
        f"1 of the legacy versions cannot be written as SQL:\n  legacy app 2: {why}"
    )


def test_a_broken_seal_is_refused(project: LegacyProject) -> None:
    project.write("legacy/app/versions/002_step.py", "changed")
    error = refused(project.bridge(URLS["sqlite"]), ["app=1"])
    assert isinstance(error, SealBrokenError)
    assert "versions/002_step.py was changed" in error.message


def test_a_schema_that_must_not_be_stamped_is_refused(
    project: LegacyProject, sqlite_database: Database
) -> None:
    column = {"name": "id", "type": "INTEGER", "nullable": False}
    seal(project.root / "legacy/app", HISTORY, schemas={4: {"views": {"v": column}}})
    install(sqlite_database, 4)
    bridge = project.bridge(sqlite_database)
    assert isinstance(refused(bridge), DriftError)
    assert "4/4 upgrade three" in bridge.sql(accept_drift=["view v"])


READING = 'names = [row[0] for row in op.get_bind().execute(sa.text("SELECT 1"))]'
DEFAULT = """
columns = sa.Column("a", sa.Integer), sa.Column("b", sa.Integer, default=5)
op.execute(sa.Table("t", sa.MetaData(), *columns).insert().values(a=1))
"""
CONNECTING = "sa.create_engine('sqlite:///FILE').connect()"


@pytest.mark.parametrize(
    ("upgrade", "said"),
    [
        (READING, "TypeError: 'NoneType' object is not iterable"),
        (
            "op.execute('DELETE FROM t WHERE a = :b')",
            "ValueError: the parameter b has no value: DELETE FROM t WHERE a = :b",
        ),
        (
            DEFAULT,
            "ValueError: Python would compute the value of t.b: INSERT INTO t (a, b) "
            "VALUES (:a, :b)",
        ),
        (CONNECTING, "it connects to the database FILE"),
    ],
)
def test_all_revisions_that_need_a_database_are_named(
    upgrade: str, said: str, project: LegacyProject, tmp_path: Path
) -> None:
    file = tmp_path / "another.db"
    folder = project.root / "alembic/versions"
    upgrade, said = (text.replace("FILE", str(file)) for text in (upgrade, said))
    for revision, down in (("five", "three"), ("six", "five")):
        write_revision(folder, revision, down, upgrade=upgrade)
    error = refused(project.bridge(URLS["sqlite"]), [BASE])
    assert isinstance(error, NotOfflineError)
    head, *lines = error.message.splitlines()
    assert head == "2 of the Alembic revisions cannot be written as SQL:"
    assert [x.strip() for x in lines if said in x] == [f"five: {said}", f"six: {said}"]
    assert not file.exists()


def test_a_batch_that_must_see_the_table_is_named(sample: Project) -> None:
    error = refused(sample.bridge(URLS["sqlite"]), ["core=14", "likes=3"])
    assert isinstance(error, NotOfflineError)
    named = [line.split(":")[0] for line in error.message.splitlines() if line.startswith("  ")]
    assert named == ["  core_tag_slugs", "  messages_threads"]


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (CLASSIC_ENV, "it connects to the database FILE"),
        ("", "env.py runs no migrations when it is offline"),
        ("raise KeyError('settings')", "KeyError: 'settings'"),
        (
            "from bridge.revisions import run_environment\nrun_environment(version_table='mine')",
            "env.py uses the version table mine, and not alembic_version as the configuration says",
        ),
    ],
)
def test_an_env_py_that_cannot_do_without_a_database_is_told_once(
    env: str, said: str, project: LegacyProject, tmp_path: Path
) -> None:
    project.write("alembic/env.py", env)
    file = tmp_path / "none.db"
    error = refused(project.bridge(f"sqlite:///{file}"), ["app=4"])
    assert isinstance(error, NotOfflineError)
    head, line, *_at = error.message.splitlines()
    assert head == "3 of the Alembic revisions cannot be written as SQL:"
    assert line == "  one, two, three: " + said.replace("FILE", str(file))
    assert not file.exists()


CLASSIC_OFFLINE = """\
from alembic import context

context.configure(url=context.config.get_main_option("sqlalchemy.url"))
context.run_migrations()
"""


@pytest.mark.parametrize("dialect", URLS)
def test_a_classic_env_py_gives_the_same_script(dialect: str, project: LegacyProject) -> None:
    expected = project.bridge(URLS[dialect]).sql(starts=["app=1"])
    project.write("alembic/env.py", CLASSIC_OFFLINE)
    assert project.bridge(URLS[dialect]).sql(starts=["app=1"]) == expected


@pytest.mark.parametrize(
    ("start", "kind", "message"),
    [
        ("core=3", ConfigError, "There is no legacy repository core; there are: app."),
        ("app=x", ConfigError, "app=x is not NAME=VERSION, such as app=12."),
        ("nowhere", ConfigError, "There is no Alembic revision nowhere."),
        (
            "app=9",
            AheadError,
            "The legacy repository app is at version 9 in this database; this code knows 1 to 4: "
            "a newer release of the app wrote it.",
        ),
    ],
)
def test_a_start_that_cannot_be_is_refused(
    start: str, kind: type[BridgeError], message: str, project: LegacyProject
) -> None:
    error = refused(project.bridge(URLS["sqlite"]), [start])
    assert (type(error), error.message) == (kind, message)


# --- the command line ---------------------------------------------------------------------


def test_standard_output_has_the_script_alone(sample: Project) -> None:
    env = sample.root / "alembic_migrations/env.py"
    env.write_text(f"{env.read_text()}print(1)\n")
    url = URLS["postgresql"]
    result = sample.run("dbupdate", "--sql", "--from", "core=8", url=url)
    assert result.exit_code == 0
    assert result.stdout == sample.bridge(url).sql(starts=["core=8"])
    assert "PASSWORD" not in result.output
    as_json = sample.run("dbupdate", "--sql", "--json", "--from", "core=8", url=url)
    assert json.loads(as_json.stdout) == {"sql": result.stdout}
    told = result.stderr.splitlines()
    assert told[0] == "Assumed not to be in the database: the legacy likes."
    assert set(told[1:]) == {"1"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sql", "--dry-run"], "--dry-run and --sql are two things: give one of them."),
        (["--sql", "--rehearse"], "--rehearse and --sql are two things: give one of them."),
        (["--from", "core=3"], "--from is for --sql: a run looks at the database itself."),
        (
            ["--sql", "--legacy", "live"],
            "--sql has only what is frozen, and --legacy live has none of it.",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: Sequence[str], said: str, sample: Project
) -> None:
    result = sample.run("dbupdate", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.server
def test_a_step_that_was_cut_short_is_no_beginning_of_a_script(
    make_database: Callable[[str], Database], project: LegacyProject
) -> None:
    database = make_database("mariadb")
    install(database, 1)
    project.bridge(database).dbupdate()
    columns = "(run, step, name, status, at, bridge_version)"
    database.execute(
        "DELETE FROM alembic_version",
        "INSERT INTO alembic_version VALUES ('two')",
        f"INSERT INTO bridge_journal {columns} VALUES "
        "('a', 'statement', 'upgrade three', 'done', UTC_TIMESTAMP(), '0')",
    )
    error = refused(project.bridge(database))
    assert isinstance(error, ResumeError)
    assert error.message == (
        "A run was interrupted in the middle of the step 'upgrade three', and a script cannot go "
        "on there."
    )
