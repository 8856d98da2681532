"""The text of a first revision, from what was seen on one or several kinds of database. Pure.

What is the same everywhere is written once. A difference is written as narrowly as possible: in a
name, in an argument, else in a statement or a whole table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bridge.init.baseline.constraints import (
    CLOCK,
    NOW,
    Item,
    carried_as_sql,
    foreign_key,
    identifier,
    of_a_virtual_table,
    value_source,
)
from bridge.init.baseline.dialects import traits_of
from bridge.init.baseline.observe import Carried, Observed
from bridge.init.baseline.source import Call, lines, listed, literal, statement
from bridge.init.baseline.tables import Databases, TableWriter
from bridge.init.baseline.types import MODULES, NATIVE, ColumnSource
from bridge.init.baseline.variants import ON, ONLY, Statement, Variants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bridge.init.baseline.observe import Carried, Observed


@dataclass(frozen=True)
class Part:
    """The contents of one revision.

    :param doc: the module's docstring.
    :param tables: the tables that it creates.
    :param names: the views, routines and so on that it creates.
    :param before: the tables that exist before it.
    :param rows: the rows of its tables, by table.
    :param as_sql: the dialects and tables that are created by the database's own SQL.
    """

    revision: str
    label: str
    doc: str
    tables: frozenset[str]
    names: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    depends_on: tuple[str, ...] = ()
    rows: Mapping[str, Rows] = field(default_factory=dict)
    as_sql: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Rows:
    """Rows of a table that the revision inserts, with the types of their columns."""

    types: Mapping[str, str]
    values: tuple[Mapping[str, Any], ...]


def write_script(
    part: Part, observed: Mapping[str, Observed], sources: Mapping[tuple[str, str], ColumnSource]
) -> str:
    """Return the whole text of the revision's file.

    :param observed: what was seen, by dialect.
    :param sources: of types and defaults, by table and column.
    """
    return _Script(part, Databases(observed, sources)).text()


def _helpers_of(body: str) -> list[str]:
    """Return the functions and the class that a script uses."""
    wanted = {NATIVE: r"\bNative\(", ON: r"\bon(?:ly)?\(", ONLY: r"\*only\("}
    return [text for text, pattern in wanted.items() if re.search(pattern, body)]


class _Script:
    """The text of one revision."""

    def __init__(self, part: Part, databases: Databases) -> None:
        self._part, self._databases = part, databases
        self._variants = Variants(databases.observed)
        self._tables: dict[str, dict[str, Item]] = {}
        for dialect, seen in databases.observed.items():
            for name, table in seen.schema["tables"].items():
                if name in part.tables and not of_a_virtual_table(name, seen.schema["tables"]):
                    self._tables.setdefault(name, {})[dialect] = table
        self._order, self._late = self._ordered()

    # --- the whole ------------------------------------------------------------------------

    def text(self) -> str:
        up, down = list(self._upgrade()), list(self._downgrade())
        upgrade, downgrade = self._function("upgrade", up), self._function("downgrade", down)
        body = "\n".join([*self._variants.constants, upgrade, downgrade])
        dialects = [name for name in MODULES if re.search(rf"\b{name}\.\w+\(", body)]
        imports = ["import sqlalchemy as sa", "from alembic import op"]
        times = [n for n in ("date", "datetime", "timezone") if re.search(rf"\b{n}[.(]", body)]
        if times:
            imports = [f"from datetime import {', '.join(times)}", "", *imports]
        if dialects:
            imports.append(f"from sqlalchemy.dialects import {', '.join(dialects)}")
        depends = f"({', '.join(map(literal, self._part.depends_on))},)"
        head = [
            f'"""{self._part.doc}\n"""',
            "",
            *imports,
            "",
            f"revision = {literal(self._part.revision)}",
            "down_revision = None",
            f"branch_labels = ({literal(self._part.label)},)",
            f"depends_on = {depends if self._part.depends_on else None}",
        ]
        constants = "\n".join(self._variants.constants)
        blocks = [
            "\n".join(head),
            *_helpers_of(body),
            *filter(None, [constants]),
            upgrade,
            downgrade,
        ]
        return "\n\n\n".join(block.strip("\n") for block in blocks) + "\n"

    def _function(self, name: str, statements: Sequence[Statement]) -> str:
        found = [f"def {name}():"]
        for dialects, group in groupby(statements, lambda one: one.dialects):
            indent = 4
            if dialects != self._variants.dialects:
                found.append(f"    if {self._variants.on(dialects)}:")
                indent = 8
            for one in group:
                found += lines(one.source, indent)
        if not statements:
            found.append("    pass")
        return "\n".join(found) + "\n"

    # --- order ----------------------------------------------------------------------------

    def _ordered(self) -> tuple[list[str], set[tuple[str, str]]]:
        """Return the tables, each after those it refers to, and the pairs in another order."""
        refers: dict[str, set[str]] = {
            name: {key["refers_to"] for table in by.values() for key in table["foreign_keys"]}
            for name, by in self._tables.items()
        }
        ordered: list[str] = []

        def add(name: str, path: tuple[str, ...]) -> None:
            if name in ordered or name in path:
                return
            for other in sorted(refers[name] & {*self._tables}):
                add(other, (*path, name))
            ordered.append(name)

        for name in sorted(self._tables):
            add(name, ())
        late = set()
        there = set(self._part.before)
        for name in ordered:
            there.add(name)
            late |= {(name, other) for other in refers[name] - there}
        return ordered, late

    # --- upgrade --------------------------------------------------------------------------

    def _upgrade(self) -> Iterator[Statement]:
        if any(NOW in row.values() for rows in self._part.rows.values() for row in rows.values):
            yield Statement(f"now = {CLOCK}", self._variants.dialects)
        yield from self._carried("extension", "type", "sequence")
        yield from self._routines(early=True)
        for name in self._order:
            yield from self._table(name)
            yield from self._insert(name)
        for name in self._order:
            yield from self._late_keys(name)
        yield from self._routines(early=False)
        yield from self._carried("constraint", "view", "trigger")

    def _carried_of(self, *kinds: str) -> Iterator[tuple[str, Carried]]:
        for kind in kinds:
            for dialect, seen in self._databases.observed.items():
                for one in self._views_in_order(seen) if kind == "view" else seen.carried:
                    if one.kind == kind and self._own(one):
                        yield dialect, one

    def _own(self, one: Carried) -> bool:
        return one.table in self._part.tables or (
            not one.table and f"{one.kind} {one.name}" in self._part.names
        )

    def _views_in_order(self, seen: Observed) -> list[Carried]:
        """Return the views, each after those that it reads."""
        left = [one for one in seen.carried if one.kind == "view"]
        ordered: list[Carried] = []
        while left:
            names = {one.name for one in left}
            free = [v for v in left if not names - {v.name} & {*re.findall(r"\w+", v.create)}]
            ordered += free or left
            left = [one for one in left if one not in ordered]
        return ordered

    def _carried(self, *kinds: str) -> Iterator[Statement]:
        found: dict[tuple[str, str], set[str]] = {}
        for dialect, one in self._carried_of(*kinds):
            found.setdefault((one.kind, one.create), set()).add(dialect)
        for (_kind, create), dialects in found.items():
            yield Statement(statement(create), frozenset(dialects))

    def _routines(self, *, early: bool) -> Iterator[Statement]:
        """Yield the routines that tables need, or the others."""
        for dialect, one in self._carried_of("routine"):
            texts = re.findall(r"\w+", repr(self._databases.observed[dialect].schema["tables"]))
            needed = traits_of(dialect).calls_routines and one.name.partition("(")[0] in texts
            if needed is early:
                yield Statement(statement(one.create), frozenset({dialect}))

    def _table(self, name: str) -> Iterator[Statement]:
        """Create a table for each group of databases that have the same columns in one order."""
        by = self._tables[name]
        groups: dict[Any, list[str]] = {}
        for dialect, table in by.items():
            native = self._is_native(dialect, name)
            key = dialect if native else tuple(column["name"] for column in table["columns"])
            groups.setdefault(key, []).append(dialect)
        for dialects in groups.values():
            group = {dialect: by[dialect] for dialect in dialects}
            if self._is_native(dialects[0], name):
                yield from self._table_as_sql(name, dialects[0])
                continue
            late = {refers_to for table, refers_to in self._late if table == name}
            writer = TableWriter(name, group, self._databases, self._variants, late)
            yield Statement(writer.table(), frozenset(dialects))
            yield from writer.indexes()

    def _is_native(self, dialect: str, name: str) -> bool:
        """Return whether the table is written as the database itself prints it."""
        return (dialect, name) in self._part.as_sql or "virtual" in self._tables[name][dialect]

    def _table_as_sql(self, name: str, dialect: str) -> Iterator[Statement]:
        seen = self._databases.observed[dialect]
        found = [seen.tables[name]]
        indexes = [index["name"] for index in self._tables[name][dialect]["indexes"]]
        found += [seen.indexes[index] for index in indexes if index in seen.indexes]
        for sql in found:
            yield Statement(statement(sql), frozenset({dialect}))

    def _late_keys(self, name: str) -> Iterator[Statement]:
        """Yield the keys to tables that are created later; SQLite has them in the table itself."""
        for dialect, table in self._tables[name].items():
            for key in table["foreign_keys"]:
                late = (name, key["refers_to"]) in self._late and not carried_as_sql(key)
                if traits_of(dialect).keys_to_later_tables or not late:
                    continue
                inner = foreign_key(key).arguments
                arguments = (
                    literal(key["name"]), literal(name), literal(key["refers_to"]), inner[0],
                    listed(key["referred_columns"]), *inner[2:],
                )  # fmt: skip
                yield Statement(Call("op.create_foreign_key", arguments), frozenset({dialect}))

    # --- rows -----------------------------------------------------------------------------

    def _insert(self, name: str) -> Iterator[Statement]:
        rows = self._part.rows.get(name)
        if rows is None:
            return
        columns = [
            Call("sa.column", (literal(column), source.removesuffix("()")))
            for column, source in rows.types.items()
        ]
        values = [
            Call(
                "", tuple(f"{literal(k)}: {value_source(v)}" for k, v in row.items()), brackets="{}"
            )
            for row in rows.values
        ]
        table = Call("sa.table", (literal(name), *columns))
        content = Call("", tuple(values), long=True, brackets="[]")
        yield Statement(Call("op.bulk_insert", (table, content)), frozenset(self._tables[name]))
        yield from self._sequences_moved(name)

    def _sequences_moved(self, name: str) -> Iterator[Statement]:
        """Yield the statements that set a table's sequences behind the inserted rows."""
        for dialect, made in self._tables[name].items():
            if not traits_of(dialect).serial_types:
                continue
            for column in made["columns"]:
                if column.get("autoincrement"):
                    table_name, counted = identifier(name), identifier(column["name"])
                    sql = (
                        f"SELECT setval(pg_get_serial_sequence('{table_name}', "
                        f"'{column['name']}'), max({counted})) FROM {table_name}"
                    )
                    yield Statement(statement(sql), frozenset({dialect}))

    # --- downgrade ------------------------------------------------------------------------

    def _downgrade(self) -> Iterator[Statement]:
        views = [
            (d, one)
            for d, seen in self._databases.observed.items()
            for one in self._views_in_order(seen)
        ]
        yield from self._dropped([(d, one) for d, one in reversed(views) if self._own(one)])
        for name in reversed(self._order):
            for dialect, table in self._tables[name].items():
                if not traits_of(dialect).drops_late_keys:
                    continue
                for key in table["foreign_keys"]:
                    if (name, key["refers_to"]) in self._late:
                        call = Call(
                            "op.drop_constraint",
                            (literal(key["name"]), literal(name), 'type_="foreignkey"'),
                        )
                        yield Statement(call, frozenset({dialect}))
        late = {dialect for name, _ in self._late for dialect in self._tables[name]}
        settings = {d: found for d in sorted(late) if (found := traits_of(d).keys_off)}
        for dialect, (off, _) in settings.items():
            yield Statement(statement(off), frozenset({dialect}))
        for name in reversed(self._order):
            dialects = frozenset(self._tables[name])
            yield Statement(Call("op.drop_table", (literal(name),)), dialects)
        for dialect, (_, on) in settings.items():
            yield Statement(statement(on), frozenset({dialect}))
        yield from self._dropped(list(self._carried_of("routine", "sequence", "type")))

    def _dropped(self, carried: Sequence[tuple[str, Carried]]) -> Iterator[Statement]:
        found: dict[str, set[str]] = {}
        for dialect, one in carried:
            if one.drop:
                found.setdefault(one.drop, set()).add(dialect)
        for drop, dialects in found.items():
            yield Statement(statement(drop), frozenset(dialects))
