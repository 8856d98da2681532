"""Fixtures that every test may use: real servers, empty databases, a cache that workers share.

Servers are one of each kind for each xdist worker, started only by the first test that needs them.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from filelock import FileLock
from support.databases import (
    DIALECTS,
    Database,
    MariaDBDatabase,
    PostgreSQLDatabase,
    SQLiteDatabase,
    running,
)
from support.legacy_projects import LEGACY_SIDE, ONCE
from support.memory import use_memory
from support.projects import Project, copy_sample
from support.servers import MariaDB, PostgreSQL
from support.warm import closing_all, worker_popen

from bridge.legacy import client

# Tests write scripts anew within a second, as long as they were: Python would run the old ones.
# The tests themselves may be kept as bytecode, which saves half of the time to collect them.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.dont_write_bytecode = False

SERVERS = ("postgresql", "mariadb")
# What these folders test does not know SQLAlchemy: plain data, text, and commands, which hand over
# to what the other folders test in both worlds.
IN_ONE_WORLD = ("cli", "model", "output")
WORLDS = {mark.kwargs["reason"] for mark in (LEGACY_SIDE.mark, ONCE.mark)}


IN_MEMORY = pytest.StashKey[Path | None]()


def pytest_configure(config: pytest.Config) -> None:
    """Temporary files are in memory; workers have that from the process that starts them."""
    if not hasattr(config, "workerinput"):
        config.stash[IN_MEMORY] = use_memory()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What failed tests have left is kept until the next run."""
    if exitstatus:
        session.config.stash[IN_MEMORY] = None


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(IN_MEMORY, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


# Before pytest deselects what -m leaves out.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a server, as far as its fixtures tell.

    A test that is for the one world and for the other would run in none.
    """
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in IN_ONE_WORLD:
            item.add_marker(ONCE)
        if {mark.kwargs.get("reason") for mark in item.iter_markers("skipif")} >= WORLDS:
            raise pytest.UsageError(f"{item.nodeid} would run in no world")
        if uses_server(item):
            item.add_marker("server")


def uses_server(item: pytest.Item) -> bool:
    """Whether a parameter of the test is a kind of server, and it makes databases."""
    fixtures = set(getattr(item, "fixturenames", ()))
    if fixtures & {"postgresql_server", "mariadb_server"}:
        return True
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return "make_database" in fixtures and any(
        isinstance(value, str) and value in SERVERS for value in parameters
    )


def is_fast(config: pytest.Config) -> bool:
    """Whether what starts a process or needs a server is left out, as `make test-fast` does."""
    return "not process" in config.option.markexpr


_started: list[str] = []


def _note_process(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen":
        _started.append(str(arguments[1]))


sys.addaudithook(_note_process)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """What `make test-fast` runs starts no process: that is marked, so that it is left out."""
    _started.clear()
    yield
    if _started and is_fast(item.config):
        pytest.fail(f"it starts a process, and is not marked `process`: {_started}")


def pytest_collection_finish() -> None:
    """From here on modules are those that tests have written.

    What is imported and collected stays to the end: to look for garbage in it, again and again, is
    a tenth of all tests' time.
    """
    sys.dont_write_bytecode = True
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL of this worker's own, with a password."""
    yield from running(PostgreSQL())


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDB]:
    """A MariaDB of this worker's own, with a password."""
    yield from running(MariaDB())


@pytest.fixture(autouse=True)
def no_url_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own database must not get into a test."""
    monkeypatch.delenv("BRIDGE_DATABASE_URL", raising=False)


@pytest.fixture(scope="session")
def warm_processes() -> Iterator[None]:
    """The processes that children are forked from, as long as the tests run."""
    with closing_all():
        yield


@pytest.fixture(autouse=True)
def warm_workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Legacy workers are forked, unless the test is marked `cold`."""
    if request.node.get_closest_marker("cold") is None:
        request.getfixturevalue("warm_processes")
        forked = ModuleType("subprocess")
        forked.__dict__.update(vars(subprocess), Popen=worker_popen)
        monkeypatch.setattr(client, "subprocess", forked)


_numbers = itertools.count(1)


@pytest.fixture
def make_database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], Database]]:
    """`make_database(dialect)`: one more empty database, gone after the test."""
    made: list[Database] = []

    def make(dialect: str) -> Database:
        name = f"test_{next(_numbers)}"
        database: Database
        if dialect == "sqlite":
            database = SQLiteDatabase(tmp_path / f"{name}.sqlite")
        elif is_fast(request.config):
            pytest.fail("it needs a server, and is not marked `server`")
        elif dialect == "postgresql":
            server = request.getfixturevalue("postgresql_server")
            database = PostgreSQLDatabase(server, name)
        elif dialect == "mariadb":
            database = MariaDBDatabase(request.getfixturevalue("mariadb_server"), name)
        else:
            raise ValueError(dialect)
        made.append(database)
        return database

    yield make
    for database in made:
        database.drop()


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, make_database: Callable[[str], Database]) -> Database:
    """A new empty database, once for each dialect."""
    return make_database(request.param)


@pytest.fixture
def sqlite_database(make_database: Callable[[str], Database]) -> Database:
    """A new empty SQLite database, for what has nothing to do with dialects."""
    return make_database("sqlite")


@pytest.fixture
def sample(tmp_path: Path) -> Project:
    """A copy of the sample application, which a test may change."""
    return copy_sample(tmp_path / "sample")


@pytest.fixture(scope="session")
def cache_dir() -> Path:
    """A folder in the checkout that outlives the run: for what is dear to make or fetch."""
    folder = REPOSITORY / ".cache" / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def cached(cache_dir: Path) -> Callable[[str, Callable[[Path], None]], Path]:
    """`cached(name, build)`: the folder `name` of the cache, which `build(folder)` filled once.

    One worker builds while the others wait. Put into the name what the content depends on.
    """

    def get(name: str, build: Callable[[Path], None]) -> Path:
        folder = cache_dir / name
        with FileLock(cache_dir / f"{name}.lock"):
            if not folder.exists():
                # Elsewhere first: an interrupted build must not look like a finished one.
                work = Path(tempfile.mkdtemp(prefix=f"{name}.", suffix=".new", dir=cache_dir))
                try:
                    build(work)
                    work.rename(folder)
                finally:
                    shutil.rmtree(work, ignore_errors=True)
        return folder

    return get
