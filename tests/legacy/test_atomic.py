"""A legacy version and its row are one where the database can; scripts notice nothing of it."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from support.databases import Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    add_note,
    notes,
    versions,
)

from bridge.model.errors import LegacyError, ResumeError
from bridge.model.steps import RunLegacy

MakeDatabase = Callable[[str], Database]
TRANSACTIONAL = ("sqlite", "postgresql")
pytestmark = LEGACY_SIDE


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    return LegacyProject(tmp_path / "the app")


@pytest.fixture(params=TRANSACTIONAL)
def one_database(request: pytest.FixtureRequest, make_database: MakeDatabase) -> Database:
    """A database that can roll back changes of the schema."""
    return make_database(request.param)


SESSION = "from sqlalchemy.orm import sessionmaker\nsession = sessionmaker(bind=migrate_engine)()\n"
INSERT = "INSERT INTO notes (text) VALUES ('{}')"


def insert(on: str, word: str) -> str:
    return f'{on}.execute(text("{INSERT.format(word)}"))\n'


REFUSED = insert("migrate_engine", "x").replace("notes", "nowhere")

# What a script does, and the notes that it leaves.
SCRIPTS = {
    "each statement by itself": (add_note("a") + add_note("b"), ["a", "b"]),
    "an error that is caught": (
        f"{add_note('a')}try:\n    {REFUSED}except Exception:\n    pass\n{add_note('b')}",
        ["a", "b"],
    ),
    "a transaction that is rolled back": (
        f"c = migrate_engine.connect()\nt = c.begin()\n{insert('c', 'a')}t.rollback()\n"
        f"{insert('c', 'b')}c.close()\n",
        ["b"],
    ),
    "a transaction that fails as a whole": (
        f"{add_note('a')}try:\n    with migrate_engine.begin() as c:\n        {insert('c', 'b')}"
        f"        {insert('c', 'c')}        raise ValueError\nexcept ValueError:\n    pass\n",
        ["a"],
    ),
    "a savepoint of its own": (
        f"with migrate_engine.begin() as c:\n    {insert('c', 'a')}    n = c.begin_nested()\n"
        f"    {insert('c', 'b')}    n.rollback()\n",
        ["a"],
    ),
    "a session that commits and rolls back": (
        f"{SESSION}{insert('session', 'a')}session.commit()\n{insert('session', 'b')}"
        f"session.rollback()\n{insert('session', 'c')}session.commit()\nsession.close()\n",
        ["a", "c"],
    ),
    "a session beside the engine": (
        f"{SESSION}rows = session.execute(text('SELECT 1')).fetchall()\n{add_note('a')}"
        f"{insert('session', 'b')}session.commit()\n{add_note('c')}session.close()\n",
        ["a", "b", "c"],
    ),
    "changes of the schema between rows": (
        f"{add_note('a')}migrate_engine.execute('ALTER TABLE notes ADD COLUMN n INTEGER')\n"
        "migrate_engine.execute('UPDATE notes SET n = 1')\n"
        f"migrate_engine.execute('ALTER TABLE notes RENAME TO old')\n"
        "migrate_engine.execute('ALTER TABLE old RENAME TO notes')\n" + add_note("b"),
        ["a", "b"],
    ),
    "a pool that is disposed of": (
        f"{add_note('a')}migrate_engine.dispose()\n{add_note('b')}",
        ["a", "b"],
    ),
}


@pytest.mark.parametrize("apart", [False, True], ids=["as one", "apart"])
@pytest.mark.parametrize("case", SCRIPTS)
def test_a_script_does_what_it_did_before(
    project: LegacyProject, one_database: Database, case: str, apart: bool
) -> None:
    body, left = SCRIPTS[case]
    # A word in a comment is enough to let a version run as sqlalchemy-migrate runs it.
    project.repository({"001_notes": CREATE_NOTES, "002_does": body + "# VACUUM\n" * apart})
    project.install(one_database)
    steps = project.bridge(one_database).plan().steps
    assert [s.non_transactional for s in steps if isinstance(s, RunLegacy)] == [
        None,
        "VACUUM" if apart else None,
    ]
    project.update(one_database)
    assert notes(one_database) == left
    assert versions(one_database) == {"app": 2}


@pytest.mark.parametrize("case", SCRIPTS)
def test_a_script_that_fails_leaves_nothing(
    project: LegacyProject, one_database: Database, case: str
) -> None:
    body, _ = SCRIPTS[case]
    project.repository({"001_notes": CREATE_NOTES, "002_does": f"{body}raise ValueError\n"})
    error = project.refused(one_database)
    assert error.state_of_data == (
        "The database is at version 1 of app, as its row says; version 2 has changed nothing."
    )
    assert notes(one_database) == []
    assert [column["name"] for column in one_database.schema()["tables"]["notes"]["columns"]] == [
        "id",
        "text",
    ]
    assert versions(one_database) == {"app": 1}


def test_a_session_that_nobody_commits_does_not_lock_the_version_row(
    project: LegacyProject, one_database: Database
) -> None:
    """On SQLite it locks sqlalchemy-migrate itself out."""
    body = f"{add_note('a')}{SESSION}{insert('session', 'b')}"
    project.repository({"001_notes": CREATE_NOTES, "002_leaves": body})
    project.update(one_database)
    assert notes(one_database) == ["a"]
    assert versions(one_database) == {"app": 2}


def test_a_version_whose_row_cannot_be_written_leaves_nothing(
    project: LegacyProject, one_database: Database
) -> None:
    drop = "migrate_engine.execute('DROP TABLE migrate_version')\n"
    project.repository({"001_notes": CREATE_NOTES, "002_drops": add_note("a") + drop})
    error = project.refused(one_database)
    assert "migrate_version" in error.message
    assert notes(one_database) == []
    assert versions(one_database) == {"app": 1}


# --- what cannot be one -------------------------------------------------------------------

# Words that the text of a script would betray it by are written in two parts.
INSERT_B = INSERT.format("b")
DRIVER = (
    "c = getattr(migrate_engine, 'raw' + '_connection')()\nk = c.cursor()\n"
    f'k.execute("{INSERT_B}")\nc.commit()\nc.close()\n'
)
ANYWHERE = {
    "an engine of its own": (
        "import sqlalchemy\n"
        "own = getattr(sqlalchemy, 'create' + '_engine')(migrate_engine.url)\n"
        + insert("own", "b"),
        "it opens a connection of its own",
    ),
    "the driver's connection": (DRIVER, "it uses the driver's own connection"),
    "the driver's connection, and it catches everything": (
        f"try:\n    import sys\n{textwrap.indent(DRIVER, '    ')}except:\n    pass\n",
        "it uses the driver's own connection",
    ),
    "a thread": (
        "import threading\n"
        f"t = threading.Thread(target=lambda: {insert('migrate_engine', 'b').strip()})\n"
        "t.start(); t.join()\n",
        "it works in several threads",
    ),
    "two transactions at one time": (
        "c, d = migrate_engine.connect(), migrate_engine.connect()\nt = c.begin()\n"
        f"{insert('c', 'c')}u = d.begin()\nd.execute('SELECT 1')\nu.commit()\nt.rollback()\n"
        f"c.close(); d.close()\n{insert('migrate_engine', 'b')}",
        "it rolled back, or left open, one transaction while another had changes",
    ),
}
SQLITE = {
    "a setting": (
        "migrate_engine.execute('PRAGMA foreign' '_keys = ON')\n" + add_note("b"),
        "it runs PRAGMA foreign_keys = ON",
    ),
    "VACUUM": ("migrate_engine.execute('VAC' 'UUM')\n" + add_note("b"), "it runs VACUUM"),
}
LEVEL = "c = migrate_engine.connect().execution_options(isolation_level='AUTO' 'COMMIT')\n"
POSTGRESQL = {
    "an index that is made beside the work": (
        f"{LEVEL}c.execute('CREATE INDEX CONCURRENT' 'LY i ON notes (text)')\nc.close()\n"
        + add_note("b"),
        "it asks for the isolation level AUTOCOMMIT",
    ),
    "a new value of an old type": (
        'migrate_engine.execute("ALTER TYPE kind ADD" " VALUE \'new\'")\n'
        "migrate_engine.execute(\"CREATE TABLE k AS SELECT 'new'::kind AS kind\")\n"
        "migrate_engine.execute('DROP TABLE k')\n" + add_note("b"),
        "it runs ALTER TYPE kind ADD VALUE 'new'",
    ),
    "a constraint that is checked at the commit": (
        "migrate_engine.execute('ALTER TABLE notes ADD COLUMN other INTEGER '\n"
        "    'REFERENCES notes DEFERRABLE INITIALLY DEFERRED')\n"
        'migrate_engine.execute("INSERT INTO notes (text, other) "\n'
        "    \"SELECT 'b', id FROM notes\")\n"
        "migrate_engine.execute('ALTER TABLE notes DROP COLUMN other')\n",
        'inside a transaction the database says: cannot ALTER TABLE "notes" because it has '
        "pending trigger events",
    ),
}
FIRST = CREATE_NOTES + (
    "if migrate_engine.name == 'postgresql':\n"
    "    migrate_engine.execute(\"CREATE TYPE kind AS ENUM ('old')\")\n"
)


@pytest.mark.parametrize(
    ("dialect", "body", "reason"),
    [
        pytest.param(dialect, *case, id=f"{name}-{dialect}")
        for dialect, own in (("sqlite", SQLITE), ("postgresql", POSTGRESQL))
        for name, case in {**ANYWHERE, **own}.items()
    ],
)
def test_what_turns_out_not_to_be_one_runs_again_statement_by_statement(
    dialect: str,
    body: str,
    reason: str,
    project: LegacyProject,
    make_database: MakeDatabase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = make_database(dialect)
    project.repository(
        {"001_first": FIRST, "002_apart": add_note("a") + body, "003_last": add_note("c")}
    )
    with caplog.at_level(logging.INFO, "bridge.legacy"):
        project.update(database)
    assert notes(database) == ["a", "b", "c"]
    assert versions(database) == {"app": 3}
    said = [r.getMessage() for r in caplog.records if "one transaction" in r.getMessage()]
    assert said == [f"legacy app 2 cannot run as one transaction: {reason}"]


ONE = """
migrate_engine.execute("UPDATE notes SET text = 'pending; end' WHERE text = 'attach'")
migrate_engine.execute("CREATE TABLE vacuum_dependencies (id INTEGER, committed INTEGER)")
migrate_engine.execute("-- COMMIT;\\nINSERT INTO vacuum_dependencies VALUES (1, 2 /* ; END; */)")
"""
TRIGGERS = {
    "sqlite": "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes WHERE 1 = 0; END",
    "postgresql": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $x$ BEGIN NULL;\\n"
    "END; $x$",
}


@pytest.mark.parametrize("dialect", TRIGGERS)
def test_words_within_a_statement_keep_no_version_from_being_one_transaction(
    dialect: str,
    project: LegacyProject,
    make_database: MakeDatabase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = f'{ONE}migrate_engine.execute("{TRIGGERS[dialect]}")\n'
    project.repository({"001_notes": CREATE_NOTES, "002_one": body})
    with caplog.at_level(logging.INFO, "bridge.legacy"):
        project.update(database := make_database(dialect))
    assert versions(database) == {"app": 2}
    assert "one transaction" not in caplog.text
    body = f"{body}raise ValueError('after all')"
    project.repository({"001_notes": CREATE_NOTES, "002_one": body})
    database = make_database(dialect)
    assert project.refused(database).state_of_data.endswith("version 2 has changed nothing.")
    assert "vacuum_dependencies" not in database.rows()


def test_a_version_that_fails_apart_says_what_may_have_stayed(
    project: LegacyProject, one_database: Database
) -> None:
    body = f"{add_note('a')}{ANYWHERE['an engine of its own'][0]}raise ValueError('after all')"
    project.repository({"001_notes": CREATE_NOTES, "002_apart": body})
    error = project.refused(one_database)
    assert error.message.endswith("ValueError: after all")
    assert error.state_of_data.startswith(
        "The database is at version 1 of app, as its row says, but 2 statements of version 2 had"
    )
    assert notes(one_database) == ["a", "b"]
    assert versions(one_database) == {"app": 1}


def test_what_an_earlier_run_left_of_such_a_version_is_reported(
    project: LegacyProject, one_database: Database
) -> None:
    make = "migrate_engine.execute('CREATE TABLE half (id INTEGER)')\n"
    body = f"# VACUUM, CONCURRENTLY\n{make}raise ValueError('after all')"
    project.repository({"001_notes": CREATE_NOTES, "002_apart": body})
    told = "But an earlier run had failed in version 2"
    assert told not in project.refused(one_database).state_of_data
    again = project.refused(one_database)
    assert "half" in again.message  # it is there already
    assert told in again.state_of_data
    one_database.execute("DROP TABLE half")
    project.repository({"001_notes": CREATE_NOTES, "002_apart": f"# VACUUM, CONCURRENTLY\n{make}"})
    project.update(one_database)
    assert versions(one_database) == {"app": 2}


def test_such_a_version_is_not_run_over_what_a_killed_run_has_done(
    project: LegacyProject, one_database: Database
) -> None:
    made = "# VACUUM, CONCURRENTLY\n" + add_note("twice?")
    project.repository({"001_notes": CREATE_NOTES, "002_apart": f"{made}raise ValueError()"})
    project.refused(one_database)
    # A run that is killed cannot say that it failed.
    one_database.execute("DELETE FROM bridge_journal WHERE status = 'failed'")
    project.repository({"001_notes": CREATE_NOTES, "002_apart": made})
    stopped = project.refused(one_database)
    assert (stopped.code, stopped.message) == (
        "cannot-resume",
        "An earlier run ended in the middle of the step 'legacy app 2', whose statements are "
        "committed one by one. How many of them have run is not known.",
    )
    assert stopped.help.endswith("bridge resume --from-statement 1")
    assert project.refused(one_database).code == "cannot-resume"  # nor by the run after that
    assert notes(one_database) == ["twice?"]
    bridge = project.bridge(one_database)
    with pytest.raises(ResumeError, match="only run again as a whole"):
        bridge.dbupdate(from_statement=2)
    one_database.execute("DELETE FROM notes")
    project.repository({"001_notes": CREATE_NOTES, "002_apart": "# VACUUM, CONCURRENTLY\nnothing"})
    with pytest.raises(LegacyError) as failed:
        bridge.dbupdate(from_statement=1)
    assert failed.value.help.startswith(
        "Fix the error above, then run: bridge resume --from-statement 1"
    )
    project.repository({"001_notes": CREATE_NOTES, "002_apart": made})
    bridge.dbupdate(from_statement=1)
    assert notes(one_database) == ["twice?"]
    assert versions(one_database) == {"app": 2}


def test_nor_over_what_a_worker_that_died_has_done(
    project: LegacyProject, one_database: Database
) -> None:
    raw = ANYWHERE["an engine of its own"][0]  # which only running tells
    body = add_note("a") + raw
    project.repository({"001_notes": CREATE_NOTES, "002_apart": f"{body}import os\nos._exit(3)"})
    assert project.refused(one_database).code == "legacy-worker"
    assert notes(one_database) == ["a", "b"]
    project.repository({"001_notes": CREATE_NOTES, "002_apart": body})
    stopped = project.refused(one_database)
    assert stopped.code == "cannot-resume"
    assert "bridge-backup" not in stopped.help
    assert notes(one_database) == ["a", "b"]
    one_database.execute("DELETE FROM notes")
    project.bridge(one_database).dbupdate(from_statement=1)
    assert notes(one_database) == ["a", "b"]


TEXTS = {
    "VACUUM": {"sqlite": "VACUUM", "postgresql": "VACUUM"},
    "PRAGMA foreign_keys=OFF": {"sqlite": "PRAGMA foreign_keys="},
    "PRAGMA table_info(notes)": {},
    "create_engine(migrate_engine.url)": dict.fromkeys(TRANSACTIONAL, "create_engine"),
    "ALTER TYPE kind ADD VALUE 'x'": {"postgresql": "ALTER TYPE kind ADD VALUE"},
    "CREATE INDEX CONCURRENTLY": {"postgresql": "CONCURRENTLY"},
    "isolation_level='AUTOCOMMIT'": {"postgresql": "AUTOCOMMIT"},
}


@pytest.mark.parametrize("text", TEXTS)
def test_the_plan_says_which_versions_commit_each_statement(
    project: LegacyProject, make_database: MakeDatabase, text: str
) -> None:
    project.repository(
        {"001_notes": CREATE_NOTES, "002_apart": f"# {text}", "003_vacuum_mysql_upgrade.sql": text}
    )
    for dialect in (*TRANSACTIONAL, "mariadb"):
        database = make_database(dialect)
        project.install(database)
        steps = project.bridge(database).plan().steps
        apart = {
            s.version: s.non_transactional
            for s in steps
            if isinstance(s, RunLegacy) and s.non_transactional
        }
        expected = TEXTS[text].get(dialect)
        assert apart == ({2: expected} if expected else {})
