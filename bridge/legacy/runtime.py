"""The legacy runtime: a Python environment that can import sqlalchemy-migrate.

It is the first of these that applies: `legacy_python` of the configuration; the environment of
this process, if it has SQLAlchemy < 2 and sqlalchemy-migrate; a private virtual environment in the
user's cache folder, created once from the hash-locked `runtime.txt`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock
from platformdirs import user_cache_path

from bridge.database.url import SECRET_VARIABLES
from bridge.model.errors import LegacyRuntimeError
from bridge.model.progress import Progress
from bridge.model.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.model.config import Config

LOCKED = Path(__file__).with_name("runtime.txt")

_PROBE = """
import sys
if sys.version_info < (3, 7):
    sys.exit("it is Python %s.%s, and 3.7 or newer is needed" % sys.version_info[:2])
import migrate.versioning.api
"""

# The URL, because it contains a password; and variables that would make pip install somewhere else
# or affect the new interpreter.
_NOT_INHERITED = (
    *SECRET_VARIABLES,
    "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER",
    "PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONPATH", "PYTHONWARNINGS",
)  # fmt: skip


@dataclass(frozen=True)
class Runtime:
    """A legacy runtime: its interpreter, its origin, and whether it exists."""

    python: Path
    origin: Literal["configured", "this environment", "private"]
    exists: bool

    @property
    def folder(self) -> Path:
        """The folder of a private runtime."""
        return self.python.parent.parent


def extra_requirements(config: Config) -> tuple[str, ...]:
    """Return the extra packages that the scripts of the enabled repositories need."""
    return tuple(
        sorted(
            {
                requirement
                for name, legacy in config.legacy.items()
                if config.enabled(name)
                for requirement in legacy.requirements
            }
        )
    )


def find_runtime(config: Config) -> Runtime:
    """Return the runtime that this configuration uses; a private one may not exist yet."""
    if config.legacy_python is not None:
        return Runtime(config.legacy_python, "configured", config.legacy_python.exists())
    requirements = extra_requirements(config)
    if _serves(requirements):
        return Runtime(Path(sys.executable), "this environment", exists=True)
    python = _interpreter(_cache() / _key(requirements))
    return Runtime(python, "private", python.exists())


def ready_runtime(
    config: Config, *, wheels: Path | None = None, progress: Progress | None = None
) -> Runtime:
    """Return the runtime, after creating a private one that does not exist yet.

    :param wheels: a folder of wheels to install from, without a network.
    :param progress: is notified if one is created, which takes a while.
    :raises LegacyRuntimeError: it cannot be created, or the configured one cannot be used.
    """
    progress = progress or Progress()
    runtime = find_runtime(config)
    if runtime.origin == "configured":
        _check_configured(runtime.python)
    elif not runtime.exists:
        requirements = extra_requirements(config)
        progress.notify("Creating the legacy runtime (once; it is kept for later runs)")
        with _locked(runtime.folder):
            # Another process may have created it while this one waited.
            if not runtime.python.exists():
                _create(runtime.folder, requirements, wheels, progress)
    return Runtime(runtime.python, runtime.origin, exists=True)


def remove_runtime(config: Config) -> Path | None:
    """Remove the private runtime of this configuration.

    Return the folder that was removed, None if there was none.
    """
    folder = _cache() / _key(extra_requirements(config))
    if not folder.exists():
        return None
    with _locked(folder):
        shutil.rmtree(folder, ignore_errors=True)
    return folder


# --- finding ------------------------------------------------------------------------------


def _serves(requirements: Sequence[str]) -> bool:
    """Return whether this interpreter can run the scripts; reads metadata and imports nothing."""
    try:
        if int(importlib.metadata.version("sqlalchemy").partition(".")[0]) >= 2:
            return False
        for name in ("sqlalchemy-migrate", *map(_project, requirements)):
            importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return importlib.util.find_spec("pkg_resources") is not None


def _project(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement.strip())
    return match.group() if match else requirement


def _check_configured(python: Path) -> None:
    if not python.exists():
        raise LegacyRuntimeError(
            f"legacy_python names {python}, which does not exist.",
            help="Correct legacy_python in the configuration, or remove it: bridge then creates "
            "a private runtime.",
        )
    done = _run([str(python), "-c", _PROBE])
    if done.returncode:
        raise LegacyRuntimeError(
            f"legacy_python ({python}) cannot import sqlalchemy-migrate: {_last_line(done)}",
            help=f"Install it there: {python} -m pip install -r {LOCKED}",
        )


# --- the private environment --------------------------------------------------------------


def _cache() -> Path:
    return user_cache_path("bridge") / "runtime"


def _key(requirements: Sequence[str]) -> str:
    """Return a hash of everything that the environment depends on, as its name."""
    parts = [
        LOCKED.read_text(encoding="utf-8"),
        *requirements,
        platform.python_implementation(),
        platform.python_version(),
        sys.base_prefix,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change the environment in `folder`."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{folder}.lock")
        lock.acquire()
    except OSError as error:
        raise LegacyRuntimeError(
            f"The legacy runtime cannot be created in {folder.parent}: {error.strerror or error}.",
            help="Make that folder writable, set XDG_CACHE_HOME to another folder, or set "
            "legacy_python to the interpreter of an environment that has sqlalchemy-migrate.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _interpreter(folder: Path) -> Path:
    if os.name == "nt":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"


def _create(
    folder: Path, requirements: Sequence[str], wheels: Path | None, progress: Progress
) -> None:
    """Build the environment in a temporary folder beside `folder`, then rename it.

    So no other process can find an incomplete one.
    """
    # Left by an interrupted run, or an environment whose Python no longer exists.
    for left in (*folder.parent.glob(f"{folder.name}.*/"), folder):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        uv = shutil.which("uv")
        if uv:
            _step([uv, "venv", "-q", "--python", sys.executable, str(building)], building)
            install = [uv, "pip", "install", "-q", "--python", str(_interpreter(building))]
        else:
            _step([sys.executable, "-m", "venv", str(building)], building)
            install = [str(_interpreter(building)), "-m", "pip", "install", "-q"]
            install.append("--disable-pip-version-check")
        if wheels is not None:
            install += ["--no-index", "--find-links", str(wheels)]
        progress.notify("  installing sqlalchemy-migrate and SQLAlchemy 1.4, locked by hash")
        _step([*install, "--require-hashes", "-r", str(LOCKED)], building)
        if requirements:
            progress.notify(f"  installing {', '.join(requirements)}")
            # Constraints keep the locked versions; with their hashes, pip would require a hash of
            # every package.
            constraints = building / "constraints.txt"
            constraints.write_text(_pins(LOCKED.read_text(encoding="utf-8")), encoding="utf-8")
            _step([*install, "-c", str(constraints), *requirements], building)
        _step([str(_interpreter(building)), "-c", _PROBE], building)
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    progress.notify(f"  created {folder}")


def _pins(locked: str) -> str:
    """Return the lines `NAME==VERSION ; MARKER` of a locked file, without the hashes."""
    lines = [line.rstrip(" \\") for line in locked.splitlines() if re.match(r"[a-z]", line)]
    return "\n".join(lines) + "\n"


def _step(command: Sequence[str], building: Path) -> None:
    done = _run(command)
    if done.returncode:
        output = "\n".join(f"  | {line}" for line in _output(done).splitlines()[-8:])
        raise LegacyRuntimeError(
            f"The legacy runtime could not be created: {Path(command[0]).name} failed.\n{output}",
            help=[
                Remedy(
                    "Without a network, fetch the wheels elsewhere with the same Python "
                    f"(pip download -r {LOCKED} -d WHEELS) and run",
                    ("runtime", "make", "--wheels", "WHEELS"),
                ),
                Remedy(
                    "Or set legacy_python to the interpreter of an environment that has "
                    "sqlalchemy-migrate."
                ),
            ],
        )


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
    try:
        return subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            check=False,
        )
    except OSError as error:  # not a program, or not one for this machine
        reason = error.strerror or str(error)
        return subprocess.CompletedProcess(list(command), 126, stdout="", stderr=reason)


def _output(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or done.stdout.strip()) or f"exit status {done.returncode}"


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return _output(done).splitlines()[-1]
