"""The connection of a run, on which all steps but live legacy versions work."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import connect
from bridge.legacy.frozen.replay import (
    Connections,
    Finish,
    FrozenCode,
    Replay,
    leaves_settings,
)
from bridge.model.errors import BridgeError

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy.engine import Connection, Engine
    from typing_extensions import Self

    from bridge.database.lock import Lock
    from bridge.upgrade.execute.state_of_data import StateOfData


class RunConnection(Connections):
    """The connection of a run; a context manager, which closes it.

    Frozen versions run on it, on SQLite several in one transaction. Nothing else may use it before
    that is settled.
    """

    def __init__(self, engine: Engine, lock: Lock, state: StateOfData) -> None:
        super().__init__(engine)
        self._lock, self._state = lock, state
        self._stack = ExitStack()
        self._replay: Replay | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @cached_property
    def connection(self) -> Connection:
        """Opened when the first step needs it: servers end one that idles while scripts run."""
        return self._stack.enter_context(connect(self.engine))

    @property
    def is_open(self) -> bool:
        """Whether a step has needed it."""
        return "connection" in self.__dict__

    @property
    def is_due(self) -> bool:
        """Whether frozen versions ought to be committed."""
        return self._replay is not None and self._replay.due

    def run(self, code: FrozenCode, finish: Finish | None = None) -> None:
        """Run a frozen version, which is committed when the run settles."""
        if self._replay is None:
            self._replay = Replay(self.connection)
        self._replay.run(code, finish)
        if leaves_settings(self.engine.dialect.name, code.statements):
            # The next one is another session; the pool must not give this one out again.
            del self.__dict__["connection"]
            self._replay = None

    def settle(self) -> None:
        """Commit what frozen versions have done together; where that fails, they have not run.

        :raises LockLostError: another run may be at work.
        :raises DatabaseRefusedError: the database does not commit it.
        """
        if self._replay is not None and self._replay.open:
            try:
                self._lock.check()
                self._replay.commit()
            except (BridgeError, SQLAlchemyError) as error:
                self._replay.roll_back()
                self._state.forget_unsettled()
                if isinstance(error, BridgeError):
                    raise
                raise self._state.cannot_be_written(error) from error
        self._state.settled()

    def settle_what_can(self) -> None:
        """Settle before an error is reported: what it says of the steps before must be so."""
        with suppress(BridgeError):
            self.settle()
