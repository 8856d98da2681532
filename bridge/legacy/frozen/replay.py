"""Run frozen statements exactly as they were recorded: a driver must find no parameters in them."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bridge.database.engine import connect
from bridge.database.foreign_keys import foreign_keys_off
from bridge.database.servers import server_named, server_of
from bridge.database.servers.sqlite import pragma
from bridge.database.sql.statements import settings
from bridge.model.errors import LegacyError

if TYPE_CHECKING:
    from pathlib import Path

Finish = Callable[[Connection], None]
"""A function that is called at the end of a version's transaction, and may write into it."""


class Follower:
    """Follows the statements of a version on a server; this class lets all of them run."""

    def begins(self, connection: Connection, number: int) -> bool:
        """Return whether the statement is to run."""
        return True

    def ended(self, connection: Connection, number: int) -> None:
        """Note that a statement has run."""

    def failed(self, number: int, error: DBAPIError) -> None:
        """Note that a statement got an error."""


@dataclass(frozen=True)
class FrozenCode:
    """What runs in place of a legacy version's script.

    :param statements: its recorded statements.
    :param ported: the function of the developer's port of it.
    :param follower: follows the statements where each change of the schema commits by itself.
    """

    statements: Sequence[str] = ()
    ported: Callable[[Connection], Any] | None = None
    follower: Follower | None = None


class Connections:
    """The connections on which frozen versions run: each version gets its own, and is committed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def run(self, code: FrozenCode, finish: Finish | None = None) -> None:
        """Run a version in its own transaction."""
        with connect(self.engine) as connection:
            run_frozen(connection, code, finish)
        if leaves_settings(self.engine.dialect.name, code.statements):
            self.engine.dispose()  # the next version must start with default settings


def run_frozen(connection: Connection, code: FrozenCode, finish: Finish | None = None) -> None:
    """Run a version in its own transaction, as the legacy runtime would.

    On SQLite foreign keys are not checked meanwhile, and settings are restored afterwards.
    """
    with foreign_keys_off(connection), connection.begin():
        _run(connection, code, finish)


def _run(connection: Connection, code: FrozenCode, finish: Finish | None) -> None:
    with _settings_kept(connection, code.statements):
        if code.follower is None:
            _send(connection, code.statements)
        else:
            _send_followed(connection, code.statements, code.follower)
        if code.ported is not None:
            code.ported(connection)
        if finish is not None:
            finish(connection)


def _send(connection: Connection, statements: Sequence[str]) -> None:
    """Run the statements without parsing parameters in them."""
    if not server_of(connection).is_server:
        _send_past(connection, statements)
        return
    if statements and connection.dialect.driver in ("psycopg", "psycopg2"):
        # These drivers send a text of several statements unchanged, in one round trip.
        statements = [";\n".join(f"{statement}\n" for statement in statements)]
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _send_followed(connection: Connection, statements: Sequence[str], follower: Follower) -> None:
    for number, statement in enumerate(statements, 1):
        if follower.begins(connection, number):
            try:
                _send(connection, [statement])
            except DBAPIError as error:
                follower.failed(number, error)
                raise
            follower.ended(connection, number)


def _send_past(connection: Connection, statements: Iterable[str]) -> None:
    """Run the statements on the driver's cursor.

    SQLAlchemy's overhead for each takes longer than SQLite needs for most statements.
    """
    dialect: Any = connection.dialect
    cursor: Any = connection.connection.cursor()
    for statement in statements:
        try:
            dialect.do_execute_no_params(cursor, statement)
        except dialect.dbapi.Error as error:
            raise DBAPIError.instance(
                statement, None, error, dialect.dbapi.Error, dialect=dialect
            ) from error
    cursor.close()


class _Savepoint:
    """A savepoint. `begin_nested` would take longer than SQLite needs for most versions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        _send(connection, ["SAVEPOINT bridge_version"])

    def commit(self) -> None:
        _send(self._connection, ["RELEASE bridge_version"])

    def rollback(self) -> None:
        _send(self._connection, ["ROLLBACK TO bridge_version", "RELEASE bridge_version"])


