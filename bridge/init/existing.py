"""An app's existing Alembic history: its place, and what its revisions create."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.database.schema.compare import compare
from bridge.init.history import schema_of
from bridge.model.config_file import parse
from bridge.model.progress import Progress
from bridge.model.steps import Step, Upgrade
from bridge.revisions.modules import find_modules
from bridge.revisions.scripts import Revisions
from bridge.upgrade.detect import detect
from bridge.upgrade.run import RunOptions, dbupdate

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from bridge.database.row_counts import AppTables
    from bridge.database.schema import Schema
    from bridge.model.difference import Difference
    from bridge.project import Project

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Where Alembic's own commands and Flask-Migrate's put their configuration.
_FILES = ("alembic.ini", "migrations/alembic.ini")


@dataclass(frozen=True)
class Existing:
    """An app's existing Alembic configuration.

    :param home: the folder of its env.py.
    :param locations: its version locations; a first revision goes into the first of them.
    :param revisions: the ids of its revisions.
    :param url: whether it names a database.
    """

    config: Path
    home: Path
    locations: tuple[Path, ...]
    revisions: tuple[str, ...]
    url: bool

    @property
    def foreign_environment(self) -> bool:
        """Whether its env.py does not seem to use bridge's connection."""
        text = ""
        with suppress(OSError, UnicodeDecodeError):
            text = (self.home / "env.py").read_text(encoding="utf-8")
        return "run_environment" not in text and "attributes" not in text


def find_existing(root: Path) -> Existing | None:
    """Return the Alembic configuration in the folder of an app, None where there is none.

    :raises RevisionsError: it cannot be read.
    """
    files = [root / name for name in _FILES if (root / name).is_file()]
    if "alembic" in pyproject(root).get("tool", {}):
        files.append(root / "pyproject.toml")
    if not files:
        return None
    tables = {"alembic": {"config": str(files[0])}}
    revisions = Revisions(find_modules(parse(tables, root=root, source=str(files[0]))))
    graph = revisions.graph
    places = revisions.alembic.get_version_locations_list() or ()
    return Existing(
        files[0],
        Path(revisions.script.dir).resolve(),
        tuple(Path(place).resolve() for place in places),
        tuple(sorted(graph.revisions)),
        revisions.url is not None,
    )


def pyproject(root: Path) -> dict[str, Any]:
    """Return the app's `pyproject.toml`, empty where there is none."""
    with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        found: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        return found
    return {}


@dataclass(frozen=True)
class Candidate:
    """The revisions that a new install has applied at some time, and the differences.

    :param differences: from the end of the legacy history.
    """

    revisions: tuple[str, ...]
    differences: tuple[Difference, ...]


def candidates(
    project: Project, engine: Engine, end: Schema, app_tables: AppTables
) -> list[Candidate]:
    """Run the revisions on an empty database, and compare it with `end` after each.

    :param project: without legacy repositories.
    :raises BridgeError: a revision fails.
    """
    watch = _Watch(project, engine, end, app_tables)
    dbupdate(project, options=RunOptions(backup=False, progress=watch))
    return watch.found


class _Watch(Progress):
    """A receiver of progress that compares the database after each revision."""

    def __init__(
        self, project: Project, engine: Engine, end: Schema, app_tables: AppTables
    ) -> None:
        self._project, self._engine = project, engine
        self._end, self._app_tables = end, app_tables
        self.found: list[Candidate] = []

    def done(self, step: Step, _seconds: float) -> None:
        """Compare the database after a revision."""
        if isinstance(step, Upgrade):
            differences = compare(self._end, schema_of(self._engine, self._app_tables))
            current = detect(self._project, self._engine).current
            self.found.append(Candidate(tuple(current), differences))
