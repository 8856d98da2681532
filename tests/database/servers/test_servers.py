"""Every kind of server has what bridge asks of it: one suite that all run through."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.databases import Database, ServerDatabase

import bridge
from bridge.database.dump.files import kind_of, kind_of_backup
from bridge.database.engine import connect, make_engine, read_only
from bridge.database.lock import lock_of
from bridge.database.row_counts import count_rows
from bridge.database.scratch import Scratch, drop_abandoned, scratch
from bridge.database.servers import all_servers, family, server_named, server_of, servers_of_family
from bridge.model.errors import DatabaseError, LockedError
from bridge.upgrade.lock import locked

TABLE = "CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(20))"


@pytest.fixture
def place(database: Database) -> Iterator[Scratch]:
    """Where scratch databases of each kind can be created."""
    url = database.engine().url if isinstance(database, ServerDatabase) else None
    with scratch(url) as place:
        yield place


def fill(engine: Engine, rows: int) -> None:
    with connect(engine) as connection, connection.begin():
        connection.exec_driver_sql(TABLE)
        for number in range(rows):
            connection.exec_driver_sql(f"INSERT INTO things VALUES ({number}, 'thing {number}')")


def names(engine: Engine) -> list[str]:
    with connect(engine) as connection:
        found = connection.exec_driver_sql("SELECT name FROM things ORDER BY id")
        return [row[0] for row in found]


# --- what each kind is --------------------------------------------------------------------


def test_each_kind_says_what_it_is() -> None:
    facts = [
        (s.name, s.family, s.label, s.syntax, s.is_server, s.transactional_ddl, s.rebuilds_tables)
        for s in [*all_servers(), server_named("oracle")]
    ]
    assert facts == [
        ("sqlite", "sqlite", "SQLite", "sqlite", False, True, True),
        ("postgresql", "postgresql", "PostgreSQL", "postgresql", True, True, False),
        ("mysql", "mysql", "MySQL", "mysql", True, False, False),
        ("mariadb", "mysql", "MariaDB", "mysql", True, False, False),
        ("oracle", "oracle", "oracle", "oracle", True, True, False),
    ]
    assert [s.label for s in servers_of_family("mysql")] == ["MySQL", "MariaDB"]
    assert (family("mariadb"), family("oracle")) == ("mysql", "oracle")


@pytest.mark.server
def test_an_engine_that_has_connected_says_what_its_url_does_not(
    make_database: Callable[[str], Database],
) -> None:
    url = make_database("mariadb").engine().url
    url = url.set(drivername=url.drivername.replace("mariadb", "mysql"))
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    assert (server_of(url).name, server_of(engine).name) == ("mysql", "mysql")
    with engine.connect() as connection:
        assert server_of(connection).name == "mariadb"
    assert server_of(engine).label == "MariaDB"


@pytest.mark.parametrize(
    ("start", "found", "backup"),
    [
        (b"SQLite format 3\0", "sqlite", "sqlite"),
        (b"PRAGMA foreign_keys=OFF;\n", "sqlite", None),
        (b"-- a note\n\nBEGIN TRANSACTION;\n", "sqlite", None),
        (b"PGDMP\1", "postgresql", "postgresql"),
        (b"--\n-- PostgreSQL database dump\n--\n", "postgresql", None),
        (b"-- MariaDB dump 10.19\n", "mysql", "mysql"),
        (b"-- MySQL dump 10.13\n", "mysql", "mysql"),
        (b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n", "mysql", "mysql"),
        (b"-- a note\n/*!40101 SET @OLD_CHARACTER_SET_CLIENT=1 */;\n", "mysql", None),
        (b"SELECT 1;\n", None, None),
        (b"", None, None),
    ],
)
def test_a_file_is_known_by_its_begin(
    tmp_path: Path, start: bytes, found: str | None, backup: str | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(start)
    assert (kind_of(path), kind_of_backup(start)) == (found, backup)


# --- databases ----------------------------------------------------------------------------


def test_databases_are_created_copied_and_dropped(place: Scratch) -> None:
    first = place.create()
    assert names_of_tables(first) == []
    fill(first, 2)
    copy = place.copy(first)
    assert names(copy) == ["thing 0", "thing 1"]
    with connect(copy) as connection, connection.begin():
        connection.exec_driver_sql("DELETE FROM things")
    assert (names(first), names(copy)) == (["thing 0", "thing 1"], [])
    place.drop(copy)
    assert not exists(copy)
    assert exists(first)


def test_a_database_is_dropped_whoever_is_connected(place: Scratch) -> None:
    engine = place.create()
    if not server_of(engine).is_server:
        pytest.skip("a file has no sessions")
    other = sa.create_engine(engine.url, poolclass=sa.pool.NullPool, future=True)
    with other.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        connection.rollback()  # on MariaDB, a transaction keeps the tables that it has used
        place.drop(engine)
        connection.invalidate()
    assert not exists(engine)


def names_of_tables(engine: Engine) -> list[str]:
    with connect(engine) as connection:
        return sa.inspect(connection).get_table_names()


def exists(engine: Engine) -> bool:
    file = server_of(engine).file(engine.url)
    if file is not None:
        return file.exists()
    try:
        return names_of_tables(engine) is not None
    except DatabaseError:
        return False


def test_what_a_killed_process_has_left_is_dropped_and_nothing_else(database: Database) -> None:
    if not isinstance(database, ServerDatabase):
        pytest.skip("a folder of its own is left to the system")
    engine, server = database.engine(), server_of(database.engine())
    # Not the prefix that other tests use on the same server at the same time.
    prefix = f"{database.name}_left_"
    left, used, near = f"{prefix}{'0' * 16}", f"{prefix}{'1' * 16}", f"{prefix}other"
    options = {"isolation_level": "AUTOCOMMIT", "no_parameters": True}
    with ExitStack() as stack:
        session = stack.enter_context(engine.connect()).execution_options(**options)
        owner = stack.enter_context(engine.connect()).execution_options(**options)
        server.claim(owner, used)
        for name in (left, used, near):
            server.create(session, name)
            stack.callback(server.drop, session, name)
            server.mark(session, name, "a mark")
        drop_abandoned(session, prefix, "a mark")
        there = [exists(make_engine(engine.url.set(database=n))) for n in (left, used, near)]
    assert there == [False, True, True]


def test_sizes_and_rows_are_told(place: Scratch) -> None:
    engine = place.create()
    fill(engine, 3)
    with connect(engine) as connection:
        server = server_of(connection)
        assert server.size(connection) > 0
        sizes = server.table_sizes(connection)
        assert list(sizes) == ["things"]
        assert sizes["things"] >= 0
    assert count_rows(engine, list) == {"things": 3}


def test_the_present_moment_is_told_in_utc(place: Scratch) -> None:
    engine = place.create()
    with connect(engine) as connection, connection.begin():
        connection.exec_driver_sql("CREATE TABLE moments (at TIMESTAMP NULL)")
        now = server_of(connection).utc_now
        connection.exec_driver_sql(f"INSERT INTO moments VALUES ({now})")
        moments = sa.table("moments", sa.column("at", sa.DateTime))
        [found] = connection.execute(sa.select(moments.c.at)).scalars()
    assert abs(found - datetime.now(timezone.utc).replace(tzinfo=None)) < timedelta(minutes=1)


def test_rows_are_deleted_against_their_foreign_keys(place: Scratch) -> None:
    engine = place.create()
    with connect(engine) as connection, connection.begin():
        connection.exec_driver_sql("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(
            "CREATE TABLE b (id INTEGER, FOREIGN KEY (id) REFERENCES a (id))"
        )
        connection.exec_driver_sql("INSERT INTO a VALUES (1)")
        connection.exec_driver_sql("INSERT INTO b VALUES (1)")
        server_of(connection).delete_rows(connection, ["a", "b"])
    engine.dispose()
    assert count_rows(engine, list) == {"a": 0, "b": 0}


def test_a_read_only_connection_refuses_writes(place: Scratch) -> None:
    engine = place.create()
    fill(engine, 1)
    with pytest.raises(DatabaseError), read_only(engine) as connection:
        connection.exec_driver_sql("DELETE FROM things")
    with read_only(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM things").scalar() == 1
    with connect(engine) as connection, connection.begin():
        connection.exec_driver_sql("DELETE FROM things")
    assert names(engine) == []


# --- the lock -----------------------------------------------------------------------------


def test_one_has_the_lock_until_it_gives_it_back(place: Scratch) -> None:
    engine = place.create()
    first, second = lock_of(engine), lock_of(engine)
    try:
        assert first.acquire()
        assert first.is_idle()
        first.check()
        assert not second.acquire()
        first.close()
        assert second.acquire()
        second.check()
    finally:
        first.close()
        second.close()
    with locked(engine, 0, print), pytest.raises(LockedError), locked(engine, 0, print):
        pass


def test_a_session_that_is_marked_is_seen(place: Scratch) -> None:
    engine = place.create()
    lock = lock_of(engine)
    other = sa.create_engine(engine.url, poolclass=sa.pool.NullPool)
    try:
        assert lock.acquire()
        if not server_of(engine).is_server:
            pytest.skip("a file has no sessions")
        with lock.marking(), other.connect():
            assert not lock.is_idle()
        assert lock.is_idle()
    finally:
        lock.close()


def test_releases_of_bridge_exclude_each_other() -> None:
    """The keys are those of the first release: they must never change."""
    hashed = "9f86d081884c7d659a2feaa0c55ad015"
    postgresql, mysql = server_named("postgresql").lock(hashed), server_named("mysql").lock(hashed)
    assert postgresql.acquire == "SELECT pg_try_advisory_lock(-7481060800108824269)"
    assert postgresql.release == "SELECT pg_advisory_unlock(-7481060800108824269)"
    assert postgresql.marks == (
        (
            "SELECT pg_advisory_lock_shared(8305582739119043375) IS NOT NULL",
            "SELECT pg_advisory_unlock_shared(8305582739119043375)",
        ),
    )
    assert mysql.acquire == f"SELECT GET_LOCK('bridge:{hashed}', 0)"
    assert mysql.release == f"SELECT RELEASE_LOCK('bridge:{hashed}')"
    assert mysql.marks[63] == (
        f"SELECT GET_LOCK('bridge:{hashed}:63', 0)",
        f"SELECT RELEASE_LOCK('bridge:{hashed}:63')",
    )
    assert len(mysql.marks) == 64
    assert server_named("mariadb").lock(hashed) == mysql


# --- who asks which kind it is ------------------------------------------------------------

KINDS = {"sqlite", "postgresql", "mysql", "mariadb"}

# The worker's process has only itself; a reader of SQL knows grammars, not servers.
APART = ("database/servers/", "database/sql/", "legacy/worker/")

ASKING = {
    "database/dump/__init__.py": 1,  # the dumpers
    "database/guard.py": 1,  # loaded by the worker's process
    "database/schema/__init__.py": 1,  # the readers of schemas
    "database/schema/mysql.py": 1,  # what MariaDB says in other words
    "database/schema/tokens.py": 1,  # a grammar
    "database/seeding/catalog/__init__.py": 1,  # the readers of what tables ask of their rows
    "database/seeding/limits.py": 1,
    "init/baseline/dialects.py": 1,
    "init/baseline/observe.py": 1,
    "init/baseline/types.py": 1,
    "output/check_text.py": 1,  # names for people: it may not import a database's package
    "snapshots/writing.py": 1,
}


def kinds_in(node: ast.AST | None) -> set[object]:
    if isinstance(node, ast.Constant):
        return {node.value} & KINDS if isinstance(node.value, str) else set()
    if isinstance(node, (ast.Tuple, ast.Set, ast.List)):
        return {kind for element in node.elts for kind in kinds_in(element)}
    return set()


def asks(node: ast.AST) -> bool:
    """Whether a piece of code asks for a kind: it compares with a name, or looks up by names."""
    if isinstance(node, ast.Compare):
        return any(map(kinds_in, [node.left, *node.comparators]))
    if isinstance(node, ast.Attribute):
        return node.attr == "is_mariadb"
    if isinstance(node, ast.Constant):
        return node.value == "is_mariadb"
    if isinstance(node, ast.Dict):
        return sum(bool(kinds_in(key)) for key in node.keys) >= 2
    if isinstance(node, ast.Subscript):
        return bool(kinds_in(node.slice))
    return isinstance(node, (ast.For, ast.comprehension)) and bool(kinds_in(node.iter))


def test_which_kind_it_is_is_asked_in_few_places() -> None:
    """What differs from one kind to another is in `database/servers/`, one file a kind."""
    root = Path(bridge.__file__).parent
    found = {}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(APART):
            found[name] = sum(map(asks, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    assert {name: count for name, count in found.items() if count} == ASKING
