"""The legacy runtime: which one is taken, and how a private one is made, once and whole."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.legacy_projects import CREATE_NOTES, ONCE, LegacyProject
from support.warm import BridgePopen

from bridge.legacy import runtime
from bridge.legacy.runtime import (
    LOCKED,
    extra_requirements,
    find_runtime,
    ready_runtime,
    remove_runtime,
)
from bridge.model.config import Config
from bridge.model.config_file import parse
from bridge.model.errors import LegacyRuntimeError
from bridge.model.progress import Progress

pytestmark = ONCE

Cached = Callable[[str, Callable[[Path], None]], Path]

# A package that nobody has: with it as a requirement no environment at hand serves.
EXTRA = "bridge-test-extra"

# What fetching takes, before a test takes the network away.
ENVIRONMENT = dict(os.environ)
# Neither an index nor a network: what is installed comes from the folder of wheels.
OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_FIND_LINKS": "",
    "UV_OFFLINE": "1",
    "UV_INDEX_URL": "http://127.0.0.1:9/simple",
    "UV_NO_CONFIG": "1",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "PIP_EXTRA_INDEX_URL": "",
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, as an administrator's is before the first run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bridge" / "runtime"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def no_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def with_uv(cached: Cached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv is there: it takes a tenth of pip's time."""
    monkeypatch.setenv("PATH", str(cached("uv", fetch_uv) / "uv/bin"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))


def write_wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    """A wheel of version 1.0 with these modules."""
    plain = name.replace("-", "_")
    info = f"{plain}-1.0.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }  # fmt: skip
    record = ""
    path = folder / f"{plain}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            record += f"{file},sha256={digest.decode()},{len(text)}\n"
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


@pytest.fixture
def wheels(cached: Cached, tmp_path: Path) -> Path:
    """What an administrator carries to a machine without a network, and one package besides."""
    version = ".".join(map(str, sys.version_info[:3]))
    digest = hashlib.sha256(LOCKED.read_bytes()).hexdigest()[:12]
    fetched = cached(f"legacy-wheels-{version}-{digest}", fetch_wheels)
    folder = tmp_path / "wheels"
    folder.mkdir()
    for wheel in fetched.glob("*.whl"):
        (folder / wheel.name).symlink_to(wheel)
    write_wheel(folder, EXTRA, {"bridge_test_extra.py": "NAME = 'extra'\n"})
    return folder


