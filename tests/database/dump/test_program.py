"""What the servers' own programs are given."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from support.legacy_projects import ONCE
from support.warm import run_warm

KILLED = """
import os, pathlib, signal
from bridge.database.dump.program import secret_file

with secret_file("a password") as name:
    assert pathlib.Path(name).read_text() == "a password"
    assert pathlib.Path(name).stat().st_mode & 0o777 == 0o600
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the system has no files in memory")
@ONCE
def test_a_password_goes_with_a_process_that_is_killed(tmp_path: Path) -> None:
    done = run_warm([sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(tmp_path.iterdir()) == []
