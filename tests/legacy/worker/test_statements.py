"""What kind of statement a text of SQL is, as far as the worker asks."""

from __future__ import annotations

import pytest

from bridge.legacy.worker.statements import (
    commits_implicitly,
    is_inspection,
    is_non_transactional,
    is_query,
    is_read,
    savepoint_in,
    without_quoted,
)

KINDS = {
    # statement: is_read, is_query, is_inspection
    "SELECT 1": (True, True, False),
    " select * from notes": (True, True, False),
    "WITH x AS (SELECT 1) SELECT * FROM x": (False, True, False),
    "WITH x AS (DELETE FROM notes RETURNING *) SELECT * FROM x": (False, False, False),
    "SELECT setval('notes_id_seq', 1)": (True, False, False),
    "VALUES (1)": (False, True, False),
    "SHOW TABLES": (True, False, True),
    "DESC notes": (True, False, True),
    "PRAGMA table_info(notes)": (True, False, True),
    "PRAGMA main.foreign_keys": (True, False, True),
    "PRAGMA foreign_keys = OFF": (True, False, False),
    "INSERT INTO notes SELECT 1": (False, False, False),
    "CREATE TABLE notes (id INTEGER)": (False, False, False),
}


@pytest.mark.parametrize("sql", KINDS)
def test_reads_and_writes_differ(sql: str) -> None:
    assert (is_read(sql), is_query(sql), is_inspection(sql)) == KINDS[sql]


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
        ("postgresql", "SELECT 1 -- ; COMMIT", False),
        ("postgresql", "CREATE FUNCTION f() AS $body$ BEGIN; COMMIT; $body$", False),
    ],
)
def test_what_a_transaction_cannot_have_is_known(dialect: str, sql: str, expected: bool) -> None:
    assert is_non_transactional(dialect, sql) is expected


def test_what_is_quoted_and_comments_are_left_out() -> None:
    sql = "SELECT 'a''b', \"c\", E'\\'', $x$ d $x$ /* e */ -- f\n"
    assert without_quoted(sql) == "SELECT '''', '', '', ''    \n"


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


def test_savepoints_are_told_apart() -> None:
    assert [
        savepoint_in(sql)
        for sql in ("savepoint a", "RELEASE SAVEPOINT b;", "ROLLBACK TO c", "ROLLBACK")
    ] == [("SAVEPOINT", "a"), ("RELEASE SAVEPOINT", "b"), ("ROLLBACK TO", "c"), None]
