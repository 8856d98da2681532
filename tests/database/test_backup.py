"""Backups before the first write, and putting them back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from support.databases import DIALECTS, Database, ServerDatabase, SQLiteDatabase
from support.legacy_projects import ONCE
from support.projects import TOP, Project

from bridge import BridgeError
from bridge.database import backup as backups_module
from bridge.database.backup import back_up, wanted
from bridge.model.errors import BackupError, DatabaseError, NotConfirmedError, RevisionFailedError

pytestmark = ONCE

OLD = TOP / "snapshots" / "core-v10-likes-v01"
MakeDatabase = Callable[[str], Database]
SERVERS = ("postgresql", "mariadb")
STAMP = "20200101T000000.000000Z"


@pytest.fixture
def old(database: Database) -> Database:
    database.load(OLD)
    return database


@pytest.fixture
def media(tmp_path: Path) -> SQLiteDatabase:
    """An old SQLite database in a folder of its own."""
    (tmp_path / "media").mkdir()
    database = SQLiteDatabase(tmp_path / "media" / "media.db")
    database.load(OLD)
    return database


def backups(folder: Path) -> list[Path]:
    """All that has to do with backups, parts of them too."""
    return sorted(folder.glob("*bridge-backup*"))


def place_of(database: Database, sample: Project) -> Path:
    return database.path.parent if isinstance(database, SQLiteDatabase) else sample.root / "backups"


def made(sample: Project, database: Database) -> Path:
    return back_up(database.engine(), sample.bridge(database).config).path


def fail_late(sample: Project) -> None:
    """The last revision of the plan fails, after all the others."""
    (script,) = sample.root.glob("alembic_migrations/**/messages_threads.py")
    script.write_text(script.read_text() + "\n\ndef upgrade():\n    raise ValueError('late')\n")


# --- there and back -------------------------------------------------------------------------


def test_a_failed_upgrade_is_undone_by_the_command_that_its_error_names(
    sample: Project, old: Database
) -> None:
    before = old.contents()
    fail_late(sample)
    with pytest.raises(RevisionFailedError) as caught:
        sample.bridge(old).dbupdate(backup=True)
    (backup,) = backups(place_of(old, sample))
    assert caught.value.help == (
        "Fix the error above, then run: bridge dbupdate\n"
        f"Or restore the backup: bridge restore {backup}"
    )
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert old.contents() != before

    result = sample.run("restore", str(backup), "--yes", "--no-backup", url=old)
    assert (result.exit_code, result.output) == (0, f"Restored  {backup}\n")
    assert old.contents() == before


LATER = {
    "sqlite": ("CREATE TRIGGER late AFTER DELETE ON users BEGIN DELETE FROM later; END",),
    "postgresql": (
        "CREATE TYPE mood AS ENUM ('good')",
        "CREATE TYPE pair AS (a integer, b mood)",
        "CREATE TYPE span AS RANGE (subtype = integer)",
        "CREATE DOMAIN positive AS integer CHECK (value > 0)",
        "CREATE SEQUENCE numbers",
        "CREATE FUNCTION \"One\"(a mood, b integer[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1'",
        "CREATE AGGREGATE total(integer) (sfunc = int4pl, stype = integer)",
        "CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM later",
        "CREATE SCHEMA more",
        "CREATE TABLE more.later (mood public.mood, id serial)",
        "SELECT lo_create(4711)",
    ),
    "mariadb": (
        "CREATE SEQUENCE numbers",
        "CREATE PROCEDURE nothing() SELECT 1",
        "CREATE FUNCTION one() RETURNS integer RETURN 1",
        "CREATE EVENT late ON SCHEDULE EVERY 1 YEAR DO DELETE FROM later",
    ),
}
# What contents() does not see.
OTHERS = {
    "postgresql": "SELECT nspname, typname FROM pg_type t JOIN pg_namespace n "
    "ON n.oid = t.typnamespace WHERE nspname !~ '^pg_t' AND typtype <> 'b' AND typrelid = 0 "
    "OR typname = 'pair' UNION SELECT nspname, '' FROM pg_namespace WHERE nspname !~ '^pg_t' "
    "UNION SELECT 'lo', oid::text FROM pg_largeobject_metadata "
    "UNION SELECT proname, prokind::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "mariadb": "SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE() "
    "UNION SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
}


def everything(database: Database) -> Any:
    with database.engine().connect() as connection:
        query = sa.text(OTHERS.get(database.dialect, "SELECT 1"))
        return database.contents(), {tuple(row) for row in connection.execute(query)}


def test_what_came_after_the_backup_is_gone_and_what_was_there_is_back(
    sample: Project, old: Database
) -> None:
    was_there = {
        "postgresql": (
            "SELECT lo_from_bytea(42, 'large')",
            "CREATE SCHEMA apart",
            "CREATE TYPE apart.colour AS ENUM ('red')",
            "CREATE TABLE apart.hues (hue apart.colour DEFAULT 'red', id serial)",
            "CREATE SCHEMA extra",
            "CREATE EXTENSION hstore SCHEMA extra",
        ),
        "mariadb": ("CREATE EVENT early ON SCHEDULE EVERY 1 YEAR DO DELETE FROM users",),
    }
    old.execute(*was_there.get(old.dialect, ()))
    before = everything(old)
    sample.configure("backup", "servers = true")
    bridge = sample.bridge(old)
    report = bridge.dbupdate()
    assert report.backup is not None
    assert [report.backup.path] == backups(place_of(old, sample))
    old.execute("CREATE TABLE later (id INTEGER PRIMARY KEY)")
    old.execute("CREATE VIEW seen AS SELECT id FROM later", *LATER[old.dialect])

    after = bridge.restore(report.backup.path)
    assert everything(old) == before
    assert after is not None
    assert backups(place_of(old, sample)) == [report.backup.path, after.path]


RECORDER = """#!{python}
import os, sys
with open({record!r}, "a") as stream:
    stream.write(repr(sys.argv) + repr(dict(os.environ)))
