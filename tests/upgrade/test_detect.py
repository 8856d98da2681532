"""Every state of a real database is recognised, on every dialect, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.databases import Database, ServerDatabase, SQLiteDatabase
from support.projects import Project, copy_project, write_revisions, write_shop, write_versions

from bridge.database.engine import make_engine, read_only
from bridge.database.url import parse_url
from bridge.model.errors import BridgeError, DatabaseError, InconsistentError
from bridge.model.state import State


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project("shop", tmp_path / "shop")


def contents(database: Database) -> bytes | str:
    """What a write would change.

    All bytes of a file; what a dump has, byte for byte; on PostgreSQL the number of the next
    transaction that writes, which counts what was taken back, too.
    """
    if isinstance(database, SQLiteDatabase):
        return database.path.read_bytes()
    if database.dialect == "postgresql":
        with database.engine().connect() as connection:
            query = "SELECT CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text)"
            return str(connection.exec_driver_sql(query).scalar())
    assert isinstance(database, ServerDatabase)
    return database.dump()


def detect(project: Project, database: Database) -> State:
    """The state of a database, which looking must not change."""
    database.execute("SELECT 1")  # SQLite: now there is a file
    before = contents(database)
    state = project.bridge(database).status()
    assert contents(database) == before
    return state


def summary(state: State) -> tuple[str, dict[str, int | None], tuple[str, ...], str | None]:
    """What a state says in brief: its kind, the versions, the Alembic rows, the refusal's code."""
    versions = {name: legacy.version for name, legacy in state.legacy.items()}
    return state.kind, versions, state.current, state.problem.code if state.problem else None


def message(state: State) -> str:
    assert state.problem is not None
    return state.problem.message


# --- the design's table -------------------------------------------------------------------


def test_fresh(project: Project, database: Database) -> None:
    state = detect(project, database)
    assert summary(state) == ("fresh", {"shop": None, "reviews": None}, (), None)
    assert state.targets == ("coupons_ends", "reviews_text", "shop_stock")
    assert state.dialect == database.engine().dialect.name


def test_fresh_beside_empty_version_tables(project: Project, database: Database) -> None:
    write_versions(database)
    write_revisions(database, [])
    assert summary(detect(project, database))[0] == "fresh"


def test_legacy_at_any_version(project: Project, database: Database) -> None:
    write_shop(database, 2)
    write_versions(database, ("Shop", 2), ("Reviews", 0))
    state = detect(project, database)
    assert summary(state) == ("legacy", {"shop": 2, "reviews": 0}, (), None)


def test_handing_over(project: Project, database: Database) -> None:
    write_shop(database, 3)
    write_versions(database, ("Shop", 3))
    state = detect(project, database)
    assert summary(state) == ("handing over", {"shop": 3, "reviews": None}, (), None)


def test_alembic_behind_the_heads(project: Project, database: Database) -> None:
    write_shop(database, 3)
    write_versions(database, ("Shop", 3))
    write_revisions(database, ["shop_base"])
    state = detect(project, database)
    assert summary(state)[0] == "alembic"
    assert state.current == ("shop_base",)
    assert state.legacy["shop"].handed_over
    assert len(project.bridge().plan_from(state).steps) == 6


def test_alembic_at_the_heads(project: Project, database: Database) -> None:
    write_shop(database, 3)
    write_revisions(database, ["shop_stock", "reviews_text", "coupons_ends"])
    state = detect(project, database)
    assert summary(state)[0] == "alembic"
    assert project.bridge().plan_from(state).steps == ()


