"""Engines, and what a URL may show: connecting, reading only, keeping passwords out of output."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from bridge.database.drivers import driver_of
from bridge.database.secrets import scrub, shown
from bridge.database.servers import server_of
from bridge.database.url import URL_VARIABLE, sqlite_file
from bridge.model.errors import DatabaseError, DriverMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Connection, Engine

# What to install for a driver that the URL names.
_PACKAGES = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "mysqldb": "mysqlclient",
    "pymysql": "pymysql[rsa]",
}


def make_engine(url: URL, *, pooled: bool = False) -> Engine:
    """Make an engine of bridge's own, without a pool.

    :param pooled: one connection stays open, until the engine is disposed of.
    :raises DriverMissingError: the driver or the dialect is not installed.
    """
    options: dict[str, Any] = {"connect_args": server_of(url).connect_arguments(url)}
    try:
        if pooled:
            options |= {"poolclass": QueuePool, "pool_size": 1, "pool_pre_ping": True}
        elif not _in_memory(url):
            options["poolclass"] = NullPool
        engine = sa.create_engine(url, **options)
    except (ImportError, NoSuchModuleError) as error:
        if driver_of(url) == "psycopg" and isinstance(error, NoSuchModuleError):
            raise DriverMissingError(
                f"SQLAlchemy {sa.__version__} has no dialect for {url.drivername}.",
                help="Write the URL without a driver, as postgresql://..., and install one that it "
                f"knows: pip install '{_PACKAGES['psycopg2']}'",
            ) from None
        driver = driver_of(url)
        package = _PACKAGES.get(driver) if driver else server_of(url).driver_package
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
    return not server_of(url).is_server and sqlite_file(url) is None


@contextmanager
def connect(engine: Engine) -> Iterator[Connection]:
    """Connect; a failure is a `DatabaseError`."""
    file = sqlite_file(engine.url)
    if file is not None and not file.parent.is_dir():
        raise DatabaseError(
            f"The folder {file.parent} of the SQLite file {file.name} does not exist.",
            help="Create the folder, or correct the database URL.",
            state_of_data="There is no database yet.",
        )
    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        raise unreachable(engine.url, error) from None
    server = server_of(connection)
    with connection, server.transactions(connection):
        try:
            yield connection
        except BaseException:
            # It may be dead, which nobody has noticed who did not use it: nothing more goes there.
            # One that was taken out of its pool is nobody's but its user's.
            detached = not connection.invalidated and _record(connection) is None
            if server.is_server and not detached:
                connection.invalidate()
            raise


def _record(connection: Connection) -> Any:
    """Return what the pool knows of the connection; SQLAlchemy 1.4 has no other way to ask."""
    return connection.connection._connection_record  # noqa: SLF001 - see above


def unreachable(url: URL, error: SQLAlchemyError) -> DatabaseError:
    """Return the error of a database that cannot be opened, in the database's own words."""
    return DatabaseError(
        f"The database {shown(url)} cannot be opened: {cause(error, url)}",
        help=f"Check that the server runs and that the URL is right (--url, {URL_VARIABLE}, "
        "or database.url in the configuration).",
    )


def unreadable(url: URL, error: Exception) -> DatabaseError:
    """Return the error of a database that is open and cannot be read, in its own words."""
    help = (
        "Check that it is the app's database, that this user may read its tables, and that no "
        "other program has it locked."
    )
    if getattr(error, "connection_invalidated", False):
        help = "Check that the server runs, then run it again."
    return DatabaseError(
        f"The database {shown(url)} cannot be read: {cause(error, url)}", help=help
    )


def cause(error: Exception, url: URL) -> str:
    """Return what the database itself said, without the URL's passwords."""
    return scrub(str(getattr(error, "orig", None) or error).strip(), url)


@contextmanager
def read_only(engine: Engine) -> Iterator[Connection]:
    """Connect, and let the database itself refuse every write.

    :raises DatabaseError: the database cannot be opened or read.
    """
    with connect(engine) as connection:
        try:
            with server_of(connection).read_only(connection) as reading:
                yield reading
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None
