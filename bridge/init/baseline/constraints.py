"""The parts of a base revision as source code: constraints, indexes, values, names. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from bridge.database.schema.tokens import RESERVED
from bridge.database.sql.tokens import WORD, tokens
from bridge.init.baseline.dialects import DialectTraits, traits_of
from bridge.init.baseline.source import Call, Source, clause, expression, listed, literal

Item = Mapping[str, Any]

CLOCK = "datetime.now(timezone.utc).replace(tzinfo=None)"
"""The expression for the current time in a script."""

NOW = object()
"""The value in rows that stands for the time at which they are inserted."""

# The suffixes of the tables in which SQLite's modules keep the rows of a virtual table.
_SHADOWS = r"_(?:config|content|data|docsize|idx|node|parent|rowid|segdir|segments|stat)"


def of_a_virtual_table(name: str, tables: Mapping[str, Item]) -> bool:
    """Return whether a table is created and dropped with a virtual one."""
    virtual = [other for other, table in tables.items() if "virtual" in table]
    return any(re.fullmatch(re.escape(other) + _SHADOWS, name) for other in virtual)


def constant_name(source: str) -> str:
    """Return the name of a constant for a type, derived from the type's source."""
    if source.startswith("Native("):
        source = source[len('Native("') :]
    name = re.sub(r"\W+", "_", source.rpartition(".")[2]).strip("_")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() or "NATIVE"


def identifier(name: str) -> str:
    """Return a name as it is written in PostgreSQL's SQL."""
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in RESERVED
    return name if plain else '"' + name.replace('"', '""') + '"'


def carried_as_sql(item: Item) -> bool:
    """Return whether a constraint is carried over as SQL."""
    return item.get("valid") is False or str(item.get("sql")).startswith("EXCLUDE ")


def value_source(value: Any) -> str:
    """Return the source of a value in a row."""
    if value is NOW:
        return "now"
    return repr(value).removeprefix("datetime.") if isinstance(value, date) else literal(value)


def computed(generated: Item) -> str:
    """Return the source of a generated column's expression."""
    persisted = f", persisted={generated['stored']}"
    return f"sa.Computed({expression(generated['sql'])}{persisted})"


def identity(kind: str) -> str:
    """Return the source of a PostgreSQL identity."""
    return f"sa.Identity(always={kind == 'always'})"


def _deferrable(item: Item) -> list[str]:
    when = item.get("deferrable")
    if not when:
        return []
    return ["deferrable=True", f"initially={literal(str(when).rpartition(' ')[2].upper())}"]


def primary_key(item: Item, _dialect: str) -> Call:
    """Return a primary key without its name."""
    columns = tuple(map(literal, item["columns"]))
    return Call("sa.PrimaryKeyConstraint", (*columns, *_deferrable(item)))


def unique(item: Item, _dialect: str) -> Call:
    """Return a unique constraint without its name."""
    more = ["postgresql_nulls_not_distinct=True"] if item.get("nulls_distinct") is False else []
    columns = tuple(map(literal, item["columns"]))
    return Call("sa.UniqueConstraint", (*columns, *_deferrable(item), *more))


def foreign_key(key: Item) -> Call:
    """Return a foreign key without its name."""
    referred = [f"{key['refers_to']}.{column}" for column in key["referred_columns"]]
    arguments: list[Source] = [listed(key["columns"]), listed(referred)]
    for attribute, word in (("on_delete", "ondelete"), ("on_update", "onupdate")):
        if key[attribute]:
            arguments.append(f"{word}={literal(key[attribute])}")
    if key.get("match"):
        arguments.append(f"match={literal(key['match'])}")
    return Call("sa.ForeignKeyConstraint", (*arguments, *_deferrable(key)))


def check(item: Item, dialect: str) -> Call:
    """Return a check constraint without its name."""
    return Call("sa.CheckConstraint", (expression(_with_capitals(item["sql"], dialect)),))


def _with_capitals(sql: str, dialect: str) -> str:
    """Return SQL with its keywords in capitals; a keyword used as a name is quoted."""
    for token in tokens(sql, dialect):
        if token.kind == WORD and token.text in RESERVED:
            sql = sql[: token.start] + token.text.upper() + sql[token.end :]
    return sql


# The default names of a server; the schema document has none of MySQL's.


def names_of(
    table: str, item: Item, dialect: str, usual: Callable[[str, Item], str | None]
) -> tuple[str | None, ...]:
    """Return the possible names of a constraint; None is one if the server's default is the same.

    The result is empty where any name is right: MySQL ignores that of a primary key.
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
    """Return PostgreSQL's default name of a primary key."""
    return f"{table}_pkey"


def unique_name(table: str, item: Item) -> str | None:
    """Return PostgreSQL's default name of a unique constraint; None where it is shortened."""
    name = "_".join([table, *item["columns"], "key"])
    return name if len(name) < 64 else None


def foreign_key_name(table: str, item: Item) -> str | None:
    """Return PostgreSQL's default name of a foreign key; None where versions differ."""
    # Of several columns, older servers used the first.
    name = "_".join([table, *item["columns"], "fkey"])
    return name if len(name) < 64 and len(item["columns"]) == 1 else None


def check_name(table: str, item: Item) -> str | None:
    """Return PostgreSQL's default name of a check of a column; None for any other."""
    found = re.fullmatch(rf"{re.escape(table)}_(\w+)check", item["name"])
    return item["name"] if found and found[1] in re.findall(r"\w+", item["sql"]) else None


SERIAL = {
    "smallint": 'Native("SMALLSERIAL")',
    "integer": 'Native("SERIAL")',
    "bigint": 'Native("BIGSERIAL")',
}
"""The types of counting columns outside the primary key, by the type of the number."""

_PREFIX = re.compile(r"(.+)\((\d+)\)")


def index_call(table: str, index: Item, columns: set[str], dialect: str) -> Call | None:
    """Return the index as a call of Core's; None where Core cannot express it."""
    known = {"name", "columns", "unique", "where", "method", "include"}
    traits = traits_of(dialect)
    found = _index_columns(index, columns, traits)
    if {*index} - known or found is None:
        return None
    items, lengths = found
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


def _index_columns(
    index: Item, columns: set[str], traits: DialectTraits
) -> tuple[list[str], dict[str, int]] | None:
    """Return the columns of an index as source, and the lengths of their prefixes.

    None stands for an expression that Core cannot express.
    """
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
    return items, lengths