@pytest.mark.parametrize("folder_is_there", [True, False])
def test_dormant(project: Project, database: Database, folder_is_there: bool) -> None:
    """A row of a module that is off; without its folder nobody can know whose row it is."""
    project.replace("bridge.toml", '"alembic/coupons"', '"alembic/coupons"\nenabled = false')
    if not folder_is_there:
        (project.root / "alembic/coupons").rename(project.root / "elsewhere")
    write_revisions(database, ["shop_stock", "reviews_text", "coupons_base"])
    state = detect(project, database)
    if folder_is_there:
        assert summary(state)[0::3] == ("dormant", None)
        assert state.dormant == {"coupons": ("coupons_base",)}
        assert project.bridge().plan_from(state).steps == ()
    else:
        assert summary(state)[0::3] == ("ahead", "state-ahead")
        assert state.problem is not None
        assert state.problem.help.endswith(
            "If it belongs to the module coupons, which is switched off, restore its folder "
            f"{project.root}/alembic/coupons; the module may stay switched off."
        )


def test_unmanaged(project: Project, database: Database) -> None:
    write_shop(database, 3)
    state = detect(project, database)
    assert summary(state)[0::3] == ("unmanaged", "state-unmanaged")
    assert message(state) == (
        "There are tables (items, orders), but no version is recorded: there is no row in "
        "migrate_version or alembic_version. bridge cannot know which version they are at."
    )


def test_ahead_by_version(project: Project, database: Database) -> None:
    write_shop(database, 3)
    write_versions(database, ("Shop", 4))
    state = detect(project, database)
    assert summary(state) == ("ahead", {"shop": 4, "reviews": None}, (), "state-ahead")
    assert message(state) == (
        "The legacy repository shop is at version 4 in this database; this code knows 1 to 3: a "
        "newer release of the app wrote it."
    )


def test_ahead_by_revision(project: Project, database: Database) -> None:
    write_shop(database, 3)
    write_revisions(database, ["shop_newest", "coupons_base"])
    state = detect(project, database)
    assert summary(state)[0::3] == ("ahead", "state-ahead")
    assert state.current == ("coupons_base", "shop_newest")
    assert message(state) == (
        "The table alembic_version holds the revision shop_newest, which this code does not have: "
        "a newer release of the app wrote it, or another program that keeps its versions in the "
        "same table."
    )


Write = Callable[[Database], None]


def write_too_early(database: Database) -> None:
    write_versions(database, ("Shop", 2))
    write_revisions(database, ["shop_notes"])


INCONSISTENT: dict[str, tuple[Write, str]] = {
    "duplicate rows": (
        lambda db: write_versions(db, ("Shop", 2), ("Shop", 3), loose=True),
        "The table migrate_version holds 2 rows for the legacy repository shop: 'Shop' at 2, "
        "'Shop' at 3. It should hold one.",
    ),
    "rows of the id and of an alias": (
        lambda db: write_versions(db, ("Store", 2), ("Shop", 3)),
        "The table migrate_version holds 2 rows for the legacy repository shop: 'Shop' at 3, "
        "'Store' at 2. It should hold one.",
    ),
    "an empty version table": (
        write_versions,
        "The table migrate_version is empty, although there are tables of the app (items, orders). "
        "It should hold one with repository_id 'Shop'.",
    ),
    "the row of another name": (
        lambda db: write_versions(db, ("Market", 3)),
        "The table migrate_version has no row for the legacy repository shop: expected one with "
        "repository_id 'Shop', found 'Market', although there are tables (items, orders).",
    ),
    "a NULL version": (
        lambda db: write_versions(db, ("Shop", None)),
        "The row 'Shop' of the table migrate_version has no version (NULL). It should be a number "
        "from 0 to 3.",
    ),
    "legacy behind its stamp": (
        write_too_early,
        "The legacy repository shop is at version 2 in the table migrate_version, but the database "
        "is stamped with shop_base, which equals version 3 (its rows: shop_notes). The row should "
        "say 3 before that revision is stamped.",
    ),
    "another program's table": (
        lambda db: db.execute("CREATE TABLE migrate_version (name VARCHAR(9), version INTEGER)"),
        "The table migrate_version is not a version table: it has the columns name, version, and "
        "should have repository_id and version.",
    ),
    "another program's Alembic table": (
        lambda db: db.execute("CREATE TABLE alembic_version (head VARCHAR(9))"),
        "The table alembic_version is not a version table: it has the columns head, and should "
        "have version_num.",
    ),
}


