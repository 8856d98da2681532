"""One file a kind of database server: all that differs from one kind to another.

Whatever asks which kind it is asks here: `server_of(engine)` has the answer, as an attribute or a
method. What is a thought of its own, such as reading a schema, is beside: it looks up its part by
`Server.syntax` or `Server.name` in one table.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from sqlalchemy.engine import URL, Connection, Engine

from bridge.database.servers.base import Server

# A file is imported when there is a server of its kind: all four take 4 ms of every start.
_CLASSES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}


class _OtherServer(Server):
    def __init__(self, name: str) -> None:
        self.name = self.family = self.label = self.syntax = name


@lru_cache(maxsize=32)
def server_named(name: str) -> Server:
    """Return a kind of server by the name that SQLAlchemy has for it."""
    if name not in _CLASSES:
        return _OtherServer(name)
    server: Server = getattr(import_module(f"{__name__}.{name}"), _CLASSES[name])()
    return server


def server_of(database: Engine | Connection | URL) -> Server:
    """Return the kind of server that a database is on.

    A URL may say MySQL where the server is a MariaDB: an engine knows it once it has connected.
    """
    if isinstance(database, URL):
        return server_named(database.get_backend_name())
    dialect = database.dialect
    return server_named("mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name)


def all_servers() -> list[Server]:
    """Return every kind that bridge knows."""
    return [server_named(name) for name in _CLASSES]


def servers_of_family(family: str) -> list[Server]:
    """Return the kinds of server whose files are called so; one at least."""
    found = [server for server in all_servers() if server.family == family]
    return found or [server_named(family)]


def family(name: str) -> str:
    """Return what the files of a kind of server are called, by SQLAlchemy's name for it."""
    return server_named(name).family
