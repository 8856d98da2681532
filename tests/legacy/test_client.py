"""The parent's side of the worker: URLs, what the child sees, and how either of them ends."""

from __future__ import annotations

import json
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from support.databases import Database, account
from support.legacy_projects import (
    CREATE_NOTES,
    LegacyProject,
    add_note,
    legacy_python,
    notes,
    script,
    versions,
)
from support.projects import write_versions

from bridge.database.drivers import with_driver
from bridge.database.engine import connect, make_engine
from bridge.database.url import parse_url
from bridge.legacy import client
from bridge.legacy.urls import legacy_url
from bridge.model.errors import LegacyError, LegacyPreflightError, LegacyWorkerError

pytestmark = pytest.mark.cold

MakeDatabase = Callable[[str], Database]


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    return LegacyProject(tmp_path / "app")


# -- URLs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://u:p@h:1/d", "postgresql+psycopg2://u:p@h:1/d"),
        ("postgresql+psycopg://u@h/d?sslmode=require", "postgresql+psycopg2://u@h/d?sslmode=require"),
        (
            "postgresql+asyncpg://u@h/d?ssl=require&timeout=5&prepared_statement_cache_size=0",
            "postgresql+psycopg2://u@h/d?sslmode=require&connect_timeout=5",
        ),
        ("postgresql+pg8000://h/d?timeout=5&tcp_keepalive=1", "postgresql+psycopg2://h/d?connect_timeout=5"),
        ("postgresql+psycopg2://h/d?any=1", "postgresql+psycopg2://h/d?any=1"),
        ("postgresql+psycopg:///d?host=/run/pg", "postgresql+psycopg2:///d?host=%2Frun%2Fpg"),
        ("postgresql://u@[::1]:5/d", "postgresql+psycopg2://u@[::1]:5/d"),
        ("mysql://u:p@h/d?charset=utf8mb4", "mysql+pymysql://u:p@h/d?charset=utf8mb4"),
        (
            "mysql+mysqldb://u@h/d?charset=utf8&ssl_mode=REQUIRED&unix_socket=/s",
            "mysql+pymysql://u@h/d?charset=utf8&unix_socket=%2Fs",
        ),
        ("mysql+aiomysql://u@h/d?charset=utf8", "mysql+pymysql://u@h/d?charset=utf8"),
        ("mysql+mysqlconnector://h/d?use_pure=1&connection_timeout=3", "mysql+pymysql://h/d?connect_timeout=3"),
        ("mariadb+mariadbconnector://u:p@h/d", "mysql+pymysql://u:p@h/d"),
        ("mariadb://u:p@h/d", "mysql+pymysql://u:p@h/d"),
        ("sqlite+aiosqlite:////srv/a%20b.db?timeout=3", "sqlite:////srv/a%20b.db?timeout=3"),
        ("sqlite://", "sqlite://"),
        ("oracle+cx_oracle://u:p@h/d?mode=x", "oracle+cx_oracle://u:p@h/d?mode=x"),
        ("postgresql://u:a%2541%3A%2F%40%20%25@h/d", "postgresql+psycopg2://u:a%2541%3A%2F%40%20%25@h/d"),
    ],
)  # fmt: skip
def test_the_worker_gets_a_driver_of_the_private_runtime(given: str, expected: str) -> None:
    url = make_url(given)
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database="/srv/a%20b.db")  # 2.1 decodes it, 1.4 does not
    assert legacy_url(url) == expected


def test_a_file_of_sqlite_keeps_its_name_whatever_it_is(tmp_path: Path) -> None:
    url = sa.engine.URL.create("sqlite", database=f"{tmp_path}/100% müde/a b.db")
    assert legacy_url(url) == f"sqlite:///{tmp_path}/100% müde/a b.db"


def test_a_relative_file_is_found_wherever_scripts_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert legacy_url(make_url("sqlite:///media.db")) == "sqlite:////media.db"


