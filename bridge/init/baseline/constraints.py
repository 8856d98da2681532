"""The pieces of a base revision as source: constraints, indexes, values, names. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from bridge.database.schema.tokens import RESERVED
from bridge.database.sql.tokens import WORD, tokens
from bridge.init.baseline.dialects import traits_of
from bridge.init.baseline.source import Call, Source, clause, expression, listed, literal

Item = Mapping[str, Any]

CLOCK = "datetime.now(timezone.utc).replace(tzinfo=None)"
"""The time that a script takes."""

NOW = object()
"""Stands in rows for the time at which they are inserted."""

# What the modules of SQLite call the tables in which a virtual table keeps its rows.
_SHADOWS = r"_(?:config|content|data|docsize|idx|node|parent|rowid|segdir|segments|stat)"


def of_a_virtual_table(name: str, tables: Mapping[str, Item]) -> bool:
    """Whether a table comes and goes with a virtual one."""
    virtual = [other for other, table in tables.items() if "virtual" in table]
    return any(re.fullmatch(re.escape(other) + _SHADOWS, name) for other in virtual)


def constant_name(source: str) -> str:
    """A name for a type that is another one on some databases: after that one."""
    if source.startswith("Native("):
        source = source[len('Native("') :]
    name = re.sub(r"\W+", "_", source.rpartition(".")[2]).strip("_")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() or "NATIVE"


def identifier(name: str) -> str:
    """A name as PostgreSQL's SQL has it."""
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in RESERVED
    return name if plain else '"' + name.replace('"', '""') + '"'


def carried_as_sql(item: Item) -> bool:
    """Whether it is a constraint that is carried over as SQL."""
    return item.get("valid") is False or str(item.get("sql")).startswith("EXCLUDE ")


def value_source(value: Any) -> str:
    """A value of a row."""
    if value is NOW:
        return "now"
    return repr(value).removeprefix("datetime.") if isinstance(value, date) else literal(value)


def computed(generated: Item) -> str:
    """A generated column's expression."""
    persisted = f", persisted={generated['stored']}"
    return f"sa.Computed({expression(generated['sql'])}{persisted})"


def identity(kind: str) -> str:
    """An identity of PostgreSQL's."""
    return f"sa.Identity(always={kind == 'always'})"


def _deferrable(item: Item) -> list[str]:
    when = item.get("deferrable")
    if not when:
        return []
    return ["deferrable=True", f"initially={literal(str(when).rpartition(' ')[2].upper())}"]


def primary_key(item: Item, _dialect: str) -> Call:
    """A primary key, without its name."""
    columns = tuple(map(literal, item["columns"]))
    return Call("sa.PrimaryKeyConstraint", (*columns, *_deferrable(item)))


def unique(item: Item, _dialect: str) -> Call:
    """A unique constraint, without its name."""
    more = ["postgresql_nulls_not_distinct=True"] if item.get("nulls_distinct") is False else []
    columns = tuple(map(literal, item["columns"]))
    return Call("sa.UniqueConstraint", (*columns, *_deferrable(item), *more))


def foreign_key(key: Item) -> Call:
    """A foreign key, without its name."""
    referred = [f"{key['refers_to']}.{column}" for column in key["referred_columns"]]
    arguments: list[Source] = [listed(key["columns"]), listed(referred)]
    for attribute, word in (("on_delete", "ondelete"), ("on_update", "onupdate")):
        if key[attribute]:
            arguments.append(f"{word}={literal(key[attribute])}")
    if key.get("match"):
        arguments.append(f"match={literal(key['match'])}")
    return Call("sa.ForeignKeyConstraint", (*arguments, *_deferrable(key)))


def check(item: Item, dialect: str) -> Call:
    """A check constraint, without its name."""
    return Call("sa.CheckConstraint", (expression(_with_capitals(item["sql"], dialect)),))


