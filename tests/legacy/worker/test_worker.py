"""Legacy scripts as real histories have them: what fails, what goes on."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import StaticPool
from support.databases import Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    add_note,
    notes,
    script,
    versions,
)
from support.projects import VERSION_TABLE

from bridge.model.errors import DatabaseError, LegacyError, LegacyWorkerError

pytestmark = LEGACY_SIDE


def test_a_gate_shows_its_message_and_the_version_stays(
    project: LegacyProject, database: Database
) -> None:
    gate = """
    left = migrate_engine.execute("SELECT count(*) FROM notes").scalar()
    if left:
        raise Exception("%d notes are not migrated.\\nRun the online migration first." % left)
    """
    project.repository(
        {"001_notes": CREATE_NOTES, "002_note": add_note("old"), "003_gate": gate, "004_end": ""}
    )
    error = project.refused(database)
    assert isinstance(error, LegacyError)
    assert project.message(error) == (
        "Version 3 of the legacy repository app failed "
        "(ROOT/legacy/app/versions/003_gate.py, line 8):\n"
        "Exception: 1 notes are not migrated.\nRun the online migration first."
    )
    assert error.help.splitlines()[0] == "Fix the error above, then run: bridge dbupdate"
    assert error.state_of_data == (
        "The database is at version 2 of app, as its row says; version 3 has changed nothing."
    )
    assert [step["version"] for step in error.steps] == [1, 2]
    assert versions(database) == {"app": 2}
    assert notes(database) == ["old"]


def test_a_statement_that_fails_is_shown_with_what_stayed(
    project: LegacyProject, database: Database
) -> None:
    body = add_note("first") + "migrate_engine.execute(text('INSERT INTO nowhere VALUES (1)'))"
    project.repository({"001_notes": CREATE_NOTES, "002_half": body})
    error = project.refused(database)
    assert isinstance(error, LegacyError)
    first, said, *_, sql = project.message(error).splitlines()
    assert first == (
        "Version 2 of the legacy repository app failed "
        "(ROOT/legacy/app/versions/002_half.py, line 7):"
    )
    assert "nowhere" in said
    assert sql == "SQL: INSERT INTO nowhere VALUES (1)"
    if database.dialect == "mariadb":
        assert error.state_of_data == (
            "The database is at version 1 of app, as its row says; 1 statement of version 2 had "
            "run before. What is committed stays and is recorded: the next run "
            "resumes after it."
        )
    else:
        assert error.state_of_data == (
            "The database is at version 1 of app, as its row says; version 2 has changed nothing."
        )
        assert notes(database) == []
    assert versions(database) == {"app": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import sys; sys.exit('stop the server first')", "stop the server first"),
        ("import sys; sys.exit(3)", "it ended the program with status 3"),
        ("import sys; sys.exit()", "it ended the program with status 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        (
            "class Broken(Exception):\n    __str__ = None\nraise Broken()",
            "Broken",
        ),
        ("input('go on? ')", "EOFError: EOF when reading a line"),
        ("import sys; sys.stdout.close(); sys.stderr.close(); print(1)", "closed file"),
        ("{}.items().sort()\n", "'dict_items' object has no attribute 'sort'"),
        ("x = {}\nx.has_key('a')", "has no attribute 'has_key' (it is Python 2)"),
    ],
)
def test_whatever_ends_a_script_is_reported_as_its_failure(
    project: LegacyProject, sqlite_database: Database, body: str, said: str
) -> None:
    project.repository({"001_notes": CREATE_NOTES, "002_ends": body})
    error = project.refused(sqlite_database)
    assert type(error) is LegacyError
    assert project.message(error).startswith("Version 2 of the legacy repository app failed (ROOT")
    assert project.message(error).endswith(said) or said in error.message.splitlines()[-1]
    assert versions(sqlite_database) == {"app": 1}


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("os._exit(7)", "status 7"),
        ("os.kill(os.getpid(), 9)", "signal 9"),
    ],
)
def test_a_script_that_ends_the_process_is_reported_with_its_output(
    project: LegacyProject, sqlite_database: Database, body: str, how: str
) -> None:
    project.repository(
        {"001_notes": CREATE_NOTES, "002_dies": add_note("x") + f"print('bye')\nimport os\n{body}"}
    )
    error = project.refused(sqlite_database)
    assert isinstance(error, LegacyWorkerError)
    first, *output = project.message(error).splitlines()
    assert first == (
        "The process that runs the legacy scripts ended while it ran legacy app 2 "
        f"(ROOT/legacy/app/versions/002_dies.py), with {how}."
    )
    assert output[0] == "  | bye"
    assert error.state_of_data == (
        "The database is at version 1 of app, as its row says; version 2 has changed nothing."
    )
    assert notes(sqlite_database) == []
    assert versions(sqlite_database) == {"app": 1}


def test_a_script_that_ends_the_process_when_it_is_loaded_is_named(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.repository({"001_dies.py": script("pass", "import os\nos._exit(5)\n")})
    error = project.refused(sqlite_database)
    assert project.message(error) == (
        "The process that runs the legacy scripts ended while it loaded "
        "ROOT/legacy/app/versions/001_dies.py, with status 5."
    )
    assert error.state_of_data == "The database is unchanged."


def test_scripts_print_log_and_read_as_they_like(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.write("logging.ini", LOGGING)
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_floods": "import sys\nfor _ in range(20000):\n"
            "    print('x' * 200)\n    sys.stderr.write('y' * 200 + '\\n')",
            "003_protocol": 'print(\'{"event": "end", "statements": 0, "seconds": 0}\')',
            "004_logs": "import logging, logging.config, sys\n"
            "logging.basicConfig(stream=sys.stdout, level=logging.DEBUG)\n"
            "import os\nlogging.config.fileConfig(os.path.join("
            "os.path.dirname(__file__), '../../../logging.ini'))\nlogging.warning('logged')",
            "005_letters": "print('\\u20ac \\ud800 \\U0001f600')",
            "006_descriptors": "import os\nos.write(1, b'raw')\nos.read(0, 10)",
            "007_moves": "import os\nos.chdir('/')",
            "008_threads": "import threading\n"
            "t = threading.Thread(target=lambda: migrate_engine.execute("
            "text(\"INSERT INTO notes (text) VALUES ('thread')\")))\nt.start(); t.join()",
            "009_replaces": "import sys, io\nsys.stdout = io.StringIO()\nsys.stdin.close()",
            "010_closes": "import sys\nsys.stdout.close()\nsys.stderr.close()",
            "011_end": add_note("end"),
        }
    )
    project.update(sqlite_database)
    assert notes(sqlite_database) == ["thread", "end"]


LOGGING = """\
[loggers]
keys = root
[handlers]
keys = out
[formatters]
keys =
[logger_root]
level = DEBUG
handlers = out
[handler_out]
class = StreamHandler
args = (sys.stdout,)
"""


def test_scripts_open_engines_and_sessions_of_their_own(
    project: LegacyProject, database: Database
) -> None:
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_url": "own = create_engine(migrate_engine.url)\n"
            + add_note("by url").replace("migrate_engine", "own"),
            "003_text": "own = create_engine(str(migrate_engine.url))\n"
            + add_note("by text").replace("migrate_engine", "own"),
            "004_session": "from sqlalchemy.orm import sessionmaker, Session\n"
            "session = Session(bind=migrate_engine)\nsession.execute("
            "text(\"INSERT INTO notes (text) VALUES ('session')\"))\nsession.commit()\n"
            "leaked = sessionmaker(bind=migrate_engine)()\nleaked.execute(text('SELECT 1'))",
            "005_raw": "raw = migrate_engine.raw_connection()\ncursor = raw.cursor()\n"
            "cursor.execute(\"INSERT INTO notes (text) VALUES ('raw')\")\nraw.commit()",
            "006_transaction": "with migrate_engine.begin() as connection:\n    connection.execute("
            "text(\"INSERT INTO notes (text) VALUES ('transaction')\"))",
        }
    )
    project.update(database)
    assert notes(database) == ["by url", "by text", "session", "raw", "transaction"]


def test_a_database_in_memory_has_no_second_process(project: LegacyProject) -> None:
    project.repository({"001_notes": CREATE_NOTES})
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(VERSION_TABLE.format("migrate_version"))
        connection.exec_driver_sql("INSERT INTO migrate_version VALUES ('app', '', 0)")
    with pytest.raises(DatabaseError) as caught:
        project.bridge("sqlite://").dbupdate(engine)
    assert caught.value.message == (
        "Legacy versions run in a separate process, which cannot see a SQLite database in memory."
    )
    engine.dispose()
