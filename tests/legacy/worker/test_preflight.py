"""What is found out before the first version runs."""

from __future__ import annotations

import pytest
from support.databases import Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    add_note,
    notes,
    script,
)

pytestmark = LEGACY_SIDE


def test_all_problems_are_reported_at_once_and_before_any_write(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.write("src/shop/__init__.py", "")
    project.write("src/shop/models.py", "import sqlalchemy\nimport long_gone\n")
    project.write("src/shop/old.py", "def f():\n    print 'x'\n")
    no_engine = "def upgrade():\n    pass\n"
    found = script("pass", "from shop.models import Missing\n")
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_top.py": script("pass", "import sqlalchemy\nimport gone_library.part\n"),
            "003_lazy": "from gone_library import thing",
            "004_app.py": found,
            "005_app_old.py": script("pass", "import shop.old\n"),
            "006_syntax.py": "def upgrade(migrate_engine):\n    x = (1,\n",
            "007_downgrade_only.py": "def downgrade(migrate_engine):\n    pass\n",
            "008_no_engine.py": no_engine,
            "009_exits.py": script("pass", "import sys\nsys.exit(4)\n"),
            "010_raises.py": script("pass", "\nraise RuntimeError('settings are missing')\n"),
            "011_other_oracle_upgrade.sql": "SELECT 1 FROM dual;",
            "012_part": "from xml import missing_part",
            "013_interrupts.py": script("pass", "raise KeyboardInterrupt\n"),
            "014_upgrade_is_no_function.py": "upgrade = 3\n",
            "015_last": add_note("never"),
        },
        pythonpath=["src"],
    )
    syntax = "'(' was never closed"
    assert project.problems(sqlite_database) == [
        "002_top.py, line 2: it imports gone_library, which the legacy runtime does not have",
        "003_lazy.py, line 6: its upgrade() cannot import gone_library: it imports gone_library, "
        "which the legacy runtime does not have",
        "004_app.py, line 1: it imports long_gone, which the legacy runtime does not have "
        "(in ROOT/src/shop/models.py, line 2)",
        "005_app_old.py, line 1: it imports ROOT/src/shop/old.py: line 2: it is Python 2: "
        "print 'x'",
        f"006_syntax.py, line 2: it is not valid Python 3: {syntax}",
        "007_downgrade_only.py: it has no function upgrade()",
        "008_no_engine.py: its upgrade() takes no engine",
        "009_exits.py, line 2: it ended the program with status 4",
        "010_raises.py, line 2: RuntimeError: settings are missing",
        "- app, version 11: there is no upgrade script for sqlite",
        "012_part.py, line 6: its upgrade() cannot import xml: it imports xml.missing_part, "
        "which the legacy runtime does not have",
        "013_interrupts.py, line 1: KeyboardInterrupt",
        "014_upgrade_is_no_function.py: it has no function upgrade()",
    ]


def test_a_problem_in_the_last_version_only_stops_the_run_before_the_first(
    project: LegacyProject, database: Database
) -> None:
    project.repository({"001_notes": CREATE_NOTES, "002_lazy": "import gone_library"})
    assert len(project.problems(database)) == 1
    assert set(database.schema()["tables"]) == {"migrate_version"}


def test_a_script_that_writes_when_it_is_imported_is_refused(
    project: LegacyProject, sqlite_database: Database
) -> None:
    own_engine = (
        f"import sqlalchemy\nengine = sqlalchemy.create_engine({sqlite_database.url!r})\n"
        "engine.execute('SELECT 1')\nengine.execute('CREATE TABLE early (id INTEGER)')\n"
    )
    project.repository({"001_early.py": script("pass", own_engine)})
    assert project.problems(sqlite_database) == [
        "001_early.py, line 4: RuntimeError: it writes to the database already when it is imported"
    ]


def test_a_script_that_reads_when_it_is_imported_what_an_earlier_one_makes_gets_its_turn(
    project: LegacyProject, sqlite_database: Database
) -> None:
    reflects = (
        "import sqlalchemy\n"
        f"engine = sqlalchemy.create_engine({sqlite_database.url!r})\n"
        "reflected = sqlalchemy.Table('notes', sqlalchemy.MetaData(engine), autoload=True)\n"
    )
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_reflects.py": script("reflected.insert().execute(text='reflected')", reflects),
        }
    )
    project.update(sqlite_database)
    assert notes(sqlite_database) == ["reflected"]


def test_the_setup_hook_gives_the_engine_what_scripts_expect(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.write("src/hooks.py", "def prepare(engine):\n    engine.tenant = 'acme'\n")
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_tenant": "migrate_engine.execute(text('INSERT INTO notes (text) VALUES (:t)'), "
            "t=migrate_engine.tenant)\nmigrate_engine.seen = True",
            "003_seen": "assert migrate_engine.seen",
        },
        pythonpath=["src"],
        setup="hooks:prepare",
    )
    project.update(sqlite_database)
    assert notes(sqlite_database) == ["acme"]


@pytest.mark.parametrize(
    ("setup", "complaint"),
    [
        ("hooks:fails", "setup hooks:fails: ValueError: no settings"),
        ("hooks:gone", "setup hooks:gone: AttributeError: module 'hooks' has no attribute 'gone'"),
        (
            "nowhere:gone",
            "setup nowhere:gone: it imports nowhere, which the legacy runtime does not have",
        ),
    ],
)
def test_a_setup_hook_that_fails_is_named(
    project: LegacyProject, sqlite_database: Database, setup: str, complaint: str
) -> None:
    project.write("src/hooks.py", "def fails(engine):\n    raise ValueError('no settings')\n")
    project.repository({"001_notes": CREATE_NOTES}, pythonpath=["src"], setup=setup)
    assert project.problems(sqlite_database) == [f"- app: {complaint}"]
