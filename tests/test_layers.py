"""The layers of the house: imports go downwards only, and two libraries have one door each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge

PACKAGE = Path(bridge.__file__).parent

LAYERS = (
    {"errors", "model"},
    {"beginning", "comparison", "config", "discretion", "drafting.source", "drawing", "drift"}
    | {
        "documents",
        "drivers",
        "dump_files",
        "findings",
        "frozen",
        "graph",
        "guard",
        "junit",
        "page",
    }
    | {"pictures", "plan", "progress", "proof", "recorded"}
    | {"recorder", "report", "scrubbing", "snapshot_files", "sqlite_script", "state", "ways"}
    | {"words"},
    {"anonymize", "backup", "copies", "database", "dumps", "fingerprint", "graph_cache", "hooks"}
    | {"inspection", "journal", "modules", "rendering", "replay", "rows", "scratch", "sqlite"}
    | {"telling", "version_table"}
    | {"schema", "schema.document", "schema.mysql", "schema.postgresql", "schema.sqlite"}
    | {"schema.tokens", "seeding", "seeding.catalog", "seeding.domains"}
    | {"seeding.order", "seeding.values"},
    {"drafting.pieces"},
    {"drafting", "drafting.observed", "drafting.rows", "drafting.script", "drafting.words"}
    | {"legacy", "legacy.capture", "legacy.client", "legacy.repository", "legacy.runtime", "lock"}
    | {"revisions", "revisions.commands", "revisions.diagnosis", "revisions.environment"}
    | {"revisions.ini", "revisions.offline", "revisions.ownership", "revisions.running"}
    | {"revisions.scripts", "versioned"},
    {"detect"},
    {"ends", "execute", "ladder", "recording"},
    {"freeze", "offline", "rehearsal", "snapshots", "verify"},
    {"dbupdate"},
    {"checking", "checking.census", "checking.climb", "checking.database", "checking.found"}
    | {"checking.outline", "checking.running", "installs", "takeover"},
    {"init"},
    {"cli", "__main__", "pytest_plugin"},
    {"click"},
    {"flask"},
)
# The package's own front: it only hands on names.
FRONT = {"__init__"}
WORKER = "legacy.worker"

# Neighbours of one layer that may know each other; elsewhere a layer is blind to itself.
NEIGHBOURS = {
    ("model", "errors"),
    ("beginning", "drift"),
    ("drafting", "drafting.observed"),
    ("drafting", "drafting.rows"),
    ("drafting", "drafting.script"),
    ("drafting", "drafting.words"),
    ("drafting.rows", "drafting.observed"),
    ("drafting.rows", "drafting.words"),
    ("drafting.script", "drafting.observed"),
    ("drafting.script", "drafting.words"),
    ("drafting.words", "drafting.observed"),
    ("drawing", "graph"),
    ("pictures", "drawing"),
    ("proof", "drawing"),
    ("report", "beginning"),
    ("report", "comparison"),
    ("report", "discretion"),
    ("report", "documents"),
    ("report", "drawing"),
    ("report", "drift"),
    ("report", "findings"),
    ("report", "frozen"),
    ("report", "progress"),
    ("report", "proof"),
    ("report", "words"),
    ("documents", "comparison"),
    ("documents", "drift"),
    ("documents", "frozen"),
    ("progress", "discretion"),
    ("progress", "findings"),
    ("progress", "frozen"),
    ("progress", "proof"),
    ("progress", "words"),
    ("words", "drawing"),
    ("words", "findings"),
    ("words", "frozen"),
    ("words", "proof"),
    ("findings", "drift"),
    ("findings", "proof"),
    ("junit", "findings"),
    ("junit", "proof"),
    ("page", "findings"),
    ("page", "pictures"),
    ("page", "proof"),
    ("frozen", "drift"),
    ("recorded", "frozen"),
    ("ways", "frozen"),
    ("snapshot_files", "dump_files"),
    ("state", "config"),
    ("state", "graph"),
    ("plan", "config"),
    ("plan", "graph"),
    ("__main__", "cli"),
    ("checking", "checking.database"),
    ("checking", "checking.outline"),
    ("checking.climb", "checking.census"),
    ("checking.climb", "checking.found"),
    ("checking.climb", "checking.outline"),
    ("checking.climb", "checking.running"),
    ("checking.database", "checking.census"),
    ("checking.database", "checking.climb"),
    ("checking.database", "checking.found"),
    ("checking.database", "checking.outline"),
    ("checking.database", "checking.running"),
    ("checking.found", "checking.census"),
    ("anonymize", "seeding.catalog"),
    ("backup", "database"),
    ("backup", "dumps"),
    ("copies", "backup"),
    ("copies", "database"),
    ("copies", "dumps"),
    ("inspection", "schema"),
    ("inspection", "sqlite"),
    ("replay", "sqlite"),
    ("scratch", "backup"),
    ("scratch", "database"),
    ("scratch", "dumps"),
    ("version_table", "database"),
    ("rows", "database"),
    ("dumps", "database"),
    ("revisions", "revisions.commands"),
    ("revisions", "revisions.environment"),
    ("revisions", "revisions.offline"),
    ("revisions", "revisions.running"),
    ("revisions", "revisions.scripts"),
    ("revisions.commands", "revisions.ownership"),
    ("revisions.commands", "revisions.scripts"),
    ("revisions.environment", "revisions.ini"),
    ("revisions.environment", "revisions.running"),
    ("revisions.environment", "revisions.scripts"),
    ("revisions.offline", "revisions.running"),
    ("revisions.offline", "revisions.scripts"),
    ("revisions.running", "revisions.scripts"),
    ("revisions.scripts", "revisions.diagnosis"),
    ("revisions.scripts", "revisions.ini"),
    ("schema", "schema.mysql"),
    ("schema", "schema.postgresql"),
    ("schema", "schema.sqlite"),
    ("schema.mysql", "schema.document"),
    ("schema.mysql", "schema.tokens"),
    ("schema.postgresql", "schema.document"),
    ("schema.postgresql", "schema.tokens"),
    ("schema.sqlite", "schema.document"),
    ("schema.sqlite", "schema.tokens"),
    ("seeding", "database"),
    ("seeding", "seeding.catalog"),
    ("seeding", "seeding.domains"),
    ("seeding", "seeding.order"),
    ("seeding", "seeding.values"),
    ("seeding.order", "seeding.catalog"),
    ("seeding.domains", "seeding.catalog"),
    ("seeding.values", "seeding.catalog"),
    ("seeding.values", "seeding.domains"),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for n, part in enumerate(parts) if n == 0 or part != "__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> Iterator[str]:
    """The full names of what a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def own_imports(path: Path) -> set[str]:
    """The modules of bridge that a file imports, without the package's name."""
    names = {name for name in imports(path) if name.partition(".")[0] == "bridge"}
    return {name.removeprefix("bridge").removeprefix(".") for name in names}


