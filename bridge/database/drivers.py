"""Which driver reads a database URL, and what the arguments in its query are called there."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.database.servers import server_named

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

# These work only below asyncio, which migrations do not use.
_ASYNC = ("aiomysql", "aiosqlite", "asyncmy", "asyncpg")

LIBPQ = {
    "application_name", "channel_binding", "client_encoding", "connect_timeout",
    "fallback_application_name", "gssencmode", "gsslib", "host", "hostaddr", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname",
    "load_balance_hosts", "options", "passfile", "password", "port", "require_auth", "requirepeer",
    "service", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcompression",
    "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslpassword", "sslrootcert", "sslsni",
    "target_session_attrs", "tcp_user_timeout", "user",
}  # fmt: skip

_MYSQL = {
    "charset", "client_flag", "collation", "connect_timeout", "init_command", "local_infile",
    "passwd", "password", "read_default_file", "read_default_group", "read_timeout", "sql_mode",
    "ssl_ca", "ssl_capath", "ssl_cert", "ssl_check_hostname", "ssl_cipher", "ssl_key",
    "unix_socket", "use_unicode", "user", "write_timeout",
}  # fmt: skip

# The arguments in a URL's query that each of these knows.
_KNOWN = {"psycopg": LIBPQ, "psycopg2": LIBPQ, "mysqldb": _MYSQL, "pymysql": _MYSQL}

# What other drivers call them.
_RENAMED = {
    "asyncpg": {"ssl": "sslmode", "timeout": "connect_timeout"},
    "mysqlconnector": {"connection_timeout": "connect_timeout"},
    "pg8000": {"timeout": "connect_timeout"},
}


def driver_of(url: URL) -> str:
    """Return the driver that the URL names, or an empty text."""
    return url.drivername.partition("+")[2]


def is_async(url: URL) -> bool:
    """Whether the URL names a driver that works only below asyncio."""
    return driver_of(url) in _ASYNC


def with_driver(url: URL, drivername: str) -> URL:
    """Return the URL for another driver, with its arguments renamed or left out."""
    if url.drivername == drivername:
        return url
    renamed = _RENAMED.get(driver_of(url), {})
    query = {renamed.get(key, key): value for key, value in url.query.items()}
    known = _KNOWN.get(drivername.partition("+")[2])
    if driver_of(url) and known is not None:
        query = {key: value for key, value in query.items() if key in known}
    return url.set(drivername=drivername, query=query)


def with_installed_driver(url: URL) -> URL:
    """Return the URL with an installed driver where it names none, or one for asyncio."""
    drivername = url.get_backend_name() if is_async(url) else url.drivername
    for module, driver in server_named(drivername).drivers:
        if driver == "psycopg" and sa.__version__.startswith("1."):
            continue  # SQLAlchemy has a dialect for it from 2.0 on
        if importlib.util.find_spec(module) is not None:
            return with_driver(url, f"{drivername}+{driver}")
    return with_driver(url, drivername)
