"""Old histories of MediaGoblin's kind: numbered functions that take a session, named rows."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.alembic_projects import create_table, write_env, write_revision
from support.databases import MARIADB_LOCK, Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    add_note,
    legacy_python,
    notes,
    write_repository,
)
from support.projects import write_versions

from bridge import Bridge
from bridge.legacy.urls import legacy_url
from bridge.model.errors import BridgeError, ConfigError, LegacyError, LegacyPreflightError

pytestmark = LEGACY_SIDE
MakeDatabase = Callable[[str], Database]

HEAD = """\
import sqlalchemy as sa
from migrate import changeset
from sqlalchemy.ext.declarative import declarative_base

MIGRATIONS = {}
Base = declarative_base()


class User(Base):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(40))


def register(number, migrations=MIGRATIONS):
    def decorate(function):
        migrations[number] = function
        return function
    return decorate


def inspect_table(db, name):
    return sa.Table(name, sa.MetaData(bind=db.bind), autoload=True, autoload_with=db.bind)

"""


class Registry:
    """An app with one registry in a package of its own, and revisions that take over from it."""

    def __init__(self, root: Path) -> None:
        self.root, self.file = root, root / "goblin_migrations.py"
        scripts = write_env(root / "alembic")
        skip = "if sa.inspect(op.get_bind()).has_table('users'):\n    return\n"
        write_revision(
            scripts / "versions", "initial", upgrade=skip + create_table("users", "name")
        )
        write_revision(scripts / "versions", "next", "initial", upgrade=create_table("more"))
        self.legacy: dict[str, Any] = {
            "registry": "goblin_migrations:MIGRATIONS",
            "version_table": "core__migrations",
            "row": "__main__",
            "pythonpath": [str(root)],
            "squashed": False,
        }
        self.tables = {"core": self.legacy}

    def write(self, functions: dict[int, str], **keys: Any) -> None:
        """The registry: for each number the body of its function, which has `db`."""
        text = HEAD
        for number, function in functions.items():
            body = textwrap.indent(textwrap.dedent(function).strip(), "    ")
            text += f"\n@register({number})\ndef number_{number}(db):\n{body}\n"
        self.file.write_text(text, encoding="utf-8")
        keys.setdefault("versions", sorted(functions))
        keys.setdefault("stamp", {max(keys["versions"]): []})
        self.legacy.update(keys)

    def line(self, text: str) -> int:
        """The number of the one line of the registry's file that has this text."""
        (found,) = (
            number
            for number, line in enumerate(self.file.read_text().splitlines(), 1)
            if text in line
        )
        return found

    def bridge(self, where: Database) -> Bridge:
        alembic = {"script_location": "alembic"}
        return Bridge(url=where.url, root=self.root, alembic=alembic, legacy=self.tables)

    def refused(self, where: Database, kind: type[BridgeError] = LegacyError) -> BridgeError:
        with pytest.raises(kind) as caught:
            self.bridge(where).dbupdate()
        assert type(caught.value) is kind
        return caught.value

    def said(self, error: BridgeError) -> str:
        """What went wrong, without where: the last line of a message without SQL."""
        return error.message.splitlines()[-1]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    root = tmp_path / "app"
    root.mkdir()
    return Registry(root)


def make_old(database: Database, version: int = 1, name: str = "__main__") -> None:
    """A database of the app at an old number, with two users."""
    database.execute(
        "CREATE TABLE core__migrations (name VARCHAR(100) NOT NULL PRIMARY KEY, version INTEGER)",
        f"INSERT INTO core__migrations VALUES ('{name}', {version})",
        "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(40))",
        "INSERT INTO users VALUES (1, 'ann')",
        "INSERT INTO users VALUES (2, 'bob')",
    )


