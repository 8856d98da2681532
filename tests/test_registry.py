"""Old histories of MediaGoblin's kind: numbered functions that take a session, named rows."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic_projects import create_table, write_env, write_revision
from databases import Database

from bridge import Bridge
from bridge.errors import BridgeError, ConfigError, LegacyError, LegacyPreflightError

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


def register(number):
    def decorate(function):
        MIGRATIONS[number] = function
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
        }

    def write(self, functions: dict[int, str], **keys: Any) -> None:
        """The registry: for each number the body of its function, which has `db`."""
        text = HEAD
        for number, body in functions.items():
            body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
            text += f"\n@register({number})\ndef number_{number}(db):\n{body}\n"
        self.file.write_text(text, encoding="utf-8")
        keys.setdefault("stamp", {max(functions): []})
        self.legacy.update(keys)

    def line(self, text: str) -> int:
        """The number of the last line on which the text begins."""
        return self.file.read_text(encoding="utf-8").rpartition(text)[0].count("\n") + 1

    def bridge(self, where: Database) -> Bridge:
        alembic = {"script_location": "alembic"}
        return Bridge(url=where.url, root=self.root, alembic=alembic, legacy={"core": self.legacy})

    def refused(self, where: Database, kind: type[BridgeError]) -> BridgeError:
        with pytest.raises(kind) as caught:
            self.bridge(where).dbupdate()
        assert type(caught.value) is kind
        return caught.value


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


def rows(database: Database, table: str) -> list[Any]:
    with database.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(f"SELECT * FROM {table}"))]


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
            sa.Column("owner", sa.Integer),
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
        db.add(User(id=5, name="eve"))
        db.commit()
        db.close()
        """,
}


def test_functions_take_a_session_and_do_as_they_did(
    registry: Registry, database: Database
) -> None:
    make_old(database)
    registry.write(EVERYTHING, versions=[1, 2, 3, 5, 6])
    bridge = registry.bridge(database)
    assert bridge.status().legacy["core"].version == 1
    report = bridge.dbupdate()
    assert [str(step) for step, _ in report.steps] == [
        "legacy core 2",
        "legacy core 3",
        "legacy core 5",
        "legacy core 6",
        "upgrade initial",
        "upgrade next",
    ]
    assert rows(database, "core__migrations") == [("__main__", 6)]
    assert sorted(rows(database, "users")) == [
        (1, "ann", "x@example.org"),
        (2, "bob", None),
        (3, "cid", None),
        (5, "eve", None),
    ]
    assert rows(database, "pets") == [(10, 1), (20, 2)]
    state = bridge.status()
    assert (state.kind, state.legacy["core"].handed_over) == ("alembic", True)
    assert bridge.dbupdate().outcome == "nothing_to_do"


HALF = """
    db.execute("INSERT INTO users (id, name) VALUES (7, 'half')")
    db.commit()
    sa.Table("halves", sa.MetaData(bind=db.bind), sa.Column("id", sa.Integer)).create()
    db.execute("INSERT INTO nowhere VALUES (1)")
"""


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_function_that_fails_leaves_nothing(
    dialect: str, registry: Registry, make_database: MakeDatabase
) -> None:
    """Although it commits in the middle."""
    database = make_database(dialect)
    make_old(database)
    registry.write({2: "db.execute(\"UPDATE users SET name = 'eva' WHERE id = 1\")", 3: HALF},
                   versions=[2, 3], squashed=False)  # fmt: skip
    error = registry.refused(database, LegacyError)
    assert f"({registry.file}, line {registry.line('INSERT INTO nowhere')})" in error.message
    assert "SQL: INSERT INTO nowhere VALUES (1)" in error.message
    assert error.state_of_data == (
        "The database is at version 2 of core, as its row says; version 3 has changed nothing."
    )
    assert rows(database, "core__migrations") == [("__main__", 2)]
    assert sorted(rows(database, "users")) == [(1, "eva"), (2, "bob")]
    assert not sa.inspect(database.engine()).has_table("halves")


def test_where_the_database_commits_itself_the_error_says_what_may_have_stayed(
    registry: Registry, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    make_old(database)
    registry.write({2: HALF}, versions=[2], squashed=False)
    error = registry.refused(database, LegacyError)
    assert "but 2 statements of version 2 had run" in error.state_of_data
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
    registry.write({2: body}, versions=[2], squashed=False)
    error = registry.refused(database, LegacyError)
    assert "PendingRollbackError" in error.message
    assert rows(database, "core__migrations") == [("__main__", 1)]


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


PROBLEMS = {
    "a gap": (
        {"versions": [1, 2, 3, 4, 5], "stamp": {5: []}},
        "",
        "- core, version 3: goblin_migrations:MIGRATIONS has no 3 (it has 1 to 2, 4 to 5)",
    ),
    "more than the configuration knows": (
        {"versions": [1, 2, 4], "stamp": {4: []}},
        "",
        "- core: goblin_migrations:MIGRATIONS has 5 too, after 4, the last version that the "
        "configuration knows",
    ),
    "no registry": (
        {"registry": "goblin_migrations:NOTHING", "versions": [1, 2, 4, 5]},
        "",
        "- core: goblin_migrations:NOTHING cannot be loaded: AttributeError: module "
        "'goblin_migrations' has no attribute 'NOTHING'",
    ),
    "no dictionary": (
        {"registry": "goblin_migrations:HEADS", "versions": [1, 2, 4, 5]},
        "HEADS = []",
        "- core: goblin_migrations:HEADS is no dictionary of migrations, but list",
    ),
    "no function": (
        {"versions": [1, 2, 4, 5]},
        "MIGRATIONS[2] = 'two'",
        "- core, version 2: its 2 is no function, but 'two'",
    ),
    "no session": (
        {"versions": [1, 2, 4, 5]},
        "@register(2)\ndef two():\n    pass",
        "- FILE, line AT(register(2)\ndef two): two() takes no session",
    ),
    "Python 2": (
        {"versions": [1, 2, 4, 5]},
        "@register(2)\ndef two(db):\n    return unicode(db)",
        "- FILE, line AT(unicode): it is Python 2: it uses unicode",
    ),
    "a library that is gone": (
        {"versions": [1, 2, 4, 5]},
        "@register(2)\ndef two(db):\n    import nosuchthing",
        "- FILE, line AT(import nosuch): its two() cannot import nosuchthing: it imports "
        "nosuchthing, which the legacy runtime does not have",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_is_wrong_is_told_before_anything_runs(
    case: str, registry: Registry, sqlite_database: Database
) -> None:
    keys, text, expected = PROBLEMS[case]
    make_old(sqlite_database)
    registry.write({1: "pass", 2: "pass", 4: "pass", 5: "pass"}, **keys)
    registry.file.write_text(f"{registry.file.read_text()}\n{text}\n", encoding="utf-8")
    error = registry.refused(sqlite_database, LegacyPreflightError)
    line = re.sub(r"AT\((.*?)\):", lambda m: f"{registry.line(m[1])}:", expected, flags=re.DOTALL)
    line = line.replace("FILE", str(registry.file))
    assert error.message == (f"1 problem with the legacy scripts that this database needs:\n{line}")
    assert rows(sqlite_database, "core__migrations") == [("__main__", 1)]


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
