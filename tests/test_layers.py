"""Imports: `make lint` finds those against the layers, and two more rules that it does not know."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.projects import TOP

PACKAGE = TOP / "bridge"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and what says its layers, in a folder that a test may change."""
    shutil.copytree(TOP / "bridge", tmp_path / "bridge", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> tuple[int, str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.process
@pytest.mark.skipif(
    importlib.util.find_spec("importlinter") is None, reason="import-linter is not installed"
)
@pytest.mark.parametrize(
    ("module", "line", "contract", "chain"),
    [
        (
            "model/names.py",
            "import bridge.database.url",
            "A package imports from those below it only BROKEN",
            "bridge.model.names -> bridge.database.url",
        ),
        (
            "upgrade/planner.py",
            "import alembic",
            "Only revisions imports Alembic BROKEN",
            "bridge.upgrade.planner -> alembic",
        ),
        (
            "legacy/worker/channel.py",
            "import bridge.model.names",
            "What the worker's process loads imports nothing of bridge BROKEN",
            "bridge.legacy.worker.channel -> bridge.model.names",
        ),
    ],
    ids=["a lower package a higher one", "Alembic outside revisions", "bridge in the worker"],
)
def test_an_import_that_is_not_allowed_is_found(
    copy: Path, module: str, line: str, contract: str, chain: str
) -> None:
    path = copy / "bridge" / module
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    status, said = lint(copy)
    assert status == 1
    assert contract in said
    assert chain in said


def imports(path: Path) -> Iterator[str]:
    """The packages from which a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def test_the_worker_alone_imports_sqlalchemy_migrate() -> None:
    found = {path for path in PACKAGE.rglob("*.py") if "migrate" in imports(path)}
    assert found
    assert {path.parent for path in found} == {PACKAGE / "legacy/worker"}


@pytest.mark.parametrize(
    "module",
    [
        "model/checks.py", "model/diagram.py", "model/difference.py", "model/graph.py",
        "model/state.py", "model/steps.py", "legacy/sequence.py", "upgrade/classify.py",
        "upgrade/planner.py", "upgrade/refusals.py",
    ],
)  # fmt: skip
def test_deciding_knows_no_database_and_no_files(module: str) -> None:
    assert set(imports(PACKAGE / module)) <= {
        "__future__", "bridge", "collections", "dataclasses", "datetime", "fnmatch", "itertools",
        "typing",
    }  # fmt: skip
