"""No password gets out: every error is provoked beside one, and all that is left is searched."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import pytest
import sqlalchemy as sa
from cli.test_main import typed
from click.testing import Result
from support.databases import Database, ServerDatabase, account
from support.legacy_projects import LEGACY_SIDE, ONCE
from support.projects import (
    Project,
    copy_project,
    invoke,
    write_revisions,
    write_shop,
    write_versions,
)
from upgrade.test_lock import END_SESSION, LOCK_SESSION

from bridge import Bridge, BridgeError
from bridge.database.backup import back_up
from bridge.database.secrets import scrub, shown
from bridge.database.url import parse_url
from bridge.model.errors import DatabaseError, LegacyError, all_errors
from bridge.output.console import Output
from bridge.output.redaction import Scrubbed
from bridge.upgrade.lock import locked

# The scripts look for the password in what the worker was started with.
pytestmark = pytest.mark.cold

FIRST, LAST = "zq4x7", "k9vw2"
"""Begin and end of the password: in whatever spelling, these stay as they are."""
SECRET = f"{FIRST}/t%@: '\"\\+&={LAST}"

# What an app does at its worst: says the URL in every way, on every way out.
APP = '''
import json, logging, os, sys
from urllib.parse import quote, quote_plus


def told(url):
    query = dict(url.query)
    secret = str(url.password or query.get("password"))
    text = url.render_as_string(hide_password=False)
    forms = [str(url), repr(url), text, text.replace("%", "%%"), secret, repr(secret), repr(query)]
    forms += [json.dumps([text, secret]), quote(secret, safe=""), quote_plus(secret)]
    forms += [quote(quote(text, safe=""), safe=""), repr(repr(text)), secret.replace("'", "''")]
    return "\\n".join(forms)


def say(url):
    print(told(url))
    print(told(url), file=sys.stderr)
    handler = logging.StreamHandler()
    logging.getLogger("app").addHandler(handler)
    logging.getLogger("app").warning("%s", told(url))
    logging.getLogger("app").removeHandler(handler)
    watch()


def watch():
    """What others on the machine may see of this process, if it is a child."""
    if os.environ["TESTS"] == str(os.getpid()):
        return
    with open(os.path.join(os.path.dirname(__file__), "seen-%d" % os.getpid()), "ab") as file:
        for name in ("cmdline", "environ"):
            with open("/proc/self/" + name, "rb") as stream:
                file.write(stream.read())


class Odd(Exception):
    """Has its text in no argument."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def __str__(self):
        return told(self.url)


def fail(url):
    say(url)
    try:
        raise KeyError(told(url))
    except KeyError as error:
        raise Odd(url) from error


def fail_here(connection):
    fail(connection.engine.url)


def stop_here(connection):
    raise KeyboardInterrupt(told(connection.engine.url))


def ask(connection, name="x"):
    """A statement with the password in it, of which the database knows nothing."""
    watch()
    secret = str(connection.engine.url.password).replace("'", "''")
    connection = connection.execution_options(no_parameters=True)
    # What has run is written down on MariaDB, so that the next run resumes after it.
    connection.exec_driver_sql("UPDATE items SET name = '%s' /* '%s' */" % (name, secret))
    connection.exec_driver_sql("SELECT nothing, '%s', '%s'" % (secret, "long " * 100 + secret))


def attach(engine):
    """The setup of a legacy repository."""
    raise ImportError(told(engine.url))


def given():
    from sqlalchemy.engine import make_url
    return make_url(os.environ["BRIDGE_DATABASE_URL"])
