"""Rehearsals: the whole plan on a copy, while the database itself is only read."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.alembic_projects import CLASSIC_ENV, OUR_ENV
from support.databases import Database, ServerDatabase, SQLiteDatabase
from support.legacy_projects import ONCE
from support.projects import (
    TOP,
    Project,
    copy_project,
    invoke,
    timeless,
    write_revisions,
    write_shop,
    write_versions,
)
from support.warm import run_warm

import bridge.database.row_counts
import bridge.upgrade.rehearsal_copy
from bridge.database.guard import OutsideError
from bridge.database.integrity import list_tables
from bridge.model.errors import BridgeError, LegacyError, RehearsalError, RevisionFailedError
from bridge.model.progress import Progress
from bridge.model.remedy import WITHOUT_BACKUP, Remedy
from bridge.model.results import Rows
from bridge.model.steps import Step
from bridge.output.rehearsal_text import changed_tables
from bridge.output.rows_text import rows_document, rows_table
from bridge.upgrade.lock import locked
from bridge.upgrade.rehearsal_copy import ENDING, PREFIX, copied

SNAPSHOT = TOP / "snapshots" / "core-v10-likes-v01"
SERVERS = [pytest.param(name, marks=ONCE) for name in ("postgresql", "mariadb")]
MakeDatabase = Callable[[str], Database]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = copy_project("shop", tmp_path / "shop")
    project.write("alembic/env.py", OUR_ENV)
    return project


def at_version_1(database: Database) -> Database:
    write_shop(database, 1)
    write_versions(database, ("Shop", 1))
    return database


def at_base(database: Database) -> Database:
    write_shop(database, 3)
    write_revisions(database, ["shop_base"])
    return database


@pytest.fixture
def legacy(database: Database) -> Database:
    """The shop at legacy version 1, on each kind of database."""
    return at_version_1(database)


@pytest.fixture
def old(database: Database) -> Database:
    """The shop at its first revision, on each kind of database: no legacy version is to run."""
    return at_base(database)


@pytest.fixture
def sqlite_old(sqlite_database: Database) -> Database:
    return at_base(sqlite_database)


def surroundings(database: Database) -> Any:
    """What a rehearsal could leave beside the database: files, or databases of the server."""
    if isinstance(database, SQLiteDatabase):
        folder, status = database.path.parent, database.path.stat()
        names = sorted(path.name for path in folder.iterdir())
        return names, database.path.read_bytes(), status.st_mtime_ns, status.st_ino
    with database.engine().connect() as connection:
        return sorted(sa.inspect(connection).get_schema_names()), databases(connection)


def databases(connection: Any) -> set[str]:
    sql = {
        "postgresql": "SELECT datname FROM pg_database",
        "mysql": "SELECT schema_name FROM information_schema.schemata",
    }[connection.dialect.name]
    return {row[0] for row in connection.exec_driver_sql(sql)}


@contextlib.contextmanager
def untouched(database: Database) -> Iterator[None]:
    """Neither the database nor what is beside it is any different afterwards."""
    before = database.contents(), surroundings(database)
    yield
    assert (database.contents(), surroundings(database)) == before


def refused(project: Project, database: Database) -> RehearsalError:
    """The error of a rehearsal that must not go on, and has changed nothing."""
    with untouched(database), pytest.raises(RehearsalError) as caught:
        project.bridge(database).rehearse()
    assert caught.value.state_of_data == "The database is unchanged."
    assert caught.value.exit_status == 4
    project.forget()
    return caught.value


# --- what it tells --------------------------------------------------------------------------


def test_a_rehearsal_tells_what_the_run_then_does_and_changes_nothing(
    sample: Project, database: Database
) -> None:
    database.load(SNAPSHOT)
    app = sample.bridge(database)
    # Another run may be at work: nobody is waited for.
    with locked(database.engine(), 0, print), untouched(database):
        rehearsal = app.rehearse()
    said = rehearsal.report
    assert (said.outcome, said.backup) == ("rehearsed", None)
    assert not (sample.root / "backups").exists()

    report = app.dbupdate()
    assert [step for step, _ in said.steps] == [step for step, _ in report.steps]
    assert (said.current, said.rows, said.database) == (
        report.current, report.rows, report.database
    )  # fmt: skip
    assert said.rows is not None
    assert (said.rows.fewer, said.rows.gone) == (("likes",), ())
    assert rehearsal.before is not None
    assert rehearsal.after is not None
    assert not rehearsal.after.broken
    with database.engine().connect() as connection:
        assert rehearsal.after.tables == list_tables(connection, app.project.app_tables)
    assert set(rehearsal.after.tables) - set(rehearsal.before.tables) == {
        "like_totals", "media_files", "messages", "settings"
    }  # fmt: skip
    assert app.rehearse().report.outcome == "nothing_to_do"
    assert app.rehearse().after is None


REHEARSED = """\
Copying the database (# kB).
1/4  upgrade shop_notes  # s
2/4  upgrade shop_stock  # s
3/4  upgrade coupons_base  # s
4/4  upgrade coupons_ends  # s

table    before  after
coupons  -       0      new
items    1       1
orders   0       0

New tables: coupons.
Changed tables: items (+stock), orders (+note).
Foreign keys: 0 checked, none is broken.
Rehearsed: 4 steps in # s, to coupons_ends, shop_stock. That was a copy; the database is unchanged.
"""


def test_the_command_prints_what_came_of_it(project: Project, sqlite_old: Database) -> None:
    project.configure("module.reviews", "enabled = false")
    with untouched(sqlite_old):
        result = project.run("dbupdate", "--rehearse", url=sqlite_old)
    assert (result.exit_code, timeless(result.stdout), result.stderr) == (0, REHEARSED, "")

    with untouched(sqlite_old):
        result = project.run("dbupdate", "--rehearse", "--json", url=sqlite_old)
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(document) == [
        "outcome", "steps", "current", "rows", "fewer_rows", "foreign_keys", "schema"
    ]  # fmt: skip
    assert document["outcome"] == "rehearsed"
    assert len(document["steps"]) == 4
    assert document["rows"]["coupons"] == {"before": None, "after": 0}
    assert document["foreign_keys"] == {"checked": 0, "broken": []}
    assert document["schema"]["changed"] == {"items": ["+stock"], "orders": ["+note"]}
    assert document["schema"]["tables"]["orders"] == {
        "columns": [
            {"name": "id", "type": "INTEGER", "nullable": False, "default": None},
            {"name": "item_id", "type": "INTEGER", "nullable": True, "default": None},
            {"name": "note", "type": "VARCHAR(200)", "nullable": True, "default": None},
        ],
        "primary_key": {"columns": ["id"], "name": None},
        "unique": [],
        "foreign_keys": [],
        "checks": [],
        "indexes": [],
        "triggers": [],
    }

    project.run("dbupdate", url=sqlite_old)
    nothing = "Nothing to do: the database is at coupons_ends, shop_stock.\n"
    assert project.run("dbupdate", "--rehearse", url=sqlite_old).output == nothing


def test_a_rehearsal_and_a_dry_run_are_two_things() -> None:
    result = invoke("dbupdate", "--rehearse", "--dry-run")
    assert result.exit_code == 2
    assert "--dry-run and --rehearse are two things" in result.stderr


def test_a_database_that_is_not_there_is_not_made(
    project: Project, sqlite_database: SQLiteDatabase
) -> None:
    rehearsal = project.bridge(sqlite_database).rehearse()
    assert rehearsal.after is not None
    assert set(rehearsal.after.tables) == {"coupons", "items", "orders", "reviews"}
    assert list(sqlite_database.path.parent.glob(f"{sqlite_database.path.name}*")) == []


def test_rows_that_point_nowhere_are_told(project: Project, old: Database) -> None:
    key = "FOREIGN KEY (item_id) REFERENCES items (id)"
    inline, later = (f", {key}", ()) if old.dialect != "postgresql" else ("", (
        f"ALTER TABLE sold ADD CONSTRAINT loose {key} NOT VALID",
    ))  # fmt: skip
    columns = "id INTEGER PRIMARY KEY, item_id INTEGER"
    old.execute(
        f"CREATE TABLE sold ({columns}{inline})",
        "CREATE TABLE kept (id INTEGER PRIMARY KEY, item_id INTEGER, "
        "FOREIGN KEY (item_id) REFERENCES items (id))",
        *(["SET foreign_key_checks = 0"] if old.dialect == "mariadb" else []),
        "INSERT INTO sold VALUES (1, 1), (2, 77), (3, NULL)",
        "INSERT INTO kept VALUES (1, 1), (2, NULL)",
        *later,
    )
    result = project.run("dbupdate", "--rehearse", url=old)
    found = "Rows of sold that point to no row of items: 1 (before: 1)."
    checked = {"postgresql": "1 checked; the database itself holds 1 more"}
    keys = f"Foreign keys: {checked.get(old.dialect, '2 checked')}."
    assert [line for line in result.stdout.splitlines() if "Rows of" in line] == [found]
    assert keys in result.stdout.splitlines()


# --- what goes wrong on the copy ------------------------------------------------------------

ONLY = "This was a rehearsal on a copy, which was removed. The database is unchanged."


def fails_alike(project: Project, database: Database, kind: type[BridgeError]) -> None:
    """A rehearsal has the error of the real run, and says that it was one."""
    with untouched(database), pytest.raises(kind) as caught:
        project.bridge(database).rehearse()
    with pytest.raises(kind) as real:
        project.bridge(database).dbupdate(backup=False)
    error, other = caught.value, real.value
    assert (type(error), error.message) == (type(other), other.message)
    assert error.state_of_data == f"{ONLY} A real run would leave: {other.state_of_data}"
    assert error.help == f"{other.help} --rehearse"
    assert [s["kind"] for s in error.steps] == [s["kind"] for s in other.steps]


def test_a_revision_that_fails_gives_the_error_of_the_run_and_changes_nothing(
    project: Project, old: Database
) -> None:
    project.replace("alembic/versions/shop_stock.py", "ALTER TABLE items", "ALTER TABLE gone")
    fails_alike(project, old, RevisionFailedError)


@pytest.mark.process
def test_a_legacy_version_that_fails_does_so_too(
    project: Project, sqlite_database: Database
) -> None:
    project.replace("legacy/shop/versions/003_orders.py", "CREATE TABLE orders", "DROP TABLE gone")
    fails_alike(project, at_version_1(sqlite_database), LegacyError)


class Interrupting(Progress):
    def done(self, step: Step, seconds: float) -> None:
        raise KeyboardInterrupt


def test_an_interrupted_rehearsal_leaves_nothing(project: Project, old: Database) -> None:
    with untouched(old), pytest.raises(KeyboardInterrupt) as caught:
        project.bridge(old).rehearse(progress=Interrupting())
    assert caught.value.args == ("The rehearsal was interrupted.", ONLY, "")


def test_the_command_says_that_only_a_rehearsal_was_interrupted(
    project: Project, sqlite_old: Database
) -> None:
    path = project.root / "alembic/versions/shop_stock.py"
    path.write_text(path.read_text().replace("op.execute", "raise KeyboardInterrupt"))
    result = project.run("dbupdate", "--rehearse", url=sqlite_old)
    assert (result.exit_code, result.stderr) == (
        130,
        f"Error [interrupted] The rehearsal was interrupted.\nState of the data: {ONLY}\n",
    )


KILLED = """
import os, signal, sys
from bridge import Bridge
from bridge.upgrade.rehearsal_copy import copied

app = Bridge.from_config(sys.argv[1])
with app.engine() as engine, copied(engine, app.config, print):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
@ONCE
def test_what_a_killed_rehearsal_left_is_removed_by_the_next_and_nothing_else(
    project: Project, old: Database
) -> None:
    before = old.contents(), surroundings(old)
    app = project.bridge(old)
    with app.engine() as engine, copied(engine, app.config, print):
        at_work = left_overs(old)
        done = run_warm(
            [sys.executable, "-c", KILLED, str(project.file)],
            env={**os.environ, "BRIDGE_DATABASE_URL": old.url},
        )
        assert (done.returncode, len(at_work)) == (-signal.SIGKILL, 1), done.stderr
        assert len(left_overs(old)) == 2
        with copied(engine, app.config, print):
            assert len(left_overs(old)) == 2
        assert left_overs(old) == at_work
    assert (old.contents(), surroundings(old)) == before


@pytest.mark.process
@ONCE
def test_what_a_killed_rehearsal_left_is_removed_where_nothing_is_left_to_rehearse(
    project: Project, old: Database
) -> None:
    run_warm(
        [sys.executable, "-c", KILLED, str(project.file)],
        env={**os.environ, "BRIDGE_DATABASE_URL": old.url},
    )
    if isinstance(old, SQLiteDatabase):
        old.path.with_name(f"{old.path.name}.empty{ENDING}").mkdir()  # killed before it had a lock
    else:
        assert isinstance(old, ServerDatabase)
        old.server.create_database(f"{PREFIX}{'0' * 16}")  # killed before it was marked
    assert len(left_overs(old)) == 2
    app = project.bridge(old)
    app.dbupdate()
    assert app.rehearse().report.outcome == "nothing_to_do"
    assert left_overs(old) == set()


def left_overs(database: Database) -> set[str]:
    if isinstance(database, SQLiteDatabase):
        folder = database.path.parent
        return {path.name for path in folder.iterdir() if path.name.endswith(ENDING)}
    with database.engine().connect() as connection:
        return {name for name in databases(connection) if name.startswith(PREFIX)}


# --- other databases ------------------------------------------------------------------------

OPENED = "import sqlalchemy as sa\nengine = sa.create_engine({url!r}, future=True)\n"
WRITES = "engine.connect().execute(sa.text('DELETE FROM items'))\n"
SWALLOWS = f"    try:\n        {WRITES}    except Exception:\n        pass\n"


def in_env(project: Project, url: str) -> None:
    """An app whose env.py goes its own way to its own database."""
    project.write("alembic/env.py", "import sqlalchemy\n" + CLASSIC_ENV.replace(
        'engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)',
        f"sqlalchemy.create_engine({url!r})"))  # fmt: skip


def in_revision(project: Project, url: str) -> None:
    path = project.root / "alembic/versions/shop_stock.py"
    text = path.read_text().replace("def upgrade():\n", f"def upgrade():\n{SWALLOWS}")
    path.write_text(OPENED.format(url=url) + text)


def in_hook(project: Project, url: str) -> None:
    name = f"hook_{project.root.parent.name.strip('_0123456789')}"
    project.write(f"{name}.py", OPENED.format(url=url) + f"def lay(db):\n{SWALLOWS}")
    project.configure("module.coupons", f'foundations = "{name}:lay"')


def in_legacy_script(project: Project, url: str) -> None:
    project.write("legacy/shop/versions/003_orders.py",
                  OPENED.format(url=url) + f"def upgrade(migrate_engine):\n{SWALLOWS}")  # fmt: skip


def stopped(project: Project, database: Database) -> str:
    error = refused(project, database)
    assert "run_environment()" in error.help
    assert str(database.engine().url.password or "no password") not in error.message
    said = "The rehearsal was stopped before it could touch another database: "
    assert error.message.startswith(said)
    assert "a rehearsal may use its copy only, and this uses " in error.message
    return error.message


@pytest.mark.parametrize("way", [in_env, in_revision, in_hook])
def test_what_knows_its_own_way_to_the_database_is_stopped(
    way: Callable[[Project, str], None], project: Project, sqlite_old: Database
) -> None:
    way(project, sqlite_old.url)
    assert "another database: in the step '" in stopped(project, sqlite_old)


def through_the_driver(project: Project, url: str) -> None:
    dialect = sa.engine.make_url(url).get_dialect()()
    driver = "psycopg2" if dialect.driver == "psycopg" else dialect.driver
    _, options = dialect.create_connect_args(sa.engine.make_url(url))
    # psycopg 2.9 and 3 have one name for it, PyMySQL both.
    options = {"database" if key in ("dbname", "db") else key: v for key, v in options.items()}
    options.pop("client_flag", None)
    text = f"import {driver}\n{driver}.connect(**{options!r}).cursor().execute('DELETE FROM items')"
    path = project.root / "alembic/versions/shop_stock.py"
    body = "\n".join(f"    {line}" for line in text.splitlines())
    path.write_text(f"{path.read_text()}\n\ndef upgrade():\n{body}\n")


@pytest.mark.parametrize("way", [in_env, through_the_driver])
@pytest.mark.parametrize("dialect", SERVERS)
def test_what_knows_its_own_way_to_a_server_is_stopped(
    dialect: str,
    way: Callable[[Project, str], None],
    project: Project,
    make_database: MakeDatabase,
) -> None:
    database = at_base(make_database(dialect))
    way(project, database.url)
    assert f"the database {database.engine().url.database}" in stopped(project, database)


@pytest.mark.process
@ONCE
def test_a_legacy_script_that_knows_its_own_way_is_stopped(
    project: Project, legacy: Database
) -> None:
    # The legacy runtime has psycopg2.
    in_legacy_script(project, legacy.url.replace("+psycopg:", "+psycopg2:"))
    assert f"the database {legacy.engine().url.database}" in stopped(project, legacy)


def test_an_env_of_the_app_s_own_that_reads_the_url_it_is_given_runs_on_the_copy(
    project: Project, old: Database
) -> None:
    project.write("alembic/env.py", CLASSIC_ENV)
    with untouched(old):
        assert project.bridge(old).rehearse().report.outcome == "rehearsed"


def test_a_connection_that_was_there_before_is_not_used(project: Project, old: Database) -> None:
    """As an app has one whose session was at work before it rehearses."""
    project.write("hook_held.py", 'held = []\ndef lay(db):\n    held[0]("DELETE FROM items")\n')
    project.configure("module.coupons", 'foundations = "hook_held:lay"')
    sys.path.insert(0, str(project.root))
    try:
        import hook_held  # type: ignore[import-not-found]

        engine = sa.create_engine(old.url, future=True, connect_args=old._connect_arguments)
        with engine.connect() as connection:
            hook_held.held.append(connection.exec_driver_sql)
            with pytest.raises(RehearsalError, match="a connection that was there before"):
                project.bridge(old).rehearse()
        engine.dispose()
    finally:
        sys.path.remove(str(project.root))
        project.forget()
    assert len(old.rows()["items"]) == 1


@pytest.mark.process
@pytest.mark.parametrize("legacy", [True, False])
def test_a_column_that_is_called_like_a_statement_is_none(
    project: Project, sqlite_database: SQLiteDatabase, *, legacy: bool
) -> None:
    engine = "engine" if legacy else "op"
    text = (
        f'{engine}.execute("CREATE TABLE mails (may_attach BOOLEAN CHECK (may_attach IN (0, 1)))")'
    )
    if legacy:
        project.write("legacy/shop/versions/002_prices.py", f"def upgrade(engine):\n    {text}\n")
        old = at_version_1(sqlite_database)
    else:
        path = project.root / "alembic/versions/shop_stock.py"
        path.write_text(f"{path.read_text()}\n\ndef upgrade():\n    {text}\n")
        old = at_base(sqlite_database)
    assert project.bridge(old).rehearse().report.outcome == "rehearsed"


WAYS = {
    "through the driver": "__import__('sqlite3').connect({path!r}).execute('DELETE FROM items')",
    "attached": '{engine}.execute("ATTACH {path!r} AS other")',
    "attached behind a comment": '{engine}.execute("-- one\\nATTACH {path!r} AS other")',
}


@pytest.mark.process
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("legacy", [True, False])
def test_a_sqlite_file_is_not_reached_by_other_ways(
    way: str, project: Project, sqlite_database: SQLiteDatabase, *, legacy: bool
) -> None:
    text = WAYS[way].format(path=str(sqlite_database.path), engine="engine" if legacy else "op")
    if legacy:
        project.write("legacy/shop/versions/002_prices.py", f"def upgrade(engine):\n    {text}\n")
        stopped(project, at_version_1(sqlite_database))
    else:
        path = project.root / "alembic/versions/shop_stock.py"
        path.write_text(f"{path.read_text()}\n\ndef upgrade():\n    {text}\n")
        stopped(project, at_base(sqlite_database))


REACHING = (
    "DELETE FROM {name}.items",
    "INSERT INTO `{name}`.`orders` (id) VALUES (1)",
    "CREATE TABLE `{name}` . more (id INTEGER)",
    "ALTER TABLE orders RENAME TO {name}.sold",
    "ALTER DATABASE {name} CHARACTER SET utf8",
    "USE {name}",
    "CALL {name}.tidy()",
)
HARMLESS = (
    "SELECT {name}.id FROM items AS {name}",
    "UPDATE items SET name = 'it\\'s in {name}.items'",
    "ALTER DATABASE {name}_copy CHARACTER SET utf8",
    "DELETE FROM other{name}.items",
)


@pytest.mark.parametrize("dialect", ["mariadb"])
def test_a_statement_that_names_the_database_is_stopped(
    dialect: str, project: Project, make_database: MakeDatabase
) -> None:
    database = at_base(make_database(dialect))
    name = database.engine().url.database
    with copied(database.engine(), project.bridge(database).config, print) as (copy, guard), guard:
        engine = copy.execution_options(isolation_level="AUTOCOMMIT")
        for sql in REACHING:
            with engine.connect() as connection, pytest.raises(OutsideError):
                connection.exec_driver_sql(sql.format(name=name))
        for sql in HARMLESS:
            with engine.connect() as connection, contextlib.suppress(sa.exc.DBAPIError):
                connection.exec_driver_sql(sql.format(name=name))


@pytest.mark.parametrize("dialect", ["mariadb"])
def test_a_legacy_statement_that_names_it_is_stopped_too(
    dialect: str, project: Project, make_database: MakeDatabase
) -> None:
    database = at_version_1(make_database(dialect))
    sql = f"DELETE FROM {database.engine().url.database}.items"
    text = f"def upgrade(migrate_engine):\n    migrate_engine.execute({sql!r})\n"
    project.write("legacy/shop/versions/002_prices.py", text)
    assert "by the statement DELETE FROM" in stopped(project, database)


BEYOND = {
    "postgresql": (
        ("CREATE EXTENSION postgres_fdw", "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw",
         "CREATE FOREIGN TABLE afar (id INTEGER) SERVER far"),
        "the foreign table afar reaches beyond the database",
    ),
    "mariadb": (
        ("CREATE TRIGGER late AFTER INSERT ON items FOR EACH ROW DELETE FROM {name}.items",),
        "the trigger late names the database {name}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", SERVERS)
def test_a_database_that_reaches_beyond_itself_has_no_rehearsal(
    dialect: str, project: Project, make_database: MakeDatabase
) -> None:
    database = at_base(make_database(dialect))
    name = database.engine().url.database
    statements, said = BEYOND[dialect]
    database.execute(*(sql.format(name=name) for sql in statements))
    assert said.format(name=name) in refused(project, database).message


@pytest.mark.parametrize("dialect", SERVERS)
def test_a_pooler_that_leads_to_the_database_itself_is_noticed(
    dialect: str, project: Project, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the copy would be put over the database."""
    database = at_base(make_database(dialect))
    monkeypatch.setattr(
        bridge.upgrade.rehearsal_copy, "make_engine", lambda _url: database.engine()
    )
    assert "Connect to the server itself" in refused(project, database).help


@pytest.mark.parametrize("dialect", ["mariadb"])
def test_a_step_that_is_half_done_has_no_rehearsal(
    dialect: str, project: Project, make_database: MakeDatabase
) -> None:
    database = at_base(make_database(dialect))
    path = project.root / "alembic/versions/shop_stock.py"
    text = path.read_text()
    path.write_text(text.replace('INTEGER")', 'INTEGER")\n    op.execute("DROP TABLE gone")'))
    with pytest.raises(RevisionFailedError):
        project.bridge(database).dbupdate()
    path.write_text(text)
    error = refused(project, database)
    assert "in the middle of the step 'upgrade shop_stock'" in error.message
    assert project.bridge(database).dbupdate().outcome == "upgraded"


# --- rights ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", SERVERS)
def test_the_right_that_is_missing_is_named_and_enough(
    dialect: str, project: Project, make_database: MakeDatabase
) -> None:
    database = make_database(dialect)
    assert isinstance(database, ServerDatabase)
    server, name = database.server, database.name
    if dialect == "postgresql":
        make = ["CREATE ROLE clerk LOGIN PASSWORD 'secret'",
                f"ALTER DATABASE {name} OWNER TO clerk"]  # fmt: skip
        grant = "ALTER ROLE USER CREATEDB"
    else:
        make = ["CREATE USER clerk@'%%' IDENTIFIED BY 'secret'",
                f"GRANT ALL ON {name}.* TO clerk@'%%'"]  # fmt: skip
        grant = r"GRANT ALL ON `bridge\_rehearsal\_%`.* TO USER"
    server.execute(*make)
    try:
        url = database.engine().url.set(username="clerk", password="secret")
        text = url.render_as_string(hide_password=False)
        clerk = Database(text, server.connect_arguments)
        at_base(clerk)
        app, before = project.bridge(text), database.contents()
        with pytest.raises(RehearsalError) as caught:
            app.rehearse()
        assert "this user may not create a database" in caught.value.message
        assert grant in caught.value.help
        server.execute(grant.replace("USER", "clerk").replace("%", "%%"))
        assert app.rehearse().report.outcome == "rehearsed"
        assert database.contents() == before
    finally:
        database.drop()
        server.execute("DROP ROLE clerk" if dialect == "postgresql" else "DROP USER clerk")


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_the_settings_of_the_database_are_the_copy_s_too(
    dialect: str, project: Project, make_database: MakeDatabase
) -> None:
    database = make_database(dialect)
    name = database.engine().url.database
    database.execute(
        "CREATE SCHEMA app", f"ALTER DATABASE {name} SET search_path = app, public",
        f"ALTER DATABASE {name} SET application_name = 'it''s 100%'",
    )  # fmt: skip
    at_base(database)
    path = project.root / "alembic/versions/shop_stock.py"
    path.write_text(path.read_text() + (
        "\n\ndef upgrade():\n"
        "    found = op.get_bind().exec_driver_sql('SHOW application_name').scalar()\n"
        "    assert found == \"it's 100%\"\n"
    ))  # fmt: skip
    rehearsal = project.bridge(database).rehearse()
    assert rehearsal.report.rows is not None
    assert rehearsal.report.rows.after["items"] == 1


def test_a_copy_that_cannot_be_made_is_told(
    project: Project, sqlite_old: SQLiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("file", "")
    project.configure("backup", 'folder = "file"')
    assert refused(project, sqlite_old).help == (
        "Set backup.folder in the configuration to another folder.\n"
        "Then run: bridge dbupdate --rehearse"
    )
    project.replace("bridge.toml", '"file"', '"folder"')
    monkeypatch.setattr(bridge.upgrade.rehearsal_copy, "check_room", no_room)
    assert refused(project, sqlite_old).help == "Make room.\nThen run: bridge dbupdate --rehearse"
    assert not (project.root / "folder").exists()


def no_room(*_arguments: Any) -> None:
    raise bridge.upgrade.rehearsal_copy.BackupError(
        "No room.", help=[Remedy("Make room."), WITHOUT_BACKUP]
    )


# --- rows, in a real run --------------------------------------------------------------------


def lose_rows(project: Project, database: Database) -> None:
    """A revision that deletes rows and drops tables, and an old database that has them."""
    statements = ("DELETE FROM items WHERE id > 1", "DROP TABLE old_items", "DROP TABLE hollow")
    body = "".join(f"    op.execute({sql!r})\n" for sql in statements)
    path = project.root / "alembic/versions/shop_notes.py"
    path.write_text(f"{path.read_text()}\n\ndef upgrade():\n{body}")
    project.configure("database", 'ignore_tables = ["foreign_*"]')
    database.execute(
        "INSERT INTO items (id, name) VALUES (2, 'b'), (3, 'c')",
        "CREATE TABLE old_items (id INTEGER PRIMARY KEY)",
        "INSERT INTO old_items VALUES (1)",
        "CREATE TABLE hollow (id INTEGER PRIMARY KEY)",
        "CREATE TABLE foreign_one (id INTEGER PRIMARY KEY)",
    )


def test_a_run_counts_the_rows_before_and_after(project: Project, old: Database) -> None:
    lose_rows(project, old)
    document = json.loads(project.run("dbupdate", "--json", url=old).stdout)
    assert document["fewer_rows"] == ["items", "old_items"]
    assert document["rows"] == {
        "coupons": {"before": None, "after": 0},
        "items": {"before": 3, "after": 1},
        "hollow": {"before": 0, "after": None},
        "old_items": {"before": 1, "after": None},
        "orders": {"before": 0, "after": 0},
        "reviews": {"before": None, "after": 0},
    }
    again = json.loads(project.run("dbupdate", "--json", url=old).stdout)
    assert again == {"outcome": "nothing_to_do", "steps": [], "current": document["current"]}


def test_tables_that_lost_rows_are_named(project: Project, sqlite_old: Database) -> None:
    lose_rows(project, sqlite_old)
    assert project.run("dbupdate", url=sqlite_old).stdout.splitlines()[-2:] == [
        "Fewer rows than before: items (1, before: 3).",
        "Gone, dropped or renamed, with their rows: old_items (1 row).",
    ]


@pytest.mark.parametrize("dialect", SERVERS)
def test_large_tables_of_servers_are_not_counted(
    dialect: str, project: Project, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = at_base(make_database(dialect))
    database.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, text VARCHAR(2000))")
    rows = ", ".join(f"({n}, '{'x' * 2000}')" for n in range(100))
    database.execute(f"INSERT INTO large VALUES {rows}")
    database.execute("ANALYZE TABLE large" if dialect == "mariadb" else "ANALYZE large")
    monkeypatch.setattr(bridge.database.row_counts, "COUNTED_BYTES", 150_000)
    result = project.run("dbupdate", url=database)
    assert result.stdout.splitlines()[-1] == (
        "Not counted, since they are large or may not be read: large."
    )


def test_how_rows_compare() -> None:
    rows = Rows(
        {"same": 1, "fewer": 2, "more": 1, "gone": 3, "empty": 0, "large": None, "left": None},
        {"same": 1, "fewer": 0, "more": 2, "new": 5, "large": None, "fewer_new": 1},
    )
    assert (rows.fewer, rows.gone, rows.uncounted) == (
        ("fewer",), ("gone", "left"), ("large", "left")
    )  # fmt: skip
    assert rows_document(rows)["fewer_rows"] == ["fewer", "gone", "left"]
    assert ("large", "?", "?", "") in rows_table(rows)
    assert ("left", "?", "-", "gone or renamed") in rows_table(rows)
    assert ("fewer", "2", "0", "fewer") in rows_table(rows)


def test_how_tables_compare() -> None:
    def table(*columns: tuple[str, str], key: str = "a") -> dict[str, Any]:
        found = [{"name": n, "type": t, "nullable": True, "default": None} for n, t in columns]
        nothing: dict[str, Any] = {"foreign_keys": [], "unique": [], "indexes": []}
        return {"columns": found, "primary_key": [key], **nothing}

    before = {"t": table(("a", "INT"), ("b", "INT"), ("c", "INT")), "same": table(("a", "INT"))}
    after = {"t": table(("a", "INT"), ("c", "TEXT"), ("d", "INT"), key="d"), "same": before["same"]}
    assert changed_tables(before, after) == {"t": ["+d", "-b", "~c", "primary key"]}
