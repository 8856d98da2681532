"""The worker in another Python: what it is loaded with, and what scripts see of that."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.databases import Database
from support.legacy_projects import LEGACY_SIDE, LegacyProject, notes, script

import bridge
from bridge.legacy import client

BRIDGE = Path(bridge.__file__).parent
PACKAGES = ("database", "database.journal", "legacy")
LOADED = ("database.guard", "database.journal.statements", "database.sql", "legacy.worker")
"""What the worker's process may load of bridge; of the packages above these the first file only."""


def loaded() -> list[Path]:
    files = [BRIDGE / name.replace(".", "/") / "__init__.py" for name in PACKAGES]
    for name in LOADED:
        path = BRIDGE / name.replace(".", "/")
        files += sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return files


def is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports when it runs, those of bridge as ``bridge.NAME``."""
    package = ".".join(("bridge", *file.parent.relative_to(BRIDGE).parts))
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not is_for_types(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield f"absolute {node.module}" if node.module == "bridge" else str(node.module)
        elif isinstance(node, ast.ImportFrom):
            parent = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            if node.module:
                yield parent
            else:
                yield from (f"{parent}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", loaded(), ids=lambda file: file.relative_to(BRIDGE).as_posix())
def test_what_the_worker_loads_needs_neither_a_newer_python_nor_the_rest_of_bridge(
    file: Path,
) -> None:
    ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 7))
    own = tuple(f"bridge.{name}" for name in LOADED)
    libraries = {"migrate", "sqlalchemy", "sqlparse", *sys.stdlib_module_names}
    others = [
        name
        for name in imported(file)
        if name.partition(".")[0] not in libraries
        and not any(name == one or name.startswith(f"{one}.") for one in own)
    ]
    assert not others


def names() -> list[str]:
    """The worker's own modules, and the packages that these stand in."""
    modules = (path.stem for path in client.WORKER.parent.glob("*.py"))
    return [*sorted(name for name in modules if not name.startswith("__")), "legacy", "database"]


@LEGACY_SIDE
def test_no_module_of_the_workers_stands_in_a_script_s_way(
    project: LegacyProject, sqlite_database: Database
) -> None:
    imports = "\n".join(f"import {name}\nassert {name}.OF == 'the app'" for name in names())
    seen = (
        "import sys\n"
        f"assert {str(client.WORKER.parent)!r} not in sys.path\n"
        "migrate_engine.execute('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)')\n"
        "known = sorted(name for name in sys.modules if name.partition('.')[0] == 'bridge')\n"
        "migrate_engine.execute(text('INSERT INTO notes (text) VALUES (:t)'), t=', '.join(known))"
    )
    project.repository(
        {
            "001_imports.py": script(f"{imports}\n{seen}", f"{imports}\n"),
            **{f"{name}.py": "OF = 'the app'\n" for name in names()},
        }
    )
    project.update(sqlite_database)
    assert notes(sqlite_database) == [""]


@LEGACY_SIDE
def test_a_script_that_asks_for_a_module_of_that_name_does_not_get_the_worker_s(
    project: LegacyProject, sqlite_database: Database
) -> None:
    asked = ("errors", "registry", "environment", "statements", "clock")
    project.repository({f"{n:03}_x": f"import {name}" for n, name in enumerate(asked, 1)})
    assert project.problems(sqlite_database) == [
        f"{n:03}_x.py, line 6: its upgrade() cannot import {name}: it imports {name}, which the "
        "legacy runtime does not have"
        for n, name in enumerate(asked, 1)
    ]