'''

TALKING_ENV = """
from alembic import context
from bridge.revisions import run_environment
from sqlalchemy.engine import make_url
import app_of_tests

url = context.config.get_main_option("sqlalchemy.url")
print(url)
app_of_tests.say(context.config.attributes["url"])
run_environment()
"""

# A program that fails, and says all that it knows.
TALKING_PROGRAM = """#!{python}
import os, sys
words = [open("/proc/self/" + name).read() for name in ("cmdline", "environ")]
with open({seen!r}, "a") as stream:
    stream.writelines(words)
sys.stdin.close()
files = [a[16:] for a in sys.argv if a.startswith("--defaults-file=")]
files += [os.environ["PGPASSFILE"]] if "PGPASSFILE" in os.environ else []
words += [open(file).read() for file in files]
sys.stderr.write("\\n".join(words))
sys.exit(1)
"""


@dataclass
class Stage:
    """Where a provocation plays: an app, its database, and the URL of one with the password."""

    project: Project
    database: ServerDatabase
    url: str
    folder: Path
    patch: pytest.MonkeyPatch
    stack: contextlib.ExitStack
    command: list[str] = field(default_factory=lambda: ["dbupdate", "--yes"])
    own: set[Path] = field(default_factory=set)
    """Files in which the test itself has written the URL."""

    def at(self, version: int | None) -> None:
        write_shop(self.database, 3)
        write_versions(self.database, ("Shop", version))

    def legacy(self, body: str) -> None:
        """The database is at version 1, and version 2 does this."""
        write_shop(self.database, 1)
        write_versions(self.database, ("Shop", 1))
        self.project.configure("legacy.shop", 'pythonpath = ["."]')
        self.project.write(
            "legacy/shop/versions/002_prices.py",
            f"import app_of_tests, os\ndef upgrade(migrate_engine):\n    {body}\n",
        )

    def revision(self, body: str, head: str = "") -> None:
        """The first revision after the hand-over does this."""
        self.at(3)
        name = "alembic/versions/shop_notes.py"
        self.project.replace(name, "from alembic import op", f"from alembic import op\n{head}")
        self.project.replace(name, "def upgrade():", f"def upgrade():\n    {body}")

    def move_the_password(self) -> None:
        """The password is in the query of the URL."""
        url = re.sub(":[^:@]*@", "@", self.url)
        self.url = f"{url}{'&' if '?' in url else '?'}password={quote(SECRET, safe='')}"

    def program(self, name: str) -> None:
        """In the place of this program of the database's there is one that talks and fails."""
        text = TALKING_PROGRAM.format(python=sys.executable, seen=str(self.folder / "seen"))
        self.project.write(f"bin/{name}", text).chmod(0o755)
        self.patch.setenv("PATH", f"{self.project.root}/bin{os.pathsep}{os.environ['PATH']}")

    def backup(self) -> str:
        bridge = self.project.bridge(self.database)
        return str(back_up(self.database.engine(), bridge.config).path)

    def write_ini(self, text: str) -> None:
        """The URL is in an alembic.ini, and nowhere else."""
        self.own.add(self.project.write("alembic.ini", text))
        self.url = ""
        self.project.replace("bridge.toml", 'script_location = "alembic"', 'config = "alembic.ini"')


Provocation = Callable[[Stage], None]
PROVOCATIONS: dict[str, tuple[str, Provocation]] = {}
BOTH = ("postgresql", "mariadb")
CASES: list[Any] = []


def provokes(
    code: str, *dialects: str, legacy: bool = False
) -> Callable[[Provocation], Provocation]:
    """The function prepares a stage on which `command` ends with the error `code`.

    :param legacy: in the process that runs scripts, which is the same in both worlds.
    """

    def register(function: Provocation) -> Provocation:
        PROVOCATIONS[function.__name__] = (code, function)
        marks = [LEGACY_SIDE if legacy else ONCE]  # one of the two worlds has each
        CASES.extend(
            pytest.param(function.__name__, dialect, marks=marks)
            for dialect in dialects or ("postgresql",)
        )
        return function

    return register


NOT_PROVOKED = {
    "error": "never raised, only its subclasses",
    "state-refused": "never raised, only its subclasses",
    "module-needed": "decided and told from names of modules and revisions alone",
    "schema-drift": "told from names, types and defaults in the catalogs",
    "seal-broken": "told from names of files",
    "not-replayable": "told from a file that is sealed",
}


# --- configuration ------------------------------------------------------------------------


@provokes("config-invalid")
def url_of_a_wrong_type(stage: Stage) -> None:
    stage.project.configure("database", f"url = [{json.dumps(stage.url)}]")
    stage.own.add(stage.project.file)
    stage.url = ""


@provokes("config-invalid")
def url_without_quotes(stage: Stage) -> None:
    stage.project.configure("database", f"url = {stage.url}")
    stage.own.add(stage.project.file)
    stage.url = ""


@provokes("config-invalid")
def url_under_another_name(stage: Stage) -> None:
    stage.project.configure("database", f"urls = {json.dumps(stage.url)}")
    stage.own.add(stage.project.file)
    stage.url = ""


@provokes("config-missing")
def no_configuration(stage: Stage) -> None:
    stage.project.file.unlink()


@provokes("legacy-repository-invalid")
def no_repository(stage: Stage) -> None:
    (stage.project.root / "legacy/shop/migrate.cfg").write_text("nonsense")


# --- database -----------------------------------------------------------------------------


@provokes("database-unreachable", *BOTH)
def wrong_password(stage: Stage) -> None:
    server = stage.database.server
    stage.url = server.url(stage.database.name, password=SECRET)


@provokes("database-unreachable", *BOTH)
def wrong_password_in_the_query(stage: Stage) -> None:
    wrong_password(stage)
    stage.move_the_password()


@provokes("database-unreachable", *BOTH)
def no_server(stage: Stage) -> None:
    stage.url = stage.url.replace(f":{stage.database.server.port}/", ":1/")


@provokes("database-unreachable")
def password_without_quoting(stage: Stage) -> None:
    stage.url = stage.url.replace(quote(SECRET, safe=""), SECRET)


@provokes("database-unreachable")
def password_with_a_slash_that_looks_like_a_port(stage: Stage) -> None:
    stage.url = f"postgresql://12/{SECRET}@127.0.0.1/shop"


@provokes("driver-missing")
def unknown_driver(stage: Stage) -> None:
    stage.url = stage.url.replace("://", "_of_nobody://", 1)


@provokes("database-refused", *BOTH)
def no_right_to_create(stage: Stage) -> None:
    stage.at(3)
    stage.stack.close()
    stage.url = stage.stack.enter_context(account(stage.database, SECRET, reader=True))


@provokes("backup-failed", *BOTH)
def dump_that_fails(stage: Stage) -> None:
    stage.at(3)
    stage.program({"postgresql": "pg_dump", "mariadb": "mariadb-dump"}[stage.database.dialect])
    stage.command.append("--backup")


@provokes("backup-failed", *BOTH)
def restore_that_fails(stage: Stage) -> None:
    stage.at(3)
    path = stage.backup()
    stage.program({"postgresql": "psql", "mariadb": "mariadb"}[stage.database.dialect])
    stage.command = ["restore", path, "--yes", "--no-backup"]


@provokes("snapshot-refused", *BOTH)
def file_that_is_no_snapshot(stage: Stage) -> None:
    path = stage.project.write("old.sql", f"nothing, of {SECRET}")
    stage.own.add(path)
    stage.command = ["snapshot", "import", str(path), "--scratch-url", stage.url]


@provokes("database-unreachable", *BOTH)
def snapshot_that_cannot_be_loaded(stage: Stage) -> None:
    program, kind = {
        "postgresql": ("psql", "PostgreSQL database"),
        "mariadb": ("mariadb", "MariaDB"),
    }[stage.database.dialect]
    path = stage.project.write("old.sql", f"-- {kind} dump\n")
    stage.program(program)
    stage.command = ["snapshot", "import", str(path), "--scratch-url", stage.url]


@provokes("lock-lost", *BOTH)
def lock_that_is_lost(stage: Stage) -> None:
    find, end = LOCK_SESSION[stage.database.dialect], END_SESSION[stage.database.dialect]
    stage.revision(
        f'found = op.get_bind().exec_driver_sql("""{find}""").scalar()\n'
        f"    with op.get_bind().engine.connect() as other:\n"
        f"        other.exec_driver_sql('{end}'.format(found))"
    )


@provokes("locked", *BOTH)
def lock_that_is_held(stage: Stage) -> None:
    stage.at(3)
    stage.stack.enter_context(locked(stage.database.engine(), 0, print))
    stage.command += ["--lock-timeout", "0"]


# --- states -------------------------------------------------------------------------------


@provokes("state-ahead")
def newer_database(stage: Stage) -> None:
    stage.at(99)


@provokes("state-inconsistent")
def row_without_a_version(stage: Stage) -> None:
    stage.at(None)


@provokes("state-unmanaged")
def tables_without_a_version(stage: Stage) -> None:
    write_shop(stage.database, 3)


@provokes("legacy-too-old")
def old_database(stage: Stage) -> None:
    stage.project.number_from(40)
    stage.at(3)


@provokes("legacy-at-squash")
def database_just_before(stage: Stage) -> None:
    stage.project.number_from(40)
    stage.at(39)


@provokes("legacy-script-missing")
def script_that_is_gone(stage: Stage) -> None:
    stage.legacy("pass")
    (stage.project.root / "legacy/shop/versions/002_prices.py").unlink()


@provokes("plan-stale")
def program_that_does_not_ask(stage: Stage) -> None:
    stage.at(2)
    answers = iter([3, 2])

    def confirm(_plan: object) -> bool:
        stage.database.execute(f"UPDATE migrate_version SET version = {next(answers)}")
        return True

    stage.patch.setattr("bridge.cli.commands.upgrade.asking", lambda *_: confirm)


@provokes("rehearsal-refused", *BOTH)
def revision_that_leaves_the_copy(stage: Stage) -> None:
    head = "import app_of_tests\nimport sqlalchemy as sa\n"
    stage.revision("sa.create_engine(app_of_tests.given()).connect()", head)
    stage.command = ["dbupdate", "--rehearse"]


@provokes("cannot-resume", "mariadb", legacy=True)
def script_that_became_another_one(stage: Stage) -> None:
    statement_that_fails(stage)
    assert run(stage, *stage.command).exit_code == LegacyError.exit_status
    body = "app_of_tests.ask(migrate_engine.connect(), 'z')"
    stage.project.replace(
        "legacy/shop/versions/002_prices.py", "app_of_tests.ask(migrate_engine.connect())", body
    )


@provokes("not-confirmed")
def nobody_to_ask(stage: Stage) -> None:
    stage.command = ["restore", stage.backup()]


# --- the legacy side ----------------------------------------------------------------------


@provokes("legacy-runtime")
def runtime_that_fails(stage: Stage) -> None:
    stage.legacy("pass")
    stage.program("python")
    text = stage.project.file.read_text()
    stage.project.file.write_text(f'legacy_python = "{stage.project.root}/bin/python"\n{text}')


@provokes("legacy-preflight", *BOTH, legacy=True)
def setup_that_fails(stage: Stage) -> None:
    stage.legacy("pass")
    stage.project.configure("legacy.shop", 'setup = "app_of_tests:attach"')


@provokes("legacy-failed", *BOTH, legacy=True)
def script_that_fails(stage: Stage) -> None:
    stage.legacy("app_of_tests.fail(migrate_engine.url)")


@provokes("legacy-failed", *BOTH, legacy=True)
def script_that_fails_with_the_password_in_the_query(stage: Stage) -> None:
    script_that_fails(stage)
    stage.move_the_password()


@provokes("legacy-failed", *BOTH, legacy=True)
def statement_that_fails(stage: Stage) -> None:
    stage.legacy("app_of_tests.ask(migrate_engine.connect())")


@provokes("legacy-worker", *BOTH, legacy=True)
def script_that_ends_the_process(stage: Stage) -> None:
    stage.legacy("app_of_tests.say(migrate_engine.url); os._exit(3)")


@provokes("freeze-failed", legacy=True)
def port_that_fails(stage: Stage) -> None:
    stage.patch.setenv("BRIDGE_SCRATCH_URL", stage.url)
    stage.project.write(
        "legacy/shop/versions/002_prices.py",
        "import uuid\ndef upgrade(migrate_engine):\n"
        "    insert = \"INSERT INTO items (id, name) VALUES (7, '%s')\"\n"
        "    migrate_engine.execute(insert % uuid.uuid4())\n",
    )
    stage.project.write(
        "legacy/shop/frozen/ported/002.py",
        "import app_of_tests\n"
        "def upgrade(connection):\n    app_of_tests.fail(connection.engine.url)\n",
    )
    stage.project.configure("alembic", 'pythonpath = ["."]')
    stage.command = ["freeze"]


@provokes("init-refused", legacy=True)
def history_that_runs_nowhere(stage: Stage) -> None:
    stage.patch.setenv("BRIDGE_SCRATCH_URL", stage.url)
    stage.legacy("app_of_tests.fail(migrate_engine.url)")
    stage.project.file.unlink()
    stage.patch.chdir(stage.project.root)
    stage.command = ["init", "--no-sqlite", "--legacy", "legacy/shop", "--pythonpath", "."]


# --- Alembic ------------------------------------------------------------------------------


@provokes("revisions-invalid")
def revision_that_cannot_be_read(stage: Stage) -> None:
    stage.revision("pass", "import app_of_tests\napp_of_tests.fail(app_of_tests.given())\n")


@provokes("revisions-invalid")
def ini_with_a_single_percent(stage: Stage) -> None:
    stage.write_ini(f"[alembic]\nscript_location = alembic\nsqlalchemy.url = {stage.url}\n")


@provokes("revisions-invalid")
def ini_without_a_section(stage: Stage) -> None:
    stage.write_ini(f"sqlalchemy.url = {stage.url}\n")


@provokes("revision-failed", *BOTH)
def revision_that_fails(stage: Stage) -> None:
    stage.revision("app_of_tests.fail_here(op.get_bind())", "import app_of_tests\n")


@provokes("revision-failed", *BOTH)
def revision_that_fails_with_the_password_in_the_query(stage: Stage) -> None:
    revision_that_fails(stage)
    stage.move_the_password()


@provokes("revision-failed", *BOTH)
def revision_whose_statement_fails(stage: Stage) -> None:
    stage.revision("app_of_tests.ask(op.get_bind())", "import app_of_tests\n")


@provokes("revision-failed")
def command_of_alembics_that_fails(stage: Stage) -> None:
    revision_that_fails(stage)
    write_revisions(stage.database, ["shop_base"])
    stage.command = ["alembic", "upgrade", "shop_notes"]


@provokes("not-offline")
def revision_that_fails_in_a_script(stage: Stage) -> None:
    stage.revision("app_of_tests.fail(app_of_tests.given())", "import app_of_tests\n")
    write_revisions(stage.database, ["shop_base"])
    stage.command = ["dbupdate", "--sql"]


@provokes("version-table-mismatch")
def env_of_its_own(stage: Stage) -> None:
    stage.at(3)
    env = TALKING_ENV.replace("environment()", "environment(version_table='another')")
    stage.project.write("alembic/env.py", env)


# --- hooks, and what nobody foresaw -------------------------------------------------------


@provokes("hook-failed", *BOTH)
def foundations_that_fail(stage: Stage) -> None:
    stage.project.configure("database", 'foundations = "app_of_tests:fail_here"')


@provokes("hook-failed")
def models_that_cannot_be_loaded(stage: Stage) -> None:
    stage.project.configure("alembic", 'models = ["models_of_tests"]')
    stage.project.configure("database", 'fresh = "models"')
    stage.project.write(
        "models_of_tests.py", "import app_of_tests\napp_of_tests.fail(app_of_tests.given())\n"
    )


@provokes("interrupted")
def somebody_who_stops_it(stage: Stage) -> None:
    stage.project.configure("database", 'foundations = "app_of_tests:stop_here"')


@provokes("interrupted")
def models_that_stop_it(stage: Stage) -> None:
    models_that_cannot_be_loaded(stage)
    text = "import app_of_tests\nraise KeyboardInterrupt(app_of_tests.told(app_of_tests.given()))\n"
    stage.project.write("models_of_tests.py", text)


@provokes("internal")
def defect(stage: Stage) -> None:
    stage.at(3)

    def fail(connection: sa.engine.Connection, *_: object) -> None:
        space: dict[str, Any] = {}
        exec(APP, space)
        space["fail"](connection.engine.url)

    stage.patch.setattr("bridge.upgrade.detect.read_facts", fail)


# --- searching ----------------------------------------------------------------------------


def found(text: str) -> list[str]:
    """The pieces of the password that are in a text, also of one that was quoted or encoded."""
    encoded = [base64.b64encode(b"." * n + SECRET.encode())[4:-4].decode() for n in range(3)]
    pieces = [FIRST, LAST, SECRET.encode().hex(), *encoded]
    plain = unquote(unquote(text))
    return [piece for piece in pieces if piece in text or piece in plain]


def told_by(error: BaseException) -> list[str]:
    """All that an exception tells who catches it."""
    words = [str(error), repr(error), repr(error.args)]
    words += traceback.format_exception(type(error), error, error.__traceback__)
    if isinstance(error, BridgeError):
        words += [repr(vars(error)), json.dumps(error.as_dict())]
    return words


def text_of(error: BridgeError) -> str:
    """The error as it is printed without --json."""
    with contextlib.redirect_stderr(io.StringIO()) as stream:
        Output().error(error)
    return stream.getvalue()


@pytest.fixture
def stage(
    project: Project,
    tmp_path: Path,
    make_database: Callable[[str], Database],
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
) -> Iterator[Stage]:
    database = make_database(dialect)
    assert isinstance(database, ServerDatabase)
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(account(database, SECRET))
        yield Stage(project, database, url, tmp_path, monkeypatch, stack)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    project = copy_project("shop", tmp_path / "shop")
    project.write("alembic/env.py", TALKING_ENV)
    project.write("app_of_tests.py", APP)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TESTS", str(os.getpid()))
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield project
    project.forget()


# --- the tests ----------------------------------------------------------------------------


class Heard:
    """All that came out of a run, by where it came out."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def add(self, where: str, *texts: str) -> None:
        self.texts += [(where, text) for text in texts]

    def add_what_is_left(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """The journal, the log and the files, of which the test has written some itself."""
        self.add("journal and rows", repr(stage.database.rows(journal=True)))
        # The app's own records are its own, until they come to an output of ours.
        records = [record for record in caplog.records if record.name != "app"]
        self.add("log", *(record.getMessage() for record in records))
        for path in stage.folder.rglob("*"):
            read = path.is_file() and path not in stage.own
            self.add(str(path), str(path), path.read_bytes().decode("latin-1") if read else "")

    def check(self) -> None:
        assert self.texts
        leaks = [(where, found(text), text) for where, text in self.texts if found(text)]
        assert {where: pieces for where, pieces, _text in leaks} == {}, leaks[0][2]


def run(stage: Stage, *arguments: str) -> Result:
    """The command line in this process, with the URL in the environment."""
    variables = {"BRIDGE_DATABASE_URL": stage.url} if stage.url else {}
    words = 2 if arguments[0] == "snapshot" else 1
    file = ["--debug"]
    if arguments[0] != "init":
        file += ["--config", str(stage.project.file)]
    return invoke(*arguments[:words], *file, *arguments[words:], environment=variables)


def children_seen(stage: Stage) -> list[Path]:
    """Where processes that bridge started have written what others may see of them."""
    return [path for path in stage.folder.rglob("seen*") if path.stat().st_size]


# --- the tests ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "dialect"), CASES)
def test_no_error_says_a_password(
    name: str, stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, prepare = PROVOCATIONS[name]
    prepare(stage)
    heard, caught = Heard(), []
    print_error = Output.error

    def error(output: Output, error: BridgeError) -> None:
        # Before the command line does something about it: as the API raises it.
        raised = error.__cause__ if code == "internal" else error
        assert raised is not None
        heard.add("exception", *told_by(raised))
        caught.append(error)
        print_error(output, error)

    monkeypatch.setattr(Output, "error", error)
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    how = [] if stage.command[0] == "alembic" else ["--json"]
    result = run(stage, *stage.command, *how)
    assert [error.code for error in caught] == [code], result.output
    assert "No database is named" not in result.output
    heard.add("stdout", result.stdout)
    heard.add("stderr", result.stderr)
    heard.add("text", text_of(caught[0]))
    heard.add_what_is_left(stage, caplog)
    heard.check()
    if code.endswith("-failed"):
        # There was something to hide.
        assert "***" in result.stderr
    if code in ("legacy-failed", "legacy-worker", "legacy-runtime", "backup-failed"):
        assert children_seen(stage)


def test_every_error_is_provoked_or_cannot_have_a_password() -> None:
    codes = {error.code for error in all_errors()}
    assert {code for code, _ in PROVOCATIONS.values()} == codes - set(NOT_PROVOKED)
    assert set(NOT_PROVOKED) < codes


@pytest.mark.parametrize("dialect", ["postgresql", pytest.param("mariadb", marks=LEGACY_SIDE)])
def test_a_run_that_succeeds_says_no_password(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Although the app says it wherever it can."""
    say = "app_of_tests.say(migrate_engine.url)"
    stage.legacy(f'{say}; migrate_engine.execute("ALTER TABLE items ADD COLUMN price INTEGER")')
    name = "alembic/coupons/coupons_base.py"
    stage.project.write(name, "import app_of_tests\napp_of_tests.fail(app_of_tests.given())\n")
    stage.project.replace("bridge.toml", '"alembic/coupons"', '"alembic/coupons"\nenabled = false')
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    heard = Heard()
    for command in (
        "status", "status --json", "plan", "plan --json", "graph", "modules", "modules --json",
        "dbupdate --yes --backup", "dbupdate --json", "history", "history --json",
        "alembic current --verbose", "alembic upgrade heads", "runtime",
    ):  # fmt: skip
        result = run(stage, *command.split())
        assert result.exit_code == 0, result.output
        heard.add(command, result.stdout, result.stderr)
        if command == "modules":
            assert "RuntimeError" in result.stdout or "Odd: " in result.stdout
        if command == "dbupdate --yes --backup":
            assert "WARNING" not in result.stdout
            assert result.stdout.count(":***@") > 5
    assert children_seen(stage)
    assert list(stage.folder.glob("shop/backups/*"))
    heard.add_what_is_left(stage, caplog)
    heard.check()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_on_a_terminal_nobody_reads_a_password(stage: Stage) -> None:
    """There a bar is drawn, through which all goes that the app prints."""
    stage.at(3)
    command = ["dbupdate", "--debug", "--backup"]
    where = SimpleNamespace(url=stage.url)
    status, shown = typed(stage.project, where, "", *command)  # type: ignore[arg-type]
    assert status == 0
    assert ":***@" in shown
    assert "Context impl" in shown
    assert found(shown) == []


# --- the Python interface -----------------------------------------------------------------


def errors_of(url: sa.engine.URL) -> tuple[Exception, Exception, Exception]:
    """With the password in an argument, with it elsewhere, and without it."""
    secret = url.render_as_string(hide_password=False)
    return KeyError(secret, 1), ValueError([secret], secret.encode()), ZeroDivisionError("innocent")


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("given", ["url", "engine", "configuration"])
def test_of_the_causes_those_are_replaced_whose_text_cannot_be_changed(
    stage: Stage, given: str
) -> None:
    url = parse_url(stage.url)
    bridge = {
        "url": lambda: Bridge.from_config(stage.project.file, url=url),
        "engine": lambda: Bridge.from_config(stage.project.file, url=sa.create_engine(url)),
        "configuration": lambda: Bridge(
            root=stage.project.root, alembic={"script_location": "alembic"},
            database={"url": stage.url},
        ),
    }[given]()  # fmt: skip
    plain, odd, innocent = errors_of(url)
    plain.__cause__, odd.__context__, innocent.__context__ = odd, innocent, plain  # a circle
    with pytest.raises(DatabaseError) as caught, bridge.engine():
        raise DatabaseError(f"See {stage.url}") from plain
    error = caught.value
    assert [piece for text in told_by(error) for piece in found(text)] == []
    assert error.__cause__ is plain
    assert ":***@" in plain.args[0]
    assert plain.args[1] == 1
    assert isinstance(plain.__cause__, Scrubbed)
    assert str(plain.__cause__).startswith("ValueError: ([")
    assert plain.__cause__.__context__ is innocent
    assert innocent.__context__ is plain
    assert found(repr(bridge.config)) == []


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_what_is_no_error_of_bridges_loses_its_password_too(stage: Stage) -> None:
    """What ends a program stays what it is."""
    plain, odd, innocent = errors_of(parse_url(stage.url))
    same = [plain, innocent, KeyboardInterrupt(stage.url, 1), SystemExit(3)]
    for raised in (odd, *same):
        with pytest.raises(BaseException) as caught, stage.project.bridge(stage.url).engine():  # noqa: PT011
            raise raised
        assert [piece for text in told_by(caught.value) for piece in found(text)] == []
        assert isinstance(caught.value, Scrubbed) if raised is odd else caught.value is raised
    assert [error.args[-1] for error in same] == [1, "innocent", 1, 3]


# --- words --------------------------------------------------------------------------------

PASSWORDS = [
    SECRET,
    "hunter2",
    "it's",
    "100%",
    "%41",
    "two words",
    "ümläut-€",
    "back\\slash\n",
    "a/b",
]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "quoted": lambda text: quote(text, safe=""),
    "quoted in lower case": lambda text: quote(text, safe="").replace("%2F", "%2f"),
    "quoted as a form": quote_plus,
    "quoted twice": lambda text: quote(quote_plus(text), safe=""),
    "for an ini file": lambda text: quote(text, safe="").replace("%", "%%"),
    "repr": lambda text: repr(text)[1:-1],
    "repr of repr": lambda text: repr(repr(text)[1:-1])[1:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "json": lambda text: json.dumps(text)[1:-1],
    "json of json": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "sql": lambda text: text.replace("'", "''"),
    "pgpass": lambda text: re.sub(r"([\\:])", r"\\\1", text),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_is_known_in_every_spelling(password: str, spelling: str) -> None:
    spelt = SPELLINGS[spelling](password)
    for url in (
        sa.engine.URL.create("postgresql", "me", password, "host", 5432, "shop"),
        sa.engine.make_url(f"postgresql://me@host/shop?sslpassword={quote(password, safe='')}"),
    ):
        assert scrub(f"It is {spelt}, or '{spelt}'.", url) == "It is ***, or '***'."


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("media in multimedia and media_entries: ***", "media"),
        ("postgresql and postgres9: ***", "postgres"),
        ("101 of 10 %: ***", "1"),
    ],
)
def test_a_word_that_is_a_password_is_left_alone_inside_other_words(
    text: str, password: str
) -> None:
    url = f"postgresql://me:{password}@host/shop"
    given = text.replace("***", password)
    assert scrub(given, url) == text.replace("media in", "*** in")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amqp://guest:hunter2@mq/ is down", "amqp://guest:***@mq/ is down"),
        ("see http://host:80/path and write to a@b.c", None),
        ("://host/d?user=me&password=hunter2&x=1", "://host/d?user=me&password=***&x=1"),
        ("Write it as DIALECT://USER:PASSWORD@HOST:PORT/DATABASE", None),
        ("postgresql://me:***@host/shop", None),
    ],
)
def test_another_url_loses_its_password_too(text: str, expected: str | None) -> None:
    assert scrub(text) == (text if expected is None else expected)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{quote(SECRET, safe='')}@host/shop",
        *(
            f"{url}={quote(SECRET, safe='')}"
            for url in (
                "postgresql://me@host/shop?passfile=/srv/pass&password",
                "postgresql://me@host/shop?passfile=/srv/pass&sslpassword",
                f"mysql+pymysql://me@host/shop?passwd={quote(SECRET, safe='')}&passwd",
                "mysql+pymysql://me@host/shop?ssl_key=/srv/key&ssl_key_password",
            )
        ),
    ],
)
def test_a_url_is_shown_without_any_password(url: str) -> None:
    text = shown(parse_url(url))
    assert found(text) == []
    assert "me" in text
    for path in re.findall("/srv/(\\w+)", url):
        assert path in unquote(text)


@pytest.mark.parametrize("url", ["postgresql://me:a {}@host", "postgresql://me@host?password={}"])
@pytest.mark.parametrize("how", [[], ["--json"]])
def test_a_url_where_a_command_has_no_place_for_one(url: str, how: list[str]) -> None:
    result = invoke("status", *how, url.format(FIRST))
    assert result.exit_code == 2
    assert "Got unexpected extra argument (postgresql://me" in result.output
    assert found(result.output) == []


def test_sql_for_another_day_is_not_changed_for_a_word(project: Project) -> None:
    """It is data: a password may be the name of a column."""
    project.write(
        "alembic/env.py", "from bridge.revisions import run_environment\nrun_environment()"
    )
    given = [
        "alembic",
        "--config",
        str(project.file),
        "--url",
        "postgresql://me:note@127.0.0.1:1/d",
    ]
    result = invoke(*given, "upgrade", "shop_base:shop_notes", "--sql")
    assert result.exit_code == 0, result.output
    assert "ALTER TABLE orders ADD COLUMN note VARCHAR(200);" in result.stdout
