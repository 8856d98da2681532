"""What PostgreSQL's catalog tells of tables that are to be filled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.database.seeding.catalog.found import Found, rows
from bridge.database.seeding.tables import Column, Rule
from bridge.database.servers.postgresql import HERE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_HERE = f"{HERE} AND c.relkind IN ('r', 'p')"

_NAMED = (
    "ARRAY(SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY AS u(number, place) "
    "JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = u.number ORDER BY u.place)"
)

# to_jsonb: older servers do not have these columns.
_COLUMNS = (
    "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
    "pg_get_expr(d.adbin, d.adrelid), to_jsonb(a)->>'attidentity', to_jsonb(a)->>'attgenerated' "
    "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
    "AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
    f"WHERE {_HERE} ORDER BY c.relname, a.attnum"
)

_TYPES = (
    "SELECT format_type(t.oid, NULL), t.typtype::text, "
    "format_type(nullif(t.typbasetype, 0), t.typtypmod), t.typnotnull, "
    "ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid "
    "ORDER BY e.enumsortorder), "
    "ARRAY(SELECT ARRAY[k.conname::text, pg_get_constraintdef(k.oid)] FROM pg_constraint k "
    "WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname), r.relnatts "
    "FROM pg_type t LEFT JOIN pg_class r ON r.oid = t.typrelid AND r.relkind = 'c' "
    "WHERE t.typtype IN ('d', 'e') OR r.oid IS NOT NULL"
)

# A reference to a partitioned table has shadows that point to each partition.
_CONSTRAINTS = (
    "SELECT c.relname, k.conname, k.contype::text, "
    + _NAMED.format(numbers="k.conkey", table="k.conrelid")
    + ", pg_get_constraintdef(k.oid), CASE WHEN NOT pg_table_is_visible(r.oid) "
    "THEN n.nspname::text END, r.relname, "
    + _NAMED.format(numbers="k.confkey", table="k.confrelid")
    + " FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
    "LEFT JOIN pg_class r ON r.oid = k.confrelid "
    "LEFT JOIN pg_namespace n ON n.oid = r.relnamespace "
    f"WHERE {_HERE} AND k.contype IN ('c', 'f', 'x') AND NOT EXISTS (SELECT FROM pg_constraint p "
    "WHERE p.oid = (to_jsonb(k)->>'conparentid')::oid AND p.conrelid = k.conrelid)"
)

_INDEXES = (
    "SELECT c.relname, i.relname, x.indisprimary, "
    + _NAMED.format(numbers="x.indkey::int2[]", table="x.indrelid")
    + ", pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid "
    f"JOIN pg_class i ON i.oid = x.indexrelid WHERE {_HERE} AND x.indisunique"
)

_PARTS = (
    "SELECT c.relname, p.relname, CASE WHEN p.relispartition "
    "THEN pg_get_partition_constraintdef(p.oid) END FROM pg_inherits h "
    f"JOIN pg_class c ON c.oid = h.inhparent JOIN pg_class p ON p.oid = h.inhrelid WHERE {_HERE}"
)


def read(connection: Connection, found: Found) -> None:
    """Read the tables."""
    _read_columns(connection, found)
    for table, name, kind, ours, text, schema, to, theirs in rows(connection, _CONSTRAINTS):
        if kind == "f":
            found.references[table][name, schema, to] = list(zip(ours, theirs, strict=True))
        elif kind == "c":
            found.checks[table].append(Rule(name, tuple(ours), text))
        else:  # EXCLUDE: near to unique, but no key
            found.partial[table].append(Rule(name, tuple(ours), text))
    for table, name, primary, columns, text in rows(connection, _INDEXES):
        if primary:
            found.primary[table] = list(columns)
        if " WHERE " in text or "((" in text:
            found.partial[table].append(Rule(name, (), text))
        else:
            found.unique[table][name] = list(columns)
    for table, part, text in rows(connection, _PARTS):
        found.parts[table].add(part)
        if text:
            found.checks[part].append(Rule("partition constraint", (), text))


def _read_columns(connection: Connection, found: Found) -> None:
    encoding = next(rows(connection, "SHOW server_encoding"))[0]
    letters = "all" if encoding == "UTF8" else "ascii"
    types = {name: (kind, rest) for name, kind, *rest in rows(connection, _TYPES)}
    for table, name, kind, filled, default, identity, generated in rows(connection, _COLUMNS):
        labels: tuple[str, ...] = ()
        dimensions = "[]" if kind.endswith("[]") else ""
        base = kind.removesuffix("[]")
        while base in types:
            sort, (below, never_null, values, checks, parts) = types[base]
            labels = tuple(values)
            if sort != "d":
                # One of an enum's labels, or a row of so many values.
                base = "enum" if sort == "e" else f"record({parts})"
                break
            base, filled = below, filled or never_null
            found.checks[table] += [Rule(rule, (name,), text) for rule, text in checks]
        # Else it is generated: always, or by an identity that takes no other value.
        column = Column(name, (base + dimensions).lower(), not filled, default, labels, letters)
        if identity == "d":
            column = replace(column, next_value=_nextval(table, name))
        elif (default or "").startswith("nextval("):
            column = replace(column, next_value=default)
        # A place for the table, even without a column of ours.
        columns = found.columns[table]
        if not generated and identity != "a":
            columns.append(column)


def _nextval(table: str, column: str) -> str:
    quoted = '"' + table.replace('"', '""') + '"'
    literals = (text.replace("'", "''") for text in (quoted, column))
    return "nextval(pg_get_serial_sequence('{}', '{}'))".format(*literals)
