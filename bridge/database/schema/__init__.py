"""The schema of a database as a document: plain data that compares equal where schemas are equal.

It is read from the database's own catalogs, a few queries for all tables, and not through
SQLAlchemy's reflection: a document must be the same whichever SQLAlchemy, driver and version of the
server it was read with, and is kept for years. The page "What a schema comparison sees" of the
documentation says what is in it and what is not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bridge.database.servers import server_of

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from sqlalchemy.engine import Connection

Schema = dict[str, Any]
"""`tables`, and where there are some `views`, `routines`, `types` and `sequences`, by name.

Nothing but dictionaries, lists, strings, booleans and None, which JSON has too.
"""

# Imported when there is a schema to read: the three take 3 ms of every start.
_READERS = {
    "sqlite": "bridge.database.schema.sqlite",
    "postgresql": "bridge.database.schema.postgresql",
    "mysql": "bridge.database.schema.mysql",
}


def read_schema(connection: Connection) -> Schema:
    """Read the schema document of the database's default schema, with every table in it.

    It only reads, in the connection's transaction; the caller ends that.

    :raises KeyError: another kind of database than SQLite, PostgreSQL, MySQL or MariaDB.
    """
    reader = import_module(_READERS[server_of(connection).syntax])
    found: Schema = reader.read(connection)
    document = {kind: dict(sorted(things.items())) for kind, things in found.items() if things}
    return {"tables": {}, **document}


def only(schema: Mapping[str, Any], names: Container[str]) -> Schema:
    """Return the document with those tables, views and sequences that have one of these names.

    Routines and types, which belong to no table, stay.
    """
    document = dict(schema)
    for kind in ("tables", "views", "sequences"):
        kept = {name: thing for name, thing in schema.get(kind, {}).items() if name in names}
        document.pop(kind, None)
        if kept or kind == "tables":
            document[kind] = kept
    return document
