"""Snapshots: made up, taken in, the same each time, and nothing of a database lost in them."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.databases import Database, SQLiteDatabase
from support.legacy_projects import CREATE_NOTES, LEGACY_SIDE, ONCE, LegacyProject
from support.projects import TOP, Project

from bridge import Bridge, BridgeError
from bridge.database.dump.files import mysql_lines, postgresql_lines
from bridge.database.dump.postgresql import PostgreSQLDumper
from bridge.database.dump.sqlite import sqlite_script
from bridge.model.errors import ConfigError, DatabaseError, LegacyError, SnapshotError
from bridge.model.progress import Progress
from bridge.snapshots.generate import with_required

OLD = TOP / "snapshots" / "core-v10-likes-v01"
MakeDatabase = Callable[[str], Database]


class Remarks(Progress):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def notify(self, text: str) -> None:
        self.texts.append(text)


def servers(database: Database) -> list[str]:
    return [] if database.dialect == "sqlite" else [database.url]


def load(path: Path, make_database: MakeDatabase, dialect: str = "sqlite") -> Database:
    """The database in a snapshot, read by the database's own means and not by bridge."""
    database = make_database(dialect)
    database.load(str(path).removesuffix(database.suffix))
    return database


# --- SQLite's text ------------------------------------------------------------------------

NASTY = r"""
PRAGMA user_version = 7;
PRAGMA application_id = 77;
CREATE TABLE plain (a, b TEXT, rowid INTEGER);
INSERT INTO plain VALUES
 (1, 'it''s 100% \n ?', NULL), (-9223372036854775808, CAST(X'61006200' AS TEXT), 1),
 (0.1, char(10) || '\n' || char(13) || char(10), 2), (9e999, '', 3), (-9e999, 'ä中😋', 4),
 (1e300, X'00ff', 5), (1.0, CAST(X'ff61' AS TEXT), 6), (5e-324, '\n' || char(10) || '\n1', 7);
CREATE TABLE keyed (k TEXT, v INTEGER, PRIMARY KEY (k)) WITHOUT ROWID;
INSERT INTO keyed VALUES ('z', 1), ('a', 2);
CREATE TABLE made (x INTEGER PRIMARY KEY AUTOINCREMENT, twice AS (x * 2), three AS (x * 3) STORED);
INSERT INTO made VALUES (5), (9);
DELETE FROM made WHERE x = 9;
CREATE INDEX z_index ON plain (a);
CREATE UNIQUE INDEX an_index ON plain (b) WHERE a > 100;
CREATE VIEW seen AS SELECT k FROM keyed;
CREATE TRIGGER into_view INSTEAD OF INSERT ON seen BEGIN INSERT INTO keyed VALUES (NEW.k, 0); END;
CREATE TABLE "odd "" name" (x); INSERT INTO "odd "" name" VALUES (1);
CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES ('some text');
"""