def run_functions(database: Database, folder: Path) -> None:
    """What MediaGoblin's own manager does, without any bridge: the judge of our worker."""
    code = """
import sys
import sqlalchemy as sa
from sqlalchemy.orm import sessionmaker
sys.path.insert(0, sys.argv[2])
from goblin_migrations import MIGRATIONS
db = sessionmaker(bind=sa.create_engine(sys.argv[1]))()
at = db.execute(sa.text("SELECT version FROM core__migrations")).scalar()
db.commit()
for number in sorted(MIGRATIONS):
    if number > at:
        MIGRATIONS[number](db)
        db.execute(sa.text("UPDATE core__migrations SET version = :n"), {"n": number})
        db.commit()
"""
    url = legacy_url(database.engine().url)
    done = subprocess.run(
        [legacy_python(), "-Wignore", "-B", "-c", code, url, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def rows(database: Database, table: str) -> list[Any]:
    """The rows of a table, by their first column."""
    return sorted(database.rows()[table], key=lambda row: str(row[0]))


# -- running --------------------------------------------------------------------------------------

EVERYTHING = {
    1: "raise AssertionError('it has run already')",
    2: """
        users = inspect_table(db, "users")
        column = sa.Column("email", sa.String(80))
        column.create(users)
        db.commit()
        """,
    3: """
        pets = sa.Table(
            "pets",
            sa.MetaData(bind=db.bind),
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("owner", sa.Integer, sa.ForeignKey(User.id)),
        )
        pets.create(db.bind)
        for user in db.query(User).order_by(User.id).all():
            db.execute(pets.insert().values(id=user.id * 10, owner=user.id))
        db.commit()
        """,
    # What is rolled back is lost, what was committed before is not; the rest comes with the row.
    5: """
        db.add(User(id=3, name="cid"))
        db.commit()
        db.add(User(id=4, name="dee"))
        db.flush()
        db.rollback()
        db.execute("UPDATE users SET email = 'x@example.org' WHERE id = 1")
        """,
    6: """
        try:
            db.execute("INSERT INTO users (id, name) VALUES (1, 'twice')")
        except sa.exc.IntegrityError:
            db.rollback()
        with db.begin_nested():
            db.add(User(id=5, name="eve"))
        db.commit()
        db.close()
        """,
    # SQLite rebuilds the table, which another refers to.
    7: """
        users = inspect_table(db, "users")
        users.c.name.alter(name="login", type=sa.String(60), nullable=False)
        db.commit()
        try:
            db.bind.execute("ALTER TABLE nowhere ADD x INTEGER")
        except sa.exc.DBAPIError:
            db.rollback()
        db.bind.dispose()
        users = inspect_table(db, "users")
        changeset.UniqueConstraint("email", name="uq_email", table=users).create()
        db.commit()
        """,
    # What no commit followed is lost; what commits itself is not.
    8: """
        connection = db.bind.connect()
        transaction = connection.begin()
        connection.execute("UPDATE pets SET owner = 1")
        connection.close()
        db.bind.execute("INSERT INTO pets VALUES (30, 3)")
        db.expunge_all()
        other = sa.orm.Session(db.bind)
        other.execute("UPDATE pets SET owner = 5 WHERE id = 30")
        other.commit()
        """,
}


def test_functions_do_as_they_did_and_move_their_row(
    registry: Registry, database: Database, make_database: MakeDatabase
) -> None:
    make_old(database)
    registry.write(EVERYTHING)
    bridge = registry.bridge(database)
    assert bridge.status().legacy["core"].version == 1
    report = bridge.dbupdate()
    assert [str(step) for step, _ in report.steps] == [
        "legacy core 2",
        "legacy core 3",
        "legacy core 5",
        "legacy core 6",
        "legacy core 7",
        "legacy core 8",
        "upgrade initial",
        "upgrade next",
    ]
    assert rows(database, "core__migrations") == [("__main__", 8)]
    assert rows(database, "users") == [
        (1, "ann", "x@example.org"),
        (2, "bob", None),
        (3, "cid", None),
        (5, "eve", None),
    ]
    assert rows(database, "pets") == [(10, 1), (20, 2), (30, 5)]
    state = bridge.status()
    assert (state.kind, state.legacy["core"].handed_over) == ("alembic", True)
    assert bridge.dbupdate().outcome == "nothing_to_do"

    other = make_database(database.dialect)
    make_old(other)
    run_functions(other, registry.root)
    ours = ("alembic_version", "bridge_journal", "more")
    assert database.schema(ours) == other.schema()
    assert database.rows(ours) == other.rows()


HALF = """
    db.execute("INSERT INTO users (id, name) VALUES (7, 'half')")
    db.commit()
    sa.Table("halves", sa.MetaData(bind=db.bind), sa.Column("id", sa.Integer)).create()
    db.execute("INSERT INTO nowhere VALUES (1)")
"""


def test_a_function_that_fails_after_a_commit_leaves_nothing_where_that_can_be(
    registry: Registry, database: Database
) -> None:
    make_old(database)
    registry.write({2: "db.execute(\"UPDATE users SET name = 'eva' WHERE id = 1\")", 3: HALF})
    error = registry.refused(database)
    line = registry.line("nowhere")
    head = f"Version 3 of the legacy repository core failed ({registry.file}, line {line}):\n"
    assert error.message.startswith(head)
    assert error.message.endswith("\nSQL: INSERT INTO nowhere VALUES (1)")
    assert rows(database, "core__migrations") == [("__main__", 2)]
    stayed = database.dialect == "mariadb"
    assert rows(database, "users") == [(1, "eva"), (2, "bob"), *([(7, "half")] if stayed else [])]
    assert sa.inspect(database.engine()).has_table("halves") is stayed
    assert error.state_of_data.startswith(
        "The database is at version 2 of core, as its row says"
        + ("; 2 statements of version 3 had run before" if stayed else "")
    )
    assert error.state_of_data.endswith("; version 3 has changed nothing.") is not stayed


UPDATE = "db.execute(\"UPDATE users SET name = 'zoe' WHERE id = 1\")\n"
TANGLED = (
    "RuntimeError: it rolled back, or left open, one transaction while another had changes: bridge "
    "runs it on one connection, where these are one. Let it commit the session before it works on "
    "the session's engine"
)
REFUSED = {
    # Elsewhere the session's change would have stayed, although the other's was rolled back,
    "another's rollback": (
        UPDATE + "try:\n    db.bind.execute('INSERT INTO nowhere VALUES (1)')\n"
        "except sa.exc.DBAPIError:\n    pass\ndb.commit()",
        TANGLED,
    ),
    # and here the other way round.
    "another's commit": (
        UPDATE + "sa.Table('t', sa.MetaData(), sa.Column('id', sa.Integer)).create(db.bind)\n"
        "db.rollback()",
        TANGLED,
    ),
    "left open": (
        "global other\nother = sa.orm.Session(db.bind)\n"
        + UPDATE.replace("db.", "other.")
        + "db.commit()",
        TANGLED,
    ),
    "a level": (
        UPDATE + "db.commit()\ndb.bind.connect().execution_options(isolation_level='AUTOCOMMIT')",
        "RuntimeError: it asks for the isolation level AUTOCOMMIT: its work and its version "
        "row are one transaction, which has begun",
    ),
    "the row": (
        UPDATE + "db.execute('UPDATE core__migrations SET version = 7')\ndb.commit()",
        "RuntimeError: the version row '__main__' is not at 1 any more",
    ),
    "the driver's connection": (
        UPDATE + "raw = db.bind.raw_connection()\n"
        "raw.cursor().execute('DELETE FROM users')\nraise ValueError('later')",
        "ValueError: later",
    ),
    "an end": (UPDATE + "db.commit()\nraise SystemExit('not now')", "not now"),
}


@pytest.mark.parametrize(
    ("case", "dialect"),
    [
        *((case, "postgresql") for case in REFUSED),
        *((case, "sqlite") for case in ("another's rollback", "the driver's connection")),
    ],
)
def test_what_cannot_be_one_with_its_row_is_refused_and_leaves_nothing(
    case: str, dialect: str, registry: Registry, make_database: MakeDatabase
) -> None:
    database = make_database(dialect)
    make_old(database)
    body, said = REFUSED[case]
    registry.write({2: body})
    before = database.schema(), database.rows()
    error = registry.refused(database)
    assert registry.said(error) == said
    assert error.state_of_data == (
        "The database is at version 1 of core, as its row says; version 2 has changed nothing."
    )
    ours = ("bridge_journal",)
    assert (database.schema(ours), database.rows(ours)) == before


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_function_that_commits_past_sqlalchemy_is_not_said_to_have_left_nothing(
    dialect: str, registry: Registry, make_database: MakeDatabase
) -> None:
    database = make_database(dialect)
    make_old(database)
    registry.write({2: UPDATE + "db.execute('COMMIT')\ndb.commit()"})
    error = registry.refused(database)
    assert "RuntimeError: it ended its transaction past SQLAlchemy, by a statement or on the " in (
        error.message
    )
    assert ", but 2 statements of version 2 had run" in error.state_of_data
    assert rows(database, "users") == [(1, "zoe"), (2, "bob")]
    assert rows(database, "core__migrations") == [("__main__", 1)]


def test_a_commit_that_the_database_refuses_leaves_nothing(
    registry: Registry, make_database: MakeDatabase
) -> None:
    database = make_database("postgresql")
    make_old(database)
    body = """
        db.execute("CREATE TABLE pets (id INTEGER, owner INTEGER REFERENCES users "
                   "DEFERRABLE INITIALLY DEFERRED)")
        db.execute("INSERT INTO pets VALUES (1, 99)")
        db.commit()
        """
    registry.write({2: body})
    error = registry.refused(database)
    assert "ForeignKeyViolation" in error.message
    assert error.state_of_data.endswith("as its row says; version 2 has changed nothing.")
    assert not sa.inspect(database.engine()).has_table("pets")
    assert rows(database, "core__migrations") == [("__main__", 1)]


def test_a_session_left_in_a_failed_state_is_a_failure(
    registry: Registry, database: Database
) -> None:
    make_old(database)
    body = """
        db.add(User(id=1, name="twice"))
        try:
            db.flush()
        except sa.exc.IntegrityError:
            pass
        """
    registry.write({2: body})
    error = registry.refused(database)
    assert "PendingRollbackError" in error.message
    assert rows(database, "core__migrations") == [("__main__", 1)]


def test_a_server_that_ends_idle_connections_does_not_part_the_work_from_its_row(
    registry: Registry, make_database: MakeDatabase
) -> None:
    """Where the function has committed, only the row is left to write."""
    database = make_database("mariadb")
    make_old(database)
    body = f"""
        db.execute("UPDATE users SET name = 'zoe' WHERE id = 1")
        db.commit()
        other = sa.create_engine(db.bind.url)
        lock = "{MARIADB_LOCK}"
        here = "FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        with other.connect() as connection:
            for (number,) in connection.execute("SELECT id " + here + " AND id <> " + lock):
                connection.execute("KILL %d" % number)
        other.dispose()
        """
    registry.write({2: body, 3: body.replace("zoe", "eva")})
    registry.bridge(database).dbupdate()
    assert rows(database, "core__migrations") == [("__main__", 3)]
    assert rows(database, "users") == [(1, "eva"), (2, "bob")]


def test_components_and_scripts_share_one_run(
    registry: Registry, sqlite_database: Database
) -> None:
    """Two rows, two dictionaries of one module, and a sqlalchemy-migrate repository beside them."""
    make_old(sqlite_database)
    sqlite_database.execute("INSERT INTO core__migrations VALUES ('likes', 0)")
    write_versions(sqlite_database, ("app", 0))
    (registry.root / "hooks.py").write_text("def prepare(engine):\n    engine.tenant = 'acme'\n")
    # What the setup hook gave the engine is there, and stays from version to version.
    registry.write({2: "db.add(User(id=3, name=db.bind.tenant))\ndb.bind.seen = True",
                    4: "assert db.bind.seen"}, setup="hooks:prepare")  # fmt: skip
    likes = "class Plugin:\n    LIKES = {}\n\n\n@register(1, Plugin.LIKES)\ndef likes(db):\n"
    with registry.file.open("a") as stream:
        stream.write(f"\n\n{likes}    assert db.query(User).count() == 2\n")
        stream.write("    db.execute('CREATE TABLE likes (id INTEGER)')\n")
    plugin = {"registry": "goblin_migrations:Plugin.LIKES", "row": "likes", "stamp": {1: []}}
    registry.tables["likes"] = registry.legacy | plugin | {"versions": [1]}
    registry.legacy["requires"] = {2: {"likes": 1, "app": 1}, 4: {"app": 2}}
    scripts = {"001_notes": CREATE_NOTES, "002_note": add_note("x")}
    folder = write_repository(registry.root / "legacy", scripts)
    registry.tables["app"] = {"repository": str(folder), "stamp": {2: ["initial"]}}
    registry.bridge(sqlite_database).dbupdate()
    assert rows(sqlite_database, "core__migrations") == [("__main__", 4), ("likes", 1)]
    assert rows(sqlite_database, "users")[-1] == (3, "acme")
    assert notes(sqlite_database) == ["x"]
    assert sa.inspect(sqlite_database.engine()).has_table("likes")


def test_a_version_that_is_handed_over_before_the_last_is_no_mistake(
    registry: Registry, sqlite_database: Database
) -> None:
    make_old(sqlite_database)
    registry.write({1: "pass", 2: "pass", 3: "pass"}, hand_over="nearest",
                   stamp={2: ["initial"], 3: ["next"]})  # fmt: skip
    registry.bridge(sqlite_database).dbupdate()
    assert rows(sqlite_database, "core__migrations") == [("__main__", 2)]


def test_a_plugin_without_migrations_is_handed_over_at_0(
    registry: Registry, sqlite_database: Database
) -> None:
    """Its registry may be missing altogether."""
    make_old(sqlite_database, 0)
    registry.legacy.update(registry="no.such.thing:MIGRATIONS", stamp={0: ["initial"]})
    report = registry.bridge(sqlite_database).dbupdate()
    assert [str(step) for step, _ in report.steps] == ["stamp initial", "upgrade next"]


def test_a_database_from_models_gets_its_number(
    registry: Registry, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (registry.root / f"goblin_models_{database.dialect}.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('users', metadata, sa.Column('id', sa.Integer, primary_key=True))\n",
        encoding="utf-8",
    )
    registry.write({1: "pass", 2: "pass"})
    bridge = Bridge(
        url=database.url,
        root=registry.root,
        database={"fresh": "models"},
        alembic={
            "script_location": "alembic",
            "models": f"goblin_models_{database.dialect}:metadata",
        },
        legacy={"core": registry.legacy},
    )
    report = bridge.dbupdate()
    assert [str(step) for step, _ in report.steps] == [
        "create the models' tables",
        "stamp next",
        "set legacy core to 2",
    ]
    assert rows(database, "core__migrations") == [("__main__", 2)]
    assert bridge.dbupdate().outcome == "nothing_to_do"


# -- preflight ------------------------------------------------------------------------------------

# Appended to the registry's file, and what is said of that number; LINE is where "!" stands.
FUNCTIONS = {
    "MIGRATIONS[2] = 'two'": "- core, version 2: its 2 is no function, but 'two'",
    "@register(3)  # !\ndef three():\n    pass": "- LINE: three() cannot be called with only a "
    "session",
    "@register(4)  # !\ndef four(db, more):\n    pass": "- LINE: four() cannot be called with only "
    "a session",
    "@register(5)\ndef five(db):\n    return unicode(db)  # !": "- LINE: it is Python 2: it uses "
    "unicode",
    "@register(6)\ndef six(db):\n    import gone  # !": "- LINE: its six() cannot import gone: it "
    "imports gone, which the legacy runtime does not have",
    # Several of one name, and behind decorators: each is looked at for itself.
    "@register(7)\ndef same(db):\n    xrange(1)  # !": "- LINE: it is Python 2: it uses xrange",
    "@register(8)\ndef same(db):\n    pass": None,
    "import functools\ndef factory():\n    def same(number, db):\n        long(1)  # !\n"
    "    return same\nregister(9)(functools.partial(factory(), 1))": "- LINE: it is Python 2: it "
    "uses long",
    "class Ten:\n    def __call__(self, db):\n        basestring  # !\nregister(10)(Ten())": "- "
    "LINE: it is Python 2: it uses basestring",
    "register(11)(print)": None,
    "register(12)(lambda db: None)": None,
    "@register(13)\n@functools.lru_cache()\ndef same(db):\n    unichr(1)  # !": "- LINE: it is "
    "Python 2: it uses unichr",
}


def test_all_problems_of_functions_are_reported_at_once_and_before_any_write(
    registry: Registry, sqlite_database: Database
) -> None:
    make_old(sqlite_database)
    # 14 is not there, and 16 is not known.
    registry.write({1: "pass", 15: "pass", 16: "pass"}, versions=list(range(1, 16)))
    expected = []
    for text, finding in FUNCTIONS.items():
        with registry.file.open("a") as stream:
            stream.write(f"\n{text.replace('!', f'!{len(expected)}!')}\n")
        if finding:
            line = registry.line(f"!{len(expected)}!") if "LINE" in finding else 0
            expected.append(finding.replace("LINE", f"{registry.file}, line {line}"))
    expected += [
        "- core, version 14: goblin_migrations:MIGRATIONS has no 14 (it has 1 to 13, 15 to 16)",
        "- core: goblin_migrations:MIGRATIONS has 16 too, after 15, the last version that the "
        "configuration knows",
    ]
    error = registry.refused(sqlite_database, LegacyPreflightError)
    assert error.message.splitlines() == [
        f"{len(expected)} problems with the legacy scripts that this database needs:",
        *expected,
    ]
    assert error.state_of_data == "The database is unchanged."
    assert rows(sqlite_database, "core__migrations") == [("__main__", 1)]


# A module, its attribute, and what is said of it.
MODULES = {
    "attribute": ("", "NOTHING", "- attribute: attribute:NOTHING cannot be loaded: AttributeError: "
                  "module 'attribute' has no attribute 'NOTHING'"),
    "kind": ("M = [1]", "M", "- kind: kind:M is no dictionary of migrations, but list"),
    "key": ("M = {1: print, '2': print}", "M", "- key: key:M has the key '2', which is no "
            "version's number"),
    "zero": ("M = {0: print, 1: print}", "M", "- zero: zero:M has the key 0, which is no version's "
             "number"),
    "raises": ("\nraise ValueError('no settings')", "M", "- ROOT/raises.py, line 2: raises:M "
               "cannot be loaded: ValueError: no settings"),
    "imports": ("import gone", "M", "- ROOT/imports.py, line 1: imports:M cannot be loaded: it "
                "imports gone, which the legacy runtime does not have"),
    "old": ("\nprint 'x'", "M", "- ROOT/old.py, line 2: it is Python 2: print 'x'"),
}  # fmt: skip


def test_a_registry_that_cannot_be_used_is_named(
    registry: Registry, sqlite_database: Database
) -> None:
    make_old(sqlite_database, 0)
    registry.write({1: "pass"})
    missing = {"registry": "nowhere:M", "row": "nowhere", "stamp": {1: []}}
    for name, (text, attribute, _) in MODULES.items():
        (registry.root / f"{name}.py").write_text(text)
        own = {"registry": f"{name}:{attribute}", "row": name}
        registry.tables[name] = registry.legacy | own
    registry.tables["nowhere"] = registry.legacy | missing
    for name in (*MODULES, "nowhere"):
        sqlite_database.execute(f"INSERT INTO core__migrations VALUES ('{name}', 0)")
    error = registry.refused(sqlite_database, LegacyPreflightError)
    first, *lines = error.message.replace(str(registry.root), "ROOT").splitlines()
    assert first == "8 problems with the legacy scripts that this database needs:"
    assert sorted(lines) == sorted(
        [
            *(said for _, _, said in MODULES.values()),
            "- nowhere: nowhere:M cannot be loaded: it imports nowhere, which the legacy runtime "
            "does not have",
        ]
    )


def test_the_messages_name_the_columns_that_the_table_has(
    registry: Registry, sqlite_database: Database
) -> None:
    registry.write({1: "pass"})
    make_old(sqlite_database, name="other")
    problem = registry.bridge(sqlite_database).status().problem
    assert problem is not None
    assert "expected one with name '__main__', found 'other'" in problem.message
    sqlite_database.execute("DELETE FROM core__migrations")
    problem = registry.bridge(sqlite_database).status().problem
    assert problem is not None
    assert problem.help.endswith(
        "INSERT INTO core__migrations (name, version) VALUES ('__main__', VERSION);"
    )


def test_a_history_is_of_one_kind(registry: Registry, sqlite_database: Database) -> None:
    registry.write({1: "pass"}, repository=str(registry.root))
    with pytest.raises(ConfigError, match="must have one of repository and registry, and not both"):
        registry.bridge(sqlite_database)
    del registry.legacy["repository"]
    registry.legacy["registry"] = "goblin_migrations"
    with pytest.raises(ConfigError, match=r'must be "package\.module:NAME"'):
        registry.bridge(sqlite_database)