os.execv({real!r}, [{real!r}, *sys.argv[1:]])
"""
STRANGE = "a%2F:@ '\"\\#;$=`\\n \\"
PROGRAMS = {
    "postgresql": ("pg_dump", "pg_restore", "psql"),
    "mariadb": ("mariadb-dump", "mariadb"),
}


@pytest.fixture(params=SERVERS)
def ordinary(
    request: pytest.FixtureRequest, make_database: MakeDatabase
) -> Iterator[tuple[Database, sa.engine.URL]]:
    """A server's old database, and the URL of one who owns just that, with a strange password."""
    database = make_database(request.param)
    assert isinstance(database, ServerDatabase)
    name, secret = database.name, STRANGE.replace("'", "''")
    if request.param == "postgresql":
        database.execute(
            f"CREATE ROLE plain LOGIN PASSWORD '{secret}'",
            f"ALTER DATABASE {name} OWNER TO plain",
            "ALTER SCHEMA public OWNER TO plain",
            # A superuser's, which the owner of the database could not make again.
            "CREATE EXTENSION hstore",
            "COMMENT ON EXTENSION hstore IS 'Pairs'",
        )
    else:
        secret = secret.replace("\\", "\\\\")
        database.execute(
            f"CREATE USER plain@'%' IDENTIFIED BY '{secret}'",
            f"GRANT ALL ON {name}.* TO plain@'%'",
            f"REVOKE EVENT ON {name}.* FROM plain@'%'",
        )
    yield database, database.engine().url.set(username="plain", password=STRANGE)
    server = database.server
    database.drop()
    server.execute("DROP ROLE plain" if request.param == "postgresql" else "DROP USER plain")


