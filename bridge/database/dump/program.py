"""Dumps of servers by their own programs: pg_dump and mariadb-dump, and what reads them again.

A password reaches these through a file that only this user can read and that is gone afterwards:
never through their arguments or their environment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from bridge.database.secrets import scrub
from bridge.database.url import SECRET_VARIABLES
from bridge.model.errors import BackupError
from bridge.model.remedy import WITHOUT_BACKUP, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import URL

LOCK_SECONDS = 60
"""How long a program waits for a table that somebody else has locked."""

_POSTGRESQL, _MARIADB = "postgresql-client", "mariadb-client"

_PACKAGES = {"pg_dump": _POSTGRESQL, "pg_restore": _POSTGRESQL, "psql": _POSTGRESQL,
             "mariadb-dump": _MARIADB, "mariadb": _MARIADB}  # fmt: skip

# Older names of the same programs.
_OLDER = {"mariadb-dump": "mysqldump", "mariadb": "mysql"}


class Dumper(Protocol):
    """How a database is dumped into a file, and made from it again."""

    def dump(self, path: Path, *, for_copy: bool = False) -> None:
        """Write the dump into the file, which exists and is empty.

        :param for_copy: without what would be at work by itself in a second database: events,
            subscriptions.
        :raises BackupError: the program is missing or failed.
        """

    def check(self, path: Path, *, thoroughly: bool) -> None:
        """Check that the dump is whole; `thoroughly` reads all of it.

        :raises BackupError: it is not.
        """

    def restore(self, path: Path, session_mark: str = "") -> None:
        """Make the database what the dump says: what it does not have is gone.

        :param session_mark: a query that marks the session of a program: what waits for sessions
            with a mark waits for this one.
        :raises BackupError: it failed; `state_of_data` says what is there.
        """

    def write_script(self, path: Path) -> None:
        """Write a script for people to read, with a line a row, without owners and rights.

        :raises BackupError: the program is missing or failed.
        """

    def load(self, path: Path) -> None:
        """Load a file that may come from elsewhere into the database, which is bridge's and empty.

        What in it leads to another database is left out.

        :raises BackupError: it is not whole, or the program is missing or failed.
        :raises DatabaseError: it has what no dump of one database has.
        """


# --- programs -----------------------------------------------------------------------------


def program_environment(*without: str) -> dict[str, str]:
    """Return the environment for a program: in English, and without the URL and its password."""
    left = {k: v for k, v in os.environ.items() if k not in (*SECRET_VARIABLES, *without)}
    return {**left, "LC_ALL": "C"}


@contextlib.contextmanager
def secret_file(text: str) -> Iterator[str]:
    """Write a file that only this user can read, and remove it afterwards.

    Where the system can do that, it is in memory and goes with this process, whatever ends it.
    """
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        with os.fdopen(os.memfd_create("bridge"), "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o600)  # libpq takes no other for passwords
            stream.write(text)
            stream.flush()
            yield f"/proc/{os.getpid()}/fd/{stream.fileno()}"
        return
    handle, name = tempfile.mkstemp(prefix="bridge-")  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        yield name
    finally:
        Path(name).unlink()


@contextlib.contextmanager
def error_stream() -> Iterator[IO[bytes]]:
    """Open a file for a program's errors: a pipe could fill up while nobody reads it."""
    with tempfile.TemporaryFile() as stream:
        yield stream


def find_program(program: str) -> str:
    """Return the path of a program.

    :raises BackupError: it is not installed.
    """
    found = shutil.which(program) or shutil.which(_OLDER.get(program, program))
    if found is None:
        raise BackupError(
            f"The program {program} is not installed.",
            help=f"Install it; on Debian: apt install {_PACKAGES[program]}",
        )
    return found


def run_program(
    program: str, arguments: Sequence[str], url: URL | None, environment: Mapping[str, str]
) -> str:
    """Return the output of a program.

    :raises BackupError: it is not installed, or failed.
    """
    with error_stream() as said:
        done = subprocess.run(
            [find_program(program), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            check=False,
        )
        if done.returncode != 0:
            raise program_error(program, said, url)
    return done.stdout.decode("utf-8", "replace")


def program_error(program: str, said: IO[bytes], url: URL | None) -> BackupError:
    """Return the error of a program that failed, in its own words."""
    said.seek(0)
    words = scrub(said.read().decode("utf-8", "replace").strip(), *([url] if url else []))
    if "server version mismatch" in words:
        advice = f"Install {program} of the server's version (Debian: postgresql-client-VERSION)."
    else:
        advice = "Fix the error above."
    return BackupError(
        f"{program} failed: {words or 'it said nothing'}",
        help=[Remedy(advice), WITHOUT_BACKUP],
    )


def restore_error(error: BackupError, path: Path) -> BackupError:
    """Return the error with what to do where a backup could not be put back."""
    error.remedies = (
        Remedy("Stop the app and fix the error above, then run", ("restore", str(path))),
    )
    return error
