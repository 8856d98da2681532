"""What kind of statement a text of SQL is, as far as the worker asks."""

from __future__ import annotations

import pytest

from bridge.legacy.worker.statements import (
    asks_for_rows,
    commits_implicitly,
    is_non_transactional,
    is_read,
    leaves_nothing,
    savepoint_in,
)

KINDS = {
    # statement: is_read, asks_for_rows, leaves_nothing
    "SELECT 1": (True, True, True),
    " select * from notes": (True, True, True),
    "(SELECT 1)": (True, True, True),
    "WITH x AS (SELECT 1) SELECT * FROM x": (True, True, True),
    "WITH x AS (DELETE FROM notes RETURNING *) SELECT * FROM x": (False, False, False),
    "SELECT setval('notes_id_seq', 1)": (False, False, False),
    "SELECT * FROM notes FOR UPDATE": (True, True, True),
    "SELECT set_config('a', 'b', false)": (True, True, False),
    "VALUES (1)": (True, True, True),
    "SHOW search_path": (True, False, True),
    "EXPLAIN DELETE FROM notes": (True, False, True),
    "COPY notes TO STDOUT": (True, True, True),
    "SELECT 1; DELETE FROM notes": (False, True, False),
    "INSERT INTO notes SELECT 1": (False, False, False),
    "CREATE TABLE notes (id INTEGER)": (False, False, False),
    "SET a = 1": (False, False, False),
}

SQLITE = {
    "PRAGMA table_info(notes)": (True, False, True),
    "PRAGMA main.foreign_keys": (True, False, True),
    "PRAGMA foreign_keys = OFF": (True, False, False),
}


@pytest.mark.parametrize("sql", [*KINDS, *SQLITE])
def test_reads_and_writes_differ(sql: str) -> None:
    dialect, expected = ("sqlite", SQLITE) if sql in SQLITE else ("postgresql", KINDS)
    questions = (is_read, asks_for_rows, leaves_nothing)
    assert tuple(ask(dialect, sql) for ask in questions) == expected[sql]


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        ("sqlite", "VACUUM", True),
        ("sqlite", "PRAGMA foreign_keys = OFF", True),
        ("sqlite", "PRAGMA foreign_keys", False),
        ("sqlite", "ROLLBACK TO here", False),
        ("sqlite", "INSERT INTO notes VALUES ('VACUUM')", False),
        ("postgresql", "CREATE UNIQUE INDEX CONCURRENTLY i ON notes (id)", True),
        ("postgresql", "SELECT 1; COMMIT", True),
        ("postgresql", "PREPARE TRANSACTION 'a'", True),
        ("postgresql", "SAVEPOINT a", False),
        ("postgresql", "SET LOCAL a = 1", True),
        ("postgresql", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", True),
        ("postgresql", "SET a = 1", False),
        ("postgresql", "SELECT 1 -- ; COMMIT", False),
        ("postgresql", "CREATE FUNCTION f() AS $body$ BEGIN; COMMIT; $body$", False),
    ],
)
def test_what_a_transaction_cannot_have_is_known(dialect: str, sql: str, expected: bool) -> None:
    assert is_non_transactional(dialect, sql) is expected


def test_mysql_and_mariadb_commit_before_a_change_of_the_schema() -> None:
    asked = ("alter table notes add x int", "INSERT INTO notes VALUES (1)")
    found = {
        dialect: [commits_implicitly(dialect, sql) for sql in asked]
        for dialect in ("mysql", "mariadb", "postgresql", "sqlite")
    }
    assert found == {
        "mysql": [True, False],
        "mariadb": [True, False],
        "postgresql": [False, False],
        "sqlite": [False, False],
    }


def test_savepoints_are_distinguished() -> None:
    assert [
        savepoint_in("sqlite", sql)
        for sql in ("savepoint a", "RELEASE SAVEPOINT b;", "ROLLBACK TO c", "ROLLBACK")
    ] == [("savepoint", "a"), ("release", "b"), ("rollback to", "c"), None]