def test_an_ordinary_user_with_a_strange_password_gets_there_and_back_and_shows_it_to_nobody(
    ordinary: tuple[Database, sa.engine.URL],
    sample: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, url = ordinary
    tables = "CREATE TABLE media (id INTEGER PRIMARY KEY, name VARCHAR(9))"
    engine = sa.create_engine(url, connect_args=database._connect_arguments)
    with engine.begin() as connection:
        for statement in (tables, "INSERT INTO media VALUES (1, 'é')"):
            connection.execute(sa.text(statement))
    engine.dispose()
    before, record = database.contents(), tmp_path / "record"
    (tmp_path / "bin").mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for program in PROGRAMS[database.dialect]:
        fake = tmp_path / "bin" / program
        real = shutil.which(program)
        fake.write_text(RECORDER.format(python=sys.executable, record=str(record), real=real))
        fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    # Not as SQLAlchemy 1.4 writes it, which does not read its own spaces.
    text = database.url.replace(str(database.engine().url.username) + ":", "plain:")
    text = re.sub("plain:[^@]*@", f"plain:{quote(STRANGE, safe='')}@", text)
    monkeypatch.setenv("BRIDGE_DATABASE_URL", text)
    monkeypatch.setenv("PGPASSWORD", "another")
    monkeypatch.setenv("MYSQL_PWD", "another")
    (tmp_path / ".my.cnf").write_text("[client]\npassword = another\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    bridge = sample.bridge()

    with bridge.engine() as engine:
        backup = back_up(engine, bridge.config)
    database.execute("CREATE TABLE later (id INTEGER)", "DELETE FROM media")
    if database.dialect == "postgresql":
        database.execute("ALTER TABLE later OWNER TO plain")
    bridge.restore(backup.path)

    assert database.contents() == before
    said = record.read_text()
    assert all(str(tmp_path / "bin" / program) in said for program in PROGRAMS[database.dialect])
    for form in (STRANGE, repr(STRANGE)[1:-1], text):
        assert form not in said
    assert list(temporary.iterdir()) == []


def test_a_database_with_a_write_ahead_log_is_backed_up_whole(
    sample: Project, media: SQLiteDatabase
) -> None:
    with contextlib.closing(sqlite3.connect(media.path)) as app:
        app.execute("PRAGMA journal_mode = wal")
        app.execute("UPDATE users SET email = 'new'")
        app.commit()
        before = media.contents()
        backup = made(sample, media)
        app.execute("DELETE FROM users")
        app.commit()
        sample.bridge(media).restore(backup, backup=False)
        # The app sees it on the connection that it has.
        assert app.execute("SELECT DISTINCT email FROM users").fetchall() == [("new",)]
    assert media.contents() == before
    assert backups(media.path.parent) == [backup]


def test_the_file_stays_and_its_mode(sample: Project, media: SQLiteDatabase) -> None:
    media.path.chmod(0o640)
    before = media.path.stat()
    sample.bridge(media).restore(made(sample, media))
    after = media.path.stat()
    assert (after.st_ino, after.st_mode, after.st_uid) == (
        before.st_ino, before.st_mode, before.st_uid
    )  # fmt: skip


def test_a_file_that_is_gone_is_made_again(sample: Project, media: SQLiteDatabase) -> None:
    before, backup = media.contents(), made(sample, media)
    media.drop()
    assert sample.bridge(media).restore(backup) is None
    assert media.contents() == before


# --- when -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "servers", "unasked"),
    [
        ("sqlite:///bridge.toml", False, True),
        ("sqlite:///bridge.toml", True, True),
        ("postgresql://h/d", False, False),
        ("postgresql://h/d", True, True),
        ("mysql://h/d", True, True),
    ],
)
def test_who_is_backed_up(
    sample: Project, monkeypatch: pytest.MonkeyPatch, url: str, *, servers: bool, unasked: bool
) -> None:
    monkeypatch.chdir(sample.root)
    sample.configure("backup", f"servers = {str(servers).lower()}")
    bridge = sample.bridge(url)
    with bridge.engine() as engine:
        answers = [wanted(engine, bridge.config, asked=asked) for asked in (None, True, False)]
    assert answers == [unasked, True, False]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///not-there.db"])
def test_a_database_without_a_file_is_never_backed_up(sample: Project, url: str) -> None:
    bridge = sample.bridge(url)
    with bridge.engine() as engine:
        assert not wanted(engine, bridge.config, asked=True)


def test_nothing_to_do_and_nothing_there_need_no_backup(
    sample: Project, sqlite_database: SQLiteDatabase
) -> None:
    bridge = sample.bridge(sqlite_database)
    sqlite_database.path.touch()
    assert bridge.dbupdate().backup is None
    assert bridge.dbupdate(backup=True).outcome == "nothing_to_do"
    assert backups(sqlite_database.path.parent) == []


def test_the_newest_are_kept_and_no_other_file_goes(sample: Project, media: SQLiteDatabase) -> None:
    sample.configure("backup", "keep = 2")
    path = made(sample, media)
    own = path.name.split(".")[-2]
    oldest = path.with_name(f"media.db.{STAMP}.{own}.bridge-backup")
    others = [
        path.with_name(name)
        for name in (
            f"media.db.{STAMP}.{own}.bridge-backup.mine",
            f"other.db.{STAMP}.{own}.bridge-backup",
            f"media.db.{STAMP}.00000000.bridge-backup",
            "media.db.bridge-backup",
        )
    ]
    for file in (oldest, *others):
        file.touch()
    # What a run that was killed has left.
    for end in ("", "-journal"):
        path.with_name(f"media.db.{STAMP}.{own}.bridge-backup.part{end}").touch()
    report = sample.bridge(media).dbupdate()
    assert report.backup is not None
    assert backups(path.parent) == sorted([*others, path, report.backup.path])


def test_the_first_of_the_runs_that_failed_keeps_its_backup(
    sample: Project, media: SQLiteDatabase
) -> None:
    """Those of the runs after it show a half-done database: they must not push it out."""
    sample.configure("backup", "keep = 2")
    before = made(sample, media), made(sample, media)
    fail_late(sample)
    for _ in range(5):
        with pytest.raises(RevisionFailedError):
            sample.bridge(media).dbupdate()
    kept = backups(media.path.parent)
    assert len(kept) == 5
    assert set(before) < set(kept)
    contents = media.contents()
    first = kept[2]
    sample.bridge(media).restore(first, backup=False)
    assert media.contents() != contents
    (script,) = sample.root.glob("alembic_migrations/**/messages_threads.py")
    script.write_text(script.read_text().replace("raise ValueError('late')", "pass"))
    assert sample.bridge(media).dbupdate().outcome == "upgraded"
    assert len(backups(media.path.parent)) == 2


def test_the_output_names_the_backup(sample: Project, media: SQLiteDatabase) -> None:
    sample.configure("backup", 'folder = "../a folder"')
    result = sample.run("dbupdate", "--json", url=media)
    (backup,) = backups(sample.root.parent / "a folder")
    size = backup.stat().st_size
    document = json.loads(result.stdout)
    assert Path(document["backup"]["file"]).resolve() == backup
    assert document["backup"]["size"] == size
    assert result.stderr.startswith(f"Backup: {document['backup']['file']} ({size / 1e3:.0f} kB)\n")
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700

    restored = sample.run("restore", str(backup), "--yes", "--json", url=media)
    (_, after) = backups(backup.parent)
    document = json.loads(restored.stdout)
    assert document["restored"] == str(backup)
    assert Path(document["backup"]["file"]).name == after.name


# --- what can go wrong ------------------------------------------------------------------------


def failure(sample: Project, database: Database, *, backup: bool | None = None) -> BridgeError:
    """The error of a run that must not even begin."""
    before = database.contents()
    with pytest.raises(BackupError) as caught:
        sample.bridge(database).dbupdate(backup=backup)
    assert caught.value.state_of_data == "The database is unchanged."
    assert database.contents() == before
    assert backups(place_of(database, sample)) == []
    return caught.value


def test_too_little_room_is_told_before(
    sample: Project, old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_000_000))
    error = failure(sample, old, backup=True)
    assert error.message.startswith("There is too little room for a backup in ")
    assert error.message.endswith("1.0 MB are free.")
    assert "--no-backup" in error.help