def pip(folder: Path, *arguments: str | Path) -> None:
    """pip of an environment of its own: the one that the tests run in may have none."""
    subprocess.run([sys.executable, "-m", "venv", folder / "pip"], check=True, env=ENVIRONMENT)
    program = [folder / "pip/bin/python", "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*program, *arguments], check=True, env=ENVIRONMENT)
    shutil.rmtree(folder / "pip")


def fetch_wheels(folder: Path) -> None:
    pip(folder, "download", "-r", LOCKED, "-d", folder)


def fetch_uv(folder: Path) -> None:
    pip(folder, "install", "--target", folder / "uv", "uv")


def configured(tmp_path: Path, *requirements: str, python: Path | None = None) -> Config:
    for name in ("revisions", "legacy"):
        (tmp_path / name).mkdir(exist_ok=True)
    document = {
        "alembic": {"script_location": "revisions"},
        "legacy": {
            "core": {
                "repository": "legacy",
                "stamp": {"1": ["x"]},
                "requirements": list(requirements),
            }
        },
        **({"legacy_python": str(python)} if python else {}),
    }
    return parse(document, root=tmp_path, source="bridge.toml")


def stand_in(path: Path, body: str) -> Path:
    """A program in the place of an interpreter."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


# -- which one ------------------------------------------------------------------------------------


def test_this_environment_serves_exactly_where_it_has_the_old_sqlalchemy(
    tmp_path: Path, cache: Path
) -> None:
    found = find_runtime(configured(tmp_path))
    if sa.__version__ < "2":
        assert (found.origin, found.python) == ("this environment", Path(sys.executable))
        assert found.exists
    else:
        assert (found.origin, found.exists) == ("private", False)
        assert found.folder.parent == cache
    assert not cache.exists(), "looking makes nothing"


def test_a_requirement_that_is_not_here_wants_a_private_runtime_of_its_own(
    tmp_path: Path, cache: Path
) -> None:
    one = find_runtime(configured(tmp_path, EXTRA))
    other = find_runtime(configured(tmp_path, EXTRA, "another>=1"))
    assert (one.origin, one.exists) == ("private", False)
    assert one.folder != other.folder
    assert extra_requirements(configured(tmp_path, "b", "a", "b")) == ("a", "b")


@pytest.mark.process
@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (None, "legacy_python names {}, which does not exist."),
        ("exit 3", "legacy_python ({}) cannot import sqlalchemy-migrate: exit status 3"),
        (
            'echo "Traceback" >&2; echo "ModuleNotFoundError: No module named \'migrate\'" >&2'
            "; exit 1",
            "legacy_python ({}) cannot import sqlalchemy-migrate: "
            "ModuleNotFoundError: No module named 'migrate'",
        ),
    ],
)
def test_a_configured_runtime_that_does_not_serve_is_reported(
    tmp_path: Path, cache: Path, body: str | None, complaint: str
) -> None:
    python = tmp_path / "python"
    if body is not None:
        stand_in(python, body)
    with pytest.raises(LegacyRuntimeError) as caught:
        ready_runtime(configured(tmp_path, python=python))
    assert caught.value.message == complaint.format(python)
    assert caught.value.state_of_data == "The database is unchanged."
    assert not cache.exists()


@pytest.mark.process
@pytest.mark.parametrize(
    ("mode", "text", "complaint"),
    [(0o644, "", "Permission denied"), (0o755, "\0\1not a program", "Exec format error")],
)
def test_a_configured_runtime_that_is_no_program_is_reported(
    tmp_path: Path, mode: int, text: str, complaint: str
) -> None:
    python = tmp_path / "python"
    python.write_text(text)
    python.chmod(mode)
    with pytest.raises(LegacyRuntimeError) as caught:
        ready_runtime(configured(tmp_path, python=python))
    assert caught.value.message == (
        f"legacy_python ({python}) cannot import sqlalchemy-migrate: {complaint}"
    )
    assert caught.value.help == f"Install it there: {python} -m pip install -r {LOCKED}"


def test_a_cache_that_cannot_be_written_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(LegacyRuntimeError) as caught:
        ready_runtime(configured(tmp_path, EXTRA))
    assert caught.value.message == (
        f"The legacy runtime cannot be created in {tmp_path}/file/bridge/runtime: Not a directory."
    )
    assert caught.value.help == (
        "Make that folder writable, set XDG_CACHE_HOME to another folder, or set legacy_python to "
        "the interpreter of an environment that has sqlalchemy-migrate."
    )


class Notes(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def notify(self, text: str) -> None:
        self.notes.append(text)


# -- making it ------------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.usefixtures("no_network", "no_uv")
def test_pip_makes_it_from_a_folder_of_wheels_without_a_network(
    tmp_path: Path, cache: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a developer's shell may say of pip and Python is not meant for this environment.
    for name in ("PIP_USER", "PYTHONOPTIMIZE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    # Half of pip's time is the bytecode of what nobody runs again.
    monkeypatch.setenv("PIP_NO_COMPILE", "1")
    config = configured(tmp_path, EXTRA)
    progress = Notes()
    said = progress.notes
    made = ready_runtime(config, wheels=wheels, progress=progress)
    assert (made.origin, made.exists) == ("private", True)
    assert said == [
        "Creating the legacy runtime (once; it is kept for later runs)",
        "  installing sqlalchemy-migrate and SQLAlchemy 1.4, locked by hash",
        f"  installing {EXTRA}",
        f"  created {made.folder}",
    ]
    code = "import bridge_test_extra, migrate, sqlalchemy, psycopg2, pymysql; print(sqlalchemy.__version__)"  # noqa: E501
    done = subprocess.run(
        [made.python, "-Wignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1.4.54\n"
    # It is there now: nothing is made again.
    said.clear()
    assert ready_runtime(config, progress=progress) == made
    assert said == []
    assert sorted(path.name for path in cache.iterdir()) == [
        made.folder.name, f"{made.folder.name}.lock",
    ]  # fmt: skip
    assert remove_runtime(config) == made.folder
    assert not find_runtime(config).exists
    assert remove_runtime(config) is None


@pytest.mark.process
@pytest.mark.usefixtures("no_network", "with_uv")
def test_uv_makes_it_too(tmp_path: Path, cache: Path, wheels: Path) -> None:
    made = ready_runtime(configured(tmp_path, EXTRA), wheels=wheels)
    assert "uv = " in (made.folder / "pyvenv.cfg").read_text()
    code = "import bridge_test_extra, migrate; print(migrate.__version__)"
    done = subprocess.run(
        [made.python, "-Wignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0.13.0\n"


@pytest.mark.process
@pytest.mark.usefixtures("no_network", "no_uv")
def test_what_cannot_be_installed_is_reported_and_leaves_nothing(
    tmp_path: Path, cache: Path
) -> None:
    config = configured(tmp_path, EXTRA)
    with pytest.raises(LegacyRuntimeError) as caught:
        ready_runtime(config)
    first, *rest = caught.value.message.splitlines()
    assert first == "The legacy runtime could not be created: python failed."
    assert any("No matching distribution found for" in line for line in rest)
    assert caught.value.help == (
        "Without a network, fetch the wheels elsewhere with the same Python "
        f"(pip download -r {LOCKED} -d WHEELS) and run: bridge runtime make --wheels WHEELS\n"
        "Or set legacy_python to the interpreter of an environment that has sqlalchemy-migrate."
    )
    assert [path.name for path in cache.iterdir()] == [f"{find_runtime(config).folder.name}.lock"]


@pytest.mark.process
@pytest.mark.usefixtures("no_network", "with_uv")
def test_a_database_is_not_touched_when_the_runtime_cannot_be_made(
    tmp_path: Path, cache: Path, sqlite_database: object
) -> None:
    from support.databases import SQLiteDatabase

    assert isinstance(sqlite_database, SQLiteDatabase)
    project = LegacyProject(tmp_path / "app")
    project.repository({"001_notes": CREATE_NOTES}, requirements=[EXTRA])
    project.install(sqlite_database)
    before = sqlite_database.path.read_bytes()
    assert isinstance(project.refused(sqlite_database), LegacyRuntimeError)
    assert sqlite_database.path.read_bytes() == before


# The same code with an environment that takes no time: one small package, and a probe of it.
SMALL = """
import sys
from pathlib import Path
from bridge.model.config_file import parse
from bridge.model.progress import Progress
from bridge.legacy import runtime
wheels, locked, root = map(Path, sys.argv[1:])
runtime.LOCKED = locked
runtime._PROBE = "import bridge_test_extra"
runtime._serves = lambda requirements: False
config = parse({"alembic": {"script_location": "."}}, root=root, source="the test")
class Printed(Progress):
    def notify(self, text):
        print(text, flush=True)
made = runtime.ready_runtime(config, wheels=wheels, progress=Printed())
print("ready", made.python, flush=True)
"""


class Small:
    """Processes that make a small environment in the test's cache."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache
        self.wheels = folder / "small"
        self.wheels.mkdir()
        wheel = write_wheel(self.wheels, EXTRA, {"bridge_test_extra.py": ""})
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        self.locked = folder / "locked.txt"
        self.locked.write_text(f"{EXTRA}==1.0 --hash=sha256:{digest}\n")

    def start(self) -> subprocess.Popen[str]:
        arguments = [self.wheels, self.locked, self.folder]
        return BridgePopen(
            [sys.executable, "-c", SMALL, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> list[str]:
        out, error = process.communicate()
        assert process.returncode == 0, error
        return out.splitlines()


@pytest.fixture
def small(tmp_path: Path, cache: Path, no_network: None, with_uv: None) -> Small:
    return Small(tmp_path, cache)


@pytest.mark.process
def test_of_several_processes_one_makes_it_and_the_others_wait(small: Small) -> None:
    processes = [small.start() for _ in range(3)]
    outputs: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda p=process: outputs.append(small.finish(p)))
        for process in processes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 3
    made = [line for output in outputs for line in output if line.startswith("  created ")]
    assert len(made) == 1
    assert len({output[-1] for output in outputs}) == 1
    assert len([path for path in small.cache.iterdir() if path.is_dir()]) == 1


@pytest.mark.process
def test_what_an_interrupted_run_left_is_swept_and_the_next_makes_it_whole(small: Small) -> None:
    first = small.start()
    assert first.stdout is not None
    lines = iter(first.stdout.readline, "")
    # The environment is half-made: pip has not run yet.
    assert any("installing" in line for line in lines)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    left = [path for path in small.cache.iterdir() if path.is_dir()]
    assert len(left) == 1
    *_, ready = small.finish(small.start())
    (folder,) = (path for path in small.cache.iterdir() if path.is_dir())
    assert folder != left[0]
    assert ready == f"ready {folder}/bin/python"
    subprocess.run([folder / "bin/python", "-c", "import bridge_test_extra"], check=True)


@pytest.mark.process
def test_an_environment_whose_python_is_gone_is_made_anew(small: Small) -> None:
    *_, ready = small.finish(small.start())
    python = Path(ready.removeprefix("ready "))
    python.unlink()
    python.symlink_to("/gone/python3")
    *_, again = small.finish(small.start())
    assert again == ready
    subprocess.run([python, "-c", "import bridge_test_extra"], check=True)


@pytest.mark.process
@pytest.mark.usefixtures("small", "no_uv")
def test_a_locked_package_with_another_hash_is_not_installed(small: Small) -> None:
    write_wheel(small.wheels, EXTRA, {"bridge_test_extra.py": "tampered = True\n"})
    process = small.start()
    _, error = process.communicate()
    assert process.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in textwrap.dedent(error)


@pytest.mark.process
def test_the_probe_says_which_python_is_too_old() -> None:
    old = "import sys\nsys.version_info = (3, 6, 15)\n"
    done = subprocess.run(
        [sys.executable, "-c", old + runtime._PROBE], capture_output=True, text=True, check=False
    )
    assert done.stderr == "it is Python 3.6, and 3.7 or newer is needed\n"
