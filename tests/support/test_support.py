"""The tests' own ground: servers, databases, and the documents by which databases are compared."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from support import servers
from support.databases import Database, ServerDatabase, SQLiteDatabase
from support.legacy_projects import ONCE
from support.servers import MariaDB, PostgreSQL, Server, ServerError, ServerMissingError

pytestmark = ONCE

MakeDatabase = Callable[[str], Database]


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    running: Server = request.getfixturevalue(f"{request.param}_server")
    return running


@pytest.fixture
def another(server: Server) -> Iterator[Server]:
    """One more server of the same kind, not started (`server`: the skip without programs)."""
    one = type(server)()
    yield one
    one.stop()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A container's init may not collect what is orphaned: a zombie is dead.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


# -- servers ------------------------------------------------------------------------------------


def test_a_wrong_password_is_refused(server: Server) -> None:
    url = server.url(server.maintenance_database, password="wrong")
    engine = sa.create_engine(url, poolclass=NullPool)
    with pytest.raises(OperationalError, match=r"password authentication failed|Access denied"):
        engine.connect()


def test_no_password_is_refused(server: Server) -> None:
    url = server.url(server.maintenance_database, password="")
    engine = sa.create_engine(url, poolclass=NullPool)
    with pytest.raises(OperationalError, match=r"no password supplied|Access denied"):
        engine.connect()


def test_url_survives_sqlalchemy(server: Server) -> None:
    url = sa.engine.make_url(server.url("name"))
    assert (url.password, url.port, url.database) == (server.password, server.port, "name")


@pytest.mark.process
def test_stop_leaves_nothing(another: Server) -> None:
    another.start()
    folder, pid, port = another.folder, another.pid, another.port
    assert folder is not None
    assert (folder.is_dir(), alive(pid), listens(port)) == (True, True, True)
    another.create_database("something")
    # A client that is still connected keeps nobody alive.
    engine = sa.create_engine(another.url("something"), poolclass=NullPool)
    with engine.connect() as connection:
        another.stop()
        connection.invalidate()
    assert (folder.exists(), alive(pid), listens(port)) == (False, False, False)
    another.stop()


@pytest.mark.process
def test_server_starts_again(another: Server) -> None:
    another.start()
    another.create_database("once")
    another.stop()
    another.start()
    another.create_database("once")


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_tests_are_killed(server: Server, number: signal.Signals) -> None:
    script = (
        "import signal, sys\nfrom support import servers\n"
        # Whatever started the tests may ignore it, as a script does for what is in the background.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"s = servers.{type(server).__name__}().start()\n"
        "print(s.pid, s.port, s.folder, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(servers.__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as killed:
        assert killed.stdout is not None
        pid, port, folder = killed.stdout.readline().split()
        killed.send_signal(number)
        # The guard has the same stderr: that closes when the guard is done.
        killed.communicate(timeout=60)
    assert killed.returncode != 0
    assert (Path(folder).exists(), alive(int(pid)), listens(int(port))) == (False, False, False)


@pytest.mark.process
def test_a_server_that_cannot_start_says_why(
    another: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = another._commands
    monkeypatch.setattr(
        another, "_commands", lambda: [*commands()[:-1], [*commands()[-1], "--no-such-setting"]]
    )
    with pytest.raises(ServerError, match="no-such-setting"):
        another.start()
    assert (another.folder, another.pid) == (None, 0)


@pytest.mark.process
def test_a_taken_port_is_exchanged(another: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1]])
        real = servers.free_port
        monkeypatch.setattr(servers, "free_port", lambda: next(ports, None) or real())
        another.start()
        assert another.port != taken.getsockname()[1]


@pytest.mark.parametrize("kind", [PostgreSQL, MariaDB])
def test_missing_programs_are_named(kind: type[Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(servers.Path, "glob", lambda *_: [])
    with pytest.raises(ServerMissingError, match=rf"{kind.name} is not installed"):
        kind().start()


# -- databases ----------------------------------------------------------------------------------


def test_a_database_is_empty(database: Database) -> None:
    schema = database.schema()
    assert schema["tables"] == {}
    assert [key for key, value in schema.items() if value] == []
    assert database.rows() == {}


def test_databases_are_separate(make_database: MakeDatabase, database: Database) -> None:
    other = make_database(database.dialect)
    database.execute("CREATE TABLE a (id INTEGER)")
    other.execute("CREATE TABLE b (id INTEGER)")
    assert list(database.rows()) == ["a"]
    assert list(other.rows()) == ["b"]


def test_looking_at_a_url_makes_no_sqlite_file(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "new.sqlite")
    assert database.engine().dialect.name == "sqlite"
    assert list(tmp_path.iterdir()) == []


def test_drop_removes_the_database(database: Database) -> None:
    database.execute("CREATE TABLE a (id INTEGER)")
    # Also while somebody is in a transaction on it.
    with database.engine().connect() as connection:
        connection.exec_driver_sql("SELECT * FROM a")
        database.drop()
        connection.invalidate()
    if isinstance(database, SQLiteDatabase):
        assert not database.path.exists()
    else:
        with pytest.raises(OperationalError, match=r"does not exist|Unknown database"):
            database.engine().connect()


def test_load_and_dump(make_database: MakeDatabase, database: Database, tmp_path: Path) -> None:
    text = "CREATE TABLE a (id INTEGER, t VARCHAR(9));\nINSERT INTO a VALUES (1, '100%é');\n"
    (tmp_path / f"it{database.suffix}").write_text(text, encoding="utf-8")
    database.load(tmp_path / "it")
    assert database.rows() == {"a": [(1, "100%é")]}
    if isinstance(database, ServerDatabase):
        again = make_database(database.dialect)
        (tmp_path / f"again{again.suffix}").write_text(database.dump(), encoding="utf-8")
        again.load(tmp_path / "again")
        assert again.rows() == database.rows()
        assert again.schema() == database.schema()


def test_load_of_a_file_that_is_not_there(database: Database, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(f"none{database.suffix}")):
        database.load(tmp_path / "none")


def test_load_stops_at_an_error(database: Database, tmp_path: Path) -> None:
    text = "CREATE TABLE a (id INTEGER);\nSELECT nonsense;\nCREATE TABLE b (id INTEGER);\n"
    (tmp_path / f"bad{database.suffix}").write_text(text)
    with pytest.raises((ServerError, sqlite3.OperationalError), match="nonsense"):
        database.load(tmp_path / "bad")
    assert list(database.rows()) == ["a"]


def test_rows_are_comparable(database: Database) -> None:
    blob = {"sqlite": "BLOB", "postgresql": "BYTEA", "mariadb": "BLOB"}[database.dialect]
    value = "'\\x0aff'" if database.dialect == "postgresql" else "x'0AFF'"
    database.execute(
        f"CREATE TABLE a (n INTEGER, t VARCHAR(9), b {blob})",
        f"INSERT INTO a VALUES (2, NULL, {value}), (NULL, '50%', NULL), (1, 'x', NULL)",
        "CREATE TABLE ignored_1 (n INTEGER)",
    )
    rows = [(None, "50%", None), (1, "x", None), (2, None, b"\x0a\xff")]
    assert sorted(database.rows(ignore=["ignored_*"])["a"], key=repr) == sorted(rows, key=repr)
    assert set(database.rows()) == {"a", "ignored_1"}


# -- schema documents ---------------------------------------------------------------------------

BASE = """
CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20));
CREATE TABLE child (
    id INTEGER NOT NULL, parent_id INTEGER NOT NULL, name VARCHAR(20) DEFAULT 'a', age INTEGER,
    CONSTRAINT child_pk PRIMARY KEY (id),
    CONSTRAINT child_uq UNIQUE (name),
    CONSTRAINT child_fk FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE,
    CONSTRAINT child_ck CHECK (age > 0));