@pytest.mark.parametrize("name", INCONSISTENT)
def test_inconsistent(project: Project, database: Database, name: str) -> None:
    project.configure("legacy.shop", 'aliases = ["Store"]')
    write, told = INCONSISTENT[name]
    write_shop(database, 3)
    write(database)
    state = detect(project, database)
    assert summary(state)[0::3] == ("inconsistent", "state-inconsistent")
    assert message(state) == told


def test_legacy_ran_on_after_the_hand_over(project: Project, database: Database) -> None:
    project.replace("bridge.toml", "{ 3 =", '{ 2 = ["shop_base"], 3 =')
    project.replace("bridge.toml", '3 = ["shop_base"]', '3 = ["shop_notes"]')
    write_shop(database, 3)
    write_versions(database, ("Shop", 3))
    write_revisions(database, ["shop_base"])
    state = detect(project, database)
    assert summary(state)[0::3] == ("inconsistent", "state-inconsistent")
    assert message(state) == (
        "The legacy repository shop is at version 3 in the table migrate_version, which equals "
        "shop_notes, but the database is stamped only with shop_base, which equals version 2: "
        "legacy scripts ran after the hand-over."
    )


# --- what old version tables are like -----------------------------------------------------


@pytest.mark.parametrize("path", [None, "", "C:\\gone\\away", "/srv/50%/legacy"])
def test_the_stored_path_does_not_matter(
    project: Project, database: Database, path: str | None
) -> None:
    write_shop(database, 1)
    write_versions(database, ("Shop", 1), path=path)
    assert summary(detect(project, database))[:2] == ("legacy", {"shop": 1, "reviews": None})


def test_an_older_name_of_the_repository(project: Project, database: Database) -> None:
    project.configure("legacy.shop", 'aliases = ["Shop Migrations", "Store"]')
    write_shop(database, 2)
    write_versions(database, ("Store", 2), ("Somebody else's".replace("'", "''"), 77))
    state = detect(project, database)
    assert summary(state)[:2] == ("legacy", {"shop": 2, "reviews": None})
    assert state.legacy["shop"].row_id == "Store"


def test_another_name_of_the_version_table(project: Project, database: Database) -> None:
    cfg = "legacy/shop/migrate.cfg"
    project.replace(cfg, "version_table=migrate_version", "version_table=db_migrate_version")
    write_shop(database, 2)
    write_versions(database, ("Shop", 2), table="db_migrate_version")
    write_versions(database, ("Reviews", 1), ("Shop", 99))
    state = detect(project, database)
    assert summary(state) == ("legacy", {"shop": 2, "reviews": 1}, (), None)


def test_a_table_without_the_path(project: Project, database: Database) -> None:
    write_shop(database, 2)
    database.execute(
        "CREATE TABLE migrate_version (repository_id VARCHAR(9), version INTEGER)",
        "INSERT INTO migrate_version VALUES ('Shop', 2)",
    )
    assert summary(detect(project, database))[:2] == ("legacy", {"shop": 2, "reviews": None})


# --- a squashed history -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "tables", "squashed", "kind", "code"),
    [
        (12, True, True, "legacy", "legacy-too-old"),
        (38, True, False, "legacy", "legacy-too-old"),
        (39, True, True, "legacy", "legacy-at-squash"),
        (39, True, False, "legacy", None),
        (39, False, True, "legacy", None),
        (40, True, True, "legacy", None),
        (42, True, True, "handing over", None),
        (43, True, True, "ahead", "state-ahead"),
    ],
)
def test_squashed(
    project: Project,
    database: Database,
    version: int,
    tables: bool,
    squashed: bool,
    kind: str,
    code: str | None,
) -> None:
    project.number_from(40)
    project.configure("legacy.shop", f"squashed = {str(squashed).lower()}")
    write_shop(database, 3 if tables else 0)
    write_versions(database, ("Shop", version))
    state = detect(project, database)
    assert summary(state)[0::3] == (kind, code)
    if not code:
        steps = [str(step) for step in project.bridge().plan_from(state).steps]
        legacy = [f"legacy shop {number}" for number in range(version + 1, 43)]
        assert steps[: len(legacy) + 1] == [*legacy, "stamp shop_base"]


