"""Schema documents for tests, in few words."""

from __future__ import annotations

from typing import Any

from support.databases import Database

from bridge.database.schema import Schema, read_schema


def read(database: Database) -> Schema:
    with database.engine().connect() as connection, connection.begin():
        return read_schema(connection)


def column(name: str, kind: str = "integer", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": True, "default": None, **more}


def key(*columns: str, to: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    """A foreign key; `to` is ``table.column``, or a table whose columns are called ``..._``."""
    other, _, referred = to.partition(".")
    return {
        "columns": [*columns],
        "refers_to": other,
        "referred_columns": [referred] if referred else [f"{name}_" for name in columns],
        "on_delete": None,
        "on_update": None,
        "deferrable": None,
        "name": name,
        **more,
    }


def unique(*columns: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    return {"columns": [*columns], "name": name, **more}


def index(name: str, *columns: str, unique: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "columns": [*columns], "unique": unique, **more}


def table(*columns: Any, **parts: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        part: [] for part in ("unique", "foreign_keys", "checks", "indexes", "triggers")
    }
    return {"columns": [*columns], "primary_key": None, **empty, **parts}