def test_a_disk_that_is_full_all_the_same_leaves_no_half_backup(
    sample: Project, media: SQLiteDatabase
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = media.contents()
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(BackupError, match=r"media.db cannot be backed up: .*(full|I/O)"):
            made(sample, media)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert backups(media.path.parent) == []
    assert media.contents() == before


@pytest.mark.parametrize("dialect", SERVERS)
def test_a_program_that_is_missing_is_named_with_its_package(
    dialect: str, sample: Project, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make_database(dialect)
    monkeypatch.setenv("PATH", str(sample.root))
    with pytest.raises(BackupError) as caught:
        made(sample, database)
    program, package = {
        "postgresql": ("pg_dump", "postgresql-client"),
        "mariadb": ("mariadb-dump", "mariadb-client"),
    }[dialect]
    assert caught.value.message == f"The program {program} is not installed."
    assert f"apt install {package}" in caught.value.help
    assert backups(sample.root / "backups") == []


FAILING = """#!{python}
import sys
sys.stderr.write({words!r})
sys.exit({status})
"""
PASSWORD = "the server's own password"


@pytest.mark.parametrize(
    ("dialect", "program", "words", "status", "said", "help"),
    [
        ("postgresql", "pg_dump", PASSWORD, 3, "pg_dump failed: ***", "Fix"),
        ("mariadb", "mariadb-dump", PASSWORD, 3, "mariadb-dump failed: ***", "Fix"),
        ("mariadb", "mariadb-dump", "", 0, "is not whole: its last line is missing", "Try again"),
        ("postgresql", "pg_dump", "", 0, "pg_restore failed: ", "Fix"),
        ("postgresql", "pg_dump", "aborting because of server version mismatch", 1,
         "server version mismatch", "Install pg_dump of the server's version"),
    ],
)  # fmt: skip
def test_a_program_that_fails_leaves_no_backup(
    *, dialect: str, program: str, words: str, status: int, said: str, help: str,
    sample: Project, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    database = make_database(dialect)
    words = words.replace(PASSWORD, str(database.engine().url.password))
    fake = tmp_path / "bin" / program
    fake.parent.mkdir()
    fake.write_text(FAILING.format(python=sys.executable, words=words, status=status))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(BackupError) as caught:
        made(sample, database)
    assert said in caught.value.message
    assert caught.value.help.startswith(help)
    assert backups(sample.root / "backups") == []


def test_a_folder_that_cannot_be_written_is_told(sample: Project, media: SQLiteDatabase) -> None:
    sample.write("file", "")
    sample.configure("backup", 'folder = "file"')
    assert "cannot be written: " in failure(sample, media).message


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192:16384] = b"\xff" * 8192
    path.write_bytes(data)


def test_a_damaged_database_is_not_upgraded_and_a_backup_takes_its_place(
    sample: Project, media: SQLiteDatabase
) -> None:
    before, backup = media.contents(), made(sample, media)
    damage(media.path)
    found = media.path.read_bytes()
    with pytest.raises(DatabaseError) as caught:
        sample.bridge(media).dbupdate()
    assert caught.value.state_of_data == "The database is unchanged."
    assert media.path.read_bytes() == found

    with pytest.raises(BridgeError) as caught:
        sample.bridge(media).restore(backup)
    assert caught.value.help.endswith(f"bridge restore {backup} --no-backup")
    assert media.path.read_bytes() == found
    sample.bridge(media).restore(backup, backup=False)
    assert media.contents() == before
    assert backups(media.path.parent) == [backup]


def test_what_is_no_database_is_not_written_over(sample: Project, media: SQLiteDatabase) -> None:
    backup = made(sample, media)
    media.path.write_text("A letter.\n" * 1000)
    with pytest.raises(BackupError) as caught:
        sample.bridge(media).restore(backup, backup=False)
    assert f"Move {media.path} away" in caught.value.help
    assert media.path.read_text().startswith("A letter.")


def test_rows_that_a_constraint_of_today_would_refuse_are_no_damage(
    sample: Project, media: SQLiteDatabase
) -> None:
    with contextlib.closing(sqlite3.connect(media.path)) as app:
        app.execute("CREATE TABLE loose (a INTEGER, b INTEGER)")
        app.execute("INSERT INTO loose VALUES (NULL, -1)")
        app.execute("PRAGMA writable_schema = on")
        new = "CREATE TABLE loose (a INTEGER NOT NULL, b INTEGER CHECK (b > 0))"
        app.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'loose'", (new,))
        app.commit()
    assert made(sample, media).exists()


def test_a_database_that_somebody_writes_to_is_not_waited_for_for_ever(
    sample: Project, media: SQLiteDatabase
) -> None:
    backup = made(sample, media)
    with contextlib.closing(sqlite3.connect(media.path, isolation_level=None)) as app:
        app.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackupError) as caught:
            sample.bridge(f"{media.url}?timeout=0.01").restore(backup, backup=False)
    assert caught.value.message == f"The backup {backup} cannot be put back: database is locked"
    assert caught.value.help == f"Stop the app, then run: bridge restore {backup}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_backup_that_is_not_whole_is_refused(
    dialect: str, sample: Project, make_database: MakeDatabase
) -> None:
    database = make_database(dialect)
    database.execute("CREATE TABLE media (id INTEGER PRIMARY KEY, name VARCHAR(200))")
    database.execute(*(f"INSERT INTO media VALUES ({n}, '{n:0200}')" for n in range(99)))
    before, backup = database.contents(), made(sample, database)
    backup.write_bytes(backup.read_bytes()[: -8192 if dialect == "sqlite" else -600])
    with pytest.raises(BackupError) as caught:
        sample.bridge(database).restore(backup, backup=False)
    assert "is damaged" in caught.value.message or "is not whole" in caught.value.message
    assert caught.value.help == "Name another backup: bridge restore BACKUP"
    assert database.contents() == before


