"""Climbs a legacy history on a scratch database, a version at a time, as `dbupdate` would run it.

Nothing is journalled, locked or backed up: the database is bridge's own. Between the versions it
can be filled with rows, or copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import cause, connect
from bridge.database.error_text import said
from bridge.database.row_counts import AppTables
from bridge.database.schema import read_schema
from bridge.database.scratch import Scratch
from bridge.database.secrets import scrub
from bridge.database.seeding.fill import Seeded, seed
from bridge.legacy.client import LegacyClient
from bridge.legacy.frozen.drift import drift
from bridge.legacy.frozen.files import Frozen
from bridge.legacy.frozen.replay import leaves_settings, load_ported, run_frozen
from bridge.legacy.methods import Methods, choose_methods, with_non_transactional
from bridge.legacy.runtime import ready_runtime
from bridge.legacy.sequence import every_version
from bridge.legacy.version_table import put_under_control, write_version
from bridge.model.config import Config
from bridge.model.errors import LegacyError
from bridge.model.frozen import FrozenDialect
from bridge.model.progress import Progress
from bridge.model.repository import Repository
from bridge.model.state import LegacyState, State
from bridge.model.steps import Plan, RunLegacy

_ON_SCRATCH = "That was a scratch database, which is removed; no other database was written to."


class Ladder:
    """A climb on one database; a context manager, which ends the process that runs scripts.

    :param repositories: those that are in the database, by their names; others are absent.
    :param histories: the frozen ones, by the names of their repositories.
    :param app_tables: says which tables are the app's.
    :param progress: is told what takes long: that a legacy runtime is made.
    :param begin: a scratch database to begin with, and its state; None for a new one, in which
        every repository is just before its first version.
    :param until: the version of each repository at which the climb ends; None for the last.
    :param method: as for `dbupdate`.

    `engine` is the database, `versions` has where it is, `left` the versions that are still to
    run, each with the way in which it would be.
    """

    def __init__(
        self,
        place: Scratch,
        config: Config,
        repositories: Mapping[str, Repository],
        histories: Mapping[str, Frozen],
        app_tables: AppTables,
        *,
        progress: Progress,
        begin: tuple[Engine, State] | None = None,
        until: Mapping[str, int] | None = None,
        method: Methods = "auto",
    ) -> None:
        self._place, self._config, self._repositories = place, config, repositories
        self._histories, self._app_tables, self._progress, self._method = (
            histories,
            app_tables,
            progress,
            method,
        )
        self.versions = {name: r.first - 1 for name, r in repositories.items()}
        self._row_ids = {name: r.repository_id for name, r in repositories.items()}
        if begin is None:
            self.engine = place.create()
            put_under_control(self.engine, repositories.values())
        else:
            self.engine, state = begin
            for name in repositories:
                self.versions[name] = state.legacy[name].version or 0
                self._row_ids[name] = state.legacy[name].row_id or self._row_ids[name]
        self._client: LegacyClient | None = None
        self._loaded: list[RunLegacy] = []
        # On servers without transactions for the schema, scripts leave sessions with locks.
        self._at_rest = True
        self.left = [
            step
            for step in every_version(repositories, config, self.versions)
            if until is None or step.version <= until[step.repository]
        ]
        self._choose_ways({n for n in repositories if self._known(n)})

    def __enter__(self) -> Ladder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(kill=kind is not None)

    def run(self, step: RunLegacy) -> None:
        """Run a version, the first of those that are `left`, and write its number.

        :raises LegacyError: it fails; the database is not to be used any more.
        """
        try:
            if step.method == "live":
                self._run_live(step)
            else:
                self._run_frozen(step)
        except LegacyError as error:
            error.help = "Mend what it complains of, then run it again."
            error.state_of_data = _ON_SCRATCH
            raise
        self.versions[step.repository] = step.version
        self.left.remove(step)
        if step.method == "live":
            # What it has left decides whether the next ones can be replayed.
            self._choose_ways({step.repository} if self._known(step.repository) else set())

    def fill(self, rows: int, variant: str, *, plain: bool = False) -> Seeded:
        """Give each table at least so many rows; as `bridge.seeding.seed`."""
        with connect(self.engine) as connection:
            return seed(connection, self._app_tables, rows, variant, plain=plain)

    def copy(self) -> Engine:
        """Another database with all that this one holds now."""
        return self._place.copy(self.engine)

    # --- how ------------------------------------------------------------------------------

    def _history(self, name: str) -> FrozenDialect | None:
        frozen = self._histories.get(name)
        return frozen.on(self._place.name) if frozen else None

    def _known(self, name: str) -> bool:
        """Whether the schema of the version that it is at has been recorded."""
        history = self._history(name)
        return history is not None and self.versions[name] in history.versions

    def _state(self, name: str) -> LegacyState:
        return LegacyState(self._repositories[name], self.versions[name], self._row_ids[name])

    def _choose_ways(self, compared: set[str]) -> None:
        """For the versions that are left, as `dbupdate` would for a database as it is now."""
        drifts = {}
        if compared:
            with connect(self.engine) as connection, connection.begin():
                found = read_schema(connection)
            for name in compared:
                history = self._history(name)
                assert history is not None
                drifts[name] = drift(history, self.versions[name], found)
        states = {
            name: replace(self._state(name), drift=drifts.get(name)) for name in self._repositories
        }
        plan = Plan(State("legacy", "", self._place.name, states), tuple(self.left))
        plan = with_non_transactional(
            choose_methods(plan, self._histories, self._method), self._repositories
        )
        self.left = [step for step in plan.steps if isinstance(step, RunLegacy)]

    # --- live -----------------------------------------------------------------------------

    def _run_live(self, step: RunLegacy) -> None:
        client = self._client_for(step)
        client.run(step, self.versions[step.repository], lambda _number: None)
        non_transactional = self.engine.dialect.name not in (
            "sqlite",
            "postgresql",
        ) or client.is_non_transactional(step)
        self._at_rest = self._at_rest and not non_transactional

    def _client_for(self, step: RunLegacy) -> LegacyClient:
        """One process for the whole climb, as long as it has loaded the scripts that are wanted."""
        if self._client is None or step not in self._loaded:
            self._end()
            self._loaded = [s for s in self.left if s.method == "live"]
            python = ready_runtime(self._config, progress=self._progress).python
            states = [self._state(name) for name in self._repositories]
            with ExitStack() as stack:
                client = stack.enter_context(
                    LegacyClient(python, self.engine.url, states, self._loaded, self._config)
                )
                client.preflight()
                self._client = client
                stack.pop_all()
        return self._client

    def _end(self, *, kill: bool = False) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close(kill=kill)
            client.__exit__(None, None, None)

    # --- frozen ---------------------------------------------------------------------------

    def _run_frozen(self, step: RunLegacy) -> None:
        if not self._at_rest and self._client is not None:
            self._client.rest()
        self._at_rest = True
        repository, before = self._repositories[step.repository], self.versions[step.repository]
        ported, statements = None, self._statements(step)
        if step.method == "ported":
            ported = load_ported(self._histories[step.repository].ported(step.version))
        try:
            with connect(self.engine) as connection:

                def then() -> None:
                    if ported is not None:
                        ported(connection)
                    write_version(connection, repository, before, step.version)

                run_frozen(connection, statements, then)
        except LegacyError:
            raise
        except (Exception, SystemExit) as error:  # a ported version is the developer's code
            told = (
                cause(error, self.engine.url)
                if isinstance(error, SQLAlchemyError)
                else scrub(said(error), self.engine.url)
            )
            raise LegacyError(
                f"Version {step.version} of the legacy repository {step.repository} failed "
                f"({step.method}): {told}"
            ) from error
        if leaves_settings(self.engine.dialect.name, statements):
            self.engine.dispose()  # the next version gets another session

    def _statements(self, step: RunLegacy) -> Sequence[str]:
        history = self._history(step.repository)
        if step.method != "replay" or history is None:
            return ()
        return history.versions[step.version].statements