def everything(path: Path) -> Any:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        names = [
            row[0].decode()
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = {}
        for name in sorted(names):
            quoted = '"' + name.replace('"', '""') + '"'
            columns = connection.execute(f"SELECT * FROM {quoted}").description
            listed = ", ".join(f'typeof("{c[0]}"), quote("{c[0]}"), "{c[0]}"' for c in columns)
            found[name] = sorted(map(repr, connection.execute(f"SELECT {listed} FROM {quoted}")))
        found["schema"] = sorted(
            map(repr, connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
        )
        for pragma in ("user_version", "application_id", "encoding", "integrity_check"):
            found[pragma] = [*map(repr, connection.execute(f"PRAGMA {pragma}"))]
        return found


@ONCE
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_nothing_of_a_sqlite_database_is_lost_in_its_text(tmp_path: Path, encoding: str) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.executescript(
            NASTY if encoding == "UTF-8" else re.sub(r"CAST\(X'\w+' AS TEXT\)", "'-'", NASTY)
        )

    script = "\n".join(sqlite_script(old))

    with contextlib.closing(sqlite3.connect(new)) as connection:
        connection.executescript(script)
    assert everything(new) == everything(old)
    assert "\n".join(sqlite_script(new)) == script


# --- made up ------------------------------------------------------------------------------


def test_a_database_is_made_up_the_same_each_time_and_upgrades(
    database: Database, sample: Project, make_database: MakeDatabase
) -> None:
    at, urls = {"core": 10, "likes": 1}, servers(database)

    first = sample.bridge().create_snapshot(at, urls=urls)
    second = sample.bridge().create_snapshot(at, urls=urls, name="again")

    ending = {"sqlite": "sqlite", "postgresql": "pg", "mariadb": "mysql"}[database.dialect]
    assert first.path == sample.root / "snapshots" / f"core-010_likes-001.{ending}.sql"
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.size < 20_000
    assert (first.versions, first.revisions) == (at, ())
    assert sample.bridge().snapshots() == (second, first)
    assert not (sample.root / "media.db").exists()
    old = load(first.path, make_database, database.dialect)
    rows = old.rows()
    assert {row[0]: row[2] for row in rows.pop("migrate_version")} == at
    assert {name for name, found in rows.items() if len(found) < 5} == set()
    values = {value for found in rows.values() for row in found for value in row}
    assert None in values
    assert any(isinstance(v, str) and not v.isascii() for v in values)
    assert sample.bridge(old).dbupdate(backup=False).outcome == "upgraded"


@ONCE
def test_what_is_of_a_machine_or_a_run_is_not_in_it(
    database: Database, sample: Project, make_database: MakeDatabase
) -> None:
    database.load(OLD)
    if database.dialect == "mariadb":
        database.execute(
            "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.email = 'USE x;'",
            "CREATE VIEW v AS SELECT username FROM users",
        )
    path = dump_with_more(database, sample.root)

    made = sample.bridge().import_snapshot(path, urls=servers(database), name="x").snapshot

    text = made.path.read_text(encoding="utf-8")
    name = str(database.engine().url.database)
    words = ["127.0.0.1", "Distrib", "Dumped", "DEFINER=", "restrict", "OWNER", "bridge_scratch"]
    assert [word for word in [*words, name, str(sample.root)] if word in text] == []
    assert load(made.path, make_database, database.dialect).schema() == database.schema()
    assert load(made.path, make_database, database.dialect).rows() == database.rows()


def dump_with_more(database: Database, folder: Path) -> Path:
    """A dump as administrators make them, with what leads to another database on the server."""
    if isinstance(database, SQLiteDatabase):
        return database.path
    path, text = folder / "old.dump", database.dump()  # type: ignore[attr-defined]
    if database.dialect == "postgresql":
        more = "CREATE DATABASE gone;\nALTER DATABASE gone OWNER TO nobody;\n\\connect gone\n"
        more += "SET transaction_timeout = 0;\nGRANT ALL ON SCHEMA public TO nobody;\n\nSET "
        head, mark, tail = text.partition("SET ")
        text = head.replace("Owner: -", "Owner: x") + more + tail if mark else ""
        text += "ALTER TABLE public.users OWNER TO nobody;\n"
    else:
        head, mark, tail = text.partition("/*!40101 SET @OLD_CHARACTER_SET_CLIENT")
        more = "CREATE DATABASE `gone` /*!40100 DEFAULT CHARACTER SET latin1 */;\nUSE `gone`;\n"
        more += "ALTER DATABASE `gone` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;\n"
        text = head + more + mark + tail
    path.write_text(text, encoding="utf-8")
    return path


SCRIPTS = {
    "001_notes": CREATE_NOTES + 'Table("events", meta, Column("id", Integer, primary_key=True),'
    ' Column("at", DateTime), Column("day", String(40))).create()',
    "002_seen": "migrate_engine.execute(text(\"UPDATE notes SET text = 'seen'\"))",
    "003_now": "import datetime, time\nnow = datetime.datetime.utcnow()\n"
    'events = Table("events", MetaData(bind=migrate_engine), autoload=True)\n'
    "events.insert().values(id=900, at=now, day=now.isoformat()).execute()\n"
    "events.insert().values(id=901, day=str(time.time())).execute()\n"
    "events.insert().values(id=902, day=str(datetime.date.today())).execute()",
}


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    return LegacyProject(tmp_path / "app")


@LEGACY_SIDE
def test_rows_are_put_in_on_the_way_and_times_of_the_run_are_the_same_each_time(
    project: LegacyProject, sqlite_database: Database, make_database: MakeDatabase
) -> None:
    project.repository(SCRIPTS)
    bridge = project.bridge(sqlite_database)

    first = bridge.create_snapshot({"app": 3}, rows=6)
    again = bridge.create_snapshot({"app": 3}, rows=6, name="again")

    assert first.path.read_bytes() == again.path.read_bytes()
    rows = load(first.path, make_database).rows()
    assert len(rows["notes"]) == 6
    assert 0 < [row[1] for row in rows["notes"]].count("seen") < 6
    days = {row[0]: row[2] for row in rows["events"]}
    assert re.fullmatch(r"2002-02-03T04:05:06\.0+", days[900])
    assert days[902] == "2002-02-03"
    assert not sqlite_database.path.exists()  # type: ignore[attr-defined]


@LEGACY_SIDE
@pytest.mark.parametrize(
    ("refused", "others"),
    [("text NOT GLOB '[a-z]* [0-9]*'", "ordinary rows"), ("id > 0", "no generated rows")],
)
def test_a_version_that_fails_on_edge_values_runs_over_other_rows(
    project: LegacyProject, sqlite_database: Database, refused: str, others: str
) -> None:
    check = f"""
if migrate_engine.execute(text("SELECT 1 FROM notes WHERE {refused}")).first():
    raise ValueError("such rows are not foreseen")
"""
    scripts = {f"{n:03}_nothing": "pass" for n in range(2, 9)}
    project.repository({"001_notes": CREATE_NOTES, **scripts, "009_check": check})
    remarks = Remarks()

    made = project.bridge(sqlite_database).create_snapshot({"app": 9}, progress=remarks)

    assert made.versions == {"app": 9}
    assert "such rows are not foreseen" in remarks.texts[0]
    assert remarks.texts[-1].endswith(f"Trying again, with {others} between the versions.")
    assert made.path.read_text(encoding="utf-8").count('INSERT INTO "notes"') == 5


@LEGACY_SIDE
def test_a_history_without_its_beginning_begins_with_a_snapshot(
    project: LegacyProject, sqlite_database: Database, make_database: MakeDatabase
) -> None:
    notes = 'Table("notes", MetaData(migrate_engine), autoload=True)'
    add = f'Column("more", String(9)).create({notes})'
    project.repository({"005_more": add, "006_nothing": "pass", "007_nothing": "pass"})
    bridge = project.bridge(sqlite_database)
    with pytest.raises(LegacyError) as caught:
        bridge.create_snapshot({"app": 7})
    assert "bridge snapshot import FILE" in caught.value.help
    sqlite_database.execute(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text VARCHAR(80), more VARCHAR(9))",
        "INSERT INTO notes (text) VALUES ('of old')",
        "CREATE TABLE migrate_version (repository_id VARCHAR(250) PRIMARY KEY, repository_path "
        "TEXT, version INTEGER)",
        "INSERT INTO migrate_version VALUES ('app', NULL, 5)",
    )
    bridge.import_snapshot(sqlite_database.path)  # type: ignore[attr-defined]
    remarks = Remarks()

    made = bridge.create_snapshot({"app": 7}, progress=remarks)

    assert remarks.texts == ["Starting from an old database: app 5."]
    rows = load(made.path, make_database).rows()["notes"]
    assert len(rows) == 5
    assert "of old" in [row[1] for row in rows]


# --- which versions -----------------------------------------------------------------------


@pytest.fixture
def three(project: LegacyProject, sqlite_database: Database) -> Bridge:
    names = {f"{n:03}_x": "pass" for n in (1, 2, 3)}
    project.repository(names, name="base")
    project.repository(names, name="app", requires={2: {"base": 1}, 3: {"base": 3}})
    project.repository(names, name="other")
    return project.bridge(sqlite_database)


@pytest.mark.parametrize(
    ("at", "whole"),
    [
        ({"app": 1}, {"app": 1}),
        ({"app": 2}, {"base": 1, "app": 2}),
        ({"app": 3, "other": 1}, {"base": 3, "app": 3, "other": 1}),
        ({"app": 2, "base": 2}, {"base": 2, "app": 2}),
    ],
)
def test_what_a_version_requires_comes_along(
    three: Bridge, at: dict[str, int], whole: dict[str, int]
) -> None:
    assert with_required(three.project, at) == whole


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (
            {"app": 3, "base": 2},
            "No upgrade reaches app 3 and base 2 together: app 3 requires base 3.",
        ),
        ({"app": 4}, "app has no version 4; it has 1 to 3."),
        ({"ap": 1}, "There is no legacy repository ap; there are: base, app, other."),
    ],
)
def test_versions_that_no_database_has_are_refused(
    three: Bridge, at: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        three.create_snapshot(at)
    assert caught.value.message == message


def test_a_module_s_history_is_not_without_the_app_s_own(sample: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        sample.bridge().create_snapshot({"likes": 2})
    assert caught.value.help == "Name it too: --at core=VERSION"


# --- taken in -----------------------------------------------------------------------------


@ONCE
def test_a_sqlite_file_with_a_log_beside_it_is_read_whole_and_left_as_it_is(
    sqlite_database: SQLiteDatabase, sample: Project
) -> None:
    sqlite_database.load(OLD)
    with contextlib.closing(sqlite3.connect(sqlite_database.path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE users SET username = 'in the log' WHERE id = 1")
        connection.commit()
        folder = sqlite_database.path.parent
        before = {p: p.read_bytes() for p in folder.glob(f"{sqlite_database.path.name}*")}
        assert len(before) == 3

        made = sample.bridge().import_snapshot(sqlite_database.path).snapshot

        assert {p: p.read_bytes() for p in folder.glob(f"{sqlite_database.path.name}*")} == before
    assert "in the log" in made.path.read_text(encoding="utf-8")


@pytest.mark.server
@ONCE
def test_an_archive_of_pg_dump_s_is_taken_in(make_database: MakeDatabase, sample: Project) -> None:
    database = make_database("postgresql")
    database.load(OLD)
    path = sample.root / "old.dump"
    PostgreSQLDumper(database.engine()).dump(path)

    made = sample.bridge().import_snapshot(path, urls=[database.url]).snapshot

    assert made.path.name == "core-010_likes-001.pg.sql"


def test_a_database_behind_the_hand_over_says_its_revisions(
    sqlite_database: SQLiteDatabase, sample: Project
) -> None:
    sqlite_database.load(OLD)
    sample.bridge(sqlite_database).dbupdate(backup=False)

    made = sample.bridge().import_snapshot(sqlite_database.path, name="new").snapshot

    assert made.revisions == ("core_tag_slugs", "likes_totals", "messages_threads")
    assert sample.bridge().snapshots() == (made,)


def refused_import(sample: Project, path: Path, **given: Any) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        sample.bridge().import_snapshot(path, **given)
    assert not [*sample.root.glob("snapshots/*"), *sample.root.glob("snapshots/.*")]
    return caught.value


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("nothing at all", "snapshot-refused", "is not a database that bridge knows"),
        ("-- PostgreSQL database dump\n", "snapshot-refused", "PostgreSQL database needs a server"),
        ("BEGIN TRANSACTION;\nCREATE TABEL x;\n", "database-unreachable", 'near "TABEL"'),
        ("BEGIN TRANSACTION;\nATTACH 'x' AS y;\n", "database-unreachable", "not authorized"),
        ("BEGIN TRANSACTION;\nCOMMIT;\n", "state-unmanaged", "no table of the app's"),
        ("BEGIN TRANSACTION;\nCREATE TABLE theirs (id INT);\nCOMMIT;\n", "state-unmanaged",
         "no version is recorded"),
    ],
)  # fmt: skip
def test_what_is_no_database_of_the_app_s_is_refused(
    sample: Project, text: str, code: str, message: str
) -> None:
    path = sample.write("old.sql", text)

    error = refused_import(sample, path)

    assert error.code == code
    assert message in error.message


def test_a_newer_and_a_damaged_database_are_refused(
    sqlite_database: SQLiteDatabase, sample: Project
) -> None:
    sqlite_database.load(OLD)
    sqlite_database.execute("UPDATE migrate_version SET version = 99 WHERE repository_id = 'core'")

    ahead = refused_import(sample, sqlite_database.path)
    sqlite_database.path.write_bytes(sqlite_database.path.read_bytes()[:9000])
    damaged = refused_import(sample, sqlite_database.path)

    assert ahead.code == "state-ahead"
    assert ahead.message.startswith(f"{sqlite_database.path} is refused. The legacy repository")
    assert isinstance(damaged, DatabaseError)
    assert "cannot be loaded" in damaged.message


def test_a_snapshot_is_replaced_only_when_that_is_said(sample: Project) -> None:
    first = sample.bridge().create_snapshot({"core": 3}, rows=1)
    before = first.path.read_bytes()

    with pytest.raises(SnapshotError, match="exists already"):
        sample.bridge().create_snapshot({"core": 3}, rows=2)
    assert first.path.read_bytes() == before
    sample.bridge().create_snapshot({"core": 3}, rows=2, force=True)

    assert first.path.read_bytes() != before
    assert [path.name for path in first.path.parent.iterdir()] == [first.path.name]


# --- scripts of pg_dump and mariadb-dump --------------------------------------------------


def lines(text: str) -> list[bytes]:
    return text.encode().splitlines(keepends=True)


KEPT_BY_POSTGRESQL = """\
CREATE FUNCTION f() RETURNS void AS $_$ BEGIN
GRANT ALL ON x TO y;
\\connect in a body
$$ END $_$;
COMMENT ON TABLE t IS 'a text
\\connect in a text
it''s; -- no comment';
COPY public.t (a) FROM stdin;
\\connect in a row
GRANT x
\\.
CREATE TABLE "it's" (a int); -- it's \\ in a comment
"""


def test_only_what_stands_alone_is_taken_out_of_a_script_of_pg_dump_s() -> None:
    kept = lines(KEPT_BY_POSTGRESQL)

    assert list(postgresql_lines(kept, "FILE")) == kept
    assert list(postgresql_lines(lines("\\connect x\nGRANT a TO b;\n"), "FILE")) == []


@pytest.mark.parametrize("line", ["\\! ls\n", "SELECT 1 \\gexec\n", "\\i /etc/passwd\n"])
def test_a_command_for_psql_is_refused(line: str) -> None:
    with pytest.raises(DatabaseError, match="has a command for psql"):
        list(postgresql_lines(lines(KEPT_BY_POSTGRESQL + line), "FILE"))


def test_a_dump_of_two_databases_is_refused() -> None:
    text = "USE `one`;\nINSERT INTO `t` VALUES ('\nUSE `no`;');\nUSE `two`;\n"

    with pytest.raises(DatabaseError, match="several databases"):
        list(mysql_lines(lines(text), "FILE"))


# --- the command line ---------------------------------------------------------------------


def test_the_commands_tell_what_they_did(sample: Project, sqlite_database: SQLiteDatabase) -> None:
    sqlite_database.load(OLD)
    assert sample.run("snapshot").output == "There are no snapshots.\n"

    made = sample.run("snapshot", "create", "--at", "core=3", "--rows", "2")
    taken = sample.run(
        "snapshot", "import", str(sqlite_database.path), "--anonymize", "--name", "real"
    )
    sample.write("snapshots/found.pg.sql", "-- PostgreSQL database dump\n")
    listed = sample.run("snapshot", "list")
    document = json.loads(sample.run("snapshot", "list", "--json").output)

    folder = sample.root / "snapshots"
    size = r"\d+ kB"
    assert re.fullmatch(
        rf"Written: {folder}/core-003\.sqlite\.sql \(core 3, {size}\)\n", made.output
    )
    assert re.fullmatch(
        r"\d+ texts are scrubbed\.\n(Kept as they were, for you to check:\n(  \w+\.\w+: .*\n)+)?"
        rf"Written: {folder}/real\.sqlite\.sql \(core 10, likes 1, {size}\)\n",
        taken.output,
    )
    cells = [re.split(r"  +", line.strip())[:-1] for line in listed.output.splitlines()]
    assert cells == [
        ["core-003.sqlite.sql", "core 3", "sqlite"],
        ["found.pg.sql", "-", "postgresql"],
        ["real.sqlite.sql", "core 10, likes 1", "sqlite"],
    ]
    assert document["snapshots"][0] == {
        "file": str(folder / "core-003.sqlite.sql"),
        "kind": "sqlite",
        "versions": {"core": 3},
        "revisions": [],
        "size": (folder / "core-003.sqlite.sql").stat().st_size,
    }
    assert document["snapshots"][1]["versions"] is None


def test_options_that_do_not_fit_are_usage_errors(sample: Project) -> None:
    for arguments, said in (
        (["create"], "Missing option '--at'"),
        (["create", "--at", "core"], "core is not NAME=VERSION"),
        (["import", "x", "--keep", "a.b"], "--keep is for --anonymize"),
    ):
        result = sample.run("snapshot", *arguments)
        assert (result.exit_code, said in result.output) == (2, True)


def test_the_configuration_names_the_folder(sample: Project) -> None:
    sample.configure("check", 'snapshots = "tests/old"')

    made = sample.bridge().create_snapshot({"core": 1}, rows=1)

    assert made.path == sample.root / "tests/old/core-001.sqlite.sql"
