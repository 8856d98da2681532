"""A fingerprint of a database's schema: two that are equal were taken of equal schemas.

It tells whether something has changed in one database. It is not for comparing databases: systems
and their versions write the same column in other words.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.model.names import JOURNAL_TABLE

_SQLITE = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master"
    " WHERE name NOT LIKE 'sqlite#_%' ESCAPE '#' AND tbl_name <> :own",
)

_RELATIONS = (
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " {} WHERE n.nspname = ANY (current_schemas(false)) AND c.relname <> :own"
)

_POSTGRESQL = (
    "SELECT c.relname, CAST(c.relkind AS text), a.attname,"
    " format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)"
    + _RELATIONS.format(
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
    ),
    "SELECT c.relname, pg_get_indexdef(i.indexrelid)"
    + _RELATIONS.format("JOIN pg_index i ON i.indrelid = c.oid"),
    "SELECT c.relname, o.conname, pg_get_constraintdef(o.oid)"
    + _RELATIONS.format("JOIN pg_constraint o ON o.conrelid = c.oid"),
    "SELECT c.relname, pg_get_triggerdef(t.oid)"
    + _RELATIONS.format("JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal"),
    "SELECT c.relname, pg_get_viewdef(c.oid)"
    + _RELATIONS.format("")
    + " AND c.relkind IN ('v', 'm')",
    "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname = ANY (current_schemas(false))",
    "SELECT t.typname, e.enumlabel, e.enumsortorder FROM pg_enum e"
    " JOIN pg_type t ON t.oid = e.enumtypid",
)

_MYSQL = (
    "SELECT table_name, column_name, ordinal_position, column_type, is_nullable, column_default,"
    " extra, collation_name FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name <> :own",
    "SELECT table_name, engine, table_collation, table_type FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name <> :own",
    "SELECT table_name, index_name, seq_in_index, column_name, sub_part, non_unique"
    " FROM information_schema.statistics"
    " WHERE table_schema = DATABASE() AND table_name <> :own",
    "SELECT table_name, constraint_name, ordinal_position, column_name, referenced_table_name,"
    " referenced_column_name FROM information_schema.key_column_usage"
    " WHERE table_schema = DATABASE() AND table_name <> :own",
    "SELECT table_name, constraint_name, update_rule, delete_rule"
    " FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
    "SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement"
    " FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    "SELECT routine_type, routine_name, routine_definition FROM information_schema.routines"
    " WHERE routine_schema = DATABASE()",
    "SELECT table_name, view_definition FROM information_schema.views"
    " WHERE table_schema = DATABASE()",
)

_QUERIES = {
    "sqlite": _SQLITE,
    "postgresql": _POSTGRESQL,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}


def fingerprint(connection: Connection) -> str | None:
    """The fingerprint of every table but bridge's own; None on another kind of database."""
    queries = _QUERIES.get(connection.dialect.name)
    if queries is None:
        return None
    found = hashlib.sha256()
    for query in queries:
        given = {"own": JOURNAL_TABLE} if ":own" in query else {}
        rows = connection.execute(sa.text(query), given)
        for row in sorted(repr(tuple(row)) for row in rows):
            found.update(f"{row}\n".encode())
        found.update(b"\n")
    return found.hexdigest()[:16]
