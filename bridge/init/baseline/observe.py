"""The contents of a database at the end of a legacy history.

The schema document describes it. What SQLAlchemy Core cannot express is carried over as the
database's own SQL.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SAWarning

from bridge.database.schema import Schema, only, read_schema
from bridge.database.servers import server_of
from bridge.database.servers.postgresql import HERE, PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection
    from sqlalchemy.types import TypeEngine


@dataclass(frozen=True)
class Carried:
    """A view, trigger, routine, type, sequence, extension or constraint, as SQL.

    :param drop: empty for what is dropped with its table, or stays.
    :param part: the part of the schema document that has it; None where none has.
    :param table: the table of a trigger or constraint.
    """

    kind: str
    name: str
    create: str
    drop: str = ""
    part: str | None = None
    table: str = ""


@dataclass(frozen=True)
class Observed:
    """A database at the end of the history.

    :param dialect: ``sqlite``, ``postgresql`` or ``mysql``, which MariaDB is too.
    :param types: by table and column, the type as SQLAlchemy reflects it.
    :param tables: the SQL that creates each table, where the database prints it.
    :param indexes: the SQL that creates each index, where the database prints it.
    """

    dialect: str
    schema: Schema
    types: Mapping[str, Mapping[str, TypeEngine[Any]]] = field(default_factory=dict)
    carried: tuple[Carried, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, str] = field(default_factory=dict)


def observe(
    connection: Connection, dialect: str, app_tables: Callable[[Sequence[str]], Sequence[str]]
) -> Observed:
    """Read the database; the caller ends the transaction.

    :param app_tables: the rule that says which tables are the app's.
    """
    whole = read_schema(connection)
    named = [*whole["tables"], *whole.get("views", {}), *whole.get("sequences", {})]
    schema = only(whole, {*app_tables(named)})
    inspector = sa.inspect(connection)
    with warnings.catch_warnings():
        # SQLAlchemy warns of types that it does not know, which are written as SQL.
        warnings.simplefilter("ignore", SAWarning)
        types = {
            name: {column["name"]: column["type"] for column in inspector.get_columns(name)}
            for name in schema["tables"]
        }
    read_carried, read_sql = _READERS[server_of(connection).syntax]
    carried = tuple(
        found
        for found in read_carried(connection, schema)
        if found.part is None or found.name in schema.get(found.part, {})
    )
    tables, indexes = read_sql(connection, schema)
    return Observed(dialect, schema, types, carried, tables, indexes)


def _rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(query)]


# --- SQLite -------------------------------------------------------------------------------


def _sqlite(connection: Connection, schema: Schema) -> Iterator[Carried]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"
    quote = connection.dialect.identifier_preparer.quote
    for kind, name, table, sql in _rows(connection, f"{query} ORDER BY name"):
        if kind == "view":
            yield Carried(kind, name, sql, f"DROP VIEW {quote(name)}", "views")
        elif table in schema["tables"]:
            yield Carried(kind, name, sql, table=table)
        elif table in schema.get("views", {}):
            yield Carried(kind, name, sql)


def _sqlite_sql(connection: Connection, schema: Schema) -> tuple[dict[str, str], dict[str, str]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    rows = [row for row in _rows(connection, query) if row[2] in schema["tables"]]
    return (
        {name: sql for kind, name, _, sql in rows if kind == "table"},
        {name: sql for kind, name, _, sql in rows if kind == "index"},
    )


# --- PostgreSQL ---------------------------------------------------------------------------

_OF_EXTENSION = (
    "EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{0}'::regclass AND e.objid = {1}.oid "
    "AND e.deptype = 'e')"
)


def _postgresql(connection: Connection, schema: Schema) -> Iterator[Carried]:
    quote = connection.dialect.identifier_preparer.quote
    for (name,) in _rows(
        connection, "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname"
    ):
        yield Carried("extension", name, f"CREATE EXTENSION IF NOT EXISTS {quote(name)}")
    for name, labels in sorted(schema.get("types", {}).items()):
        listed = ", ".join("'" + label.replace("'", "''") + "'" for label in labels)
        create = f"CREATE TYPE {quote(name)} AS ENUM ({listed})"
        yield Carried("type", name, create, f"DROP TYPE {quote(name)}", "types")
    for name, kind, start, least, most, step, cycle in _rows(
        connection,
        "SELECT sequencename::text, data_type::text, start_value, min_value, max_value, "
        "increment_by, cycle FROM pg_sequences JOIN pg_class c ON c.oid = "
        "to_regclass(quote_ident(schemaname) || '.' || quote_ident(sequencename)) "
        f"WHERE {HERE} ORDER BY 1",
    ):
        create = (
            f"CREATE SEQUENCE {quote(name)} AS {kind} INCREMENT BY {step} MINVALUE {least} "
            f"MAXVALUE {most} START WITH {start}{' CYCLE' if cycle else ''}"
        )
        yield Carried("sequence", name, create, f"DROP SEQUENCE {quote(name)}", "sequences")
    for name, here, signature, procedure, sql in _rows(
        connection,
        "SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',"
        " p.pronamespace::regnamespace::text,"
        " quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',"
        " to_jsonb(p) ->> 'prokind' = 'p', pg_get_functiondef(p.oid) FROM pg_proc p"
        f" WHERE p.pronamespace = {PATH} AND pg_function_is_visible(p.oid)"
        f" AND NOT {_OF_EXTENSION.format('pg_proc', 'p')}"
        " AND NOT EXISTS (SELECT FROM pg_aggregate g WHERE g.aggfnoid = p.oid) ORDER BY 1",
    ):
        drop = f"DROP {'PROCEDURE' if procedure else 'FUNCTION'} {signature}"
        create = re.sub(rf"(FUNCTION|PROCEDURE) {re.escape(here)}\.", r"\1 ", sql, count=1)
        yield Carried("routine", name, create.rstrip(), drop, "routines")
    for name, table, sql in _rows(
        connection,
        "SELECT o.conname::text, c.relname::text, pg_get_constraintdef(o.oid) FROM pg_constraint o"
        f" JOIN pg_class c ON c.oid = o.conrelid WHERE {HERE}"
        " AND (o.contype = 'x' OR (o.contype IN ('c', 'f') AND NOT o.convalidated)) ORDER BY 2, 1",
    ):
        create = f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(name)} {sql}"
        yield Carried("constraint", name, create, table=table)
    for name, kind, sql in _rows(
        connection,
        "SELECT c.relname::text, c.relkind::text, pg_get_viewdef(c.oid, true) FROM pg_class c"
        f" WHERE {HERE} AND c.relkind IN ('v', 'm') ORDER BY c.oid",
    ):
        view = "MATERIALIZED VIEW" if kind == "m" else "VIEW"
        create = f"CREATE {view} {quote(name)} AS\n{sql.rstrip().rstrip(';')}"
        yield Carried("view", name, create, f"DROP {view} {quote(name)}", "views")
    for name, table, off, sql in _rows(
        connection,
        "SELECT t.tgname::text, c.relname::text, t.tgenabled = 'D', pg_get_triggerdef(t.oid, true)"
        " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        f" WHERE {HERE} AND NOT t.tgisinternal ORDER BY 2, 1",
    ):
        if table in schema["tables"]:
            yield Carried("trigger", name, sql, table=table)
            if off:
                disable = f"ALTER TABLE {quote(table)} DISABLE TRIGGER {quote(name)}"
                yield Carried("trigger", name, disable, table=table)


def _postgresql_sql(
    connection: Connection, _schema: Schema
) -> tuple[dict[str, str], dict[str, str]]:
    query = (
        "SELECT c.relname::text, c.relnamespace::regnamespace, pg_get_indexdef(c.oid)"
        f" FROM pg_class c WHERE {HERE} AND c.relkind = 'i'"
    )
    return {}, {
        name: sql.replace(f" ON {here}.", " ON ", 1) for name, here, sql in _rows(connection, query)
    }


# --- MySQL and MariaDB --------------------------------------------------------------------

_DEFINER = re.compile(r"""\sDEFINER\s*=\s*(?:`[^`]*`|"[^"]*")@(?:`[^`]*`|"[^"]*")""")