# --- others in the same database ----------------------------------------------------------


def test_a_library_with_the_usual_alembic_table(project: Project, database: Database) -> None:
    project.configure("alembic", 'version_table = "shop_alembic_version"')
    write_revisions(database, ["of_a_library"])
    assert summary(detect(project, database))[0] == "fresh"
    write_shop(database, 3)
    write_versions(database, ("Shop", 3))
    assert summary(detect(project, database))[0::2] == ("handing over", ())
    write_revisions(database, ["shop_base"], table="shop_alembic_version")
    assert summary(detect(project, database))[0::2] == ("alembic", ("shop_base",))


def test_foreign_tables_are_not_the_apps(project: Project, database: Database) -> None:
    project.configure("database", 'ignore_tables = ["kombu_*", "spatial_ref_sys"]')
    database.execute(
        "CREATE TABLE kombu_message (id INTEGER PRIMARY KEY)",
        "CREATE TABLE spatial_ref_sys (id INTEGER PRIMARY KEY)",
    )
    write_versions(database, ("Kombu", 3))
    assert summary(detect(project, database))[0] == "fresh"
    database.execute("CREATE TABLE kombu (id INTEGER PRIMARY KEY)")
    assert summary(detect(project, database))[0::3] == ("inconsistent", "state-inconsistent")


# --- reading only -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO items (id, name) VALUES (2, 'x')",
        "UPDATE items SET name = 'x'",
        "DELETE FROM items",
        "CREATE TABLE t (id INTEGER)",
        "ALTER TABLE items ADD COLUMN c INTEGER",
        "DROP TABLE items",
    ],
)
def test_the_database_itself_refuses_writes_while_detecting(database: Database, write: str) -> None:
    write_shop(database, 1)
    before = contents(database)
    engine = make_engine(parse_url(database.url))
    # What SQLAlchemy raises becomes bridge's own error at the edge of the connection.
    with pytest.raises(DatabaseError, match=r"(?i)read.?only"), read_only(engine) as connection:
        connection.execute(sa.text(write))
    assert contents(database) == before


def test_after_detecting_the_callers_engine_writes_again(
    project: Project, database: Database
) -> None:
    """Its connection may be a pooled one, which the caller gets back."""
    write_shop(database, 1)
    write_versions(database, ("Shop", 1))
    pool = {"poolclass": sa.pool.StaticPool} if database.dialect == "sqlite" else {"pool_size": 1}
    engine = sa.create_engine(database.url, future=True, **pool)
    try:
        assert project.bridge().status(engine).kind == "legacy"
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE items SET name = 'written'"))
    finally:
        engine.dispose()
    assert database.rows()["items"] == [(1, "written")]


def test_a_sqlite_file_that_is_not_there_is_fresh_and_not_created(
    project: Project, tmp_path: Path
) -> None:
    file = tmp_path / "not there.db"
    bridge = project.bridge(f"sqlite:///{file}")
    assert bridge.status().kind == "fresh"
    assert bridge.status().new_file
    assert bridge.plan().steps
    assert not file.exists()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("'three'", "'three'"),
        ("2.5", "2.5"),
        ("9e999", "inf"),
        ("x'3132'", "b'12'"),
        ("'1_0'", "'1_0'"),
        ("''", "''"),
    ],
)
def test_what_stands_where_the_version_should_be_is_told(
    project: Project, sqlite_database: Database, value: str, shown: str
) -> None:
    write_shop(sqlite_database, 2)
    write_versions(sqlite_database, ("Shop", 2))
    sqlite_database.execute(f"UPDATE migrate_version SET version = {value}")
    problem = project.bridge(sqlite_database).status().problem
    assert problem is not None
    assert problem.message == (
        f"The row 'Shop' of the table migrate_version has {shown}, which is not a version. It "
        "should "
        "be a number from 0 to 3."
    )
    assert "UPDATE migrate_version SET version = VERSION" in problem.help


