"""The benchmarks are run by hand: that they can be is seen here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.legacy_projects import ONCE
from support.projects import TOP


@ONCE
@pytest.mark.process
@pytest.mark.parametrize(
    "path", sorted((TOP / "benchmarks").glob("*.py")), ids=lambda path: path.stem
)
def test_it_begins(path: Path) -> None:
    command = [sys.executable, str(path), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert "usage:" in done.stdout