CREATE INDEX child_ix ON child (age);
CREATE VIEW grown AS SELECT id, name FROM child WHERE age > 17;
"""

CHANGES = {
    "a table more": ("CREATE VIEW", "CREATE TABLE more (id INTEGER); CREATE VIEW"),
    "a column less": ("KEY, name VARCHAR(20)", "KEY"),
    "a column more": ("age INTEGER", "age INTEGER, more INTEGER"),
    "the order of columns": (
        "name VARCHAR(20) DEFAULT 'a', age INTEGER",
        "age INTEGER, name VARCHAR(20) DEFAULT 'a'",
    ),
    "a column's name": ("KEY, name VARCHAR", "KEY, title VARCHAR"),
    "a column's type": ("age INTEGER", "age BIGINT"),
    "a column's length": ("KEY, name VARCHAR(20)", "KEY, name VARCHAR(21)"),
    "nullable": ("parent_id INTEGER NOT NULL", "parent_id INTEGER"),
    "a default's value": ("DEFAULT 'a'", "DEFAULT 'b'"),
    "no default": (" DEFAULT 'a'", ""),
    "the primary key": ("PRIMARY KEY (id)", "PRIMARY KEY (id, parent_id)"),
    "the key's rule": ("ON DELETE CASCADE", "ON DELETE RESTRICT"),
    "no foreign key": (
        "CONSTRAINT child_fk FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE,",
        "",
    ),
    "the foreign key's name": ("child_fk", "other_fk"),
    "no unique constraint": ("CONSTRAINT child_uq UNIQUE (name),", ""),
    "the unique constraint's columns": ("UNIQUE (name)", "UNIQUE (name, age)"),
    "no check": (",\n    CONSTRAINT child_ck CHECK (age > 0)", ""),
    "the check's condition": ("CHECK (age > 0)", "CHECK (age > 1)"),
    "no index": ("CREATE INDEX child_ix ON child (age);", ""),
    "the index's columns": ("ON child (age)", "ON child (age, name)"),
    "a unique index": ("CREATE INDEX", "CREATE UNIQUE INDEX"),
    "the index's name": ("child_ix", "other_ix"),
    "a view's definition": ("age > 17", "age > 20"),
    "no view": ("CREATE VIEW grown AS SELECT id, name FROM child WHERE age > 17;", ""),
}

TRIGGERS = {
    "sqlite": ["CREATE TRIGGER t AFTER INSERT ON parent BEGIN DELETE FROM child; END"],
    "postgresql": [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER t AFTER INSERT ON parent FOR EACH ROW EXECUTE FUNCTION f()",
    ],
    "mariadb": ["CREATE TRIGGER t AFTER INSERT ON parent FOR EACH ROW DELETE FROM child"],
}


def build(database: Database, text: str = BASE) -> Database:
    database.execute(*filter(str.strip, text.split(";")))
    return database


def test_equally_made_databases_have_equal_schemas(
    make_database: MakeDatabase, database: Database
) -> None:
    schema = build(database).schema()
    assert schema == build(make_database(database.dialect)).schema()
    # Rows, and the counters they move, are no part of the schema.
    database.execute(
        "INSERT INTO parent VALUES (1, 'a')", "INSERT INTO child VALUES (1, 1, 'a', 1)"
    )
    assert schema == database.schema()
    # Plain data.
    assert json.loads(json.dumps(schema)) == schema
    names = [column["name"] for column in schema["tables"]["child"]["columns"]]
    assert names == ["id", "parent_id", "name", "age"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_in_the_schema(
    make_database: MakeDatabase, database: Database, change: str
) -> None:
    old, new = CHANGES[change]
    assert BASE.count(old) == 1
    changed = build(make_database(database.dialect), BASE.replace(old, new))
    assert build(database).schema() != changed.schema()


def test_what_only_a_dialect_has_shows_in_the_schema(database: Database) -> None:
    before = build(database).schema()
    database.execute(*TRIGGERS[database.dialect])
    assert database.schema() != before


def test_autoincrement_shows_in_the_schema(make_database: MakeDatabase, database: Database) -> None:
    key = {
        "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "postgresql": "SERIAL PRIMARY KEY",
        "mariadb": "INTEGER PRIMARY KEY AUTO_INCREMENT",
    }[database.dialect]
    database.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    other = make_database(database.dialect)
    other.execute(f"CREATE TABLE a (id {key})")
    assert database.schema() != other.schema()
    assert database.schema(ignore=["a"]) == other.schema(ignore=["a"])


def test_ignored_tables_leave_no_trace(database: Database) -> None:
    before = build(database).schema()
    build(
        database,
        BASE.replace("parent", "x_parent").replace("child", "x_child").replace("grown", "x_grown"),
    )
    assert database.schema(ignore=["x_*"]) == before
    assert database.schema(ignore=["x_parent"]) != before


# -- the cache ----------------------------------------------------------------------------------


def test_the_cache_builds_once_and_never_half(
    cached: Callable[..., Path], cache_dir: Path, tmp_path: Path
) -> None:
    name = f"test-{os.getpid()}"
    built: list[Path] = []

    def build_half(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("interrupted")

    def build_whole(folder: Path) -> None:
        (folder / "whole").touch()
        built.append(folder)

    try:
        with pytest.raises(OSError, match="interrupted"):
            cached(name, build_half)
        for _ in range(2):
            assert [path.name for path in cached(name, build_whole).iterdir()] == ["whole"]
        assert len(built) == 1
    finally:
        shutil.rmtree(cache_dir / name, ignore_errors=True)
        (cache_dir / f"{name}.lock").unlink(missing_ok=True)
    assert list(cache_dir.glob(f"{name}*")) == []
