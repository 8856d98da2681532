"""How a command starts: with nothing that it does not need, and without garbage collections."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from support.databases import Database
from support.legacy_projects import ONCE
from support.projects import copy_project

import bridge

pytestmark = ONCE

NEEDLESS = (
    "alembic",
    "rich",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm",
    "bridge.check",
    "bridge.database.journal.statements.recorder",
    "bridge.database.schema.compare",
    "bridge.database.schema.sqlite",
    "bridge.database.sql.statements",
    "bridge.freeze",
    "bridge.init",
    "bridge.legacy.runner",
    "bridge.model.checks",
    "bridge.model.diagram",
    "bridge.model.freeze",
    "bridge.output.check_text",
    "bridge.revisions.hooks",
    "bridge.revisions.scripts",
    "bridge.snapshots",
    "bridge.upgrade.execute",
    "bridge.upgrade.lock",
)
"""What takes time, and is of no use at the heads."""

PROGRAM = """
import gc, sys
from bridge.__main__ import main
try: main()
finally:
    print(gc.isenabled(), gc.get_freeze_count() > 10_000, file=sys.stderr)
    print(*sorted(sys.modules), file=sys.stderr)
"""


def run(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.process
@pytest.mark.parametrize(("command", "words"), [("status", "at heads"), ("dbupdate", "Nothing to")])
def test_nothing_to_do_imports_nothing_needless(
    tmp_path: Path,
    sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    words: str,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("bridge.revisions.graph_cache.SETTLED_SECONDS", -3600.0)
    app = copy_project("shop", tmp_path / "shop")
    app.bridge(sqlite_database).dbupdate()
    done = run(PROGRAM, command, "--url", sqlite_database.url, cwd=app.root)
    assert words in done.stdout
    collector, modules = done.stderr.splitlines()
    assert collector == "True True"
    assert sorted({*NEEDLESS} & {*modules.split()}) == []


@pytest.mark.process
def test_who_imports_the_package_keeps_the_collector(tmp_path: Path) -> None:
    program = "import gc, bridge; bridge.Bridge; print(gc.isenabled(), gc.get_freeze_count())"
    assert run(program, cwd=tmp_path).stdout == "True 0\n"


@pytest.mark.process
def test_python_m_is_the_same_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"bridge, version {bridge.__version__}\n"


def test_the_version_is_that_of_the_metadata() -> None:
    assert bridge.__version__ == version("bridge")


def test_what_the_package_has_not(tmp_path: Path) -> None:
    with pytest.raises(AttributeError) as caught:
        _ = bridge.Likes  # type: ignore[attr-defined]
    assert str(caught.value) == "module 'bridge' has no attribute 'Likes'"
    assert {*bridge.__all__} <= {*dir(bridge)}
