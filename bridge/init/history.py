"""Legacy histories, run live from nothing to their last versions on scratch databases."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.database.dump.files import kind_of
from bridge.database.engine import connect
from bridge.database.schema import Schema, only, read_schema
from bridge.database.servers import family
from bridge.init.baseline import MOMENT
from bridge.legacy.client import WorkerOptions
from bridge.legacy.frozen.replay import Connections
from bridge.legacy.old_database import delete_rows, old_database
from bridge.legacy.runner import LegacyRunner
from bridge.legacy.version_table import put_under_control
from bridge.model.errors import LegacyError, LegacyPreflightError
from bridge.model.state import LegacyState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.database.row_counts import AppTables
    from bridge.database.scratch import Scratch
    from bridge.legacy.frozen.files import Frozen
    from bridge.model.config import Config
    from bridge.model.repository import Repository
    from bridge.model.steps import RunLegacy


@dataclass(frozen=True)
class HistoryResult:
    """A database at the end of the history, on one kind of server.

    :param error: why the history does not run there; `engine` is None then.
    :param owners: the repository that created each thing of the schema document.
    :param joined: the repositories that have changed what others had created, and those others.
    """

    place: Scratch
    seconds: float
    engine: Engine | None = None
    error: str | None = None
    owners: Mapping[str, str] = field(default_factory=dict)
    joined: frozenset[str] = frozenset()

    @property
    def dialect(self) -> str:
        """The kind of database as frozen histories name it."""
        return family(self.place.name)


class Owners:
    """Finds the repository that created each thing, and those that change what is not theirs."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin again, with an empty database."""
        self.of: dict[str, str] = {}
        self.joined: set[str] = set()
        self._before: dict[str, object] = {}

    def see(self, repository: str, schema: Schema) -> None:
        """Take note of the schema that a version of a repository has left."""
        now = {
            f"{kind.removesuffix('s')} {n}": t for kind, ns in schema.items() for n, t in ns.items()
        }
        for name in self._before.keys() | now.keys():
            if now.get(name) == self._before.get(name):
                continue
            if name in self._before and self.of[name] != repository:
                self.joined |= {repository, self.of[name]}
            if name not in now:
                del self.of[name]
            elif name not in self._before:
                self.of[name] = repository
        self._before = now


@dataclass
class History:
    """A legacy history to run.

    :param python: the interpreter of the legacy runtime.
    :param steps: every version of every repository, in the order of an upgrade.
    :param app_tables: the rule that says which tables are the app's.
    :param snapshots: old databases of any kind. Where the first version needs tables that no
        version creates, the run starts from the oldest of its kind.
    """

    python: Path
    repositories: Mapping[str, Repository]
    steps: Sequence[RunLegacy]
    config: Config
    app_tables: AppTables
    snapshots: Sequence[Path] = ()
    histories: Mapping[str, Frozen] = field(default_factory=dict)

    def run(self, place: Scratch) -> HistoryResult:
        """Run the history on a new database.

        :raises LegacyPreflightError: scripts cannot be loaded.
        :raises DatabaseError: there can be no scratch database.
        """
        begun = time.monotonic()
        owners = Owners()
        try:
            engine = self._from_nothing(place, owners)
        except LegacyPreflightError:
            raise
        except LegacyError as error:
            return HistoryResult(place, time.monotonic() - begun, error=error.message)
        return HistoryResult(
            place, time.monotonic() - begun, engine, None, owners.of, frozenset(owners.joined)
        )

    def _from_nothing(self, place: Scratch, owners: Owners) -> Engine:
        engine = place.create()
        put_under_control(engine, self.repositories.values())
        versions = {name: r.first - 1 for name, r in self.repositories.items()}
        try:
            self._run_versions(engine, versions, owners)
        except LegacyPreflightError:
            raise
        except LegacyError:
            first = self.steps[0]
            dialect = family(place.name)
            files = [path for path in self.snapshots if kind_of(path) == dialect]
            if not files or versions[first.repository] >= first.version:
                raise
            old = [old_database(place, path, self.repositories) for path in files]
            found, engine = min(old, key=lambda one: sorted(one[0].values()))
            delete_rows(engine, self.app_tables)
            owners.clear()
            self._run_versions(engine, versions | found, owners)
        return engine

    def _run_versions(self, engine: Engine, versions: dict[str, int], owners: Owners) -> None:
        """Run the versions above `versions`, and update `versions` and `owners`."""
        steps = [step for step in self.steps if step.version > versions[step.repository]]
        states = [
            LegacyState(repository, versions[name], repository.repository_id)
            for name, repository in self.repositories.items()
        ]
        several = len(self.repositories) > 1
        if several:
            owners.see(next(iter(self.repositories)), schema_of(engine, self.app_tables))
        worker = WorkerOptions(self.python, moment=MOMENT)
        with LegacyRunner(self, Connections(engine), states, worker) as runner:
            runner.prepare(steps)
            for step in steps:
                runner.run(step)
                versions[step.repository] = step.version
                if several:
                    owners.see(step.repository, schema_of(engine, self.app_tables))


def schema_of(engine: Engine, app_tables: AppTables) -> Schema:
    """Return the schema document of the app's tables."""
    with connect(engine) as connection, connection.begin():
        whole = read_schema(connection)
    names = [*whole["tables"], *whole.get("views", {}), *whole.get("sequences", {})]
    return only(whole, {*app_tables(names)})


def names_in(schema: Schema) -> list[str]:
    """Return the names in a schema document: ``table users``, ``view active``, ..."""
    return [f"{kind.removesuffix('s')} {name}" for kind, names in schema.items() for name in names]
