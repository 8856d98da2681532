"""Temporary files in memory, where the machine has a place for that.

Nearly all that the tests write is a database of a moment. On a disk, most of what SQLite, MariaDB
and a new database of PostgreSQL cost is that it gets there safely.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

PLACE = Path("/dev/shm")
PREFIX = "bridge-tests-"
# More than all tests need together; a container's is often of 64 MB.
ENOUGH = 2 << 30


def use_memory() -> Path | None:
    """Lets all temporary files of this process and its children be in memory.

    :returns: the folder, which is to be removed in the end; None where a disk must do.
    """
    if "TMPDIR" in os.environ or not os.access(PLACE, os.W_OK):
        return None
    _sweep()
    if not PLACE.is_mount() or shutil.disk_usage(PLACE).free < ENOUGH:
        return None
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=PLACE))
    # The servers, which are other users, have folders of their own in it.
    folder.chmod(0o711)
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    return folder


def _sweep() -> None:
    """Removes what runs have left that failed or were killed."""
    for folder in PLACE.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