@pytest.mark.parametrize(
    ("given", "backend"),
    [
        ("postgresql+asyncpg://u:p@h/d?ssl=require&command_timeout=5", "postgresql"),
        ("mysql+aiomysql://u:p@h/d?charset=utf8mb4&echo=1", "mysql"),
        ("mariadb+asyncmy://u:p@h/d?charset=utf8mb4", "mariadb"),
        ("sqlite+aiosqlite:///x.db", "sqlite"),
    ],
)
def test_a_driver_for_asyncio_gives_way_to_one_that_is_installed(given: str, backend: str) -> None:
    url = parse_url(given)
    assert url.get_backend_name() == backend
    assert (
        url.render_as_string(hide_password=False)
        .partition("//")[2]
        .startswith(
            make_url(given)
            .render_as_string(hide_password=False)
            .partition("//")[2]
            .partition("?")[0]
        )
    )
    expected = {"postgresql": {"sslmode": "require"}, "sqlite": {}}
    assert dict(url.query) == expected.get(backend, {"charset": "utf8mb4"})
    # It can be loaded, and is none for asyncio.
    assert not sa.create_engine(url).dialect.is_async


def test_the_same_driver_keeps_arguments_that_nobody_here_knows() -> None:
    url = make_url("postgresql+psycopg://h/d?prepare_threshold=5")
    assert with_driver(url, "postgresql+psycopg") == url


# -- passwords ------------------------------------------------------------------------------------

PASSWORDS = ["100%41 %% :/@?#", 'it\'s "quoted" & \\back', "[a]{b}+c d%2Fe=f"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_any_password_works_through_the_whole_way_and_is_not_shown(
    project: LegacyProject,
    make_database: MakeDatabase,
    dialect: str,
    password: str,
) -> None:
    database = make_database(dialect)
    own = "own = create_engine({})\n" + add_note("{}").replace("migrate_engine", "own")
    shows = (
        "print(migrate_engine.url, migrate_engine.url.password)\nraise ValueError("
        "'%s and %s' % (migrate_engine.url, migrate_engine.url.password))"
    )
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_url": own.format("migrate_engine.url", "url"),
            "003_text": own.format("str(migrate_engine.url)", "text"),
            "004_fails": shows,
        }
    )
    project.install(database)
    with account(database, password) as url:
        with pytest.raises(LegacyError) as caught:
            project.bridge(url).dbupdate()
        assert notes(database) == ["url", "text"]
    assert caught.value.message.endswith(" and ***")
    assert "test%20account:***@" in caught.value.message.replace("test account", "test%20account")


# -- what the child sees --------------------------------------------------------------------------


@pytest.mark.process
def test_the_url_is_in_no_argument_and_no_environment(
    project: LegacyProject, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_DATABASE_URL", database.url)
    monkeypatch.setenv("THE_APPS_OWN", "kept")
    project.repository(
        {
            "001_look": "import json, os\n"
            "seen = {name: open('/proc/self/' + name, 'rb').read().decode('latin-1')"
            " for name in ('cmdline', 'environ')}\n"
            "path = os.path.join(os.path.dirname(__file__), 'seen.json')\n"
            "seen['THE_APPS_OWN'] = os.environ['THE_APPS_OWN']\n"
            "json.dump(seen, open(path, 'w'))"
        }
    )
    project.update(database)
    seen = json.loads((project.root / "legacy/app/versions/seen.json").read_text())
    name = str(make_url(database.url).database)
    assert name not in seen["cmdline"]
    assert str(client.WORKER) in seen["cmdline"]
    assert "BRIDGE_DATABASE_URL" not in seen["environ"]
    assert name not in seen["environ"].replace(str(project.root), "")
    assert seen["THE_APPS_OWN"] == "kept"


@pytest.mark.process
def test_settings_of_this_python_do_not_reach_the_scripts(
    project: LegacyProject, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another SQLAlchemy is on PYTHONPATH, as is the app.
    project.write("lib/sqlalchemy.py", "raise ImportError('the wrong one')\n")
    project.write("lib/the_app.py", "NAME = 'the app'\n")
    monkeypatch.setenv("PYTHONPATH", str(project.root / "lib"))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_app": "import the_app\nimport warnings\nwarnings.warn(the_app.NAME)\n"
            "assert __debug__\n" + add_note("x"),
        }
    )
    project.update(sqlite_database)
    assert notes(sqlite_database) == ["x"]


