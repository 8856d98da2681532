"""A table in the text of a first revision: constraints, indexes, options. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bridge.init.baseline.columns import Columns
from bridge.init.baseline.constraints import (
    Item,
    carried_as_sql,
    check,
    check_name,
    foreign_key,
    foreign_key_name,
    index_call,
    key_name,
    names_of,
    primary_key,
    unique,
    unique_name,
)
from bridge.init.baseline.dialects import traits_of
from bridge.init.baseline.observe import Observed
from bridge.init.baseline.source import Call, Source, literal, statement
from bridge.init.baseline.types import ColumnSource, table_options
from bridge.init.baseline.variants import Statement, Variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from bridge.init.baseline.observe import Observed


@dataclass(frozen=True)
class Databases:
    """The input of a script.

    :param observed: what was seen, by dialect.
    :param sources: of types and defaults, by table and column.
    """

    observed: Mapping[str, Observed]
    sources: Mapping[tuple[str, str], ColumnSource]


class TableWriter:
    """A writer of one table, for databases on which its columns have the same order.

    :param by: the table by dialect, as schema documents have it.
    :param late: tables that are created after this one although it refers to them.
    """

    def __init__(
        self,
        name: str,
        by: Mapping[str, Item],
        databases: Databases,
        variants: Variants,
        late: AbstractSet[str],
    ) -> None:
        self._name, self._databases = name, databases
        self._variants, self._late = variants, late
        self._by = {dialect: _with_unique(table, dialect, by) for dialect, table in by.items()}
        self._columns = Columns(name, self._by, databases.sources, variants)

    def table(self) -> Call:
        """Return the call that creates the table."""
        first = next(iter(self._by.values()))
        key, inline = self._primary_key()
        columns = [self._columns.call(one["name"], inline=inline) for one in first["columns"]]
        constraints = [
            *self._items(self._by, "unique", unique, unique_name),
            *self._items(self._by, "foreign_keys", self._foreign_key, foreign_key_name),
            *self._items(self._by, "checks", check, check_name),
        ]
        arguments = [
            literal(self._name),
            *columns,
            *_joined([*key, *constraints], frozenset(self._by)),
            *self._options(),
        ]
        return Call("op.create_table", tuple(arguments), long=True)

    def indexes(self) -> list[Statement]:
        """Return the statements that create the indexes."""
        found: dict[str, tuple[Source, set[str]]] = {}
        for dialect, content in self._by.items():
            columns = {column["name"] for column in content["columns"]}
            for index in content["indexes"]:
                source = index_call(self._name, index, columns, dialect)
                if source is None:
                    raw = self._databases.observed[dialect].indexes.get(index["name"])
                    if raw is None:
                        continue
                    source = statement(raw)
                found.setdefault(str(source), (source, set()))[1].add(dialect)
        everywhere = [
            Statement(s, frozenset(d)) for s, d in found.values() if len(d) == len(self._by)
        ]
        others = [Statement(s, frozenset(d)) for s, d in found.values() if len(d) != len(self._by)]
        others.sort(key=lambda one: sorted(one.dialects))
        return [*sorted(everywhere, key=lambda one: str(one.source)), *others]

    # --- constraints ----------------------------------------------------------------------

    def _primary_key(self) -> tuple[list[Statement], bool]:
        """Return the constraint, and whether the columns are marked instead of it."""
        keys = {d: t["primary_key"] for d, t in self._by.items()}
        if all(key is None for key in keys.values()):
            return [], False
        names = [column["name"] for column in next(iter(self._by.values()))["columns"]]
        # The same columns, in the order of the table's, and nothing else said, on all databases.
        marked = {
            tuple(key["columns"])
            if key is not None and len(key) == 2 and key["name"] in (None, f"{self._name}_pkey")
            else None
            for key in keys.values()
        }
        (columns,) = marked if len(marked) == 1 else (None,)
        if columns is not None and columns == tuple(c for c in names if c in columns):
            return [], True
        by = {
            d: {**t, "primary_key": [key] if (key := t["primary_key"]) else []}
            for d, t in self._by.items()
        }
        return list(self._items(by, "primary_key", primary_key, key_name)), False

    def _items(
        self,
        by: Mapping[str, Item],
        part: str,
        made: Callable[[Item, str], Call | None],
        usual: Callable[[str, Item], str | None],
    ) -> Iterator[Statement]:
        """Yield each constraint once, with its databases and names where these differ."""
        found: dict[str, dict[str, tuple[Call, Item]]] = {}
        for dialect, content in by.items():
            seen: Counter[str] = Counter()
            for item in content[part]:
                source = None if carried_as_sql(item) else made(item, dialect)
                if source is None:
                    continue
                seen[str(source)] += 1
                found.setdefault(f"{source} {seen[str(source)]}", {})[dialect] = (source, item)
        order = [column["name"] for column in next(iter(by.values()))["columns"]]

        def place(one: Mapping[str, tuple[Call, Item]]) -> Any:
            item = next(iter(one.values()))[1]
            columns = item.get("columns", ())
            return [order.index(c) if c in order else -1 for c in columns], str(item.get("sql"))

        for one in sorted(found.values(), key=place):
            source = next(iter(one.values()))[0]
            names = {d: names_of(self._name, item, d, usual) for d, (_, item) in one.items()}
            name = self._variants.by_dialect(_agreed(names))
            if name != "None":
                source = Call(source.head, (*source.arguments, f"name={name}"))
            yield Statement(source, frozenset(one))

    def _foreign_key(self, key: Item, dialect: str) -> Call | None:
        """Return a foreign key; None for one that must be created after the other table."""
        later = key["refers_to"] in self._late
        return None if later and not traits_of(dialect).keys_to_later_tables else foreign_key(key)

    # --- options --------------------------------------------------------------------------

    def _options(self) -> Iterator[str]:
        for dialect, table in self._by.items():
            options = table_options(table, dialect)
            if not options:
                continue
            name = re.sub(r"\W", "_", "_".join(value for _, value in options)).upper()
            pairs = [
                f'    "{called}_{key}": {literal(value)},'
                for called in traits_of(dialect).names
                for key, value in options
            ]
            yield "**" + self._variants.constant(name, "\n".join(["{", *pairs, "}"]))
        for dialect, table in self._by.items():
            counts = any(column.get("autoincrement") for column in table["columns"])
            if counts and traits_of(dialect).counts_by_itself:
                yield f"{dialect}_autoincrement=True"
            if "without rowid" in table.get("options", ()):
                yield f"{dialect}_with_rowid=False"


def _with_unique(table: Item, dialect: str, by: Mapping[str, Item]) -> Item:
    """Turn MySQL's unique indexes into unique constraints where another database has them."""
    if not traits_of(dialect).unique_indexes:
        return table
    unique, indexes = [], []
    for index in table["indexes"]:
        plain = index["unique"] and len(index) == 3
        columns = {column["name"] for column in table["columns"]}
        plain = plain and {*index["columns"]} <= columns
        others = [
            other
            for d, t in by.items()
            if not traits_of(d).unique_indexes
            for other in t["unique"]
            if other["columns"] == index["columns"]
        ]
        if plain and others:
            unique.append({"columns": index["columns"], "name": index["name"]})
        else:
            indexes.append(index)
    return {**table, "unique": unique, "indexes": indexes}


def _agreed(names: Mapping[str, tuple[str | None, ...]]) -> dict[str, str]:
    """Return one name for all databases where it is right on each, else a name for each."""
    takes_any = dict.fromkeys((d for d, own in names.items() if not own), (None,))
    named = {d: own for d, own in names.items() if own} or takes_any
    common = [n for n in next(iter(named.values())) if all(n in own for own in named.values())]
    if common:
        wanted = None if None in common else common[0]
        return dict.fromkeys(names, literal(wanted))
    return {d: literal(None if None in own else own[0]) for d, own in named.items()}


def _joined(items: Sequence[Statement], everywhere: frozenset[str]) -> Iterator[Source]:
    """Yield the items as arguments; those of the same databases are grouped."""
    for dialects, group in groupby(items, lambda one: one.dialects):
        sources = [one.source for one in group]
        if dialects == everywhere:
            yield from sources
        else:
            yield Call("*only", (literal(" ".join(sorted(dialects))), *sources))
