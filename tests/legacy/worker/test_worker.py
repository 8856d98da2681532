"""Legacy scripts as real histories have them, run by the worker: what is refused, what goes on."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import StaticPool
from support.databases import MARIADB_LOCK, Database
from support.legacy_projects import (
    BASE,
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    add_note,
    notes,
    run_sqlalchemy_migrate,
    script,
    versions,
)
from support.projects import VERSION_TABLE, write_versions

from bridge.model.errors import DatabaseError, LegacyError, LegacyPreflightError, LegacyWorkerError

pytestmark = LEGACY_SIDE
MakeDatabase = Callable[[str], Database]


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    return LegacyProject(tmp_path / "the app")


def problems(project: LegacyProject, database: Database) -> list[str]:
    """What preflight says of scripts that cannot run; proves that nothing was written."""
    project.install(database)
    before = database.contents()
    error = project.refused(database)
    assert isinstance(error, LegacyPreflightError), error
    assert error.state_of_data == "The database is unchanged."
    assert database.contents() == before
    first, *rest = project.message(error).splitlines()
    many = "s" if len(rest) > 1 else ""
    assert first == f"{len(rest)} problem{many} with the legacy scripts that this database needs:"
    return [line.removeprefix("- ROOT/legacy/app/versions/") for line in rest]


# -- preflight ------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once_and_before_any_write(
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
    assert problems(project, sqlite_database) == [
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
    assert len(problems(project, database)) == 1
    assert set(database.schema()["tables"]) == {"migrate_version"}


PYTHON_2 = {
    'print "hello"': 'print "hello"',
    'if True: print "hello"': 'if True: print "hello"',
    "print migrate_engine.name": "print migrate_engine.name",
    'exec "x = 1"': 'exec "x = 1"',
    "try:\n    pass\nexcept Exception, e:\n    pass": "except Exception, e:",
    "try:\n    pass\nexcept (OSError, KeyError), e:\n    pass": "except (OSError, KeyError), e:",
    'raise ValueError, "no"': 'raise ValueError, "no"',
    "x = `migrate_engine`": "x = `migrate_engine`",
    "x = 1 <> 2": "x = 1 <> 2",
    "import os\nos.chmod('x', 0777)": "os.chmod('x', 0777)",
    "x = 10L": "x = 10L",
    "x = ur'a'": "x = ur'a'",
    "f = lambda (a, b): a": "f = lambda (a, b): a",
    "def f(x, (a, b)):\n    pass": "def f(x, (a, b)):",
    "if True:\n        x = 1\n\tx = 2": "x = 2",
    "for k in {}.iteritems():\n    pass": "it calls iteritems()",
    "x = unicode(1)": "it uses unicode",
    "with migrate_engine.connect() as c:\n    x = [long(1) for _ in 'ab']": "it uses long",
    "import sys\nprint >>sys.stderr, 'x'": "it prints with print >>",
    "def inner():\n    return xrange(3)\ninner()": "it uses xrange",
    "import ConfigParser": "its upgrade() cannot import ConfigParser: "
    "it is Python 2: it imports ConfigParser",
}


def test_python_2_is_named_with_file_and_line(
    project: LegacyProject, sqlite_database: Database
) -> None:
    bodies = {f"{number:03}_old": body for number, body in enumerate(PYTHON_2, 1)}
    tops = {
        "022_module.py": script("pass", "import cPickle\n"),
        "023_name.py": script("pass", "names = [unicode('a')]\n"),
        "024_attribute.py": script("pass", "names = {}.has_key('a')\n"),
        "025_moved.py": script("pass", "from itertools import izip\n"),
    }
    project.repository({**bodies, **tops})
    found = problems(project, sqlite_database)
    expected = [what.removeprefix("its upgrade") for what in PYTHON_2.values()]
    for line, (name, what) in zip(found, zip(bodies, expected, strict=True), strict=False):
        assert line.startswith(f"{name}.py, line "), line
        assert line.endswith(f"it is Python 2: {what}") or "cannot import ConfigParser" in what, (
            line
        )
    assert found[len(bodies) :] == [
        "022_module.py, line 1: it is Python 2: it imports cPickle",
        "023_name.py, line 1: NameError: name 'unicode' is not defined (it is Python 2)",
        "024_attribute.py, line 1: AttributeError: 'dict' object has no attribute 'has_key' "
        "(it is Python 2)",
        "025_moved.py, line 1: " + next(x for x in found if x.startswith("025")).partition(": ")[2],
    ]
    assert found[-1].endswith("(it is Python 2)")
    assert len(found) == len(bodies) + len(tops)


LOOKS_LIKE_PYTHON_2 = {
    "six": "import six\nfor k, v in six.iteritems({1: 2}):\n    pass",
    "name_error": "try:\n    unicode\nexcept NameError:\n    unicode = str\nunicode(1)",
    "string": "x = 'print \"hello\" <> `0777`'",
    "condition": "if six_is_old:\n    import gone_library\n    unicode(1)",
    "expression": "x = 1 if True else xrange(1)",
    "return": "if migrate_engine.name != 'oracle':\n    return\nimport gone_library\nunicode(1)",
    "try": "try:\n    import gone_library\nexcept ImportError:\n    gone_library = None",
    "loop": "for x in (1, 2):\n    if x:\n        continue\n    unicode(x)",
    "while": "while False:\n    unicode(1)",
    "inner": "def old():\n    return unicode(1)\nfunctions = [old]",
    "lambda": "f = lambda x: unicode(x)",
    "or": "x = str or unicode",
    "own_path": "import sys, os\nsys.path.append(os.path.dirname(__file__) + '/more')\nimport deep",
    "own_module": "import sys\nsys.modules['stub'] = sys\nimport stub",
}


def test_what_only_looks_like_python_2_or_a_missing_import_is_not_refused(
    project: LegacyProject, sqlite_database: Database
) -> None:
    head = "six_is_old = False\n"
    scripts: dict[str, str | bytes] = {
        f"{number:03}_{name}.py": script(body, head)
        for number, (name, body) in enumerate(LOOKS_LIKE_PYTHON_2.items(), 1)
    }
    unreached = (
        "\n\ndef downgrade(migrate_engine):\n    import gone_library\n    unicode(xrange(1))\n"
    )
    scripts |= {
        "101_downgrade.py": script("pass") + unreached,
        "102_alias.py": script("unicode(1)", "from builtins import str as unicode\n"),
        "103_star.py": script("xrange(1)", "from compat import *\n"),
        "104_builtin.py": script(
            "basestring", "import builtins\nif True:\n    setattr(builtins, 'basestring', str)\n"
        ),
        "105_done": CREATE_NOTES,
        "compat.py": "xrange = range\n",
        "more/deep.py": "",
    }
    project.repository(scripts)
    project.tables["app"]["stamp"] = {105: [BASE]}
    # Versions 15 to 100 are not there: the history has timestamps for numbers, as it were.
    (project.root / "legacy/app/migrate.cfg").write_text(
        "[db_settings]\nrepository_id = app\nversion_table = migrate_version\n"
        "use_timestamp_numbering = True\n"
    )
    project.update(sqlite_database)
    assert versions(sqlite_database) == {"app": 105}


def test_a_script_that_writes_when_it_is_imported_is_refused(
    project: LegacyProject, sqlite_database: Database
) -> None:
    own_engine = (
        f"import sqlalchemy\nengine = sqlalchemy.create_engine({sqlite_database.url!r})\n"
        "engine.execute('SELECT 1')\nengine.execute('CREATE TABLE early (id INTEGER)')\n"
    )
    project.repository({"001_early.py": script("pass", own_engine)})
    assert problems(project, sqlite_database) == [
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
    assert problems(project, sqlite_database) == [f"- app: {complaint}"]


# -- imports --------------------------------------------------------------------------------------


def test_scripts_import_the_app_their_siblings_and_each_other(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.write("src/shop/__init__.py", "")
    project.write("src/shop/words.py", "def shout(text):\n    return text.upper()\n")
    insert = "migrate_engine.execute(text('INSERT INTO notes (text) VALUES (:t)'), t={})"
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_app.py": script(insert.format("shout('app')"), "from shop.words import shout\n"),
            "003_sibling.py": script(insert.format("helpers.NAME"), "import helpers\n"),
            "004_lazy": "from helpers import NAME\n" + insert.format("NAME + ', lazily'"),
            "005_other": "import importlib\nother = importlib.import_module('003_sibling')\n"
            + insert.format("other.helpers.NAME + ' of another'"),
            "006_by_path": "import os\nfrom migrate.versioning.util import import_path\n"
            "path = os.path.join(os.path.dirname(__file__), '002_app.py')\n"
            + insert.format("import_path(path).shout('path')"),
            "007_above": "import above\n" + insert.format("above.NAME"),
            "helpers.py": "NAME = 'sibling'\n",
            "../above.py": "NAME = 'above'\n",
        },
        pythonpath=["src"],
    )
    project.update(sqlite_database)
    assert notes(sqlite_database) == [
        "APP", "sibling", "sibling, lazily", "sibling of another", "PATH", "above",
    ]  # fmt: skip
    made = {path.name for path in project.root.rglob("__pycache__") if "alembic" not in str(path)}
    assert not made, "a migration leaves no files in the app's folders"


def test_two_repositories_may_have_files_of_the_same_names(
    project: LegacyProject, sqlite_database: Database
) -> None:
    def scripts(name: str) -> Mapping[str, str | bytes]:
        table = f"meta.bind = migrate_engine\nTable('{name}', meta, Column('id', Integer)).create()"
        insert = f"migrate_engine.execute(text('INSERT INTO {name} VALUES (:n)'), n=VALUE)"
        return {
            "001_make.py": script(table, "from sqlalchemy import MetaData\nmeta = MetaData()\n"),
            "002_fill.py": script(insert, "from helpers import VALUE\n"),
            "003_fill": "from helpers import VALUE\nimport helpers.more\n" + insert,
            "helpers/__init__.py": f"VALUE = {len(name)}\n",
            "helpers/more.py": "",
        }

    project.repository(scripts("core"), name="core")
    project.repository(scripts("plugin"), name="plugin", requires={2: {"core": 3}})
    project.tables["core"]["requires"] = {3: {"plugin": 1}}
    project.update(sqlite_database)
    assert versions(sqlite_database) == {"core": 3, "plugin": 3}
    rows = sqlite_database.rows()
    assert (rows["core"], rows["plugin"]) == ([(4,), (4,)], [(6,), (6,)])


def test_versions_may_share_one_metadata(project: LegacyProject, sqlite_database: Database) -> None:
    project.repository(
        {
            "common.py": "from sqlalchemy import MetaData\nmeta = MetaData()\n",
            "001_a.py": script(
                "meta.bind = migrate_engine\na.create()",
                "from sqlalchemy import *\nfrom common import meta\n"
                "a = Table('a', meta, Column('id', Integer, primary_key=True))\n",
            ),
            "002_b.py": script(
                "meta.bind = migrate_engine\nb.create()",
                "from sqlalchemy import *\nfrom common import meta\nb = Table('b', meta, "
                "Column('id', Integer), Column('a_id', Integer, ForeignKey('a.id')))\n",
            ),
            "003_c": "from common import meta\nmeta.bind = migrate_engine\n"
            "meta.tables['b'].c.id.alter(name='number')",
        }
    )
    project.update(sqlite_database)
    columns = sqlite_database.schema()["tables"]["b"]["columns"]
    assert [column["name"] for column in columns] == ["number", "a_id"]


# -- what goes wrong while a version runs ---------------------------------------------------------


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
    assert error.help.splitlines()[0] == "Mend what it complains of, then run: bridge dbupdate"
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
            "run before. What is committed of it stays and is written down: the next run goes on "
            "behind it."
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
def test_whatever_ends_a_script_is_told_as_its_failure(
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
def test_a_script_that_ends_the_process_is_told_with_its_output(
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


def test_a_version_row_that_a_script_moved_is_not_overwritten(
    project: LegacyProject, sqlite_database: Database
) -> None:
    move = "migrate_engine.execute(text('UPDATE migrate_version SET version = 7'))"
    project.repository({"001_notes": CREATE_NOTES, "002_moves": move})
    error = project.refused(sqlite_database)
    assert error.message.endswith("RuntimeError: the version row 'app' is not at 1 any more")
    assert versions(sqlite_database) == {"app": 1}


# -- what scripts do besides ----------------------------------------------------------------------


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


def test_many_statements_are_counted(
    project: LegacyProject, make_database: Callable[[str], Database]
) -> None:
    many = "with migrate_engine.begin() as c:\n    for n in range(3000):\n        c.execute(" + (
        "text('INSERT INTO notes (text) VALUES (:n)'), n=str(n))\nraise ValueError('enough')"
    )
    project.repository({"001_notes": CREATE_NOTES, "002_many": many})
    error = project.refused(make_database("mariadb"))
    assert "; 3000 statements of version 2 had run before." in error.state_of_data


# -- .sql -----------------------------------------------------------------------------------------


def sql_note(text: str) -> str:
    return f"INSERT INTO notes (text) VALUES ('{text}');\n"


def test_sql_scripts_are_chosen_as_sqlalchemy_migrate_does(
    project: LegacyProject, make_database: MakeDatabase, database: Database
) -> None:
    scripts: dict[str, str | bytes] = {"001_notes": CREATE_NOTES}
    for dialect in ("sqlite", "postgresql", "mysql", "default"):
        scripts[f"002_own_{dialect}_upgrade.sql"] = sql_note(f"own {dialect}")
    scripts |= {
        "002_own": add_note("own python"),
        "003_default_default_upgrade.sql": sql_note("default"),
        "003_default_oracle_upgrade.sql": sql_note("oracle"),
        "003_default": add_note("default python"),
        "004_python_postgres_upgrade.sql": sql_note("old name"),
        "004_python_oracle_upgrade.sql": sql_note("oracle"),
        "004_python_sqlite_downgrade.sql": sql_note("downgrade"),
        "004_python": add_note("python"),
    }
    repository = project.repository(scripts)
    other = make_database(database.dialect)
    run_sqlalchemy_migrate(other, repository, 0)
    write_versions(database, ("app", 0), path=str(repository))
    project.update(database)
    mine = database.engine().dialect.name
    assert notes(database) == [f"own {mine}", "default", "python"]
    assert database.rows(["alembic_version"]) == other.rows()


def test_a_script_for_postgres_serves_postgresql_where_there_is_no_other(
    project: LegacyProject, make_database: MakeDatabase
) -> None:
    database = make_database("postgresql")
    project.repository(
        {"001_notes": CREATE_NOTES, "002_old_postgres_upgrade.sql": sql_note("old name")}
    )
    project.update(database)
    assert notes(database) == ["old name"]


COMMENTED = """\
-- A comment; with a semicolon, an ' and a "
BEGIN;
INSERT INTO notes (text) VALUES ('a;b -- no comment');
/* another;
   comment */
