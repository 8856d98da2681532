"""Compares generated columns, of whose expressions Alembic sees nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import cause, connect
from bridge.database.schema import read_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import sqlalchemy as sa
    from sqlalchemy.engine import Engine


def generated_differences(
    tables: Iterable[sa.Table], engine: Engine, empty: Engine
) -> tuple[str, ...]:
    """Return the columns that a database generates in another way than the models say.

    :param tables: the models'.
    :param engine: of the database.
    :param empty: of another one, of the same kind, in which the models are created: only the server
        writes an expression as it does.
    """
    found = _columns(engine)
    compared = [
        table
        for table in tables
        if any(c.computed is not None for c in table.columns)
        or any("generated" in c for c in found.get(table.name, {}).values())
    ]
    if not compared:
        return ()
    try:
        for metadata in {id(table.metadata): table.metadata for table in compared}.values():
            metadata.create_all(empty)
    except SQLAlchemyError as error:
        return (f"the models cannot be created to compare them: {cause(error, empty.url)}",)
    return tuple(_differences(compared, found, _columns(empty)))


def _columns(engine: Engine) -> dict[str, dict[str, Any]]:
    """Return the columns of each table, by their names."""
    with connect(engine) as connection, connection.begin():
        tables = read_schema(connection)["tables"]
    return {name: {c["name"]: c for c in table["columns"]} for name, table in tables.items()}


def _differences(
    tables: Iterable[sa.Table], found: dict[str, Any], made: dict[str, Any]
) -> Iterator[str]:
    for table in tables:
        for name, column in found.get(table.name, {}).items():
            wanted = made.get(table.name, {}).get(name)
            if wanted is not None and wanted.get("generated") != column.get("generated"):
                yield (
                    f"{table.name}.{name} is {_words(column)}, and {_words(wanted)} in the models"
                )


def _words(column: Any) -> str:
    generated = column.get("generated")
    return f"generated as {generated['sql']}" if generated else "not generated"
