"""A replayed version that was interrupted, where the schema says how much of it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from support.databases import Database, MariaDBDatabase
from support.legacy_projects import CREATE_NOTES, ONCE, LegacyProject, versions
from support.servers import MariaDB

from bridge.freeze.commits import numbers_of_commits
from bridge.legacy.frozen import replay
from bridge.model.errors import LegacyError, ResumeError
from bridge.upgrade.execute.run_journal import RunJournal

pytestmark = [ONCE, pytest.mark.server]

MakeDatabase = Callable[[str], Database]

# What a second run of one of them would do is not the same, or fails.
STATEMENTS = (
    "INSERT INTO notes (id, text) VALUES (7, 'first')",
    "UPDATE notes SET text = CONCAT(text, '!')",
    "CREATE TABLE pages (id INTEGER PRIMARY KEY, size INTEGER NOT NULL)",
    "ALTER TABLE pages ADD lang VARCHAR(8)",
    "INSERT INTO pages VALUES (1, 1, 'de')",
    "CREATE INDEX sizes ON pages (size)",
    "UPDATE pages SET size = size + 1",
    "UPDATE pages SET size = size * 3",
    "ALTER TABLE notes ADD more INTEGER DEFAULT 1",
    "DROP INDEX sizes ON pages",
    "ALTER TABLE pages RENAME TO sheets",
    "UPDATE sheets SET size = size + 7",
)
COMMITS = (3, 4, 6, 9, 10, 11)


def write(project: LegacyProject, statements: Sequence[str] = STATEMENTS) -> None:
    """A history whose version 2 has these statements."""
    way = "\n".join(f"migrate_engine.execute({sql!r})" for sql in statements)
    project.repository({"001_notes": CREATE_NOTES, "002_way": way})


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("mariadb")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, mariadb_server: MariaDB) -> LegacyProject:
    project = LegacyProject(tmp_path_factory.mktemp("position"))
    write(project)
    return frozen(project, MariaDBDatabase(mariadb_server, "test_position_scratch"))


@pytest.fixture(scope="module")
def whole(project: LegacyProject, mariadb_server: MariaDB) -> tuple[Any, Any]:
    """What an undisturbed run leaves."""
    database = MariaDBDatabase(mariadb_server, "test_position_whole")
    project.update(database)
    found = contents(database)
    database.drop()
    return found


def frozen(project: LegacyProject, database: Database) -> LegacyProject:
    bridge = project.bridge(database)
    bridge.freeze([database.url], sqlite=False)
    database.drop()
    history = bridge.project.histories["app"].on("mysql")
    assert history is not None
    assert history.versions[2].replay, history.versions[2].reason
    return project


class Stopped(BaseException):
    """Ends a run as a signal does."""


def stop(monkeypatch: pytest.MonkeyPatch, sql: str, *, after: bool, killed: bool) -> None:
    """End the process at a statement of version 2."""
    original = replay._send

    def send(connection: Connection, statements: Sequence[str]) -> None:
        if [*statements] != [sql]:
            original(connection, statements)
            return
        if after:
            original(connection, statements)
        raise Stopped if killed else KeyboardInterrupt

    monkeypatch.setattr(replay, "_send", send)


def contents(database: Database) -> tuple[Any, Any]:
    return database.schema(), database.rows(["alembic_version"])


def journal(database: Database) -> list[str]:
    """What the journal still has of statements."""
    with database.engine().connect() as connection:
        found = connection.execute(sa.text("SELECT step FROM bridge_journal")).scalars()
        return [step for step in found if step in ("statement", "replayed")]


def test_what_each_statement_makes_of_the_schema_is_recorded(
    project: LegacyProject, database: Database
) -> None:
    history = project.bridge(database).project.histories["app"].on("mysql")
    assert history is not None
    assert tuple(history.versions[2].commits or ()) == COMMITS
    before = history.schema_at(1)
    assert history.schema_within(2, 0, before) == before
    assert history.schema_within(2, len(STATEMENTS), before) == history.schema_at(2)
    assert "sizes" not in str(history.schema_within(2, 5, before))
    assert "sizes" in str(history.schema_within(2, 9, before))


def test_a_replay_that_stops_at_any_statement_ends_as_one_that_does_not(
    project: LegacyProject,
    whole: tuple[Any, Any],
    make_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(1, len(STATEMENTS) + 1):
        for after in (False, True) if number in COMMITS else (number % 2 == 0,):
            database = make_database("mariadb")
            project.install(database)
            with monkeypatch.context() as patch:
                killed = after == (number % 3 == 0)
                stop(patch, STATEMENTS[number - 1], after=after, killed=killed)
                if killed:
                    patch.setattr(RunJournal, "fail", lambda *_, **__: None)
                with pytest.raises((Stopped, KeyboardInterrupt)):
                    project.bridge(database).dbupdate()
            assert versions(database) == {"app": 1}
            assert project.bridge(database).dbupdate().outcome == "upgraded"
            assert contents(database) == whole, (number, after)
            assert journal(database) == []


# --- refused statements ---------------------------------------------------------------------

REFUSALS = {"before it commits": "SELECT nothing FROM nowhere", "after that": "DROP TABLE nowhere"}


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, refusal: str) -> None:
    """Let the server refuse a statement of version 2, as if it were another one."""
    original, sql = replay._send, STATEMENTS[number - 1]

    def send(connection: Connection, statements: Sequence[str]) -> None:
        original(connection, [refusal if one == sql else one for one in statements])

    monkeypatch.setattr(replay, "_send", send)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_statement_that_was_refused_runs_again(
    project: LegacyProject,
    whole: tuple[Any, Any],
    make_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
    refusal: str,
) -> None:
    numbers = COMMITS if refusal == "after that" else range(1, len(STATEMENTS) + 1)
    for number in numbers:
        database = make_database("mariadb")
        project.install(database)
        with monkeypatch.context() as patch:
            refuse(patch, number, REFUSALS[refusal])
            with pytest.raises(LegacyError) as caught:
                project.bridge(database).dbupdate()
        assert "nowhere" in caught.value.message
        stays = "the next run resumes" if number >= COMMITS[0] else "has changed nothing."
        assert stays in caught.value.state_of_data
        assert project.bridge(database).dbupdate().outcome == "upgraded"
        assert contents(database) == whole, number
        assert journal(database) == []


MENDS = {
    "a row format": "ALTER TABLE pages ROW_FORMAT = COMPACT",
    "an index of one's own": "CREATE INDEX own ON notes (id)",
    "a table of one's own": "CREATE TABLE own (id INTEGER)",
    "rows": "UPDATE pages SET lang = 'en'",
    "a column of the table": "ALTER TABLE pages ADD own INTEGER FIRST",
    "a type": "ALTER TABLE pages MODIFY lang VARCHAR(9)",
    "a character set": "ALTER TABLE pages CONVERT TO CHARACTER SET latin1",
}


@pytest.mark.parametrize("mend", MENDS)
def test_what_the_administrator_mends_is_not_taken_for_the_effect_of_a_refused_statement(
    project: LegacyProject, database: Database, monkeypatch: pytest.MonkeyPatch, mend: str
) -> None:
    with monkeypatch.context() as patch:
        project.install(database)
        refuse(patch, 6, REFUSALS["after that"])
        with pytest.raises(LegacyError):
            project.bridge(database).dbupdate()
    database.execute(MENDS[mend])
    # The step is finished; some mends are differences at the hand-over, which is another matter.
    project.bridge(database).dbupdate(accept_drift=["*"])
    rows = database.rows(["alembic_version"])
    assert [str(value) for value in rows["sheets"][0] if value not in (None, "en", "de")] == [
        "1",
        "13",
    ]
    assert "sizes" not in str(database.schema())
    assert [row[1] for row in rows["notes"]] == ["first!"]


def test_what_is_there_of_a_refused_statement_is_told(
    project: LegacyProject, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        project.install(database)
        refuse(patch, 6, REFUSALS["after that"])
        with pytest.raises(LegacyError):
            project.bridge(database).dbupdate()
    database.execute("CREATE INDEX sizes ON pages (size)")
    for _ in range(2):  # what is known of the first run stays known
        with pytest.raises(ResumeError) as caught:
            project.bridge(database).dbupdate()
        assert (
            "was interrupted at its statement 6, and cannot resume by itself"
            in caught.value.message
        )
        assert "sizes" in caught.value.message
        assert "bridge resume --from-statement 6" in caught.value.help
    database.execute("DROP INDEX sizes ON pages")
    assert project.bridge(database).dbupdate().outcome == "upgraded"


# --- what nobody can know -------------------------------------------------------------------


def half(
    project: LegacyProject,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    sql: str = STATEMENTS[3],
) -> None:
    """Kill a run behind a statement of version 2."""
    project.install(database)
    with monkeypatch.context() as patch:
        stop(patch, sql, after=True, killed=True)
        patch.setattr(RunJournal, "fail", lambda *_, **__: None)
        with pytest.raises(Stopped):
            project.bridge(database).dbupdate()


@pytest.mark.parametrize("change", ["ALTER TABLE pages DROP COLUMN lang, ADD other INTEGER",
                                    "DROP TABLE pages, notes"])  # fmt: skip
def test_a_schema_that_is_that_of_no_statement_is_told(
    project: LegacyProject, database: Database, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    half(project, database, monkeypatch)
    database.execute(change)
    before = contents(database)
    with pytest.raises(ResumeError) as caught:
        project.bridge(database).dbupdate()
    assert "bridge resume --from-statement" in caught.value.help
    assert "This run has changed nothing more in that step" in caught.value.state_of_data
    assert contents(database) == before


def test_a_dump_that_was_restored_by_hand_is_not_taken_for_half_of_a_replay(
    project: LegacyProject, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the tables of before, but the journal, which it does not have, tells of rows."""
    project.install(database)
    with monkeypatch.context() as patch:
        refuse(patch, 3, REFUSALS["after that"])
        with pytest.raises(LegacyError):
            project.bridge(database).dbupdate()
    database.execute(
        "DELETE FROM notes",
        # As a dump does: DROP TABLE, CREATE TABLE.
        "UPDATE bridge_journal SET details = REPLACE(details, '\"created\": ', '\"created\": 1')",
    )
    for _ in range(2):
        with pytest.raises(
            ResumeError, match="the table migrate_version was created again"
        ) as caught:
            project.bridge(database).dbupdate()
        assert "bridge resume --from-statement 1" in caught.value.help
    assert project.bridge(database).dbupdate(from_statement=1).outcome == "upgraded"
    assert [row[1] for row in database.rows()["notes"]] == ["first!"]