INSERT INTO notes (text)
VALUES ('it''s');
COMMIT;

"""


def test_sql_scripts_have_comments_marks_letters_and_long_statements(
    project: LegacyProject, make_database: MakeDatabase, database: Database
) -> None:
    # The drivers of the servers take a single "%" for a parameter; SQLite's does not.
    percent = "%" if database.dialect == "sqlite" else "%%"
    long = ", ".join(f"('{number}')" for number in range(4000))
    repository = project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_a_default_upgrade.sql": COMMENTED,
            "003_b_default_upgrade.sql": COMMENTED.replace("\n", "\r\n"),
            "004_c_default_upgrade.sql": sql_note(f"100{percent}"),
            "005_d_default_upgrade.sql": sql_note("Grüße, 東京").encode(),
            "006_e_default_upgrade.sql": b"",
            "007_f_default_upgrade.sql": b"\xef\xbb\xbf" + sql_note("mark").encode(),
            "008_g_default_upgrade.sql": f"INSERT INTO notes (text) VALUES {long};",
        }
    )
    other = make_database(database.dialect)
    run_sqlalchemy_migrate(other, repository, 0, 6)  # the others it cannot run
    project.update(database)
    texts = ["a;b -- no comment", "it's"]
    expected = [*texts, *texts, "100%", "Grüße, 東京"]
    assert notes(other) == expected
    assert notes(database) == [*expected, "mark", *map(str, range(4000))]


BODIES = {
    "postgresql": """\