def _with_capitals(sql: str, dialect: str) -> str:
    """Return SQL with its keywords in capitals; as names they are quoted."""
    for token in tokens(sql, dialect):
        if token.kind == WORD and token.text in RESERVED:
            sql = sql[: token.start] + token.text.upper() + sql[token.end :]
    return sql


# The names that a server gives where none is given; MySQL's the document leaves out.


def names_of(
    table: str, item: Item, dialect: str, usual: Callable[[str, Item], str | None]
) -> tuple[str | None, ...]:
    """The names that may be given: none too, where the server would give the same.

    Nothing where any name will do: MySQL takes no notice of a primary key's.
    """
    name = item["name"]
    traits = traits_of(dialect)
    if usual is key_name and not traits.names_keys:
        return ()
    if name is None:
        return (None,)
    if traits.usual_names:
        return (name, None) if name == usual(table, item) else (name,)
    is_index = traits.names_indexes and "refers_to" not in item
    if is_index and item.get("columns", [""])[0] == name:
        return (name, None)
    return (name,)


def key_name(table: str, _item: Item) -> str:
    """PostgreSQL's name of a primary key."""
    return f"{table}_pkey"


def unique_name(table: str, item: Item) -> str | None:
    """PostgreSQL's name of a unique constraint, None where it is cut."""
    name = "_".join([table, *item["columns"], "key"])
    return name if len(name) < 64 else None


def foreign_key_name(table: str, item: Item) -> str | None:
    """PostgreSQL's name of a foreign key, None where that depends on the version."""
    # Of several columns, older servers took the first.
    name = "_".join([table, *item["columns"], "fkey"])
    return name if len(name) < 64 and len(item["columns"]) == 1 else None


def check_name(table: str, item: Item) -> str | None:
    """PostgreSQL's name of a check of a column."""
    found = re.fullmatch(rf"{re.escape(table)}_(\w+)check", item["name"])
    return item["name"] if found and found[1] in re.findall(r"\w+", item["sql"]) else None


SERIAL = {
    "smallint": 'Native("SMALLSERIAL")',
    "integer": 'Native("SERIAL")',
    "bigint": 'Native("BIGSERIAL")',
}
"""The types of columns that count and are not in the primary key, by the type of the number."""

_PREFIX = re.compile(r"(.+)\((\d+)\)")


def index_call(table: str, index: Item, columns: set[str], dialect: str) -> Call | None:
    """The index in Core's words; None where it has none."""
    known = {"name", "columns", "unique", "where", "method", "include"}
    if {*index} - known:
        return None
    traits = traits_of(dialect)
    items: list[str] = []
    lengths = {}
    for item in index["columns"]:
        prefix = _PREFIX.fullmatch(item) if traits.prefixes else None
        if item in columns:
            items.append(literal(item))
        elif prefix and prefix[1] in columns:
            items.append(literal(prefix[1]))
            lengths[prefix[1]] = int(prefix[2])
        elif item.removesuffix(" DESC") in columns and re.fullmatch(r"[a-z_0-9]+ DESC", item):
            items.append(f"sa.text({literal(item)})")
        else:
            return None
    arguments: list[Source] = [
        literal(index["name"]), literal(table), Call("", tuple(items), brackets="[]"),
    ]  # fmt: skip
    if index["unique"]:
        arguments.append("unique=True")
    if "where" in index:
        arguments.append(f"{dialect}_where={clause(_with_capitals(index['where'], dialect))}")
    if lengths:
        pairs = ", ".join(f"{literal(k)}: {v}" for k, v in lengths.items())
        arguments += [f"{name}_length={{{pairs}}}" for name in traits.names]
    method = index.get("method")
    if method and traits.index_methods is not None:
        if method not in traits.index_methods:
            return None
        arguments += [f"{name}_prefix={literal(method.upper())}" for name in traits.names]
    elif method:
        arguments.append(f"{dialect}_using={literal(method)}")
    if "include" in index:
        arguments.append(f"postgresql_include={listed(index['include'])}")
    return Call("op.create_index", tuple(arguments))