@pytest.mark.server
def test_what_postgresql_refuses_in_the_middle_is_undone(
    sample: Project, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = make_database("postgresql")
    database.load(OLD)
    backup = made(sample, database)
    database.execute("CREATE TABLE later (id INTEGER)")
    before = database.contents()
    # As one that is killed half-way: its output ends between two statements.
    real = shutil.which("pg_restore")
    fake = sample.write("bin/pg_restore", f'#!/bin/sh\n{real} "$@" || exit\n'
                        'case "$*" in *--clean*) exit 1;; esac\n')  # fmt: skip
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(BackupError) as caught:
        sample.bridge(database).restore(backup)
    assert caught.value.state_of_data == "The database is unchanged."
    assert database.contents() == before


def test_a_backup_of_another_kind_is_refused(
    sample: Project, media: SQLiteDatabase, tmp_path: Path
) -> None:
    before = media.contents()
    files = {
        b"PGDMP and more": "is a backup of postgresql, and ",
        b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib":
            "is a backup of mysql, and ",
        b"-- PostgreSQL database dump": "is not a backup that bridge knows, and ",
    }  # fmt: skip
    for n, (text, said) in enumerate(files.items()):
        path = tmp_path / f"backup{n}"
        path.write_bytes(text)
        with pytest.raises(BackupError) as caught:
            sample.bridge(media).restore(path)
        assert said in caught.value.message
    for path, said in ((tmp_path, "Is a directory"), (tmp_path / "nowhere", "No such file")):
        with pytest.raises(BackupError, match=f"cannot be read: {said}"):
            sample.bridge(media).restore(path)
    with pytest.raises(BackupError, match="is the database itself"):
        sample.bridge(media).restore(media.path)
    assert media.contents() == before


def test_a_backup_of_another_database_is_taken_only_where_it_is_meant(
    sample: Project, media: SQLiteDatabase, sqlite_database: SQLiteDatabase
) -> None:
    backup = made(sample, media)
    refused = sample.run("restore", str(backup), "--yes", url=sqlite_database)
    assert refused.exit_code == 4
    assert f"{backup} is a backup of another database, media.db, and not of " in refused.stderr
    command = f"bridge restore {shlex.quote(str(backup))} --other-database"
    assert refused.stderr.endswith(f"{command}\n")
    assert not sqlite_database.path.exists()

    meant = sample.run("restore", str(backup), "--yes", "--other-database", url=sqlite_database)
    assert meant.exit_code == 0
    assert sqlite_database.contents() == media.contents()


def test_nobody_to_ask_is_no_consent(sample: Project, media: SQLiteDatabase) -> None:
    result = sample.run("restore", "some file", url=media)
    assert result.exit_code == NotConfirmedError.exit_status
    assert "Run it again with --yes: bridge restore 'some file' --yes" in result.stderr


# --- a restore that is interrupted ------------------------------------------------------------


def big(sample: Project, database: Database) -> Path:
    """A backup that takes a while to load: of the old database and 60,000 rows more."""
    database.load(OLD)
    database.execute(
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY, text VARCHAR(60))",
        "INSERT INTO numbers SELECT seq, REPEAT('x', 50) FROM seq_1_to_60000",
    )
    return made(sample, database)


