"""Engines, and what a URL may show: connecting, reading only, keeping passwords out of output."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from bridge.errors import DatabaseError, DriverMissingError

URL_VARIABLE = "BRIDGE_DATABASE_URL"

# The drivers to try, in this order, where a URL names none: module, driver name.
_DRIVERS = {
    "postgresql": (("psycopg", "psycopg"), ("psycopg2", "psycopg2")),
    "mysql": (("MySQLdb", "mysqldb"), ("pymysql", "pymysql")),
    "mariadb": (("MySQLdb", "mysqldb"), ("pymysql", "pymysql")),
}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
# Drivers that only work below asyncio, which migrations do not use.
_ASYNC_DRIVERS = ("aiomysql", "aiosqlite", "asyncmy", "asyncpg")
_LIBPQ = frozenset(
    "application_name channel_binding client_encoding connect_timeout fallback_application_name "
    "gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle "
    "keepalives_interval krbsrvname load_balance_hosts options passfile password port "
    "require_auth requirepeer service ssl_max_protocol_version ssl_min_protocol_version sslcert "
    "sslcompression sslcrl sslcrldir sslkey sslmode sslpassword sslrootcert sslsni "
    "target_session_attrs tcp_user_timeout user".split()
)
_MYSQL = frozenset(
    "charset client_flag collation connect_timeout init_command local_infile passwd password "
    "read_default_file read_default_group read_timeout sql_mode ssl_ca ssl_capath ssl_cert "
    "ssl_check_hostname ssl_cipher ssl_key unix_socket use_unicode user write_timeout".split()
)
# The arguments in a URL's query that a driver knows; those of others are left out.
_ARGUMENTS = {"psycopg": _LIBPQ, "psycopg2": _LIBPQ, "mysqldb": _MYSQL, "pymysql": _MYSQL}
_RENAMED = {
    "asyncpg": {"ssl": "sslmode", "timeout": "connect_timeout"},
    "pg8000": {"timeout": "connect_timeout"},
    "mysqlconnector": {"connection_timeout": "connect_timeout"},
}
_SECRET_QUERY = ("password", "passwd", "sslpassword")


def parse_url(text: str) -> URL:
    """A URL that SQLAlchemy understands, with a driver that is installed where it names none.

    `postgres://`, which old configurations use and SQLAlchemy 1.4 gave up, is taken too.

    :raises DatabaseError: it is not a database URL.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseError(
            "The database URL is not one that SQLAlchemy understands.",
            help="Write it as DIALECT://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:///FILE; "
            "percent-encode special characters of the password.",
        ) from None
    if url.drivername == "postgres" or url.drivername.startswith("postgres+"):
        url = url.set(drivername=url.drivername.replace("postgres", "postgresql", 1))
    drivername = url.get_backend_name() if is_async(url) else url.drivername
    return with_driver(url, _installed(drivername))


def _installed(drivername: str) -> str:
    """The name with a driver that is installed, where it has none."""
    for module, driver in _DRIVERS.get(drivername, ()):
        if driver == "psycopg" and _sqlalchemy_1():
            continue
        if importlib.util.find_spec(module) is not None:
            return f"{drivername}+{driver}"
    return drivername


def driver_of(url: URL) -> str:
    """The driver that the URL names, empty where it names none."""
    return url.drivername.partition("+")[2]


def is_async(url: URL) -> bool:
    """Whether the URL names a driver that works only below asyncio."""
    return driver_of(url) in _ASYNC_DRIVERS


def with_driver(url: URL, drivername: str) -> URL:
    """The URL for another driver: arguments have its names, unknown ones are left out."""
    renamed = _RENAMED.get(driver_of(url), {})
    query = {renamed.get(key, key): value for key, value in url.query.items()}
    known = _ARGUMENTS.get(drivername.partition("+")[2])
    if driver_of(url) and known is not None:
        query = {key: value for key, value in query.items() if key in known}
    return url.set(drivername=drivername, query=query)


def _sqlalchemy_1() -> bool:
    return sa.__version__.startswith("1.")


def relative_to(url: URL, root: Path) -> URL:
    """A SQLite URL with its file taken from the folder `root`; any other URL as it is."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return url
    if url.database.startswith("file:"):
        return url
    return url.set(database=str(root / url.database))


def shown(url: URL) -> str:
    """The URL as it may be printed: passwords are ``***``."""
    hidden = {key: "***" for key in url.query if key.lower() in _SECRET_QUERY}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def scrub(text: str, url: URL) -> str:
    """`text` without the URL's passwords, for messages that other programs wrote."""
    plain = {str(url.password)} if url.password else set()
    plain |= {str(value) for key, value in url.query.items() if key.lower() in _SECRET_QUERY}
    secrets = set(plain)
    for secret in plain:
        # As it stands in a URL, in an ini file, and where a program shows a string's repr.
        secrets |= {quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
        secrets |= {form.replace("%", "%%") for form in tuple(secrets)}
    for secret in sorted(secrets, key=len, reverse=True):
        # A short password must not be found inside other words.
        before = r"(?<!\w)" if re.match(r"\w", secret) else ""
        after = r"(?!\w)" if re.search(r"\w\Z", secret) else ""
        text = re.sub(f"{before}{re.escape(secret)}{after}", "***", text)
    return text


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL; None for another dialect or a database in memory."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:":
        return None
    if name.startswith("file:"):
        name = name[len("file:") :].partition("?")[0]
        return None if not name or name == ":memory:" or "mode=memory" in str(url) else Path(name)
    return Path(name)


def make_engine(url: URL) -> Engine:
    """An engine of bridge's own, without a pool.

    :raises DriverMissingError: the driver or the dialect is not installed.
    """
    try:
        engine = sa.create_engine(url, poolclass=None if _in_memory(url) else NullPool)
    except (ImportError, NoSuchModuleError) as error:
        extra = _EXTRAS.get(url.get_backend_name())
        raise DriverMissingError(
            f"The driver for {url.drivername} is not installed: {error}",
            help=f"Install it: pip install 'bridge[{extra}]'"
            if extra
            else "Install the driver that the URL names, or name another one.",
        ) from None
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
        yield connection


def unreachable(url: URL, error: SQLAlchemyError) -> DatabaseError:
    """The error of a database that cannot be opened, in the database's own words."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return DatabaseError(
        f"The database {shown(url)} cannot be opened: {scrub(str(cause).strip(), url)}",
        help=f"Check that the server runs and that the URL is right (--url, {URL_VARIABLE}, "
        "or database.url in the configuration).",
    )


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
            raise unreachable(engine.url, error) from None
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


def environment_url() -> str | None:
    """The URL from the environment, None where it is not set or empty."""
    return os.environ.get(URL_VARIABLE) or None
