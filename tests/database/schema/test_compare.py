"""Drift of every kind is told as what it is, on every database; equal schemas have none."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.databases import DIALECTS, Database, PostgreSQLDatabase
from support.legacy_projects import ONCE
from support.schemas import Schema, column, index, key, read, table, unique
from support.servers import PostgreSQL

from bridge.database.schema.compare import accepted, compare
from bridge.model.difference import Difference
from bridge.output.difference_text import difference_document, difference_lines

Make = Callable[[str], Database]
Told = tuple[str, str, str, bool]

# --- on every database --------------------------------------------------------------------


def trigger(name: str, event: str = "INSERT") -> dict[str, str]:
    head = f"CREATE TRIGGER {name} AFTER {event} ON images"
    return {
        "sqlite": f"{head} BEGIN DELETE FROM users; END",
        "postgresql": f"{head} EXECUTE FUNCTION nothing()",
        "mariadb": f"{head} FOR EACH ROW DELETE FROM users",
    }


OWNER = "FOREIGN KEY (owner_id) REFERENCES users (id)"
FUNCTION = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
PARTS: dict[str, Any] = {
    "users": "CREATE TABLE users (id INTEGER NOT NULL, PRIMARY KEY (id))",
    "id": "id INTEGER NOT NULL",
    "owner_id": "owner_id INTEGER",
    "size": "size INTEGER DEFAULT 0 NOT NULL",
    "checksum": "checksum VARCHAR(32)",
    "note": "note VARCHAR(10)",
    "key": "CONSTRAINT pk_images PRIMARY KEY (id)",
    "unique": "CONSTRAINT uq_images_checksum UNIQUE (checksum)",
    "foreign key": f"CONSTRAINT fk_images_owner {OWNER}",
    "check": "CONSTRAINT ck_images_size CHECK (size >= 0)",
    # MariaDB would make one of its own for the foreign key.
    "owner index": "CREATE INDEX ix_images_owner ON images (owner_id)",
    "index": "CREATE INDEX ix_images_size ON images (size)",
    "view": "CREATE VIEW large_images AS SELECT id FROM images WHERE size > 5",
    "trigger": trigger("touch"),
}


def build(database: Database, changes: dict[str, Any]) -> Schema:
    """Makes the schema and reads it; a change replaces a part, adds one, or takes it out (None)."""
    parts = {**PARTS, **changes}
    texts = [text[database.dialect] if isinstance(text, dict) else text for text in parts.values()]
    inside = [text for text in texts if text and not text.startswith("CREATE")]
    after = [text for text in texts if text and text.startswith("CREATE")]
    # Columns, which are in lower case, before constraints.
    table = f"CREATE TABLE images ({', '.join(sorted(inside, key=lambda text: text[0].isupper()))})"
    before = [FUNCTION] if database.dialect == "postgresql" else []
    database.execute(*before, after[0], table, *after[1:])
    return read(database)


def told(differences: tuple[Difference, ...]) -> list[Told]:
    return [(one.name, one.kind, one.what, one.own) for one in differences]


STOP, WARNING = False, True
KEY_OF_OWNER = "images foreign key (owner_id) -> users"
UNIQUE = "images unique (checksum)"
UNIQUE_HERE = "images index uq_images_checksum"  # where it is an index

# What is changed, and what is told: name, kind, what, whether it is a warning only.
CHANGES: list[tuple[dict[str, Any], Told]] = [
    ({"note": None}, ("images.note", "missing", "column", STOP)),
    ({"a": "a INTEGER"}, ("images.a", "extra", "column", STOP)),
    ({"checksum": "checksum VARCHAR(40)"}, ("images.checksum type", "other", "type", STOP)),
    (
        {"checksum": "checksum VARCHAR(32) NOT NULL"},
        ("images.checksum nullability", "other", "nullability", STOP),
    ),
    (
        {"size": "size INTEGER DEFAULT 0"},
        ("images.size nullability", "other", "nullability", STOP),
    ),
    (
        {"size": "size INTEGER DEFAULT 1 NOT NULL"},
        ("images.size default", "other", "default", STOP),
    ),
    ({"size": "size INTEGER NOT NULL"}, ("images.size default", "other", "default", STOP)),
    (
        {"owner_id": None, "later": PARTS["owner_id"]},
        ("images column order", "other", "column order", WARNING),
    ),
    ({"key": None}, ("images primary key", "missing", "primary key", STOP)),
    (
        {"key": "CONSTRAINT pk_images PRIMARY KEY (id, size)"},
        ("images primary key", "other", "primary key", STOP),
    ),
    ({"unique": None}, (UNIQUE, "missing", "unique", STOP)),
    (
        {"unique": "CONSTRAINT uq_images_checksum UNIQUE (checksum, id)"},
        (UNIQUE, "other", "unique", STOP),
    ),
    ({"unique": "CONSTRAINT a UNIQUE (checksum)"}, (f"{UNIQUE} name", "other", "name", WARNING)),
    (
        {"a": "CONSTRAINT a UNIQUE (size, id)"},
        ("images unique (size, id)", "extra", "unique", STOP),
    ),
    ({"foreign key": None}, (KEY_OF_OWNER, "missing", "foreign key", STOP)),
    (
        {"foreign key": f"{PARTS['foreign key']} ON DELETE CASCADE"},
        (KEY_OF_OWNER, "other", "foreign key", STOP),
    ),
    (
        {"a": "CONSTRAINT a FOREIGN KEY (id) REFERENCES users (id)"},
        ("images foreign key (id) -> users", "extra", "foreign key", STOP),
    ),
    ({"foreign key": f"CONSTRAINT a {OWNER}"}, (f"{KEY_OF_OWNER} name", "other", "name", WARNING)),
    ({"check": None}, ("images check ck_images_size", "missing", "check", STOP)),
    (
        {"check": "CONSTRAINT ck_images_size CHECK (size > 0)"},
        ("images check ck_images_size", "other", "check", STOP),
    ),
    ({"a": "CONSTRAINT a CHECK (id > 0)"}, ("images check a", "extra", "check", STOP)),
    (
        {"check": "CONSTRAINT a CHECK (size >= 0)"},
        ("images check ck_images_size name", "other", "name", WARNING),
    ),
    ({"index": None}, ("images index ix_images_size", "missing", "index", STOP)),
    (
        {"index": "CREATE INDEX ix_images_size ON images (size, id)"},
        ("images index ix_images_size", "other", "index", STOP),
    ),
    (
        {"index": "CREATE INDEX a ON images (size)"},
        ("images index ix_images_size name", "other", "name", WARNING),
    ),
    (
        {"a": "CREATE INDEX a ON images (size, id)"},
        ("images index a", "extra", "index", WARNING),
    ),
    (
        {"a": "CREATE UNIQUE INDEX a ON images (size, id)"},
        ("images index a", "extra", "unique index", WARNING),
    ),
    ({"trigger": None}, ("images trigger touch", "missing", "trigger", STOP)),
    ({"trigger": trigger("touch", "UPDATE")}, ("images trigger touch", "other", "trigger", STOP)),
    ({"a": trigger("a", "UPDATE")}, ("images trigger a", "extra", "trigger", WARNING)),
    ({"view": None}, ("view large_images", "missing", "view", STOP)),
    (
        {"view": "CREATE VIEW large_images AS SELECT id FROM images WHERE size > 6"},
        ("view large_images", "other", "view", STOP),
    ),
    ({"a": "CREATE VIEW a AS SELECT id FROM users"}, ("view a", "extra", "view", WARNING)),
    ({"a": "CREATE TABLE a (id INTEGER)"}, ("table a", "extra", "table", WARNING)),
]
ON_MARIADB: dict[str, Told] = {
    # A unique constraint is an index there and has its name; primary keys have none.
    f"{UNIQUE} missing": (UNIQUE_HERE, "missing", "unique index", STOP),
    f"{UNIQUE} other": (UNIQUE_HERE, "other", "unique index", STOP),
    f"{UNIQUE} name other": (f"{UNIQUE_HERE} name", "other", "name", WARNING),
    "images unique (size, id) extra": ("images index a", "extra", "unique index", WARNING),
}


@pytest.fixture(scope="module")
def on_postgresql(postgresql_server: PostgreSQL) -> Iterator[Database]:
    """One for all changes: making a database takes longer there than all else."""
    database = PostgreSQLDatabase(postgresql_server, "drift")
    yield database
    database.drop()


@pytest.fixture(params=DIALECTS)
def empty(request: pytest.FixtureRequest, make_database: Make) -> Callable[[], Database]:
    """`empty()`: a database of each kind with nothing in it."""

    def make() -> Database:
        if request.param != "postgresql":
            return make_database(request.param)
        database: Database = request.getfixturevalue("on_postgresql")
        database.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        return database

    return make


@pytest.fixture(scope="module")
def bases() -> dict[str, Schema]:
    """The schema without a change as each kind of database has it, once it was read."""
    return {}


@ONCE
@pytest.mark.parametrize(
    ("changes", "what"), [pytest.param(*change, id=" ".join(change[1][:2])) for change in CHANGES]
)
def test_a_change_is_told_as_what_it_is(
    empty: Callable[[], Database], bases: dict[str, Schema], changes: dict[str, Any], what: Told
) -> None:
    database = empty()
    if database.dialect not in bases:
        bases[database.dialect] = build(database, {})
        database = empty()
    found = build(database, changes)
    if database.dialect == "mariadb":
        what = ON_MARIADB.get(f"{what[0]} {what[1]}", what)
    assert told(compare(bases[database.dialect], found)) == [what]


# --- documents ----------------------------------------------------------------------------


def things(**parts: Any) -> Schema:
    return {"tables": {"things": table(column("a"), column("b"), **parts)}}


def test_equal_documents_differ_in_nothing_whatever_the_order_of_what_has_none() -> None:
    keys = [key("a", "b", to="users"), key("b", to="users", name="fk")]
    turned = {**keys[0], "columns": ["b", "a"], "referred_columns": ["b_", "a_"]}
    parts = {"unique": [unique("a"), unique("b")], "checks": [{"sql": "a > 0", "name": None}]}
    one = things(foreign_keys=keys, **parts)
    other = things(
        foreign_keys=[keys[1], turned], unique=parts["unique"][::-1], checks=parts["checks"]
    )
    assert compare(one, other) == ()


@pytest.mark.parametrize(
    ("expected", "found", "what"),
    [
        pytest.param(
            {"unique": [unique("a", "b", name="uq")]},
            {"indexes": [index("ix", "b", "a", unique=True)]},
            ("things unique (a, b)", "other", "unique", WARNING),
            id="a unique index instead of a constraint",
        ),
        pytest.param(
            {"indexes": [index("ix", "a", unique=True)]},
            {"unique": [unique("a", name="uq")]},
            ("things index ix", "other", "unique", WARNING),
            id="a constraint instead of a unique index",
        ),
        pytest.param(
            {"unique": [unique("a", "b")]},
            {"unique": [unique("b", "a", name="uq")]},
            ("things unique (a, b)", "other", "unique", WARNING),
            id="columns of a unique constraint in another order",
        ),
        pytest.param(
            {"primary_key": unique("a"), "unique": [unique("a", name="uq")]},
            {"primary_key": unique("a")},
            ("things unique (a)", "missing", "unique", WARNING),
            id="a unique constraint that said what the primary key says",
        ),
        pytest.param(
            {"indexes": [index("ix", "a", unique=True)]},
            {"indexes": [index("ix", "a", unique=True)], "unique": [unique("a", name="uq")]},
            ("things unique (a)", "extra", "unique", WARNING),
            id="a unique constraint that says what an index says",
        ),
        pytest.param(
            {"primary_key": unique("a", "b")},
            {"primary_key": unique("b", "a")},
            ("things primary key", "other", "primary key", WARNING),
            id="columns of the primary key in another order",
        ),
        pytest.param(
            {"primary_key": unique("a", name="pk")},
            {"primary_key": unique("a", name="things_pkey")},
            ("things primary key name", "other", "name", WARNING),
            id="another name of the primary key",
        ),
        pytest.param(
            {},
            {"primary_key": unique("a")},
            ("things primary key", "extra", "primary key", STOP),
            id="a primary key where none should be",
        ),
        pytest.param(
            {"indexes": [index("ix", "a")]},
            {"indexes": [index("ix", "a", where="a > 0")]},
            ("things index ix", "other", "index", STOP),
            id="an index of some rows only",
        ),
        pytest.param(
            {"foreign_keys": [key("a", to="users")]},
            {"foreign_keys": [key("a", to="users", name="fk", valid=False)]},
            ("things foreign key (a) -> users", "other", "foreign key", STOP),
            id="a foreign key that old rows may break",
        ),
        pytest.param(
            {"foreign_keys": [key("a", to="users", name="fk")]},
            {"foreign_keys": [key("b", to="users", name="fk")]},
            ("things foreign key (a) -> users", "other", "foreign key", STOP),
            id="a foreign key of another column",
        ),
        pytest.param(
            {"engine": "InnoDB"},
            {"engine": "MyISAM"},
            ("things engine", "other", "engine", STOP),
            id="another engine",
        ),
        pytest.param(
            {},
            {"charset": "utf8mb3"},
            ("things character set", "other", "character set", WARNING),
            id="a character set that the server chose",
        ),
        pytest.param(
            {"charset": "utf8mb4"},
            {"charset": "latin1"},
            ("things character set", "other", "character set", STOP),
            id="another character set",
        ),
    ],
)
def test_a_difference_is_told_once(
    expected: dict[str, Any], found: dict[str, Any], what: Told
) -> None:
    assert told(compare(things(**expected), things(**found))) == [what]


def test_each_attribute_of_a_column_is_told_by_itself() -> None:
    one = {"tables": {"t": table(column("a", nullable=False, autoincrement=True))}}
    other = {"tables": {"t": table(column("a", "text", default="'x'", collation="C"))}}
    assert [(d.name, d.expected, d.found) for d in compare(one, other)] == [
        ("t.a autoincrement", "yes", None),
        ("t.a collation", None, "C"),
        ("t.a default", None, "'x'"),
        ("t.a nullability", "NOT NULL", "NULL"),
        ("t.a type", "integer", "text"),
    ]


def test_a_constraint_that_is_there_twice_is_not_the_same_as_once() -> None:
    keys = [key("a", to="users", name="x"), key("a", to="users", name="y")]
    assert told(compare(things(foreign_keys=keys[:1]), things(foreign_keys=keys))) == [
        ("things foreign key (a) -> users", "extra", "foreign key", STOP)
    ]


NAMES = st.sampled_from(["a", "b", "c", "name", "Owner id", "größe", "x*", "[y]"])
LISTED = st.lists(NAMES, min_size=1, max_size=3, unique=True)
OPTIONAL = st.none() | NAMES
TABLES = st.builds(
    lambda columns, primary, uniques, keys, checks, indexes: table(
        *(column(name, kind) for name, kind in columns),
        primary_key=primary and unique(*primary),
        unique=[unique(*listed) for listed in uniques],
        foreign_keys=[key(*listed, to=to) for listed, to in keys],
        checks=[{"sql": f"{name} > 0", "name": None} for name in checks],
        indexes=[index(name, *listed) for name, listed in indexes],
    ),
    st.lists(st.tuples(NAMES, NAMES), min_size=1, unique_by=lambda one: one[0]),
    st.none() | LISTED,
    st.lists(LISTED, max_size=3, unique_by=lambda one: tuple(sorted(one))),
    st.lists(st.tuples(LISTED, NAMES), max_size=3, unique_by=str),
    st.lists(NAMES, max_size=3, unique=True),
    st.lists(st.tuples(NAMES, LISTED), max_size=3, unique_by=lambda one: one[0]),
)
SCHEMAS = st.fixed_dictionaries(
    {"tables": st.dictionaries(NAMES, TABLES, min_size=1, max_size=3)},
    optional={
        "views": st.dictionaries(NAMES, st.just("SELECT 1"), min_size=1, max_size=2),
        "types": st.dictionaries(NAMES, LISTED, min_size=1, max_size=2),
    },
)


def items(schema: Schema) -> list[tuple[Any, Any, str]]:
    """What may be taken out: the place, its index or key there, and the name of the difference."""
    found: list[tuple[Any, Any, str]] = []
    for name, one in schema["tables"].items():
        found.append((schema["tables"], name, f"table {name}"))
        if one["primary_key"]:
            found.append((one, "primary_key", f"{name} primary key"))
        for number, thing in enumerate(one["columns"]):
            found.append((one["columns"], number, f"{name}.{thing['name']}"))
        for number, thing in enumerate(one["unique"]):
            listed = ", ".join(thing["columns"])
            found.append((one["unique"], number, f"{name} unique ({listed})"))
        for number, thing in enumerate(one["foreign_keys"]):
            label = f"foreign key ({', '.join(thing['columns'])}) -> {thing['refers_to']}"
            found.append((one["foreign_keys"], number, f"{name} {label}"))
        for number, thing in enumerate(one["checks"]):
            found.append((one["checks"], number, f"{name} check ({thing['sql']})"))
        for number, thing in enumerate(one["indexes"]):
            found.append((one["indexes"], number, f"{name} index {thing['name']}"))
    for kind, what in (("views", "view"), ("types", "type")):
        found += [(schema[kind], name, f"{what} {name}") for name in schema.get(kind, {})]
    return found


@given(SCHEMAS, st.data())
def test_what_is_taken_out_is_the_one_difference(schema: Schema, data: st.DataObject) -> None:
    assert compare(schema, copy.deepcopy(schema)) == ()
    less = copy.deepcopy(schema)
    place, where, name = data.draw(st.sampled_from(items(less)))
    if where == "primary_key":
        place[where] = None
    else:
        del place[where]
    (missing,) = compare(schema, less)
    assert (missing.name, missing.kind) == (name, "missing")
    # A unique constraint may say once more what the primary key says.
    assert not missing.own or missing.what == "unique"
    (extra,) = compare(less, schema)
    assert (extra.name, extra.kind) == (name, "extra")
    assert accepted(missing, ["no such thing", name])


# --- how it is told -----------------------------------------------------------------------

TOLD = (
    {
        "tables": {
            "images": table(
                column("checksum", "varchar(32)", default="''"),
                column("size", "bigint"),
                indexes=[index("ix_size", "size")],
            ),
            "users": table(column("id")),
        },
        "views": {"large_images": "SELECT 1"},
    },
    {
        "tables": {
            "images": table(column("size", nullable=False), indexes=[index("ix_own", "size", "id")])
        },
        "views": {"large_images": "SELECT 2"},
    },
)


def test_differences_are_told_by_table_with_what_they_mean() -> None:
    assert (
        "\n".join(difference_lines(compare(*TOLD)))
        == """\
