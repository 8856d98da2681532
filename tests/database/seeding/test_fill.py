"""Generated rows: every table gets them, every constraint holds, and they are always the same."""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import SAWarning
from support.databases import DIALECTS, Database
from support.legacy_projects import ONCE

from bridge.database.engine import connect
from bridge.database.integrity import list_tables, rows_that_point_nowhere
from bridge.database.seeding.fill import Seeded, seed

pytestmark = ONCE

MakeDatabase = Callable[[str], Database]


def everything(names: Iterable[str]) -> Iterable[str]:
    return names


def fill(
    database: Database,
    rows: int = 4,
    variant: str = "one",
    app_tables: Callable[[Iterable[str]], Iterable[str]] = everything,
    *,
    before: str | None = None,
    plain: bool = False,
) -> Seeded:
    """`seed`, on a connection of bridge's own kind, after a statement that sets something."""
    with connect(database.engine()) as connection:
        if before is not None:
            with connection.begin():
                connection.exec_driver_sql(before)
        return seed(connection, app_tables, rows, variant, plain=plain)


def tables(database: Database, *more: str) -> sa.MetaData:
    """Tables that have one of each thing that a row must be made to fit, and what `more` says."""
    metadata = sa.MetaData()
    table = sa.Table
    number, text = sa.Integer, sa.String
    table(
        "people",
        metadata,
        sa.Column("id", number, primary_key=True),
        sa.Column("email", text(40), nullable=False, unique=True),
        sa.Column("mood", text(10)),
        sa.CheckConstraint("mood IN ('glad', 'it''s')", name="moods"),
        sa.Column("age", number),
        sa.CheckConstraint("age > 17 AND age < 99", name="age"),
        sa.Column("code", text(9), sa.CheckConstraint("length(code) = 4"), nullable=False),
        sa.Column("boss_id", number, sa.ForeignKey("people.id")),
        # Each with the other, or neither.
        sa.Column("since", sa.Date),
        sa.Column("until", sa.Date),
        sa.CheckConstraint("(since IS NULL) = (until IS NULL) AND (since < until)", name="span"),
        # A cycle of two tables: this way it may be NULL.
        sa.Column("best_id", number, sa.ForeignKey("things.id", use_alter=True, name="best")),
    )
    table(
        "things",
        metadata,
        sa.Column("id", number, primary_key=True),
        sa.Column("owner_id", number, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("kind", sa.Enum("a", "b b", "it's", name="kinds"), nullable=False),
        sa.Column("on_off", sa.Boolean(create_constraint=True), nullable=False),
        sa.UniqueConstraint("kind", "on_off"),
    )
    table(
        "parts",
        metadata,
        # Composite and without a number of its own, and what follows it.
        sa.Column("order", text(20), primary_key=True),
        sa.Column("number", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("When %", sa.DateTime),
    )
    table(
        "pieces",
        metadata,
        sa.Column("id", sa.CHAR(36), primary_key=True),
        sa.Column("part_order", text(20)),
        sa.Column("part_number", sa.SmallInteger),
        sa.ForeignKeyConstraint(["part_order", "part_number"], ["parts.order", "parts.number"]),
    )
    table(
        "owners_parts",
        metadata,
        sa.Column("person_id", number, sa.ForeignKey("people.id"), primary_key=True),
        sa.Column("part_order", text(20), primary_key=True),
        sa.Column("part_number", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.ForeignKeyConstraint(["part_order", "part_number"], ["parts.order", "parts.number"]),
    )
    table(
        "holdings",
        metadata,
        # Two references that share a column.
        sa.Column("person_id", number, sa.ForeignKey("people.id")),
        sa.Column("part_order", text(20)),
        sa.Column("part_number", sa.SmallInteger),
        sa.ForeignKeyConstraint(
            ["person_id", "part_order", "part_number"],
            ["owners_parts.person_id", "owners_parts.part_order", "owners_parts.part_number"],
        ),
    )
    # One to one: its key is another's.
    table("cards", metadata, sa.Column("id", sa.ForeignKey("people.id"), primary_key=True))
    table("log", metadata, sa.Column("said", sa.Text), sa.Column("at", number))
    with database.engine().begin() as connection:
        metadata.create_all(connection)
    database.execute(*ODDITIES[database.dialect], *more)
    return metadata


def oddities(types: str, key: str) -> str:
    """CREATE TABLE with a column of each type."""
    columns = (f"c{n} {kind}" for n, kind in enumerate(re.split(r", (?![^(]*\))", types)))
    return f"CREATE TABLE odd (id {key}, {', '.join(columns)})"


PG_TYPES = (
    "bigint NOT NULL, boolean, bytea, real, double precision, numeric, numeric(38,10), "
    "numeric(3,3), money, date, time, timetz, timestamp, timestamp(0), timestamp(3), timestamptz, "
    "interval, uuid, json, jsonb, inet, cidr, macaddr, tsvector, xml, point, int4range, bit(5), "
    'varbit(9), text[], integer[], char(3), "char", name, colour, colour[], evenly, pair, oid'
)
MY_TYPES = (
    "bigint unsigned NOT NULL, tinyint, tinyint(1), mediumint unsigned, decimal(30,10), float, "
    "float(7,2), double, date, time, datetime, datetime(6), timestamp NULL, year, json, bit(5), "
    "set('a','b','c'), enum('x','it''s'), binary(5), varbinary(9), blob, tinytext, longtext, "
    "char(3), inet6, uuid, point, varchar(20) CHARACTER SET latin1, "
    "varchar(20) CHARACTER SET utf8mb3, varchar(3000), int(5) zerofill"
)
LITE_TYPES = (
    "BIGINT NOT NULL, BOOLEAN CHECK (c1 IN (0, 1)), BLOB, FLOAT, NUMERIC(38, 10), DATE, TIME, "
    "DATETIME, TIMESTAMP, JSON, CHAR(3), TEXT, UNSIGNED BIG INT, "
    "LONGTEXT CHECK (json_valid(c13))"
)


# What SQLAlchemy's schema language has not: types, generated columns, keys that no row has yet.
ODDITIES = {
    "sqlite": [
        oddities(LITE_TYPES, "INTEGER PRIMARY KEY AUTOINCREMENT"),
        "CREATE TABLE ring_a (id INTEGER PRIMARY KEY, b INT NOT NULL REFERENCES ring_b,"
        " twice INT AS (b * 2))",
        "CREATE TABLE ring_b (id INTEGER PRIMARY KEY, a INT NOT NULL REFERENCES ring_a)",
        "CREATE TABLE tree (id INT PRIMARY KEY, top INT NOT NULL REFERENCES tree (ID))"
        " WITHOUT ROWID",
        "CREATE UNIQUE INDEX calm ON log (at) WHERE said IS NULL",
        "CREATE UNIQUE INDEX loud ON log (upper(said))",
    ],
    "postgresql": [
        "CREATE TYPE colour AS ENUM ('red', 'it''s blue')",
        "CREATE DOMAIN evenly AS integer NOT NULL CHECK (VALUE % 2 = 0)",
        "CREATE TYPE pair AS (a integer, b text)",
        oddities(PG_TYPES, "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        "CREATE TABLE ring_b (id SERIAL PRIMARY KEY, a integer NOT NULL)",
        "CREATE TABLE ring_a (id SERIAL PRIMARY KEY, b integer NOT NULL REFERENCES ring_b"
        " DEFERRABLE)",
        "ALTER TABLE ring_b ADD FOREIGN KEY (a) REFERENCES ring_a DEFERRABLE INITIALLY DEFERRED",
        "CREATE TABLE tree (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, top integer"
        " NOT NULL REFERENCES tree, twice integer GENERATED ALWAYS AS (top * 2) STORED)",
        "CREATE UNIQUE INDEX calm ON log (at) WHERE said IS NULL",
        "CREATE UNIQUE INDEX loud ON log (upper(said))",
        "CREATE TABLE spans (at daterange, EXCLUDE USING gist (at WITH &&))",
        "CREATE TABLE days (day date NOT NULL, who integer PRIMARY KEY) PARTITION BY RANGE (who)",
        "CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (1) TO (1000)",
        "CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM (5000) TO (6000)",
        "CREATE TABLE day_notes (who integer REFERENCES days, note text)",
    ],
    "mariadb": [
        oddities(MY_TYPES, "INT AUTO_INCREMENT PRIMARY KEY"),
        "CREATE TABLE ring_b (id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL)",
        "CREATE TABLE ring_a (id INT AUTO_INCREMENT PRIMARY KEY, b INT NOT NULL,"
        " FOREIGN KEY (b) REFERENCES ring_b (id))",
        "ALTER TABLE ring_b ADD FOREIGN KEY (a) REFERENCES ring_a (id)",
        "CREATE TABLE tree (id INT AUTO_INCREMENT PRIMARY KEY, top INT NOT NULL,"
        " twice INT AS (top * 2) STORED, FOREIGN KEY (top) REFERENCES tree (id))",
        # What a later UPDATE would set to the time of the clock.
        "CREATE TABLE touched (id INT PRIMARY KEY, up INT, at TIMESTAMP NOT NULL"
        " DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"
        " FOREIGN KEY (up) REFERENCES touched (id))",
    ],
}


def test_every_table_has_its_rows_and_every_constraint_holds(database: Database) -> None:
    tables(database)

    # As many rows as there are pairs of a kind and a switch.
    seeded = fill(database, rows=6)

    rows = database.rows()
    assert not seeded.refused
    assert {name: len(found) for name, found in rows.items()} == {
        # The rows of its partitions are its own, too.
        name: 12 if name == "days" else 6
        for name in seeded.made
    }
    assert sum(seeded.made.values()) == 6 * (len(rows) - ("days" in rows))
    with connect(database.engine()) as connection:
        _, broken = rows_that_point_nowhere(connection, list_tables(connection, everything))
        assert not broken
        if database.dialect == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"

    # More, so that all values come up: SQLAlchemy reads them.
    fill(database, rows=12, app_tables=lambda names: {"odd", "parts"} & {*names})
    with database.engine().connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # types that it does not know
        metadata = sa.MetaData()
        metadata.reflect(connection, only=list(seeded.made))
        for table in metadata.tables.values():
            assert len(connection.execute(sa.select(table)).fetchall()) >= 6


def test_references_that_may_be_null_are_null_in_some_rows_and_set_in_others(
    database: Database,
) -> None:
    metadata = tables(database)
    people, pieces = metadata.tables["people"], metadata.tables["pieces"]

    fill(database, rows=8)

    with database.engine().connect() as connection:
        for column in (people.c.boss_id, people.c.best_id, pieces.c.part_order, people.c.mood):
            found = set(connection.execute(sa.select(column.is_(None))).scalars())
            assert set(map(bool, found)) == {True, False}, column
        # Whoever follows them gets to somebody without a boss.
        assert not connection.execute(
            sa.select(people.c.id).where(people.c.boss_id >= people.c.id)
        ).fetchall()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_variant_gives_the_same_rows_at_any_time(
    dialect: str, make_database: MakeDatabase
) -> None:
    contents = []
    for clock in (10**9, 10**9 + 10**6):
        database = make_database(dialect)
        tables(database)
        fill(database, before=f"SET timestamp = {clock}" if dialect == "mariadb" else None)
        contents.append(database.rows())
    assert contents[0] == contents[1]


def nulls(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, int]:
    return {name: sum(row.count(None) for row in found) for name, found in rows.items()}


def test_another_variant_gives_other_rows_and_other_nulls(make_database: MakeDatabase) -> None:
    one, two = make_database("sqlite"), make_database("sqlite")
    for database, variant in ((one, "one"), (two, "two")):
        tables(database)
        fill(database, variant=variant)
    ours, theirs = one.rows(), two.rows()
    same = {name for name in ours if ours[name] == theirs[name]}
    # Some have nothing but references.
    assert same <= {"cards", "ring_a", "ring_b", "tree"}
    assert nulls(ours) != nulls(theirs)


def test_only_what_is_missing_is_made_and_only_where_it_is_asked_for(database: Database) -> None:
    metadata = tables(database)
    people, parts = metadata.tables["people"], metadata.tables["parts"]
    with database.engine().begin() as connection:
        connection.execute(sa.insert(parts), [{"order": "mine", "number": n} for n in range(3)])
        mine = [{"id": n, "email": f"me {n}", "code": "abcd"} for n in range(50, 54)]
        connection.execute(sa.insert(people), mine)
    before = database.rows()

    seeded = fill(database, rows=8, app_tables=lambda names: {"people", "pieces"} & {*names})

    assert seeded.made == {"people": 4, "pieces": 8}
    after = database.rows()
    assert set(before["people"]) < set(after["people"])
    assert {row[1] for row in after["pieces"]} == {"mine", None}
    assert before["parts"] == after["parts"]
    assert not after["things"]
    # Enough is enough.
    assert fill(database, rows=2).made["people"] == 0


@pytest.mark.server
def test_a_sequence_knows_the_numbers_that_are_given_out(make_database: MakeDatabase) -> None:
    database = make_database("postgresql")
    tables(database)
    fill(database)
    database.execute(
        "INSERT INTO people (email, code) VALUES ('new', 'wxyz')",
        "INSERT INTO ring_a (b) SELECT min(id) FROM ring_b",
        "INSERT INTO tree (top) SELECT min(id) FROM tree",
    )
    assert {len(database.rows()[name]) for name in ("people", "ring_a", "tree")} == {5}


TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER closed BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'we are closed'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'we are closed'; END $$",
        "CREATE TRIGGER closed BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION closed()",
    ],
    "mariadb": [
        "CREATE TRIGGER closed BEFORE INSERT ON log FOR EACH ROW"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'we are closed'"
    ],
}


def test_a_table_that_no_row_fits_is_told_with_the_reason_and_the_others_are_filled(
    database: Database,
) -> None:
    impossible = "CREATE TABLE never (id INT PRIMARY KEY, CONSTRAINT not_now CHECK (id <> id))"
    child = "CREATE TABLE child (n INT NOT NULL, FOREIGN KEY (n) REFERENCES never (id))"
    one = "CREATE TABLE single (id INT PRIMARY KEY, CONSTRAINT only_one CHECK (id = 1))"
    metadata = tables(database, impossible, child, one, *TRIGGERS[database.dialect])

    seeded = fill(database)

    assert seeded.refused.keys() == {"child", "log", "never", "single"}
    assert "not_now" in seeded.refused["never"]
    assert "we are closed" in seeded.refused["log"]
    assert seeded.refused["child"] == "n must refer to a row of never, which has none."
    # One row fits: it is there.
    assert seeded.made["single"] == 1
    assert all(seeded.made[name] == 4 for name in metadata.tables if name != "log")


@pytest.mark.server
def test_a_ring_that_cannot_be_entered_is_told(make_database: MakeDatabase) -> None:
    database = make_database("postgresql")
    # The database alone gives the number, so that no row can name its own.
    database.execute(
        "CREATE TABLE own (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " top integer NOT NULL REFERENCES own)"
    )
    seeded = fill(database)
    assert seeded.made == {"own": 0}
    assert "violates foreign key constraint" in seeded.refused["own"]


def test_rows_without_a_key_keep_their_null(sqlite_database: Database) -> None:
    sqlite_database.execute(
        "CREATE TABLE loose (a INT UNIQUE, up INT REFERENCES loose (a))",
        "INSERT INTO loose VALUES (1, NULL)",
    )
    assert fill(sqlite_database).made == {"loose": 3}
    assert {row[1] for row in sqlite_database.rows()["loose"]} == {None}


def test_a_row_that_a_trigger_takes_away_is_not_counted(sqlite_database: Database) -> None:
    sqlite_database.execute(
        "CREATE TABLE gone (a TEXT)",
        "CREATE TRIGGER sink BEFORE INSERT ON gone BEGIN SELECT RAISE(IGNORE); END",
    )
    seeded = fill(sqlite_database)
    assert (seeded.made, list(seeded.refused)) == ({"gone": 0}, ["gone"])


def test_in_a_transaction_of_the_caller_s_nothing_is_committed(database: Database) -> None:
    tables(database)
    with connect(database.engine()) as connection:
        transaction = connection.begin()
        assert seed(connection, everything, 2, "one").made["people"] == 2
        transaction.rollback()
    assert not any(database.rows().values())


# A column for each kind of value, under a name that tells nothing.
EDGES = sa.MetaData()
sa.Table(
    "edges",
    EDGES,
    sa.Column("key", sa.Integer, primary_key=True),
    sa.Column("a", sa.String(20)),
    sa.Column("b", sa.BigInteger, nullable=False),
    sa.Column("c", sa.DateTime, nullable=False),
    sa.Column("d", sa.Date),
    sa.Column("e", sa.LargeBinary),
    sa.Column("f", sa.Numeric(12, 2), nullable=False),
    sa.Column("page_url", sa.String(200)),
    sa.Column("uuid", sa.String(36)),
)


def edges(database: Database, **options: Any) -> dict[str, list[Any]]:
    """The values of each column, in the order of the rows."""
    table = EDGES.tables["edges"]
    with database.engine().begin() as connection:
        EDGES.create_all(connection)
    fill(database, rows=20, **options)
    with database.engine().connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # SQLite has no decimals
        rows = connection.execute(sa.select(table).order_by(table.c.key)).fetchall()
    return dict(zip(table.c.keys(), zip(*rows, strict=True), strict=True))


def test_edge_values_come_after_a_plain_row(database: Database) -> None:
    found = edges(database)

    first = {name: values[0] for name, values in found.items()}
    assert first["a"].replace(" ", "").isalnum()
    assert 0 < first["b"] < 100
    assert 2001 <= first["c"].year <= 2031
    assert None not in first.values()
    assert {"", "é", "%", "'", "🌍 earth", "C:\\new\\table", None} <= set(found["a"])
    assert max(len(text or "") for text in found["a"]) == 20
    assert {2**63 - 1, -(2**63), 0, -1} <= set(found["b"])
    mariadb = database.dialect == "mariadb"
    assert min(found["c"]) == datetime(1000 if mariadb else 1, 1, 1, 12)
    assert max(found["d"], key=lambda day: day or date.min) == date(9999, 12, 31)
    assert {str(max(found["f"])), str(min(found["f"]))} == {"9999999999.99", "-9999999999.99"}
    assert any(b"\x00" in (value or b"") for value in found["e"])
    assert all(value is None or value.startswith("http://") for value in found["page_url"])
    assert all(value is None or len(value) == 36 for value in found["uuid"])


def test_plain_rows_have_neither_null_nor_edges(sqlite_database: Database) -> None:
    found = edges(sqlite_database, plain=True)
    assert not any(None in values for values in found.values())
    assert all(0 < value < 100 for value in found["b"])
    assert all(value.replace(" ", "").isalnum() for value in found["a"])


@pytest.mark.server
def test_letters_that_a_column_cannot_hold_are_not_tried(make_database: MakeDatabase) -> None:
    database = make_database("mariadb")
    sets = ("latin1", "utf8mb3", "utf8mb4")
    columns = ", ".join(f"{name} VARCHAR(30) CHARACTER SET {name} NOT NULL" for name in sets)
    # Not strict: what does not fit would become question marks.
    database.execute(f"CREATE TABLE texts ({columns})")
    fill(database, rows=16, before="SET sql_mode = ''")
    latin1, utf8mb3, utf8mb4 = (
        "".join(texts) for texts in zip(*database.rows()["texts"], strict=True)
    )
    assert latin1.isascii()
    assert "世" in utf8mb3
    assert "🌍" in utf8mb4
    assert "?" not in latin1 + utf8mb3 + utf8mb4


def test_what_must_be_a_document_is_one(sqlite_database: Database) -> None:
    sqlite_database.execute("CREATE TABLE notes (a TEXT NOT NULL CHECK (json_valid(a)))")
    fill(sqlite_database)
    assert all(isinstance(json.loads(row[0]), dict) for row in sqlite_database.rows()["notes"])


TYPES = ["INTEGER", "VARCHAR(2)", "VARCHAR(36)", "BOOLEAN", "DATETIME", "NUMERIC(4, 2)", "BLOB"]
CHECKS = ["x > 3", "x IN ('u', 'v', 7)", "length(x) < 3", "x IS NULL OR x <> 0"]


@st.composite
def schemas(draw: st.DrawFn) -> list[str]:
    """A few tables with keys and references of all kinds between them, in any order."""
    names = [f"t{n}" for n in range(draw(st.integers(1, 4)))]
    found = []
    for name in names:
        key = draw(st.sampled_from(["INTEGER", "INT", "VARCHAR(3)", "VARCHAR(36)"]))
        parts = [f"id {key} NOT NULL PRIMARY KEY"]
        kind = draw(st.sampled_from(TYPES))
        # NULL is possible everywhere, or there may be no such row at all.
        parts.append(f"x {kind} {draw(st.sampled_from(['', 'UNIQUE']))}")
        if draw(st.booleans()):
            parts.append(f"y {draw(st.sampled_from(TYPES))} NOT NULL")
        if draw(st.booleans()):
            parts.append(f"CHECK ({draw(st.sampled_from(CHECKS))})")
        for other in draw(st.lists(st.sampled_from(names), unique=True)):
            # To one that is before it, it may be NOT NULL; else there is a ring, which is one's
            # own to enter.
            must = draw(st.sampled_from(["", "NOT NULL"]))
            one = draw(st.sampled_from(["", "UNIQUE"])) if other < name else ""
            parts.append(f"to_{other} REFERENCES {other} {must if other <= name else ''} {one}")
        columns = sorted(parts, key=lambda part: part.startswith("CHECK"))
        found.append(f"CREATE TABLE {name} ({', '.join(columns)})")
    return found


@settings(max_examples=30, deadline=None)
@given(schemas(), st.integers(1, 5))
def test_random_schemas_are_filled(statements: list[str], rows: int) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool, future=True)
    with contextlib.closing(engine.raw_connection()), connect(engine) as connection:
        with connection.begin():
            for statement in ("PRAGMA foreign_keys = ON", *statements):
                connection.exec_driver_sql(statement)
        seeded = seed(connection, everything, rows, "one")
        assert not seeded.refused
        assert set(seeded.made.values()) == {rows}
        assert not connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    engine.dispose()
