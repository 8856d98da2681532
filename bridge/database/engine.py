"""Engines, and what a URL may show: connecting, reading only, keeping passwords out of output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from bridge.database.drivers import driver_of
from bridge.database.secrets import scrub, shown
from bridge.database.url import URL_VARIABLE, sqlite_file
from bridge.model.errors import DatabaseError, DriverMissingError

# What to install for a driver, or for a dialect where the URL names no driver.
_PACKAGES = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "mysqldb": "mysqlclient",
    "pymysql": "pymysql[rsa]",
    "postgresql": "psycopg2-binary" if sa.__version__.startswith("1.") else "psycopg[binary]",
    "mysql": "pymysql[rsa]",
    "mariadb": "pymysql[rsa]",
}


def make_engine(url: URL, *, pooled: bool = False) -> Engine:
    """An engine of bridge's own, without a pool.

    :param pooled: one connection stays open, until the engine is disposed of.
    :raises DriverMissingError: the driver or the dialect is not installed.
    """
    try:
        if pooled:
            engine = sa.create_engine(url, poolclass=QueuePool, pool_size=1)
        else:
            engine = sa.create_engine(url, poolclass=None if _in_memory(url) else NullPool)
    except (ImportError, NoSuchModuleError) as error:
        if driver_of(url) == "psycopg" and isinstance(error, NoSuchModuleError):
            raise DriverMissingError(
                f"SQLAlchemy {sa.__version__} has no dialect for {url.drivername}.",
                help="Write the URL without a driver, as postgresql://..., and install one that it "
                f"knows: pip install '{_PACKAGES['psycopg2']}'",
            ) from None
        package = _PACKAGES.get(driver_of(url) or url.get_backend_name())
        raise DriverMissingError(
            f"The driver for {url.drivername} is not installed: {error}",
            help=f"Install it: pip install '{package}'"
            if package
            else "Install the driver that the URL names, or name another one.",
        ) from None
    if engine.dialect.driver == "psycopg" and "prepare_threshold" not in url.query:
        # It would prepare a query that comes again and again, and the server refuses to run it
        # after its table has changed.
        @event.listens_for(engine, "connect")
        def never_prepare(connection: Any, _record: Any) -> None:
            connection.prepare_threshold = None

    return engine


def _in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and sqlite_file(url) is None


@contextmanager
def _transactional_ddl(connection: Connection) -> Iterator[None]:
    """SQLite: let SQLAlchemy begin transactions, as Python's sqlite3 does not around DDL.

    Done for one connection, so that an engine of the caller's stays as it was.
    """
    driver: Any = connection.connection.dbapi_connection
    legacy_mode = getattr(driver, "autocommit", -1) == -1
    if connection.dialect.name != "sqlite" or not legacy_mode or driver.isolation_level is None:
        yield
        return
    before, driver.isolation_level = driver.isolation_level, None
    event.listen(connection, "begin", _begin)
    try:
        yield
    finally:
        driver.isolation_level = before


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@contextmanager
def connect(engine: Engine) -> Iterator[Connection]:
    """A connection, with a failure to connect told as a `DatabaseError`."""
    file = sqlite_file(engine.url)
    if file is not None and not file.parent.is_dir():
        raise DatabaseError(
            f"The folder {file.parent} of the SQLite file {file.name} is not there.",
            help="Create the folder, or correct the database URL.",
            state_of_data="There is no database yet.",
        )
    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        raise unreachable(engine.url, error) from None
    with connection, _transactional_ddl(connection):
        try:
            yield connection
        except BaseException:
            # It may be dead, which nobody has noticed who did not use it: nothing more goes there.
            # One that was taken out of its pool is nobody's but its user's.
            detached = not connection.invalidated and _record(connection) is None
            if engine.dialect.name != "sqlite" and not detached:
                connection.invalidate()
            raise


def _record(connection: Connection) -> Any:
    """What the pool knows of the connection; SQLAlchemy 1.4 has no other way to ask."""
    return connection.connection._connection_record


def unreachable(url: URL, error: SQLAlchemyError) -> DatabaseError:
    """The error of a database that cannot be opened, in the database's own words."""
    return DatabaseError(
        f"The database {shown(url)} cannot be opened: {cause(error, url)}",
        help=f"Check that the server runs and that the URL is right (--url, {URL_VARIABLE}, "
        "or database.url in the configuration).",
    )


def unreadable(url: URL, error: Exception) -> DatabaseError:
    """The error of a database that is open and yet cannot be read, in the database's own words."""
    help = (
        "Check that it is the app's database, that this user may read its tables, and that no "
        "other program has it locked."
    )
    if getattr(error, "connection_invalidated", False):
        help = "See that the server runs, then run it again."
    return DatabaseError(
        f"The database {shown(url)} cannot be read: {cause(error, url)}", help=help
    )


def cause(error: Exception, url: URL) -> str:
    """What the database itself said, in its own words, without the URL's passwords."""
    return scrub(str(getattr(error, "orig", None) or error).strip(), url)


@contextmanager
def read_only(engine: Engine) -> Iterator[Connection]:
    """A connection on which the database itself refuses every write."""
    with connect(engine) as connection:
        dialect = engine.dialect.name
        try:
            if dialect == "sqlite":
                _set_query_only(connection, True)
            elif dialect == "postgresql":
                connection = connection.execution_options(postgresql_readonly=True)
            elif dialect in ("mysql", "mariadb"):
                _execute_alone(connection, "SET SESSION TRANSACTION READ ONLY")
            yield connection
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None
        finally:
            if connection.in_transaction() and hasattr(connection, "rollback"):
                connection.rollback()
            if dialect == "sqlite":
                _set_query_only(connection, False)
            elif dialect in ("mysql", "mariadb") and not connection.invalidated:
                _execute_alone(connection, "SET SESSION TRANSACTION READ WRITE")


def _set_query_only(connection: Connection, on: bool) -> None:
    _raw_execute(connection, f"PRAGMA query_only = {int(on)}")


def _execute_alone(connection: Connection, statement: str) -> None:
    if not connection.invalidated:
        _raw_execute(connection, statement)


def _raw_execute(connection: Connection, statement: str) -> None:
    """Run a setting on the driver's connection, outside SQLAlchemy's transactions."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()