other view large_images: expected SELECT 1, found SELECT 2
  It does not do what the app expects.
table images
  extra images index ix_own: (size, id) (a warning)
    The app does not know it; it stays as it is.
  missing images index ix_size: (size)
    Queries are slower, and later versions that drop it fail.
  missing column images.checksum: varchar(32) DEFAULT ''
    The app fails on it, and so do later versions that change it.
  other images.size nullability: expected NULL, found NOT NULL
    Rows are refused that should be accepted, or accepted that should be refused.
  other images.size type: expected bigint, found integer
    Values may be refused, cut or changed, and later versions may fail on it.
table users
  missing table users: (id)
    The app fails on it, and so do later versions that change it."""
    )


def test_differences_are_told_for_json() -> None:
    documents = difference_document(compare(*TOLD))
    assert json.loads(json.dumps(documents)) == documents
    assert documents[1] == {
        "name": "images index ix_own",
        "table": "images",
        "kind": "extra",
        "what": "index",
        "expected": None,
        "found": "(size, id)",
        "meaning": "The app does not know it; it stays as it is.",
        "own": True,
    }


@pytest.mark.parametrize("pattern", ["images.checksum", "images.*", "*checksum"])
def test_a_difference_is_accepted_by_its_name_or_a_pattern(pattern: str) -> None:
    differences = compare(*TOLD)
    assert [one.name for one in differences if accepted(one, [pattern])][:1] == ["images.checksum"]