CREATE FUNCTION mark() RETURNS trigger AS $body$
BEGIN
    -- a comment; inside
    IF NEW.text = 'x;y' THEN
        NEW.text := NEW.text || ' marked';
    END IF;
    RETURN NEW;
END;
$body$ LANGUAGE plpgsql;
CREATE TRIGGER marks BEFORE INSERT ON notes FOR EACH ROW EXECUTE PROCEDURE mark();
INSERT INTO notes (text) VALUES ('x;y');
""",
    "sqlite": """\
CREATE TRIGGER marks AFTER INSERT ON notes
BEGIN
    UPDATE notes SET text = text || ' marked' WHERE id = NEW.id AND text = 'x;y';
    UPDATE notes SET text = text WHERE id = NEW.id;
END;
INSERT INTO notes (text) VALUES ('x;y');
""",
    "mariadb": """\
CREATE TRIGGER marks BEFORE INSERT ON notes FOR EACH ROW
BEGIN
    SET NEW.text = CONCAT(NEW.text, ' marked');
END;
INSERT INTO notes (text) VALUES ('x;y');
""",
}


def test_functions_and_triggers_are_one_statement(
    project: LegacyProject, database: Database
) -> None:
    project.repository(
        {"001_notes": CREATE_NOTES, "002_body_default_upgrade.sql": BODIES[database.dialect]}
    )
    project.update(database)
    assert notes(database) == ["x;y marked"]


# -- files ----------------------------------------------------------------------------------------


def test_scripts_have_marks_cookies_and_line_ends_of_their_time(
    project: LegacyProject, database: Database
) -> None:
    latin = "# -*- coding: latin-1 -*-\n" + script(add_note("Grüße"))
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_latin.py": latin.encode("latin-1"),
            "003_utf.py": script(add_note("東京")).encode(),
            "004_mark.py": b"\xef\xbb\xbf" + script(add_note("mark")).encode(),
            "005_dos.py": script(add_note("dos")).replace("\n", "\r\n").encode(),
            "006_form_feed.py": script(add_note("\\f")).replace("def", "\f\ndef", 1).encode(),
        }
    )
    project.update(database)
    assert notes(database) == ["Grüße", "東京", "mark", "dos", "\f"]


def test_a_script_in_an_encoding_that_it_does_not_name_is_refused(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.repository(
        {
            "001_latin.py": script("x = 'Grüße'").encode("latin-1"),
            "002_latin_sqlite_upgrade.sql": sql_note("Grüße").encode("latin-1"),
            "003_null.py": b"\0",
        }
    )
    found = problems(project, sqlite_database)
    assert [line.partition(":")[0].partition(",")[0] for line in found] == [
        "001_latin.py", "002_latin_sqlite_upgrade.sql", "003_null.py",
    ]  # fmt: skip
    assert "it is not valid Python 3: (unicode error) 'utf-8' codec can't decode" in found[0]
    assert "the file cannot be read: 'utf-8' codec can't decode byte 0xfc" in found[1]
    assert "null bytes" in found[2]


def test_odd_places_are_found(
    project: LegacyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = '100% müde leute & "co"'
    project.repository(
        {"001_notes": CREATE_NOTES, "002_end": add_note("x")}, at=f"{odd}/repository"
    )
    (tmp_path / "link").symlink_to(project.root / odd / "repository")
    (tmp_path / odd).mkdir()
    from support.databases import SQLiteDatabase

    monkeypatch.chdir(tmp_path)
    for number, place in enumerate((project.root / odd / "repository", Path("../link"))):
        database = SQLiteDatabase(tmp_path / odd / f"{number}.sqlite")
        project.tables["app"]["repository"] = str(place)
        project.install(database)
        # Relative to the working directory, as on a command line.
        report = project.bridge(f"sqlite:///{odd}/{number}.sqlite").dbupdate()
        assert report.outcome == "upgraded"
        assert notes(database) == ["x"]
        database.drop()


def test_what_editors_and_python_leave_behind_is_no_script(
    project: LegacyProject, sqlite_database: Database
) -> None:
    bad = "raise RuntimeError\n"
    left = ("001_notes.py~", "001_notes.py.orig", "001_notes.pyc", "003_gone.pyc", ".001_x.py.swp")
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_end": add_note("x"),
            **dict.fromkeys(left, bad),
            "__pycache__/001_notes.cpython-311.pyc": b"\0",
            "old/001_notes.py": bad,
            "README.md": "004",
            "01_short.py": bad,
        }
    )
    project.tables["app"]["stamp"] = {2: [BASE]}
    project.update(sqlite_database)
    assert notes(sqlite_database) == ["x"]


# -- version tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["db_migrate_version", "MigrateVersion", "version table"])
def test_version_tables_of_other_names_and_aliases_are_written(
    project: LegacyProject, database: Database, table: str
) -> None:
    project.repository(
        {"001_notes": CREATE_NOTES, "002_note": add_note("x"), "003_end": add_note("y")},
        version_table=table,
        repository_id="New Name",
        aliases=["Old Name"],
    )
    quoted = f"`{table}`" if database.dialect == "mariadb" else f'"{table}"'
    database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text VARCHAR(80))")
    write_versions(database, ("Old Name", 2), ("another", 5), table=quoted)
    if database.dialect != "sqlite":
        database.execute("INSERT INTO notes VALUES (0, 'a')", "DELETE FROM notes")
    project.tables["app"]["stamp"] = {3: [BASE]}
    (project.root / "legacy/app/versions/003_end.py").write_text(
        script("migrate_engine.execute(text(\"INSERT INTO notes VALUES (1, 'y')\"))")
    )
    project.update(database)
    assert versions(database, table) == {"Old Name": 3, "another": 5}
    assert notes(database) == ["y"]


# -- the judge ------------------------------------------------------------------------------------

STEPS = {
    "table": "Table('t{n}', meta, Column('id', Integer, primary_key=True), "
    "Column('name', String(40), nullable=False), Column('size', Integer)).create()",
    "rows": "for n in range(3):\n    migrate_engine.execute(t.insert(), name='row %d' % n, size=n)",
    "add": "Column('more{n}', String(20), default='x').create(t, populate_default=True)",
    "rename": "t.c.name.alter(name='title')",
    "back": "t.c.title.alter(name='name')",
    "widen": "t.c.name.alter(type=String(80), nullable=True)",
    "drop": "t.c.size.drop()",
    "size": "Column('size', Integer).create(t)",
    "index": "Index('ix{n}', t.c.name).create()",
    "unique": "UniqueConstraint('id', 'name', table=t, name='uq{n}').create()",
    "delete": "migrate_engine.execute(t.delete().where(t.c.id == 2))",
    "update": "for row in t.select().execute().fetchall():\n"
    "    migrate_engine.execute(t.update().where(t.c.id == row.id).values(name='new %d' % row.id))",
    "nothing": "pass",
    "other": "t.rename('other')\nTable('other', MetaData(bind=migrate_engine), autoload=True)"
    ".rename('t1')",
}
HISTORIES = [
    "table rows add index widen drop nothing rename",
    "table rows rename back unique update delete",
    "table index rows other rename nothing back add",
    "table nothing drop rows_less size update",
    "table rows drop size widen index update delete other unique add",
]


@pytest.mark.parametrize("history", HISTORIES)
def test_schema_and_rows_are_those_of_sqlalchemy_migrate_alone(
    project: LegacyProject, make_database: MakeDatabase, database: Database, history: str
) -> None:
    head = "meta = MetaData(bind=migrate_engine)\n"
    steps = STEPS | {"rows_less": "migrate_engine.execute(t.insert(), name='less')"}
    scripts = {}
    for number, name in enumerate(history.split(), 1):
        reflect = "" if number == 1 else "t = Table('t1', meta, autoload=True)\n"
        body = textwrap.dedent(steps[name]).replace("{n}", str(number))
        scripts[f"{number:03}_{name}"] = head + reflect + body
    repository = project.repository(scripts)
    other = make_database(database.dialect)
    run_sqlalchemy_migrate(other, repository, 0)
    write_versions(database, ("app", 0), path=str(repository))
    project.update(database)
    # The version table was made by each side's own hands.
    ignored = ("alembic_version", "migrate_version")
    assert database.schema(ignored) == other.schema(ignored)
    assert database.rows(["alembic_version"]) == other.rows()


def test_what_a_script_does_on_the_drivers_connection_is_not_denied(
    project: LegacyProject, database: Database
) -> None:
    raw = """
        raw = migrate_engine.raw_connection()
        raw.cursor().execute("INSERT INTO notes (text) VALUES ('raw')")
        raw.commit()
        raw.close()
        raise ValueError("later")
    """
    project.repository({"001_notes": CREATE_NOTES, "002_raw": raw})
    error = project.refused(database)
    assert notes(database) == ["raw"]
    if database.dialect == "mariadb":
        # What goes to the server is seen wherever it comes from.
        assert "; 1 statement of version 2 had run before." in error.state_of_data
        return
    assert error.state_of_data == (
        "The database is at version 1 of app, as its row says, but version 2 used the driver's own "
        "connection, where bridge cannot see what it changed. Put back a backup before you run it "
        "again, or undo by hand what has stayed."
    )


END_THE_OTHERS = f"""
    import sqlalchemy

    lock = "{MARIADB_LOCK}"

    other = sqlalchemy.create_engine(migrate_engine.url)
    here = "FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    with other.connect() as connection:
        for (number,) in connection.execute("SELECT id " + here + " AND id <> " + lock).fetchall():
            connection.execute("KILL %d" % number)
    other.dispose()
"""


def test_a_server_that_ends_idle_connections_stops_nothing(
    project: LegacyProject, make_database: MakeDatabase
) -> None:
    """Neither the worker's connection nor bridge's own need outlive a script that computes long."""
    database = make_database("mariadb")
    project.repository({"001_notes": CREATE_NOTES, "002_slow": END_THE_OTHERS})
    project.update(database)
    assert versions(database) == {"app": 2}


def test_a_database_in_memory_has_no_second_process(project: LegacyProject) -> None:
    project.repository({"001_notes": CREATE_NOTES})
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(VERSION_TABLE.format("migrate_version"))
        connection.exec_driver_sql("INSERT INTO migrate_version VALUES ('app', '', 0)")
    with pytest.raises(DatabaseError) as caught:
        project.bridge("sqlite://").dbupdate(engine)
    assert caught.value.message == (
        "Legacy versions run in a process of their own, which cannot see a SQLite database in "
        "memory."
    )
    engine.dispose()
