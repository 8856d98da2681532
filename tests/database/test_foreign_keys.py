"""Foreign keys around revisions on SQLite: what is checked, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from support.databases import Database, SQLiteDatabase

from bridge.database.engine import connect, make_engine
from bridge.database.foreign_keys import ForeignKeyChecks
from bridge.database.servers.sqlite import SQLite
from bridge.database.url import parse_url

TABLES = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
    "CREATE TABLE Child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES PARENT (id))",
    "CREATE TABLE grandchild (id INTEGER PRIMARY KEY, child INTEGER REFERENCES child)",
    "CREATE TABLE other (id INTEGER PRIMARY KEY, other INTEGER REFERENCES other)",
    "CREATE TABLE alone (id INTEGER PRIMARY KEY)",
    "INSERT INTO parent VALUES (1), (2)",
    "INSERT INTO child VALUES (1, 1), (2, 2), (3, 9)",  # the last one is broken before
    "INSERT INTO grandchild VALUES (1, 1), (2, 2)",
    "INSERT INTO other VALUES (1, NULL)",
)


@pytest.fixture
def connection(sqlite_database: Database) -> Iterator[sa.engine.Connection]:
    sqlite_database.execute(*TABLES)
    engine = make_engine(parse_url(sqlite_database.url))
    with connect(engine) as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str] | None]:
    """The tables of each check, None for all."""
    found: list[list[str] | None] = []
    original = SQLite.broken_rows

    def broken_rows(
        self: SQLite, connection: sa.engine.Connection, tables: object = None
    ) -> object:
        found.append(None if tables is None else sorted(tables))  # type: ignore[call-overload]
        return original(self, connection, tables)  # type: ignore[arg-type]

    monkeypatch.setattr(SQLite, "broken_rows", broken_rows)
    return found


def run(checks: ForeignKeyChecks, connection: sa.engine.Connection, *statements: str) -> None:
    def revision() -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    with connection.begin():
        checks.around(revision, connection)()


# What a revision does, and which tables are checked after it.
REVISIONS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "nothing": ((), []),
    "a query": (("SELECT * FROM parent",), []),
    "a new table": (("CREATE TABLE new (id INTEGER REFERENCES alone (id))",), ["new"]),
    "rows without references": (("INSERT INTO alone VALUES (1)",), ["alone"]),
    "rows of a parent": (("UPDATE parent SET id = id",), ["Child", "parent"]),
    "rows in the middle": (("DELETE FROM grandchild", "DELETE FROM CHILD WHERE id = 3"),
                           ["Child", "grandchild"]),
    "a renamed parent": (("ALTER TABLE parent RENAME TO forebear",), ["Child", "forebear"]),
    "a renamed child": (("ALTER TABLE child RENAME TO infant",), ["grandchild", "infant"]),
    "a table that goes": (("DROP TABLE grandchild",), []),
    "a trigger's rows": (
        ("CREATE TRIGGER t AFTER INSERT ON alone BEGIN INSERT INTO other VALUES (2, 1); END",
         "INSERT INTO alone VALUES (1)"), ["alone", "other"],
    ),
    "a rebuild": (
        ("CREATE TABLE _tmp (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id))",
         "INSERT INTO _tmp SELECT * FROM child", "DROP TABLE child",
         "ALTER TABLE _tmp RENAME TO child"), ["child", "grandchild"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REVISIONS)
def test_only_what_a_revision_has_touched_is_checked(
    connection: sa.engine.Connection, asked: list[list[str] | None], what: str
) -> None:
    statements, tables = REVISIONS[what]
    checks = ForeignKeyChecks()
    run(checks, connection)
    assert asked == [None, []]
    del asked[:]
    run(checks, connection, *statements)
    assert asked == [tables]
    # An older broken key is not the next revision's fault.
    run(checks, connection, "SELECT * FROM alone", "CREATE TABLE last (id INTEGER)")
    assert asked == [tables, ["last"]]


BREAKING = {
    "a parent's row": ("DELETE FROM parent WHERE id = 2", "1 row", "Child -> parent"),
    "a parent": ("DROP TABLE parent", "2 rows", "Child -> PARENT"),
    "a child's row": ("INSERT INTO child VALUES (4, 7)", "1 row", "Child -> PARENT"),
    "in another case": ("DELETE FROM CHILD WHERE ID = 1", "1 row", "grandchild -> child"),
    "rows of a new table": (
        "CREATE TABLE new AS SELECT 1 AS id; CREATE TABLE n2 (x INTEGER REFERENCES alone (id));"
        "INSERT INTO n2 VALUES (8)", "1 row", "n2 -> alone",
    ),
}  # fmt: skip


@pytest.mark.parametrize("first", [True, False], ids=["in the first", "in a later one"])
@pytest.mark.parametrize("what", BREAKING)
def test_what_breaks_a_key_is_found(
    connection: sa.engine.Connection, what: str, first: bool
) -> None:
    sql, rows, key = BREAKING[what]
    checks = ForeignKeyChecks()
    if not first:
        run(checks, connection, "SELECT 1")
        run(checks, connection, "SELECT id FROM child")
    with pytest.raises(ValueError, match=f"it would leave {rows} whose foreign key") as caught:
        run(checks, connection, *sql.split(";"))
    assert key.lower() in str(caught.value).lower()


def test_what_another_session_or_step_has_changed_is_counted_again(
    connection: sa.engine.Connection,
    sqlite_database: SQLiteDatabase,
    asked: list[list[str] | None],
) -> None:
    checks = ForeignKeyChecks()
    run(checks, connection)
    sqlite_database.execute("INSERT INTO child VALUES (8, 8)")
    run(checks, connection)
    assert asked == [None, [], None, []]
    checks.forget()
    run(checks, connection)
    assert asked[4:] == [None, []]


@pytest.mark.server
def test_a_database_that_rebuilds_no_tables_is_not_asked(
    make_database: Callable[[str], Database],
) -> None:
    def revision() -> None:
        pass

    database = make_database("postgresql")
    with database.engine().connect() as connection:
        assert ForeignKeyChecks().around(revision, connection) is revision
