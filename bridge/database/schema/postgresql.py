"""The schema document of a PostgreSQL database, from `pg_catalog`: a query for each kind of thing.

Names are those that are found by the search path. What belongs to an extension is left out.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bridge.database.schema.document import new_table, ordered
from bridge.database.schema.tokens import Group, Part, Parts, Token, Words, plain, split, word
from bridge.database.servers.postgresql import HERE, PATH
from bridge.database.sql.tokens import SIGN, STRING, WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.engine import Connection


def _foreign(catalog: str, oid: str) -> str:
    """Whether an extension made it."""
    return (
        f"EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{catalog}'::regclass"
        f" AND e.objid = {oid} AND e.deptype = 'e')"
    )


def _names(table: str, numbers: str) -> str:
    """Return the names of numbered columns, in the order of the numbers."""
    return (
        f"ARRAY(SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY k(number, place)"
        f" JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = k.number ORDER BY k.place)"
    )


_TABLES = (
    f" pg_class c WHERE {HERE} AND c.relkind IN ('r', 'p', 'f')"
    f" AND NOT {_foreign('pg_class', 'c.oid')}"
)

# `attidentity` is there since PostgreSQL 10, `attgenerated` since 12: on older ones, NULL.
_COLUMNS = (
    "SELECT c.relname::text, c.relpersistence = 'u', a.attname::text,"
    " format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),"
    " CASE WHEN a.attcollation <> t.typcollation THEN (SELECT o.collname::text"
    "  FROM pg_collation o WHERE o.oid = a.attcollation) END,"
    " to_jsonb(a) ->> 'attidentity', to_jsonb(a) ->> 'attgenerated',"
    # The default of a serial column, whatever its sequence is called.
    " EXISTS (SELECT FROM pg_depend s WHERE s.classid = 'pg_class'::regclass"
    "  AND s.refclassid = 'pg_class'::regclass AND s.refobjid = a.attrelid"
    "  AND s.refobjsubid = a.attnum AND s.deptype = 'a' AND pg_get_expr(d.adbin, d.adrelid)"
    "  = 'nextval(' || quote_literal(s.objid::regclass::text) || '::regclass)')"
    f" FROM (SELECT c.oid, c.relname, c.relpersistence FROM {_TABLES}) c"
    " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_type t ON t.oid = a.atttypid"
    " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " ORDER BY c.relname, a.attnum"
)

# Of the type n, PostgreSQL 18 has one for each NOT NULL, which the columns tell.
_CONSTRAINTS = (
    "SELECT c.relname::text, o.contype::text, o.conname::text, "
    f"{_names('o.conrelid', 'o.conkey')}, {_names('o.confrelid', 'o.confkey')},"
    " CASE WHEN NOT pg_table_is_visible(r.oid) THEN (SELECT n.nspname"
    "  FROM pg_namespace n WHERE n.oid = r.relnamespace) || '.' ELSE '' END"
    "  || r.relname,"
    " o.confdeltype::text, o.confupdtype::text, o.confmatchtype::text,"
    " o.condeferrable, o.condeferred, o.convalidated, pg_get_constraintdef(o.oid)"
    f" FROM (SELECT c.oid, c.relname FROM {_TABLES}) c"
    " JOIN pg_constraint o ON o.conrelid = c.oid AND o.contype IN ('p', 'u', 'f', 'c', 'x')"
    " LEFT JOIN pg_class r ON r.oid = o.confrelid"
    " ORDER BY c.relname, o.conname"
)

# Not those of primary keys, unique and exclusion constraints.
_INDEXES = (
    "SELECT c.relname::text, n.relname::text, i.indisunique, i.indisvalid, m.amname::text,"
    " pg_get_indexdef(i.indexrelid)"
    f" FROM (SELECT c.oid, c.relname FROM {_TABLES}) c JOIN pg_index i ON i.indrelid = c.oid"
    " JOIN pg_class n ON n.oid = i.indexrelid JOIN pg_am m ON m.oid = n.relam"
    " WHERE NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid"
    "  AND o.conrelid = i.indrelid AND o.contype IN ('p', 'u', 'x'))"
    " ORDER BY c.relname, n.relname"
)

_TRIGGERS = (
    "SELECT c.relname::text, t.tgname::text, t.tgenabled::text, pg_get_triggerdef(t.oid, true)"
    f" FROM (SELECT c.oid, c.relname FROM {_TABLES}) c"
    " JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal ORDER BY c.relname, t.tgname"
)

_VIEWS = (
    "SELECT c.relname::text, c.relkind::text, pg_get_viewdef(c.oid, true) FROM pg_class c"
    f" WHERE {HERE} AND c.relkind IN ('v', 'm') AND NOT {_foreign('pg_class', 'c.oid')}"
)

# Functions and procedures, not aggregates: `prokind` says that since PostgreSQL 11.
_ROUTINES = (
    "SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', l.lanname::text,"
    " pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.provolatile::text,"
    " p.proisstrict, p.prosecdef, p.prosrc,"
    " CASE WHEN p.prosrc = '' THEN pg_get_functiondef(p.oid) END"
    " FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
    f" WHERE p.pronamespace = {PATH} AND pg_function_is_visible(p.oid)"
    f" AND NOT {_foreign('pg_proc', 'p.oid')}"
    " AND NOT EXISTS (SELECT FROM pg_aggregate g WHERE g.aggfnoid = p.oid)"
)

_ENUMS = (
    "SELECT t.typname::text, e.enumlabel::text FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid"
    f" WHERE t.typnamespace = {PATH} AND pg_type_is_visible(t.oid)"
    f" AND NOT {_foreign('pg_type', 't.oid')}"
    " ORDER BY t.typname, e.enumsortorder"
)

# Those of serial and identity columns are the columns' own.
_SEQUENCES = (
    f"SELECT c.relname::text FROM pg_class c WHERE {HERE} AND c.relkind = 'S'"
    " AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = 'pg_class'::regclass"
    "  AND o.objid = c.oid AND o.deptype IN ('a', 'e', 'i'))"
)

_ACTIONS = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT"}

_VOLATILITY = {"i": "immutable", "s": "stable"}

_SQL = Words("postgresql")


def read(connection: Connection) -> dict[str, Any]:
    """Return the document of the schemas in the search path."""

    def rows(query: str) -> Iterator[tuple[Any, ...]]:
        return (tuple(row) for row in connection.exec_driver_sql(query).fetchall())

    types = defaultdict(list)
    for name, label in rows(_ENUMS):
        types[name].append(label)
    return {
        "tables": _tables(rows),
        "views": {name: _view(kind, text) for name, kind, text in rows(_VIEWS)},
        "routines": {name: _routine(routine) for name, *routine in rows(_ROUTINES)},
        "types": types,
        "sequences": {name: {} for (name,) in rows(_SEQUENCES)},
    }


def _tables(rows: Callable[[str], Iterator[tuple[Any, ...]]]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for name, unlogged, *column in rows(_COLUMNS):
        if name not in tables:
            tables[name] = new_table(**({"options": ["unlogged"]} if unlogged else {}))
        if column[0] is not None:
            tables[name]["columns"].append(_column(column))
    for name, kind, *constraint in rows(_CONSTRAINTS):
        _add_constraint(tables[name], kind, constraint)
    for name, *index in rows(_INDEXES):
        tables[name]["indexes"].append(_index(index))
    for name, trigger, enabled, text in rows(_TRIGGERS):
        found = {"name": trigger, "sql": _trigger(text)}
        tables[name]["triggers"].append(found if enabled != "D" else {**found, "enabled": False})
    for table in tables.values():
        for kind in ("unique", "foreign_keys", "checks"):
            table[kind] = ordered(table[kind])
    return tables


def _column(row: Sequence[Any]) -> dict[str, Any]:
    name, kind, not_null, default, collation, identity, generated, serial = row
    column: dict[str, Any] = {"name": name, "type": kind, "nullable": not not_null, "default": None}
    if generated:
        sql = _SQL.write(_expression(default or ""))
        column["generated"] = {"sql": sql, "stored": generated == "s"}
    elif serial:
        column["autoincrement"] = True
    elif identity:
        column["identity"] = "always" if identity == "a" else "by default"
    elif default is not None:
        column["default"] = _default(default, kind)
    if collation:
        column["collation"] = collation
    return column


# --- constraints and indexes --------------------------------------------------------------


def _add_constraint(table: dict[str, Any], kind: str, constraint: list[Any]) -> None:
    name, columns, referred_columns, refers_to, on_delete, on_update, match = constraint[:7]
    deferrable, deferred, valid, text = constraint[7:]
    when = ("initially deferred" if deferred else "initially immediate") if deferrable else None
    more: dict[str, Any] = {"deferrable": when} if when else {}
    if kind == "p":
        table["primary_key"] = {"columns": columns, "name": name, **more}
    elif kind == "u":
        if word(_SQL.read(text)[1]) == "nulls":
            more["nulls_distinct"] = False
        table["unique"].append({"columns": columns, "name": name, **more})
    elif kind == "f":
        key = {
            "columns": columns,
            "refers_to": refers_to,
            "referred_columns": referred_columns,
            "on_delete": _ACTIONS.get(on_delete),
            "on_update": _ACTIONS.get(on_update),
            "deferrable": when,
            "name": name,
        }
        if match == "f":
            key["match"] = "FULL"
        table["foreign_keys"].append(key if valid else {**key, "valid": False})
    else:
        parts = [part for part in _SQL.read(text) if word(part) not in ("check", "not", "valid")]
        if kind == "x":
            parts = _SQL.read(text)
        sql = _SQL.write(_canonical(parts))
        table["checks"].append({"sql": sql, "name": name, **({} if valid else {"valid": False})})


def _index(row: Sequence[Any]) -> dict[str, Any]:
    """Return an index; of its definition is read what follows ``USING method``."""
    name, unique, valid, method, text = row
    parts = _SQL.read(text)
    start = next(n for n, part in enumerate(parts) if word(part) == "using")
    columns, *rest = parts[start + 2 :]
    assert isinstance(columns, Group)
    index: dict[str, Any] = {
        "name": name,
        "columns": [_item(item) for item in split(columns.parts)],
        "unique": unique,
    }
    if method != "btree":
        index["method"] = method
    for number, part in enumerate(rest):
        following = rest[number + 1 :]
        if word(part) == "include" and isinstance(following[0], Group):
            index["include"] = [_item(item) for item in split(following[0].parts)]
        elif word(part) == "nulls":
            index["nulls_distinct"] = False
        elif word(part) == "where":
            index["where"] = _SQL.write(_canonical(following))
            break
    if not valid:
        index["valid"] = False
    return index


def _item(item: Parts) -> str:
    if len(item) == 1 and isinstance(item[0], Token):
        return item[0].text
    return _SQL.write(_canonical(item))


# --- texts --------------------------------------------------------------------------------


def _view(kind: str, text: str) -> str:
    parts = _canonical(_SQL.read(text.rstrip().rstrip(";")))
    # PostgreSQL 16 leaves out the table's name before a column where it is the only one.
    qualifiers = set(_qualifiers(parts))
    if len(qualifiers) == 1:
        parts = _without(qualifiers.pop(), parts)
    return ("materialized: " if kind == "m" else "") + _SQL.write(parts)


_DOT = Token(SIGN, ".")


def _qualifiers(parts: Parts) -> Iterator[str]:
    for number, part in enumerate(parts):
        if isinstance(part, Group):
            yield from _qualifiers(part.parts)
        elif parts[number + 1 : number + 2] == [_DOT]:
            yield part.text


def _without(qualifier: str, parts: Parts) -> list[Part]:
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Group):
            found.append(Group(part.opens, _without(qualifier, part.parts)))
        elif part == _DOT and isinstance(found[-1], Token) and found[-1].text == qualifier:
            found.pop()
        else:
            found.append(part)
    return found


def _trigger(text: str) -> str:
    """Return the definition after the name; before PostgreSQL 11 it has PROCEDURE for FUNCTION."""
    parts = _SQL.read(text)
    start = next(n for n, part in enumerate(parts) if word(part) == "trigger")
    head = [Token(WORD, "CONSTRAINT")] if word(parts[1]) == "constraint" else []
    body = [
        Token(WORD, "FUNCTION") if word(part) == "procedure" else part
        for part in parts[start + 2 :]
    ]
    return _SQL.write([*head, *_canonical(body)])


def _routine(row: Sequence[Any]) -> dict[str, Any]:
    language, arguments, result, volatility, strict, definer, source, definition = row
    options = [_VOLATILITY.get(volatility), strict and "strict", definer and "security definer"]
    return {
        "language": language,
        "arguments": arguments,
        "returns": result,
        "options": [option for option in options if option],
        # Of BEGIN ATOMIC there is no source, only the whole definition.
        "body": (definition or source).strip(),
    }


_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")

_SAME = {"now()": "CURRENT_TIMESTAMP", "('now'::text)::date": "CURRENT_DATE"}
"""What PostgreSQL before 10 prints for these."""


def _default(text: str, kind: str) -> str:
    """Return a default without the cast to its column's type, which is implied."""
    parts = _expression(_SAME.get(text, text))
    own = _SQL.read(kind)
    number = word(own[0]) in ("numeric", "double") or kind in _NUMBERS
    at = next((n for n, part in enumerate(parts) if part == _CAST), None)
    if at == 1:
        target = parts[2:]
        whole = len(target) == len(_type(target))
        if whole and (target in (own, own[: len(target)]) or (number and _numeric(target))):
            parts = plain(parts[:1])
    if number and len(parts) == 1 and isinstance(parts[0], Token) and parts[0].kind == STRING:
        return parts[0].text[1:-1]
    return _SQL.write(parts)