def refused(sample: Project, database: Database, backup: Path) -> None:
    """No command takes the database for whole, and each says what makes it so."""
    bridge = sample.bridge(database)
    problem = bridge.status().problem
    assert problem is not None
    assert problem.code == "state-inconsistent"
    assert problem.message.startswith("A restore of this database was interrupted")
    assert f"bridge restore {backup}" in problem.help

    def alembic() -> None:
        bridge.alembic(["upgrade", "heads"])

    def revision() -> None:
        bridge.revision("core", "another", autogenerate=True)

    for call in (bridge.plan, bridge.dbupdate, bridge.rehearse, alembic, revision):
        with pytest.raises(BridgeError) as caught:
            call()
        assert caught.value.message == problem.message


@pytest.mark.process
@pytest.mark.server
@pytest.mark.parametrize("moment", ["the mark", "a table is missing", "rows"])
def test_a_restore_that_is_killed_is_not_taken_for_finished(
    sample: Project, make_database: MakeDatabase, moment: str
) -> None:
    database = make_database("mariadb")
    backup, before = big(sample, database), database.contents()
    command = [sys.executable, "-m", "bridge", "restore", str(backup), "--yes", "--no-backup"]
    environment = {**os.environ, "BRIDGE_DATABASE_URL": database.url}
    query = {
        "the mark": "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE()"
        " AND table_name = 'bridge_restore'",
        "a table is missing": "SELECT 1 FROM information_schema.tables WHERE table_schema ="
        " DATABASE() AND table_name = 'bridge_restore' AND NOT EXISTS (SELECT 1 FROM"
        " information_schema.tables t WHERE t.table_schema = DATABASE()"
        " AND t.table_name = 'users')",  # which comes last
        "rows": "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND"
        " table_name = 'numbers' AND NOT EXISTS (SELECT 1 FROM information_schema.tables t"
        " WHERE t.table_schema = DATABASE() AND t.table_name = 'users')",
    }[moment]
    with subprocess.Popen(command, cwd=sample.root, env=environment) as process:
        with database.engine().connect() as connection:
            while connection.exec_driver_sql(query).first() is None:
                assert process.poll() is None
                connection.rollback()
        process.kill()
    refused(sample, database, backup)
    sample.bridge(database).restore(backup, backup=False)
    assert database.contents() == before
    assert sample.bridge(database).status().problem is None


