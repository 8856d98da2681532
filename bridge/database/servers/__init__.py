"""One file a kind of database server: all that differs from one kind to another.

Whatever asks which kind it is asks here: `server_of(engine)` has the answer, as an attribute or a
method. What is a thought of its own, such as reading a schema, is beside: it looks up its part by
`Server.family` or `Server.name` in one table.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import URL, Connection, Engine

from bridge.database.servers.base import Server
from bridge.database.servers.mariadb import MariaDB
from bridge.database.servers.mysql import MySQL
from bridge.database.servers.postgresql import PostgreSQL
from bridge.database.servers.sqlite import SQLite

SERVERS: Sequence[Server] = (SQLite(), PostgreSQL(), MySQL(), MariaDB())
"""Every kind that bridge knows."""

_BY_NAME = {server.name: server for server in SERVERS}


class _OtherServer(Server):
    def __init__(self, name: str) -> None:
        self.name = self.family = self.label = self.syntax = name


def server_of(database: Engine | Connection | URL) -> Server:
    """Return the kind of server that a database is on.

    A URL may say MySQL where the server is a MariaDB: an engine knows it once it has connected.
    """
    if isinstance(database, URL):
        return server_named(database.get_backend_name())
    dialect = database.dialect
    return server_named("mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name)


def server_named(name: str) -> Server:
    """Return a kind of server by the name that SQLAlchemy has for it."""
    return _BY_NAME.get(name) or _OtherServer(name)


def server_of_family(family: str) -> Server:
    """Return the first kind of server whose files are called so."""
    return next((server for server in SERVERS if server.family == family), server_named(family))


def labels_of(family: str) -> str:
    """Return the kinds of server whose files are called so, as people call them."""
    return " or ".join(server.label for server in SERVERS if server.family == family)


def family(name: str) -> str:
    """Return what the files of a kind of server are called, by SQLAlchemy's name for it."""
    return server_named(name).family