class Replay:
    """A runner of frozen versions, each in one transaction with its version row.

    On SQLite several versions share a transaction, because a commit takes far longer than most
    versions. Only the version that fails is undone. Nothing else may use the connection while a
    transaction is `open`.

    :param connection: it must not be in a transaction.
    """

    SECONDS = 1.0
    """How long versions are added to a transaction: at most this much work is lost."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._several = not server_of(connection).is_server
        self._whole = True
        self._stack: ExitStack | None = None
        self._begun = 0.0

    @property
    def open(self) -> bool:
        """Whether versions have run that are not committed."""
        return self._stack is not None

    @property
    def due(self) -> bool:
        """Whether they should be committed now."""
        return self.open and time.monotonic() - self._begun > self.SECONDS

    def run(self, code: FrozenCode, finish: Finish | None = None) -> None:
        """Run a version, then `finish`, in one transaction."""
        if not self._several:
            run_frozen(self._connection, code, finish)
            return
        if self._stack is None:
            self._begun = time.monotonic()
            with ExitStack() as stack:
                stack.enter_context(foreign_keys_off(self._connection))
                stack.enter_context(self._connection.begin())
                self._stack = stack.pop_all()
        self._whole = False
        # A developer's function may open sessions on the connection. In SQLAlchemy 2 the rollback
        # of a session is limited to a savepoint only if SQLAlchemy knows one.
        known = code.ported is not None and not sqlalchemy.__version__.startswith("1.")
        point = self._connection.begin_nested() if known else _Savepoint(self._connection)
        try:
            _run(self._connection, code, finish)
            point.commit()
        except BaseException:
            if self._in_transaction:
                with suppress(SQLAlchemyError):  # the function may have begun another transaction
                    point.rollback()
                    self._whole = True
            raise
        self._whole = True

    @property
    def _in_transaction(self) -> bool:
        """Whether the transaction still exists: SQLite rolls back itself if the disk is full."""
        driver: Any = self._connection.connection.dbapi_connection
        return bool(driver.in_transaction)

    def commit(self) -> None:
        """Commit the versions that have run.

        :raises SQLAlchemyError: the commit failed; the database is as before these versions.
        """
        stack, self._stack = self._stack, None
        if stack is not None:
            with stack:
                if not (self._whole and self._in_transaction):
                    raise SQLAlchemyError("the transaction was rolled back")

    def roll_back(self) -> None:
        """Undo the versions that are not committed."""
        self._whole = False
        with suppress(SQLAlchemyError):
            self.commit()


def leaves_settings(dialect: str, statements: Iterable[str]) -> bool:
    """Return whether statements change settings of a server's session beyond their transaction."""
    return server_named(dialect).is_server and any(
        setting.scope != "transaction"
        for statement in statements
        for setting in settings(statement, dialect)
    )


@contextmanager
def _settings_kept(connection: Connection, statements: Iterable[str]) -> Iterator[None]:
    """Restore the settings that the statements change, on SQLite only."""
    dialect = connection.dialect.name
    names = sorted(
        {
            setting.name
            for statement in (() if server_of(connection).is_server else statements)
            for setting in settings(statement, dialect)
        }
    )
    before = {name: pragma(connection, name) for name in names}
    try:
        yield
    finally:
        for name, rows in before.items():
            if rows:
                pragma(connection, f"{name} = {rows[0][0]}")


def load_ported(path: Path) -> Callable[[Connection], Any]:
    """Return the function of the developer's port of a version.

    :raises LegacyError: the file cannot be loaded, or has no `upgrade`.
    """
    spec = importlib.util.spec_from_file_location(f"bridge_ported_{path.stem}", path)
    try:
        if spec is None or spec.loader is None:
            raise ImportError("it is not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        upgrade: Callable[[Connection], Any] = module.upgrade
    except (Exception, SystemExit) as error:
        raise LegacyError(
            f"The ported version {path} cannot be loaded: {type(error).__name__}: {error}",
            help="Fix the file: it needs a function upgrade(connection).",
        ) from error
    return upgrade