@pytest.mark.server
def test_a_restore_that_fails_half_way_is_not_taken_for_finished(
    sample: Project, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make_database("mariadb")
    database.load(OLD)
    backup, before = made(sample, database), database.contents()
    monkeypatch.setattr(backups_module, "_try_to_load", lambda *_arguments: None)
    broken = backup.with_name(backup.name.replace("20", "21", 1))
    text = backup.read_bytes()
    place = text.index(b"INSERT INTO `media_entries`")
    broken.write_bytes(text[:place] + b"INSERT INTO nowhere VALUES (1);\n" + text[place:])
    with pytest.raises(BackupError) as caught:
        sample.bridge(database).restore(broken, backup=False)
    assert "Every command refuses the database" in caught.value.state_of_data
    refused(sample, database, broken)
    sample.bridge(database).restore(backup)
    assert database.contents() == before


@pytest.mark.server
def test_a_backup_is_tried_before_anything_is_dropped(
    sample: Project, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    database.load(OLD)
    backup, before = made(sample, database), database.contents()
    broken = backup.with_name(backup.name.replace("20", "21", 1))
    broken.write_bytes(b"-- MariaDB dump 10.19\nINSERT INTO c VALUES (1);\n-- Dump completed\n")
    with pytest.raises(BackupError, match="cannot be loaded") as caught:
        sample.bridge(database).restore(broken, backup=False)
    assert caught.value.state_of_data.startswith("The database is unchanged")
    assert database.contents() == before
    assert sample.bridge(database).status().problem is None