def test_the_administrator_says_where_it_resumes(
    project: LegacyProject,
    whole: tuple[Any, Any],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half(project, database, monkeypatch)
    database.execute("DROP TABLE pages")
    assert project.bridge(database).dbupdate(from_statement=3).outcome == "upgraded"
    assert contents(database) == whole


def test_its_script_does_not_run_where_half_of_it_was_replayed(
    project: LegacyProject, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    half(project, database, monkeypatch)
    with pytest.raises(ResumeError, match="--legacy live was given") as caught:
        project.bridge(database).dbupdate(method="live")
    assert "bridge dbupdate" in caught.value.help
    assert project.bridge(database).status().interrupted == "legacy app 2"
    assert project.bridge(database).dbupdate().outcome == "upgraded"


def test_a_version_row_of_another_version_is_that_of_another_history(
    project: LegacyProject, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    half(project, database, monkeypatch)
    database.execute("UPDATE migrate_version SET version = 2")
    assert project.bridge(database).status().interrupted is None


# --- where the schema does not tell ---------------------------------------------------------


def test_tables_without_transactions_are_written_down_statement_by_statement(
    project: LegacyProject, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.install(database)
    database.execute("CREATE TABLE own (id INTEGER) ENGINE = MyISAM")
    with monkeypatch.context() as patch:
        refuse(patch, 6, REFUSALS["after that"])
        with pytest.raises(LegacyError):
            project.bridge(database).dbupdate()
    assert "statement" in journal(database)
    assert "replayed" not in journal(database)
    with pytest.raises(ResumeError, match="which it ran by the method replay"):
        project.bridge(database).dbupdate(method="live")
    assert project.bridge(database).dbupdate().outcome == "upgraded"


def test_names_that_change_places_are_not_changed_twice(
    tmp_path: Path, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tables that are alike change their names: the schema is as before."""
    statements = (
        "CREATE TABLE ones (id INTEGER PRIMARY KEY)",
        "CREATE TABLE twos (id INTEGER PRIMARY KEY)",
        "INSERT INTO ones VALUES (1)",
        "RENAME TABLE ones TO others, twos TO ones, others TO twos",
    )
    project = LegacyProject(tmp_path)
    write(project, statements)
    frozen(project, make_database("mariadb"))
    database = make_database("mariadb")
    half(project, database, monkeypatch, statements[-1])
    with pytest.raises(ResumeError, match="the same after statement 3 and 4"):
        project.bridge(database).dbupdate()
    project.bridge(database).dbupdate(from_statement=5)
    assert [len(database.rows()[name]) for name in ("ones", "twos")] == [0, 1]


@pytest.mark.parametrize(
    ("statements", "numbers"),
    [
        (["CREATE TABLE a (b INT)", "INSERT INTO a VALUES (1)", "TRUNCATE a"], {1, 3}),
        (["SET FOREIGN_KEY_CHECKS = 0", "RENAME TABLE a TO b"], {2}),
        (["CREATE TABLE a AS SELECT 1"], None),
        (["CREATE TABLE a (b INT) SELECT 1 AS b"], None),
        (["CALL something()"], None),
        (["START TRANSACTION"], None),
        (["SET autocommit = 1"], None),
        (["LOCK TABLES a WRITE"], None),
        (["CREATE TEMPORARY TABLE a (b INT)"], None),
        (["SAVEPOINT a"], None),
    ],
)
def test_which_statements_commit(statements: list[str], numbers: set[int] | None) -> None:
    assert numbers_of_commits(statements) == numbers