@pytest.mark.server
def test_what_scripts_print_goes_to_the_log_without_the_password(
    project: LegacyProject, make_database: MakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database = make_database("mariadb")
    password = str(make_url(database.url).password)
    project.repository(
        {"001_prints": "print('out'); print(migrate_engine.url)\nimport sys\nsys.stderr.write('e')"}
    )
    with caplog.at_level(logging.INFO, "bridge.legacy"):
        project.update(database)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "out"
    assert lines[1].startswith("mysql+pymysql://bridge:***@")
    assert lines[2] == "e"
    assert password not in caplog.text


@pytest.mark.process
def test_only_the_end_of_a_long_output_is_shown(
    project: LegacyProject, sqlite_database: Database
) -> None:
    body = "for n in range(50000):\n    print('line', n)\nimport os\nos._exit(1)"
    project.repository({"001_talks": body})
    error = project.refused(sqlite_database)
    _, *lines = error.message.splitlines()
    assert lines == [f"  | line {number}" for number in range(49980, 50000)]


@pytest.mark.server
def test_a_database_that_only_bridge_can_open_is_reported_before_any_write(
    project: LegacyProject, make_database: MakeDatabase
) -> None:
    database = make_database("postgresql")
    project.repository({"001_notes": CREATE_NOTES})
    project.install(database)
    # An engine of the app's own opens its connections in a way that no URL says.
    dialect = database.engine().dialect
    arguments, options = dialect.create_connect_args(make_url(database.url))
    url = make_url(database.url).set(port=1)
    engine = sa.create_engine(url, creator=lambda: dialect.connect(*arguments, **options))
    with pytest.raises(LegacyPreflightError) as caught:
        project.bridge(database).dbupdate(engine)
    first, second, *_ = caught.value.message.splitlines()
    assert first == "1 problem with the legacy scripts that this database needs:"
    assert second.startswith("- legacy runtime: it cannot open the database: OperationalError: ")
    assert "bridge runtime remove" in caught.value.help
    engine.dispose()
    assert versions(database) == {"app": 0}


# -- ends -----------------------------------------------------------------------------------------


PATIENCE = 30.0
"""Seconds that only a test that fails waits."""


class Ear:
    """Hears from scripts, and when the last process that could speak is gone."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.connection: socket.socket | None = None
        self.heard = b""

    def speaking(self) -> str:
        """A body of upgrade() that says ``begun`` through `mouth`, which stays open."""
        port = self.listener.getsockname()[1]
        return (
            "import os, socket, subprocess, threading\n"
            f"migrate_engine.mouth = mouth = socket.create_connection(('127.0.0.1', {port}))\n"
            "mouth.sendall(b'begun ')\n"
        )

    def hear(self) -> bytes:
        """The next words; empty when there is nobody left."""
        if self.connection is None:
            self.connection, _ = self.listener.accept()
            self.connection.settimeout(PATIENCE)
        try:
            words = self.connection.recv(65536)
        except ConnectionResetError:  # killed in the middle of a word
            words = b""
        self.heard += words
        return words

    def hear_to_the_end(self) -> str:
        deadline = time.monotonic() + PATIENCE
        while self.hear():
            assert time.monotonic() < deadline, "there is still somebody"
        return self.heard.decode()

    def close(self) -> None:
        self.listener.close()
        if self.connection is not None:
            self.connection.close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.close()


@pytest.mark.process
def test_threads_that_never_end_do_not_keep_the_run(
    project: LegacyProject,
    sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    ear: Ear,
) -> None:
    monkeypatch.setattr(client, "ENDING_SECONDS", 0.1)
    wait = "threading.Thread(target=threading.Event().wait).start()"
    project.repository({"001_waits": ear.speaking() + wait})
    project.update(sqlite_database)
    assert ear.hear_to_the_end() == "begun "


@pytest.mark.process
def test_a_process_that_a_script_started_ends_with_a_run_that_fails(
    project: LegacyProject, sqlite_database: Database, ear: Ear
) -> None:
    start = "subprocess.Popen(['sleep', '600'], pass_fds=[mouth.fileno()])\n"
    project.repository({"001_starts": ear.speaking() + start + "raise ValueError('stop')"})
    assert isinstance(project.refused(sqlite_database), LegacyError)
    assert ear.hear_to_the_end() == "begun "


PARENT = """
import sys
from bridge import Bridge
root, url = sys.argv[1:3]
Bridge(url=url, root=root, alembic={"script_location": "alembic"},
       legacy={"app": {"repository": "legacy/app", "stamp": {2: ["successor"]}}}).dbupdate()
"""


@pytest.mark.process
def test_when_the_parent_is_killed_the_worker_ends_and_writes_nothing_more(
    project: LegacyProject, database: Database, ear: Ear
) -> None:
    # Through the driver: nothing of it goes through the pipe that breaks with the parent.
    forever = (
        "raw = migrate_engine.raw_connection()\ncursor = raw.cursor()\nwhile True:\n"
        "    cursor.execute(\"INSERT INTO notes (text) VALUES ('x')\")\n    raw.commit()\n"
        "    mouth.sendall(b'.')"
    )
    project.repository({"001_notes": CREATE_NOTES, "002_forever": ear.speaking() + forever})
    project.install(database)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, project.root, legacy_url(make_url(database.url))],
        stderr=subprocess.DEVNULL,
    )
    try:
        while ear.heard.count(b".") < 5:
            assert ear.hear(), "the worker ended by itself"
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    told = ear.hear_to_the_end().count(".")
    # The worker is gone. One statement may have been on its way.
    assert told <= len(notes(database)) <= told + 1
    assert versions(database) == {"app": 1}


@pytest.mark.process
def test_a_version_that_is_asked_for_by_a_parent_that_is_gone_does_not_run(
    project: LegacyProject, sqlite_database: Database
) -> None:
    repository = project.repository({"001_notes": CREATE_NOTES, "002_end": add_note("x")})
    write_versions(sqlite_database, ("app", 0))
    spec = {"path": str(repository), "version_table": "migrate_version", "row_id": "app"}
    request = {
        "urls": [sqlite_database.url],
        "pythonpath": [],
        "repositories": {"app": {**spec, "version": 0, "setup": None}},
        "steps": [["app", 1], ["app", 2]],
        "apart": [],
    }
    # All at once, and the end of file: the worker must not begin what nobody waits for.
    lines = [
        json.dumps(x) + "\n"
        for x in (request, {"run": ["app", 1], "before": 0}, {"run": ["app", 2], "before": 1})
    ]
    done = subprocess.run(
        [legacy_python(), client.WORKER],
        input="".join(lines),
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert versions(sqlite_database) == {"app": 0}
    assert set(sqlite_database.rows()) == {"migrate_version"}


@pytest.mark.process
def test_an_answer_that_breaks_off_is_the_worker_s_end(
    project: LegacyProject, sqlite_database: Database, tmp_path: Path
) -> None:
    runtime = tmp_path / "runtime"
    runtime.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "if sys.argv[1] != '-c':\n"
        '    sys.stdin.readline()\n    sys.stdout.write(\'{"event": "loa\')\n'
        "    sys.stderr.write('out of memory')\n    sys.exit(9)\n"
    )
    runtime.chmod(0o755)
    project.repository({"001_notes": CREATE_NOTES})
    error = project.refused(sqlite_database, legacy_python=str(runtime))
    assert isinstance(error, LegacyWorkerError)
    assert error.message == (
        "The process that runs the legacy scripts ended, with status 9.\n  | out of memory"
    )
    assert error.state_of_data == "The database is unchanged."
    assert error.help == (
        "Run the command again with --debug to see all its output.\n"
        "See where the database stands now: bridge status"
    )


@pytest.mark.process
def test_a_cause_that_many_scripts_share_is_reported_once(
    project: LegacyProject, sqlite_database: Database
) -> None:
    """A history of hundreds of versions may import one module that is gone."""
    scripts = {f"{n:03}_old.py": script("pass", "import gone_for_good\n") for n in range(1, 28)}
    project.repository(scripts)
    error = project.refused(sqlite_database)
    cause = "it imports gone_for_good, which the legacy runtime does not have"
    first = "".join(
        f"- ROOT/legacy/app/versions/{n:03}_old.py, line 1: {cause}\n" for n in range(1, 21)
    )
    assert project.message(error) == (
        f"27 problems with the legacy scripts that this database needs:\n{first}- 7 more: {cause}"
    )


# -- sessions -------------------------------------------------------------------------------------


def test_a_query_may_come_again_after_another_session_has_changed_its_table(
    database: Database,
) -> None:
    engine = make_engine(parse_url(database.url))
    database.execute("CREATE TABLE things (id INTEGER)")
    with connect(engine) as connection:
        for number in range(1, 12):  # a driver may remember what comes often
            with connection.begin():
                rows = connection.exec_driver_sql("SELECT * FROM things")
                assert len(rows.keys()) == number
            database.execute(f"ALTER TABLE things ADD COLUMN more_{number} INTEGER")
