"""`pytest --bridge`: a test for each thing that `bridge check` proves; old installs as fixtures.

Loaded into every run of pytest where bridge is installed: what it needs is imported when it is
asked for.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.engine import URL, Engine

    from bridge.model.checks import Proof
    from bridge.project import Project


_FOLDER = "bridge_folder"

_OWN = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options and settings."""
    group = parser.getgroup("bridge", "upgrade paths (bridge)")
    group.addoption(
        "--bridge", action="store_true", help="Collect a test for each thing that is to be proved."
    )
    group.addoption(
        "--bridge-url",
        action="append",
        default=[],
        metavar="URL",
        help="A server to check on, besides SQLite; databases are created there, and dropped. Also "
        "from BRIDGE_SCRATCH_URL, several with spaces between.",
    )
    parser.addini("bridge_config", "bridge's configuration; default: the nearest bridge.toml.")
    parser.addini("bridge_sqlite", "Whether to check on SQLite.", type="bool", default=True)


# --- what is shared between the processes of pytest-xdist ---------------------------------


def _folder(config: pytest.Config) -> Path:
    """Return this run's own folder, the same in all of its processes."""
    given = getattr(config, "workerinput", {}).get(_FOLDER)
    if given:
        return Path(given)
    if _OWN not in config.stash:
        config.stash[_OWN] = Path(tempfile.mkdtemp(prefix="bridge-pytest-"))
    return config.stash[_OWN]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the folder."""
    if node.config.getoption("--bridge"):
        node.workerinput[_FOLDER] = str(_folder(node.config))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder, in the process that has made it."""
    if _OWN in config.stash:
        shutil.rmtree(config.stash[_OWN], ignore_errors=True)


# --- the tests ----------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests after those of the app."""
    if not config.getoption("--bridge"):
        return
    from bridge.model.errors import BridgeError

    try:
        items.extend(_Collector.from_parent(session, name="bridge").collect())
    except BridgeError as error:
        raise pytest.UsageError(f"{error.message}\nWhat to do: {error.help}") from None


class ProofFailedError(Exception):
    """Something does not hold; the text says what."""


class _Collector(pytest.Collector):
    """All that there is to prove."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each proof, in the same order in every process."""
        from bridge.check.cases import on_database, on_files

        project = _project(self.config)
        for kind, name in on_files(project):
            yield _Item.from_parent(self, name=name, kind=kind, place="", url=None)
        for place, url in _places(self.config):
            for kind, name in on_database(project, place.partition("-")[0]):
                yield _Item.from_parent(
                    self, name=f"{place}: {name}", proof=name, kind=kind, place=place, url=url
                )


class _Item(pytest.Item):
    """One thing that is to be proved."""

    def __init__(
        self, *, kind: str, place: str, url: URL | None, proof: str | None = None, **more: Any
    ) -> None:
        super().__init__(**more)
        self._kind, self._place, self._url = kind, place, url
        self._proof = proof or self.name

    def runtest(self) -> None:
        """Prove everything on a kind of database once, in the first test that needs it."""
        from bridge.output.check_text import finding_lines, told

        proofs = _proofs(self.config, self._place, self._url)
        found = [p for p in proofs if (p.kind, p.name) == (self._kind, self._proof)]
        if not found:
            raise ProofFailedError(f"{self._proof} was not reached.")
        (proof,) = found
        if not proof.ok:
            lines = (line for one in told([proof], accepted=False) for line in finding_lines(one))
            raise ProofFailedError("\n".join(lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_more: Any) -> Any:
        """Return the findings, without a traceback."""
        from bridge.model.errors import BridgeError

        if isinstance(excinfo.value, ProofFailedError):
            return str(excinfo.value)
        if isinstance(excinfo.value, BridgeError):
            return f"{excinfo.value.message}\nWhat to do: {excinfo.value.help}"
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where it comes from."""
        return Path(_project(self.config).config.source), None, self.name


def _project(config: pytest.Config) -> Project:
    from bridge.project import Project

    named = config.getini("bridge_config")
    return Project.from_config(config.rootpath / named if named else None)


def _places(config: pytest.Config) -> list[tuple[str, URL | None]]:
    """Every kind of database to check on, by a name of its own."""
    from bridge.database.url import parse_url, scratch_urls

    urls: list[URL | None] = [None] if config.getini("bridge_sqlite") else []
    urls += map(parse_url, [*config.getoption("--bridge-url"), *scratch_urls()])
    names: list[tuple[str, URL | None]] = []
    for url in dict.fromkeys(urls):
        name = "sqlite" if url is None else url.get_backend_name()
        number = 1 + sum(other.partition("-")[0] == name for other, _url in names)
        names.append((name if number == 1 else f"{name}-{number}", url))
    return names


def _proofs(config: pytest.Config, place: str, url: URL | None) -> Sequence[Proof]:
    from filelock import FileLock

    path = _folder(config) / f"{place or 'files'}.pickle"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            path.write_bytes(pickle.dumps(_prove(config, place, url)))
        # Our own, in a folder that nobody else can write to.
        found: Sequence[Proof] | Exception = pickle.loads(path.read_bytes())  # noqa: S301
    if isinstance(found, Exception):
        raise found
    return found


def _prove(config: pytest.Config, place: str, url: URL | None) -> Sequence[Proof] | Exception:
    """Prove in a new process, which has nothing loaded or set."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from bridge.check.workflow import in_own_process, on_files
    from bridge.model.errors import BridgeError

    try:
        project = _project(config)
        if not place:
            return list(on_files(project))
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(in_own_process, project, url).result()[1]
    except BridgeError as error:
        return error


# --- old installs -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _old_installs(request: pytest.FixtureRequest) -> Iterator[Any]:
    from bridge.check.installs import OldInstalls

    with ExitStack() as stack:
        yield stack.enter_context(OldInstalls(_project(request.config)))


@pytest.fixture
def bridge_database(_old_installs: Any) -> Iterator[Callable[..., Engine]]:
    """``bridge_database(at="core=7")``: an old install, as an engine; its own for each call.

    `at` is a legacy version, several, or the name of a saved old database; without it the database
    is new and at the heads. `rows` is how many rows each table has at least, `url` a server to make
    it on, SQLite without.
    """
    made: list[Engine] = []

    def make(
        at: str | Sequence[str] | None = None, *, rows: int = 3, url: URL | str | None = None
    ) -> Engine:
        made.append(_old_installs.make(at, rows, url))
        return made[-1]

    yield make
    for engine in made:
        _old_installs.drop(engine)