def importers_of(package: str) -> set[str]:
    return {
        name
        for name, path in MODULES.items()
        if any(found.partition(".")[0] == package for found in imports(path))
    }


def test_every_module_has_a_place() -> None:
    assert set(MODULES) == set().union(*LAYERS, FRONT, {WORKER})


@pytest.mark.parametrize("name", sorted(set().union(*LAYERS)))
def test_a_module_imports_only_from_lower_layers(name: str) -> None:
    level = next(n for n, layer in enumerate(LAYERS) if name in layer)
    lower = set().union(*LAYERS[:level])
    # "from bridge import __version__"
    allowed = lower | {other for one, other in NEIGHBOURS if one == name} | {""}
    assert own_imports(MODULES[name]) <= allowed


@pytest.mark.parametrize(("one", "other"), sorted(NEIGHBOURS))
def test_an_exception_that_nobody_needs_is_gone(one: str, other: str) -> None:
    assert other in own_imports(MODULES[one])


def test_one_package_imports_alembic() -> None:
    assert {name.partition(".")[0] for name in importers_of("alembic")} == {"revisions"}


def test_the_worker_alone_imports_sqlalchemy_migrate() -> None:
    assert importers_of("migrate") == {WORKER}


@pytest.mark.parametrize("name", [WORKER, "guard", "legacy.capture", "recorder"])
def test_what_the_worker_s_process_loads_imports_nothing_of_the_package(name: str) -> None:
    assert own_imports(MODULES[name]) == set()


@pytest.mark.parametrize("name", ["drawing", "drift", "graph", "proof", "state", "plan", "ways"])
def test_deciding_knows_no_database_and_no_files(name: str) -> None:
    outside = {found.partition(".")[0] for found in imports(MODULES[name])} - {"bridge"}
    assert outside <= {
        "__future__",
        "collections",
        "dataclasses",
        "datetime",
        "fnmatch",
        "itertools",
        "typing",
    }