def _mysql(connection: Connection, schema: Schema) -> Iterator[Carried]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    database = quote(str(connection.engine.url.database))
    for name in sorted(schema.get("sequences", {})):
        yield Carried(
            "sequence", name, f"CREATE SEQUENCE {quote(name)}", f"DROP SEQUENCE {quote(name)}",
            "sequences",
        )  # fmt: skip
    for routine in sorted(schema.get("routines", {})):
        kind, _, name = routine.partition(" ")
        found = _rows(connection, f"SHOW CREATE {kind.upper()} {quote(name)}")[0]
        drop = f"DROP {kind.upper()} {quote(name)}"
        yield Carried("routine", routine, _DEFINER.sub("", found[2], count=1), drop, "routines")
    for name in schema.get("views", {}):
        sql = str(_rows(connection, f"SHOW CREATE VIEW {quote(name)}")[0][1])
        sql = _DEFINER.sub("", sql, count=1).replace(f"{database}.", "")
        sql = re.sub(r"^CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER", "CREATE", sql)
        yield Carried("view", name, sql, f"DROP VIEW {quote(name)}", "views")
    for name, when, what, table, body in _rows(
        connection,
        "SELECT trigger_name, action_timing, event_manipulation, event_object_table, "
        "action_statement FROM information_schema.triggers WHERE trigger_schema = DATABASE() "
        "ORDER BY trigger_name",
    ):
        if table in schema["tables"]:
            head = f"CREATE TRIGGER {quote(name)} {when} {what} ON {quote(table)} FOR EACH ROW"
            yield Carried("trigger", name, f"{head}\n{body}", table=table)


def _mysql_sql(connection: Connection, schema: Schema) -> tuple[dict[str, str], dict[str, str]]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    found = {
        name: str(_rows(connection, f"SHOW CREATE TABLE {quote(name)}")[0][1])
        for name in schema["tables"]
    }
    return {name: re.sub(r" AUTO_INCREMENT=\d+", "", sql) for name, sql in found.items()}, {}


_READERS = {
    "sqlite": (_sqlite, _sqlite_sql),
    "postgresql": (_postgresql, _postgresql_sql),
    "mysql": (_mysql, _mysql_sql),
}
