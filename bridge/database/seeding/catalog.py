"""What tables ask of their rows, read from the database's own catalog.

Not through SQLAlchemy's inspector: it knows fewer types and rules, knows them differently in 1.4
and 2, and asks table by table where a server can answer for all of them at once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

AppTables = Callable[[Iterable[str]], Iterable[str]]


@dataclass(frozen=True)
class Column:
    """A column that a row may be given a value for.

    `type` is written as the database has it, in lower case, with a domain's base type in place of
    the domain. `letters` is what its text may hold: any letter ("all"), none beyond the basic
    plane ("bmp"), or "ascii". `next_value` is the SQL that gives the value where none is given
    (PostgreSQL's sequences). `touched` is a column that an UPDATE sets to the time.
    """

    name: str
    type: str
    nullable: bool
    default: str | None = None
    labels: tuple[str, ...] = ()
    letters: str = "all"
    next_value: str | None = None
    touched: bool = False


@dataclass(frozen=True)
class Rule:
    """What the database may refuse a row for: the name that its message has, and the columns.

    `text` is the condition of a CHECK, empty for columns that must be unique.
    """

    name: str
    columns: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True)
class Reference:
    """A foreign key; `schema` is None for a table of the default schema."""

    columns: tuple[str, ...]
    schema: str | None
    table: str
    referred: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table: its columns, how a row of it is known, its rules and references.

    `key` is empty where nothing tells two rows apart. `parts` are tables whose rows are its own
    as well: partitions, and tables that inherit.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...]
    references: tuple[Reference, ...]
    parts: frozenset[str] = frozenset()

    def nullable(self, reference: Reference) -> tuple[str, ...]:
        """The columns of the reference that NULL frees of it."""
        free = {column.name for column in self.columns if column.nullable}
        return tuple(name for name in reference.columns if name in free)


def read_tables(connection: Connection, app_tables: AppTables) -> dict[str, Table]:
    """The tables of the default schema that `app_tables` takes, by their names, in their order."""
    read = {"sqlite": _sqlite, "postgresql": _postgresql}.get(connection.dialect.name, _mysql)
    found = _Found()
    read(connection, found)
    chosen = set(app_tables(sorted(found.columns)))
    return {name: found.table(name) for name in sorted(chosen & found.columns.keys())}


class _Found:
    """What the catalog has told so far, by table."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Column]] = defaultdict(list)
        # By the names of their constraints.
        self.unique: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self.primary: dict[str, list[str]] = defaultdict(list)
        # Unique on expressions, or among a part of the rows.
        self.partial: dict[str, list[Rule]] = defaultdict(list)
        self.checks: dict[str, list[Rule]] = defaultdict(list)
        self.references: dict[str, dict[Any, list[Any]]] = defaultdict(lambda: defaultdict(list))
        self.parts: dict[str, set[str]] = defaultdict(set)

    def table(self, name: str) -> Table:
        columns, primary = self.columns[name], self.primary[name]
        unique = [Rule(rule, tuple(parts)) for rule, parts in sorted(self.unique[name].items())]
        filled = {column.name for column in columns if not column.nullable}
        whole = [rule.columns for rule in unique if filled.issuperset(rule.columns)]
        partial = [replace(self._about(name, rule), text="") for rule in self.partial[name]]
        references = sorted(self.references[name].items(), key=str)
        return Table(
            name,
            # SQLite lets some primary keys be NULL, which nobody means.
            tuple(replace(c, nullable=c.nullable and c.name not in primary) for c in columns),
            tuple(primary) or next(iter(whole), ()),
            (*unique, *partial, *(self._about(name, rule) for rule in self.checks[name])),
            tuple(
                Reference(tuple(ours for ours, _ in pairs), schema, to, tuple(x for _, x in pairs))
                for (_, schema, to), pairs in references
            ),
            frozenset(self.parts[name]),
        )

    def _about(self, name: str, rule: Rule) -> Rule:
        """The rule with the columns that its text speaks of, where it does not name them."""
        said = tuple(
            column.name for column in self.columns[name] if mentions(rule.text, column.name)
        )
        return replace(rule, columns=rule.columns or said)


def mentions(text: str, name: str) -> bool:
    """Whether a text has the name as a word of its own."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _rows(connection: Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    return (tuple(row) for row in connection.exec_driver_sql(sql))


# -- SQLite ---------------------------------------------------------------------------------------

_TABLES = (
    "(SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
    "ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL %') m"
)


def _sqlite(connection: Connection, found: _Found) -> None:
    # A virtual table keeps its rows in tables that are named after it and are nobody else's.
    virtual = tuple(
        f"{name}_"
        for (name,) in _rows(
            connection, "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL %'"
        )
    )
    sql = (
        f"SELECT m.name, x.* FROM {_TABLES}, pragma_table_xinfo(m.name) x "
        # The primary key's columns in their order there, which ours need not be.
        "ORDER BY m.name, x.pk, x.cid"
    )
    places: dict[str, dict[int, Column]] = defaultdict(dict)
    for table, place, name, kind, filled, default, key, hidden in _rows(connection, sql):
        if table.startswith(virtual):
            continue
        if key:
            found.primary[table].append(name)
        if not hidden:  # else it is generated
            places[table][place] = Column(name, kind.lower(), not filled, default)
    for table, columns in places.items():
        found.columns[table] = [column for _, column in sorted(columns.items())]
        if found.primary[table]:
            found.unique[table][_called(table, found.primary[table])] = found.primary[table]
    sql = (
        f"SELECT m.name, l.name, l.partial, s.sql, i.name FROM {_TABLES}, "
        "pragma_index_list(m.name) l, pragma_index_info(l.name) i "
        "LEFT JOIN sqlite_master s ON s.name = l.name "
        'WHERE l."unique" ORDER BY m.name, l.name, i.seqno'
    )
    indexes: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for *index, name in _rows(connection, sql):
        indexes[tuple(index)].append(name)
    for (table, name, partial, sql), parts in indexes.items():
        # What the message calls it: its columns, or its name where there are expressions.
        if None in parts:
            found.partial[table].append(Rule(name, (), sql))
        elif partial:
            found.partial[table].append(Rule(_called(table, parts), tuple(parts)))
        else:
            found.unique[table][_called(table, parts)] = parts
    # Names are written in any case there.
    names = {name.lower(): name for name in found.columns}
    named = {(t, c.name.lower()): c.name for t, columns in found.columns.items() for c in columns}
    sql = (
        f"SELECT m.name, f.* FROM {_TABLES}, pragma_foreign_key_list(m.name) f "
        "ORDER BY m.name, f.id, f.seq"
    )
    for table, number, place, to, ours, theirs, *_ in _rows(connection, sql):
        to = names.get(to.lower(), to)
        # Without columns, it is the other table's primary key that is meant.
        theirs = theirs or (found.primary[to] or ["rowid"])[place]
        theirs = named.get((to, theirs.lower()), theirs)
        found.references[table][number, None, to].append((ours, theirs))
    for table, sql in _rows(connection, f"SELECT name, sql FROM {_TABLES}"):
        found.checks[table] = [Rule(name, (), text) for name, text in _checks(sql)]


def _called(table: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{table}.{column}" for column in columns)


_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|\w+|[()]",
    re.DOTALL,
)


def _checks(sql: str) -> Iterator[tuple[str, str]]:
    """The conditions of a CREATE TABLE, after their names; one without is called by itself."""
    words: list[str] = []
    start = depth = 0
    for token in _TOKEN.finditer(sql):
        text = token[0]
        if start:
            depth += (text == "(") - (text == ")")
            if not depth:
                condition = sql[start : token.start()].strip()
                named = words[-3:-2] == ["constraint"]
                # Messages are read up to the end of their first line.
                called = words[-2].strip("'\"`[]") if named else condition.partition("\n")[0]
                yield called, condition
                start = 0
                words = []
        elif text == "(" and words[-1:] == ["check"]:
            start, depth = token.end(), 1
        elif not text.startswith(("--", "/*")):
            words.append(text.lower() if text.lower() in ("check", "constraint") else text)


# -- PostgreSQL -----------------------------------------------------------------------------------

_HERE = (
    "c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind IN ('r', 'p')"
)

_NAMED = (
    "ARRAY(SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY AS u(number, place) "
    "JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = u.number ORDER BY u.place)"
)

# to_jsonb: older servers do not have these columns.
_PG_COLUMNS = (
    "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
    "pg_get_expr(d.adbin, d.adrelid), to_jsonb(a)->>'attidentity', to_jsonb(a)->>'attgenerated' "
    "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
    "AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
    f"WHERE {_HERE} ORDER BY c.relname, a.attnum"
)

_PG_TYPES = (
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
_PG_CONSTRAINTS = (
    "SELECT c.relname, k.conname, k.contype::text, "
    + _NAMED.format(numbers="k.conkey", table="k.conrelid")
    + ", pg_get_constraintdef(k.oid), nullif(n.nspname, current_schema())::text, r.relname, "
    + _NAMED.format(numbers="k.confkey", table="k.confrelid")
    + " FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
    "LEFT JOIN pg_class r ON r.oid = k.confrelid "
    "LEFT JOIN pg_namespace n ON n.oid = r.relnamespace "
    f"WHERE {_HERE} AND k.contype IN ('c', 'f', 'x') AND NOT EXISTS (SELECT FROM pg_constraint p "
    "WHERE p.oid = (to_jsonb(k)->>'conparentid')::oid AND p.conrelid = k.conrelid)"
)

_PG_INDEXES = (
    "SELECT c.relname, i.relname, x.indisprimary, "
    + _NAMED.format(numbers="x.indkey::int2[]", table="x.indrelid")
    + ", pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid "
    f"JOIN pg_class i ON i.oid = x.indexrelid WHERE {_HERE} AND x.indisunique"
)

_PG_PARTS = (
    "SELECT c.relname, p.relname, CASE WHEN p.relispartition "
    "THEN pg_get_partition_constraintdef(p.oid) END FROM pg_inherits h "
    f"JOIN pg_class c ON c.oid = h.inhparent JOIN pg_class p ON p.oid = h.inhrelid WHERE {_HERE}"
)


def _postgresql(connection: Connection, found: _Found) -> None:
    encoding = next(_rows(connection, "SHOW server_encoding"))[0]
    letters = "all" if encoding == "UTF8" else "ascii"
    types = {name: (kind, rest) for name, kind, *rest in _rows(connection, _PG_TYPES)}
    for table, name, kind, filled, default, identity, generated in _rows(connection, _PG_COLUMNS):
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
    for table, name, kind, ours, text, schema, to, theirs in _rows(connection, _PG_CONSTRAINTS):
        if kind == "f":
            found.references[table][name, schema, to] = list(zip(ours, theirs, strict=True))
        elif kind == "c":
            found.checks[table].append(Rule(name, tuple(ours), text))
        else:  # EXCLUDE: near to unique, but no key
            found.partial[table].append(Rule(name, tuple(ours), text))
    for table, name, primary, columns, text in _rows(connection, _PG_INDEXES):
        if primary:
            found.primary[table] = list(columns)
        if " WHERE " in text or "((" in text:
            found.partial[table].append(Rule(name, (), text))
        else:
            found.unique[table][name] = list(columns)
    for table, part, text in _rows(connection, _PG_PARTS):
        found.parts[table].add(part)
        if text:
            found.checks[part].append(Rule("partition constraint", (), text))


def _nextval(table: str, column: str) -> str:
    quoted = '"' + table.replace('"', '""') + '"'
    literals = (text.replace("'", "''") for text in (quoted, column))
    return "nextval(pg_get_serial_sequence('{}', '{}'))".format(*literals)


# -- MySQL and MariaDB ----------------------------------------------------------------------------

_MY_COLUMNS = (
    "SELECT c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE, c.COLUMN_DEFAULT, c.EXTRA, "
    "c.CHARACTER_SET_NAME FROM information_schema.COLUMNS c JOIN information_schema.TABLES t "
    "ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME "
    "WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
    "ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION"
)

_MY_INDEXES = (
    "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS "
    "WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 "
    "ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
)

_MY_REFERENCES = (
    "SELECT TABLE_NAME, CONSTRAINT_NAME, nullif(REFERENCED_TABLE_SCHEMA, DATABASE()), "
    "REFERENCED_TABLE_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME "
    "FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() "
    "AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
)

_MARIADB_CHECKS = (
    "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS "
    "WHERE CONSTRAINT_SCHEMA = DATABASE()"
)

_MYSQL_CHECKS = (
    "SELECT t.TABLE_NAME, k.CONSTRAINT_NAME, k.CHECK_CLAUSE "
    "FROM information_schema.CHECK_CONSTRAINTS k JOIN information_schema.TABLE_CONSTRAINTS t "
    "ON t.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
    "AND t.CONSTRAINT_TYPE = 'CHECK' WHERE k.CONSTRAINT_SCHEMA = DATABASE()"
)


def _mysql(connection: Connection, found: _Found) -> None:
    dialect: Any = connection.dialect
    for table, name, kind, nullable, default, extra, charset in _rows(connection, _MY_COLUMNS):
        extra = extra.lower()
        # A place for the table, even without a column of ours.
        columns = found.columns[table]
        if re.search(r"\b(virtual|stored|persistent)\b", extra):
            continue
        labels = ()
        if kind.startswith(("enum(", "set(")):
            kind, _, values = kind.partition("(")
            labels = tuple(x.replace("''", "'") for x in re.findall(r"'((?:[^']|'')*)'", values))
        columns.append(
            Column(
                name,
                kind.lower(),
                nullable == "YES",
                default,
                labels,
                _LETTERS.get(charset or "utf8mb4", "ascii"),
                touched="on update" in extra,
            )
        )
    expressions = set()
    for table, index, name in _rows(connection, _MY_INDEXES):
        if name is None:  # an expression
            expressions.add((table, index))
        found.unique[table][index].append(name)
        if index == "PRIMARY":
            found.primary[table].append(name)
    for table, index in sorted(expressions):
        # What columns it is on is not told here.
        del found.unique[table][index]
        found.partial[table].append(Rule(index, ()))
    for table, name, schema, to, ours, theirs in _rows(connection, _MY_REFERENCES):
        found.references[table][name, schema, to].append((ours, theirs))
    if dialect.is_mariadb or dialect.server_version_info >= (8, 0, 16):
        sql = _MARIADB_CHECKS if dialect.is_mariadb else _MYSQL_CHECKS
        for table, name, text in _rows(connection, sql):
            # MySQL shows the quotes of a literal with a backslash each.
            found.checks[table].append(Rule(name, (), text.replace("\\'", "'")))


_LETTERS = {"utf8mb4": "all", "utf16": "all", "utf32": "all"}
_LETTERS |= dict.fromkeys(("utf8", "utf8mb3", "ucs2"), "bmp")
