"""Engines, and what a URL may show: connecting, reading only, keeping passwords out of output."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from bridge.drivers import driver_of, with_installed_driver
from bridge.errors import DatabaseError, DriverMissingError

URL_VARIABLE = "BRIDGE_DATABASE_URL"
SCRATCH_VARIABLE = "BRIDGE_SCRATCH_URL"
SECRET_VARIABLES = (URL_VARIABLE, SCRATCH_VARIABLE)
"""What no other program is given."""

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
# What the arguments in a URL's query are called that are nobody else's business.
_SECRET_KEY = re.compile(r"passw|passphrase|pwd|secret|token", re.IGNORECASE)
# Passwords in what looks like a URL, whatever it is the URL of; PASSWORD itself is a placeholder.
_PASSWORD = re.compile(r"(://[^\s:/@'\"]*:)(?!PASSWORD@)[^\s/@]+(?=@)")
_SECRET_QUERY = re.compile(rf"([?&]\w*(?:{_SECRET_KEY.pattern})\w*=)[^\s&'\"#)]+", re.IGNORECASE)
_LONG = 8
"""From so many characters on, a password that is no word is no part of one either."""


def parse_url(text: str | URL) -> URL:
    """A URL that SQLAlchemy understands, with a driver that is installed where it names none.

    `postgres://`, which old configurations use and SQLAlchemy 1.4 gave up, is taken too; and in
    place of a driver for asyncio, another one of the same database.

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
    # Behind an unquoted slash, what is left of the user's part looks like the database's name.
    if "@" in (url.host or "") or (url.host and not url.username and "@" in (url.database or "")):
        raise DatabaseError(
            "The database URL has more than one @ before the host.",
            help="Percent-encode special characters of the user and the password: @ is %40.",
        )
    if url.get_backend_name() == "sqlite" and url.host:
        raise DatabaseError(
            f"The database URL sqlite://{url.host} has two slashes, where a file needs three.",
            help=f"Write it as sqlite:///{url.host}, or sqlite:////FOLDER/{url.host}",
        )
    if url.drivername == "postgres" or url.drivername.startswith("postgres+"):
        url = url.set(drivername=url.drivername.replace("postgres", "postgresql", 1))
    return with_installed_driver(url)


def relative_to(url: URL, root: Path) -> URL:
    """A SQLite URL with its file taken from the folder `root`; any other URL as it is."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return url
    if url.database.startswith("file:"):
        return url
    return url.set(database=str(root / url.database))


def shown(url: URL) -> str:
    """The URL as it may be printed: passwords are ``***``."""
    hidden = {key: "***" for key in url.query if _SECRET_KEY.search(key)}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def scrub(text: str, *urls: URL | str) -> str:
    """`text` without the URLs' passwords, nor what looks like one in any other URL.

    For what other programs wrote. A URL that is not one, as somebody typed it, is good enough.
    """
    secrets = {secret for url in urls for secret in _secrets(url) if secret}
    for secret in sorted(secrets, key=len, reverse=True):
        before = after = ""
        if len(secret) < _LONG or secret.isalpha():
            # Must not be found inside other words; what a URL or a repr has quoted is no word.
            if re.match(r"\w", secret):
                before = r"(?:(?<!\w)|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"
            if re.search(r"\w\Z", secret):
                after = r"(?!\w)"
        text = re.sub(f"{before}{''.join(map(_spellings, secret))}{after}", "***", text)
    return _SECRET_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1***", text))


def _secrets(url: URL | str) -> Iterator[str]:
    if isinstance(url, str):
        # With unquoted characters in a password, the parts are not where they seem to be.
        yield from re.findall(r"://[^:/@]*:(.*)@", url)
        try:
            url = make_url(url)
        except (ArgumentError, ValueError):
            return
    yield str(url.password or "")
    for key, value in url.query.items():
        if _SECRET_KEY.search(key):
            yield from (value,) if isinstance(value, str) else value


def _spellings(character: str) -> str:
    """A pattern for a character of a password: plain, or as URLs, ini files, reprs, SQL have it.

    Which characters a URL quotes differs from one version of SQLAlchemy to the next.
    """
    forms = ["".join(f"%{byte:02X}" for byte in character.encode())]
    forms += [character, json.dumps(character)[1:-1], ascii(character)[1:-1]]
    forms += {" ": ["+", "%2B"], "'": ["''"]}.get(character, [])
    # The longest first.
    return f"(?:{'|'.join(map(_requoted, sorted(set(forms), key=len, reverse=True)))})"


def _requoted(form: str) -> str:
    """A pattern for a text, and for what comes of it when a URL or a repr quotes it once more."""
    pattern = re.escape(form.lstrip("\\") or form)
    if len(form) > 1 or not form.isalnum():
        pattern = r"\\*" + pattern.replace("'", r"\\*'")
    return re.sub(
        r"%([0-9A-F]{2})?", lambda found: f"%{{1,2}}(?:25)*(?i:{found[1] or ''})", pattern
    )


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL; None for another dialect or a database in memory."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:":
        return None
    if name.startswith("file:"):
        name = name[len("file:") :].partition("?")[0]
        return None if not name or name == ":memory:" or "mode=memory" in str(url) else Path(name)
    return Path(name)


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


def environment_url() -> str | None:
    """The URL from the environment, None where it is not set or empty."""
    return os.environ.get(URL_VARIABLE) or None


def scratch_urls() -> list[str]:
    """The servers from the environment on which databases may be made and dropped."""
    return os.environ.get(SCRATCH_VARIABLE, "").split()