def test_looking_at_a_sqlite_file_leaves_nothing_beside_it(
    project: Project, sqlite_database: Database, tmp_path: Path
) -> None:
    write_shop(sqlite_database, 1)
    before = {path.name for path in tmp_path.iterdir()}
    project.bridge(sqlite_database).status()
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_database_in_memory_is_looked_at_through_the_callers_engine(project: Project) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool, future=True)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE items (id INTEGER)"))
    assert project.bridge().status(engine).kind == "unmanaged"
    engine.dispose()


# --- databases that cannot be read --------------------------------------------------------


def refused(project: Project, url: str) -> tuple[str, str, str]:
    with pytest.raises(BridgeError) as caught:
        project.bridge(url).status()
    error = caught.value
    assert isinstance(error, DatabaseError)
    return error.message, error.help, error.state_of_data


OPEN_HELP = (
    "Check that the server runs and that the URL is right (--url, BRIDGE_DATABASE_URL, or "
    "database.url in the configuration)."
)


def test_a_folder_that_is_not_there(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    assert refused(project, f"sqlite:///{folder}/x.db") == (
        f"The folder {folder} of the SQLite file x.db does not exist.",
        "Create the folder, or correct the database URL.",
        "There is no database yet.",
    )
    assert not folder.exists()


def test_a_file_that_is_no_database(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_text("Not a database, however long one looks at it. " * 30)
    assert refused(project, f"sqlite:///{file}") == (
        f"The database sqlite:///{file} cannot be read: file is not a database",
        "Check that it is the app's database, that this user may read its tables, and that no "
        "other program has it locked.",
        "The database is unchanged.",
    )


def test_a_folder_in_the_place_of_a_file(project: Project, tmp_path: Path) -> None:
    assert refused(project, f"sqlite:///{tmp_path}") == (
        f"The database sqlite:///{tmp_path} cannot be opened: unable to open database file",
        OPEN_HELP,
        "The database is unchanged.",
    )


def test_no_url_anywhere(project: Project) -> None:
    with pytest.raises(DatabaseError) as caught:
        project.bridge().status()
    assert (caught.value.message, caught.value.help) == (
        f"No database is named: there is no database.url in {project.file}.",
        "Give one: --url URL, BRIDGE_DATABASE_URL, or database.url",
    )


@pytest.mark.parametrize("url", ["media.db", "postgresql://h:x/d", "://", "user:secret@host"])
def test_a_url_that_is_none(project: Project, url: str) -> None:
    assert refused(project, url) == (
        "The database URL is not one that SQLAlchemy understands.",
        "Write it as DIALECT://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:///FILE; "
        "percent-encode special characters of the password.",
        "The database is unchanged.",
    )


def test_a_dialect_that_nobody_has(project: Project) -> None:
    message, advice, _state = refused(project, "nosuchdb://user:secret@host/d")
    assert message.startswith("The driver for nosuchdb is not installed: ")
    assert "secret" not in message
    assert advice == "Install the driver that the URL names, or name another one."


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgres://user:se@cret@host/d",
            (
                "The database URL has more than one @ before the host.",
                "Percent-encode special characters of the user and the password: @ is %40.",
            ),
        ),
        (
            "sqlite://media.db",
            (
                "The database URL sqlite://media.db has two slashes, where a file needs three.",
                "Write it as sqlite:///media.db, or sqlite:////FOLDER/media.db",
            ),
        ),
    ],
)
def test_a_slip_in_the_url(project: Project, url: str, expected: tuple[str, str]) -> None:
    assert refused(project, url) == (*expected, "The database is unchanged.")


def test_a_driver_that_is_not_installed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr("bridge.database.engine.sa.create_engine", missing)
    assert refused(project, "postgresql+psycopg://user:secret@host/d") == (
        "The driver for postgresql+psycopg is not installed: No module named 'psycopg'",
        "Install it: pip install 'psycopg[binary]'",
        "The database is unchanged.",
    )


