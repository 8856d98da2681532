"""Upgrade a scratch database through a legacy history, a version at a time, as `dbupdate` would.

Nothing is journalled, locked or backed up, because the database is bridge's own. Between versions
it can be filled with rows or copied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.engine import Engine

from bridge.database.engine import connect
from bridge.database.schema import read_schema
from bridge.database.seeding.fill import Seeded, seed
from bridge.legacy.frozen.drift import drift_from
from bridge.legacy.frozen.replay import Connections
from bridge.legacy.methods import choose_methods, is_recorded, with_non_transactional
from bridge.legacy.runner import LegacyProject, LegacyRunner
from bridge.legacy.sequence import every_version
from bridge.legacy.version_table import put_under_control
from bridge.model.errors import LegacyError
from bridge.model.remedy import Remedy
from bridge.model.state import LegacyState, State
from bridge.model.steps import Plan, RunLegacy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from bridge.database.scratch import Scratch
    from bridge.legacy.frozen.composed import ComposedHistories
    from bridge.model.progress import Progress
    from bridge.model.repository import Repository

_ON_SCRATCH = "It ran on a scratch database, which is removed; no other database was changed."

ScratchStart = tuple[Engine, State]
"""An old database on the scratch server, and its state."""


class ScratchProject(LegacyProject, Protocol):
    """What a scratch upgrade reads of an app; `bridge.project.Project` implements it."""

    @property
    def repositories(self) -> Mapping[str, Repository]:
        """The legacy repositories, by their names."""

    def app_tables(self, tables: Iterable[str]) -> Iterable[str]:
        """Return those of these tables that are the app's."""

    def composed(self, dialect: str) -> ComposedHistories:
        """Return the frozen histories of a kind of database, for what several of them change."""


class ScratchUpgrade:
    """An upgrade of a scratch database; a context manager that ends the worker.

    `engine` is the database, `versions` the version that each repository is at, `left` the versions
    still to run, each with its method.

    :param targets: the version at which each repository ends; other repositories are absent.
    :param start: the database to start from; None for a new one, in which every repository is just
        before its first version.
    :param progress: is notified of what takes a while.
    """

    def __init__(
        self,
        project: ScratchProject,
        place: Scratch,
        targets: Mapping[str, int],
        start: ScratchStart | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._project, self._place = project, place
        self._repositories = {name: project.repositories[name] for name in targets}
        if start is None:
            self.engine = place.create()
            put_under_control(self.engine, self._repositories.values())
            self._states = {
                name: LegacyState(r, r.first - 1, r.repository_id)
                for name, r in self._repositories.items()
            }
        else:
            self.engine, state = start
            self._states = {
                name: LegacyState(
                    r, state.legacy[name].version or 0, state.legacy[name].row_id or r.repository_id
                )
                for name, r in self._repositories.items()
            }
        self._runner = LegacyRunner(
            project, Connections(self.engine), self._states.values(), progress=progress
        )
        steps = every_version(self._repositories, project.config, self.versions)
        self.left = [step for step in steps if step.version <= targets[step.repository]]
        self._choose_methods(self._repositories)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.close(kill=kind is not None)

    @property
    def versions(self) -> dict[str, int]:
        """The version that each repository is at."""
        return {name: version or 0 for name, version in self._runner.versions.items()}

    def run(self, step: RunLegacy) -> None:
        """Run a version, the first of those that are `left`, and write its version row.

        :raises LegacyError: it failed; the database must not be used any more.
        """
        try:
            if not self._runner.is_prepared(step):
                live = [one for one in self.left if one.method == "live"]
                self._runner.prepare(live if step.method == "live" else [step])
            self._runner.run(step)
        except LegacyError as error:
            error.remedies = (Remedy("Fix the error above, then run it again."),)
            error.state_of_data = _ON_SCRATCH
            raise
        self.left.remove(step)
        if step.method == "live":
            # The schema that it leaves decides whether the next versions can be replayed.
            self._choose_methods([step.repository])

    def fill(self, rows: int, variant: str, *, plain: bool = False) -> Seeded:
        """Give each table at least `rows` rows, as `bridge.database.seeding.fill.seed` does."""
        with connect(self.engine) as connection:
            return seed(connection, self._project.app_tables, rows, variant, plain=plain)

    def copy(self) -> Engine:
        """Return a copy of the database as it is now."""
        return self._place.copy(self.engine)

    def _choose_methods(self, changed: Iterable[str]) -> None:
        """Choose the methods of the remaining versions, as `dbupdate` would on this database.

        :param changed: the repositories whose schemas are compared with the frozen ones.
        """
        dialect, versions, histories = self._place.name, self.versions, self._project.histories
        compared = [n for n in changed if is_recorded(histories.get(n), dialect, versions[n])]
        drifts = {}
        if compared:
            with connect(self.engine) as connection, connection.begin():
                found = read_schema(connection)
            composed = self._project.composed(dialect)
            for name in compared:
                expected = composed.schema(name, versions)
                drifts[name] = drift_from(expected, composed.histories[name], found)
        states = {
            name: replace(state, version=versions[name], drift=drifts.get(name))
            for name, state in self._states.items()
        }
        plan = Plan(State("legacy", "", dialect, states), tuple(self.left))
        plan = choose_methods(plan, histories, "auto")
        plan = with_non_transactional(plan, self._repositories)
        self.left = [step for step in plan.steps if isinstance(step, RunLegacy)]