def _numeric(target: Parts) -> bool:
    return _SQL.write(target[:2]) in _NUMBERS or word(target[0]) in _NUMBERS


_CAST = Token(SIGN, "::")

_LONG = {
    "character": ("varying",),
    "double": ("precision",),
    "bit": ("varying",),
    "timestamp": ("with", "without", "time", "zone"),
    "time": ("with", "without", "time", "zone"),
}

_TEXTS = ("text", "character varying", "bpchar", "character")


def _type(parts: Parts) -> Parts:
    """Return the type that these parts begin with: its words, numbers in parentheses, brackets."""
    end = 1
    while parts[end : end + 1] == [_DOT]:
        end += 2
    more = _LONG.get(word(parts[0]) or "", ())
    while end < len(parts) and word(parts[end]) in more:
        end += 1
    while end < len(parts) and isinstance(parts[end], Group):
        end += 1
    return parts[:end]


def _expression(text: str) -> list[Part]:
    return _canonical(_SQL.read(text))


def _canonical(parts: Parts) -> list[Part]:
    """Without casts to text, which a dump and its restore move about, and needless parentheses."""
    return plain(_uncast(parts))


def _uncast(parts: Parts) -> list[Part]:
    found: list[Part] = []
    at = 0
    while at < len(parts):
        part = parts[at]
        if part == _CAST:
            kind = _type(parts[at + 1 :])
            bare = [p for p in kind if not (isinstance(p, Group) and p.opens == "[")]
            if _SQL.write(bare) in _TEXTS:
                at += 1 + len(kind)
                continue
        if isinstance(part, Group):
            part = Group(part.opens, _uncast(part.parts))
        found.append(part)
        at += 1
    return found
