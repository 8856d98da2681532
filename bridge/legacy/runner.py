"""Run legacy versions, each by its method, for upgrades, for freezing and for checks.

- *live*: the script runs in the worker's process, which also writes the version row;
- *replay*: the frozen statements run;
- *ported*: a function runs that the developer wrote as a replacement.

The latter two run on a connection of this process, in one transaction with the version row.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bridge.database.servers import server_of
from bridge.database.url import sqlite_file
from bridge.legacy.client import LegacyClient, Ran, Scripts, WorkerOptions
from bridge.legacy.failures import frozen_error_text
from bridge.legacy.frozen.replay import Connections, FrozenCode, load_ported
from bridge.legacy.observer import VersionObserver
from bridge.legacy.runtime import ready_runtime
from bridge.legacy.version_table import write_version
from bridge.model.errors import DatabaseError, LegacyError
from bridge.model.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from sqlalchemy.engine import Connection
    from typing_extensions import Self

    from bridge.legacy.frozen.files import Frozen
    from bridge.model.config import Config
    from bridge.model.frozen import FrozenDialect
    from bridge.model.state import LegacyState
    from bridge.model.steps import RunLegacy


class LegacyProject(Protocol):
    """What a runner reads of an app; `bridge.project.Project` implements it."""

    @property
    def config(self) -> Config:
        """The app's configuration."""

    @property
    def histories(self) -> Mapping[str, Frozen]:
        """The frozen histories, by the names of their repositories."""


class LegacyRunner:
    """A runner for the versions of one database; a context manager that ends the worker.

    `versions` is the version that each repository is at.

    :param connections: of the database; replayed and ported versions run on them.
    :param states: of each repository that is in the database.
    :param worker: how live versions run.
    :param progress: is notified if a legacy runtime is created, which takes a while.
    """

    def __init__(
        self,
        project: LegacyProject,
        connections: Connections,
        states: Iterable[LegacyState],
        worker: WorkerOptions | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._project, self._connections = project, connections
        self._states = {state.repository.name: state for state in states}
        self._worker, self._progress = worker or WorkerOptions(), progress or Progress()
        self.versions = {name: state.version for name, state in self._states.items()}
        self._client: LegacyClient | None = None
        self._loaded: Sequence[RunLegacy] = ()
        self._ported: dict[RunLegacy, FrozenCode] = {}
        # Scripts may leave sessions open that hold locks.
        self._sessions_left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(kill=kind is not None)

    def close(self, *, kill: bool = False) -> None:
        """End the worker, with every session, thread and process that scripts left behind.

        :param kill: do not wait for threads of the scripts.
        """
        client, self._client = self._client, None
        self._loaded = ()
        if client is not None:
            client.close(kill=kill)
            client.__exit__(None, None, None)

    # --- before ---------------------------------------------------------------------------

    def prepare(self, steps: Iterable[RunLegacy]) -> None:
        """Load everything that these versions need, without running any of them.

        Live versions are loaded into a new worker, which replaces the previous one.

        :raises LegacyPreflightError: scripts cannot be loaded; the message names all of them.
        :raises LegacyError: a ported version cannot be loaded.
        :raises LegacyRuntimeError: the legacy runtime cannot be created or used.
        :raises DatabaseError: the worker cannot see the database.
        """
        live = []
        for step in steps:
            if step.method == "ported":
                file = self._project.histories[step.repository].ported(step.version)
                self._ported[step] = FrozenCode(ported=load_ported(file))
            elif step.method == "live":
                live.append(step)
        if live:
            self._start(live)

    def is_prepared(self, step: RunLegacy) -> bool:
        """Return whether everything that a version needs is loaded."""
        if step.method == "live":
            return step in self._loaded
        return step.method == "replay" or step in self._ported

    def _start(self, steps: Sequence[RunLegacy]) -> None:
        url = self._connections.engine.url
        if not server_of(url).is_server and sqlite_file(url) is None:
            raise DatabaseError(
                "Legacy versions run in a separate process, which cannot see a SQLite database in "
                "memory.",
                help="Use a SQLite file.",
            )
        self.close()
        config = self._project.config
        python = self._worker.python or ready_runtime(config, progress=self._progress).python
        scripts = Scripts(list(self._states.values()), steps, config)
        with ExitStack() as stack:
            client = stack.enter_context(LegacyClient(python, url, scripts, self._worker))
            client.preflight()
            self._client, self._loaded = client, steps
            stack.pop_all()

    # --- one version ----------------------------------------------------------------------

    def run(self, step: RunLegacy, observer: VersionObserver | None = None) -> Ran:
        """Run a prepared version and write its version row.

        :raises LegacyError: it failed; its `state_of_data` describes what it left behind, if live.
        :raises CannotResume: an earlier run was interrupted in it, at an unknown statement.
        """
        run = self._run_live if step.method == "live" else self._run_frozen
        ran = run(step, observer or VersionObserver())
        self.versions[step.repository] = step.version
        return ran

    def _run_live(self, step: RunLegacy, observer: VersionObserver) -> Ran:
        client = self._client
        assert client is not None, "the version was not prepared"
        ran = client.run(step, self.versions[step.repository], observer)
        server = server_of(self._connections.engine)
        if not server.transactional_ddl or client.is_non_transactional(step):
            self._sessions_left = True
        if step == self._loaded[-1]:
            # Later steps could wait for the locks of sessions that scripts left open.
            client.close()
        return ran

    def _run_frozen(self, step: RunLegacy, observer: VersionObserver) -> Ran:
        self.end_sessions()
        code, before = self.code(step), self.versions[step.repository]
        repository = self._states[step.repository].repository

        def finish(connection: Connection) -> None:
            observer.finishing(connection)
            # Last, so that a run never has to resume after this statement.
            write_version(connection, repository, before, step.version)

        begun = time.monotonic()
        try:
            self._connections.run(replace(code, follower=observer.follower), finish)
        except (Exception, SystemExit) as error:  # a ported version is the developer's code
            raise LegacyError(
                f"Version {step.version} of the legacy repository {step.repository} failed "
                f"({step.method}): {frozen_error_text(error, self._connections.engine.url)}"
            ) from error
        return Ran(time.monotonic() - begun, len(code.statements))

    def end_sessions(self) -> None:
        """Close the sessions that scripts left open, so that nothing waits for their locks."""
        if self._sessions_left and self._client is not None:
            self._client.suspend()
        self._sessions_left = False

    # --- queries --------------------------------------------------------------------------

    def history(self, repository: str) -> FrozenDialect | None:
        """Return the frozen history on this kind of database, None if there is none."""
        frozen = self._project.histories.get(repository)
        return frozen.on(self._connections.engine.dialect.name) if frozen else None

    def code(self, step: RunLegacy) -> FrozenCode:
        """Return what runs instead of a version's script; it is empty for a live version."""
        if step.method == "ported":
            return self._ported[step]
        history = self.history(step.repository) if step.method == "replay" else None
        return FrozenCode(history.versions[step.version].statements if history else ())

    def is_non_transactional(self, step: RunLegacy) -> bool:
        """Return whether each statement of a live version is committed separately."""
        return self._client is not None and self._client.is_non_transactional(step)