@pytest.mark.server
def test_a_version_table_that_may_not_be_read(
    project: Project, make_database: Callable[[str], Database]
) -> None:
    database = make_database("postgresql")
    write_shop(database, 1)
    write_versions(database, ("Shop", 1))
    assert isinstance(database, ServerDatabase)
    user = f"reader_of_{database.name}"
    database.execute(f"CREATE USER {user} PASSWORD 'of the reader'")
    try:
        url = sa.engine.make_url(database.url).set(username=user, password="of the reader")
        text = url.render_as_string(hide_password=False)
        message, advice, _state = refused(project, text)
        assert message == (
            f"The database {url.render_as_string(hide_password=True)} cannot be read: "
            "permission denied for table migrate_version"
        )
        assert advice == (
            "Check that it is the app's database, that this user may read its tables, and that no "
            "other program has it locked."
        )
    finally:
        database.execute(f"DROP USER {user}")


def test_a_database_that_is_not_there_is_an_error_of_bridges_own(
    project: Project, database: Database
) -> None:
    url = sa.engine.make_url(database.url).set(database="/no/such/thing")
    with pytest.raises(DatabaseError) as caught:
        project.bridge(url.render_as_string(hide_password=False)).status()
    assert caught.value.exit_status == 4


# --- damaged tables -----------------------------------------------------------------------

# Rows of Alembic's version table that are none, and what removes them.
NO_REVISIONS = {
    "NULL": ("NULL", "version_num IS NULL"),
    "empty": ("''", "version_num = ''"),
    "spaces": ("'  '", "version_num = '  '"),
    "both": ("NULL), (''", "version_num IS NULL OR version_num = ''"),
}


@pytest.mark.parametrize("what", [*NO_REVISIONS])
def test_a_row_without_a_revision(project: Project, database: Database, what: str) -> None:
    value, condition = NO_REVISIONS[what]
    project.bridge(database).dbupdate()
    before = database.rows()
    database.execute(
        "CREATE TABLE rows_before AS SELECT * FROM alembic_version",
        "DROP TABLE alembic_version",
        "CREATE TABLE alembic_version AS SELECT * FROM rows_before",
        "DROP TABLE rows_before",
        *(["ALTER TABLE alembic_version MODIFY version_num VARCHAR(32) NULL"]
          if database.dialect == "mariadb" else []),
        f"INSERT INTO alembic_version VALUES ({value})",
    )  # fmt: skip
    state = detect(project, database)
    assert summary(state)[0::3] == ("inconsistent", "state-inconsistent")
    assert message(state).startswith("The table alembic_version holds a row that names no revision")
    assert state.problem is not None
    statement = f"DELETE FROM alembic_version WHERE {condition};"
    assert statement in state.problem.help
    with pytest.raises(InconsistentError):
        project.bridge(database).dbupdate()
    database.execute(statement)
    assert project.bridge(database).dbupdate().steps == ()
    after = database.rows()
    assert {name: sorted(after[name]) for name in after} == {
        name: sorted(before[name]) for name in before
    }


@pytest.mark.parametrize("details", ["not json", "[1]", "{", "7"])
def test_a_damaged_journal(project: Project, database: Database, details: str) -> None:
    project.bridge(database).dbupdate()
    with database.engine().begin() as connection:
        number = connection.exec_driver_sql("SELECT max(id) FROM bridge_journal").scalar()
        of_it = sa.text("UPDATE bridge_journal SET details = :details WHERE id = :number")
        connection.execute(of_it, {"details": details, "number": number})
    state = detect(project, database)
    assert summary(state)[0::3] == ("inconsistent", "state-inconsistent")
    assert message(state) == (
        f"The table bridge_journal is damaged: bridge did not write the details of row {number}."
    )
    assert state.problem is not None
    statement = f"UPDATE bridge_journal SET details = NULL WHERE id IN ({number});"
    assert statement in state.problem.help
    assert project.bridge(database).history()[-1].status == "done"
    with pytest.raises(InconsistentError):
        project.bridge(database).dbupdate()
    database.execute(statement)
    assert project.bridge(database).dbupdate().steps == ()
