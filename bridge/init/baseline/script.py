"""The text of a first revision, from what was seen on one or several kinds of database. Pure.

What is the same everywhere is written once. A difference is told where it is: in a name, in an
argument, else in a statement or a whole table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from bridge.init.baseline.constraints import (
    CLOCK,
    NOW,
    SERIAL,
    carried_as_sql,
    check,
    check_name,
    computed,
    constant_name,
    foreign_key,
    foreign_key_name,
    identifier,
    identity,
    index_call,
    key_name,
    names_of,
    of_a_virtual_table,
    primary_key,
    unique,
    unique_name,
    value_source,
)
from bridge.init.baseline.observe import Carried, Observed
from bridge.init.baseline.source import (
    WIDTH,
    Call,
    Source,
    lines,
    listed,
    literal,
    parsed,
    statement,
)
from bridge.init.baseline.types import MODULES, NATIVE, Words, evaluated, mysql_options

ON = '''\
def on(*names):
    """Whether the database is one of these; MariaDB counts as MySQL."""
    name = op.get_context().dialect.name
    return ("mysql" if name == "mariadb" else name) in names
'''

ONLY = '''\
def only(names, *items):
    """The items on these databases, none on others."""
    return items if on(*names.split()) else ()
'''

SHORT = 50
"""A type that is longer has a name."""

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """What one revision makes.

    :param doc: the module's docstring.
    :param tables: those that it makes, and `names` the views, routines and so on.
    :param before: tables that are there before it.
    :param rows: rows of its tables: names and types of columns, and the values.
    :param as_sql: tables that are made as the database itself prints them, by dialect.
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
    part: Part, observed: Mapping[str, Observed], words: Mapping[tuple[str, str], Words]
) -> str:
    """The whole text of the revision's file.

    :param observed: what was seen, by dialect.
    :param words: for each table and column.
    """
    return _Script(part, observed, words).text()


def helpers_of(body: str) -> list[str]:
    """The functions and the class that a script uses."""
    wanted = {NATIVE: r"\bNative\(", ON: r"\bon(?:ly)?\(", ONLY: r"\*only\("}
    return [text for text, pattern in wanted.items() if re.search(pattern, body)]


@dataclass(frozen=True)
class _Statement:
    """A statement of `upgrade` or `downgrade`, and the dialects on which it runs."""

    source: Source
    dialects: frozenset[str]


class _Script:
    def __init__(
        self, part: Part, observed: Mapping[str, Observed], words: Mapping[tuple[str, str], Words]
    ) -> None:
        self._part, self._observed, self._words = part, observed, words
        self._all = frozenset(observed)
        self._constants: dict[str, str] = {}  # what they stand for, by name
        self._tables: dict[str, dict[str, Item]] = {}
        for dialect, seen in observed.items():
            for name, table in seen.schema["tables"].items():
                if name in part.tables and not of_a_virtual_table(name, seen.schema["tables"]):
                    self._tables.setdefault(name, {})[dialect] = table
        self._order, self._late = self._ordered()

    # --- the whole ------------------------------------------------------------------------

    def text(self) -> str:
        up, down = list(self._upgrade()), list(self._downgrade())
        upgrade, downgrade = self._function("upgrade", up), self._function("downgrade", down)
        body = "\n".join([*self._constants.values(), upgrade, downgrade])
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
        constants = "\n".join(self._constants.values())
        blocks = [
            "\n".join(head),
            *helpers_of(body),
            *filter(None, [constants]),
            upgrade,
            downgrade,
        ]
        return "\n\n\n".join(block.strip("\n") for block in blocks) + "\n"

    def _function(self, name: str, statements: Sequence[_Statement]) -> str:
        found = [f"def {name}():"]
        for dialects, group in groupby(statements, lambda one: one.dialects):
            indent = 4
            if dialects != self._all:
                found.append(f"    if {self._on(dialects)}:")
                indent = 8
            for one in group:
                found += lines(one.source, indent)
        if not statements:
            found.append("    pass")
        return "\n".join(found) + "\n"

    def _on(self, dialects: Iterable[str]) -> str:
        names, others = sorted(dialects), sorted(self._all - {*dialects})
        if len(others) == 1 and len(names) > 1:
            return f"not on({literal(others[0])})"
        return f"on({', '.join(map(literal, names))})"

    def _by_dialect(self, values: Mapping[str, str]) -> str:
        """An expression that is the value of the dialect; `values` are source."""
        if len({*values.values()}) == 1:
            return next(iter(values.values()))
        if {*values.values()} == {"True", "False"}:
            return self._on(d for d, value in values.items() if value == "True")
        usual, _ = max(Counter(values.values()).items(), key=lambda one: (one[1], one[0] == "None"))
        text = ""
        for value in dict.fromkeys(v for v in values.values() if v != usual):
            text += f"{value} if {self._on(d for d, v in values.items() if v == value)} else "
        return text + usual

    # --- order ----------------------------------------------------------------------------

    def _ordered(self) -> tuple[list[str], set[tuple[str, str]]]:
        """The tables, each after those that it refers to; and the pairs where that cannot be."""
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

    def _upgrade(self) -> Iterator[_Statement]:
        if any(NOW in row.values() for rows in self._part.rows.values() for row in rows.values):
            yield _Statement(f"now = {CLOCK}", self._all)
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
            for dialect, seen in self._observed.items():
                for one in self._views_in_order(seen) if kind == "view" else seen.carried:
                    if one.kind == kind and self._own(one):
                        yield dialect, one

    def _own(self, one: Carried) -> bool:
        return one.table in self._part.tables or (
            not one.table and f"{one.kind} {one.name}" in self._part.names
        )

    def _views_in_order(self, seen: Observed) -> list[Carried]:
        """Each view after those that it reads."""
        left = [one for one in seen.carried if one.kind == "view"]
        ordered: list[Carried] = []
        while left:
            names = {one.name for one in left}
            free = [v for v in left if not names - {v.name} & {*re.findall(r"\w+", v.create)}]
            ordered += free or left
            left = [one for one in left if one not in ordered]
        return ordered

    def _carried(self, *kinds: str) -> Iterator[_Statement]:
        found: dict[tuple[str, str], set[str]] = {}
        for dialect, one in self._carried_of(*kinds):
            found.setdefault((one.kind, one.create), set()).add(dialect)
        for (_kind, create), dialects in found.items():
            yield _Statement(statement(create), frozenset(dialects))

    def _routines(self, *, early: bool) -> Iterator[_Statement]:
        """Those that a table needs before it, or the others."""
        for dialect, one in self._carried_of("routine"):
            texts = re.findall(r"\w+", repr(self._observed[dialect].schema["tables"]))
            needed = dialect == "postgresql" and one.name.partition("(")[0] in texts
            if needed is early:
                yield _Statement(statement(one.create), frozenset({dialect}))

    def _table(self, name: str) -> Iterator[_Statement]:
        """Once, or for each group of databases that have the same columns in the same order."""
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
            tables, indexes = self._contents(name, group)
            yield _Statement(tables, frozenset(dialects))
            yield from indexes

    def _is_native(self, dialect: str, name: str) -> bool:
        """Whether the table is written as the database itself prints it."""
        return (dialect, name) in self._part.as_sql or "virtual" in self._tables[name][dialect]

    def _table_as_sql(self, name: str, dialect: str) -> Iterator[_Statement]:
        seen = self._observed[dialect]
        found = [seen.tables[name]]
        indexes = [index["name"] for index in self._tables[name][dialect]["indexes"]]
        found += [seen.indexes[index] for index in indexes if index in seen.indexes]
        for sql in found:
            yield _Statement(statement(sql), frozenset({dialect}))

    def _contents(self, name: str, by: dict[str, Item]) -> tuple[Call, list[_Statement]]:
        first = next(iter(by.values()))
        key, inline = self._primary_key(name, by)
        columns = [self._column(name, column["name"], by, inline) for column in first["columns"]]
        by = {dialect: self._with_unique(table, dialect, by) for dialect, table in by.items()}
        constraints = [
            *self._items(name, by, "unique", unique, unique_name),
            *self._items(name, by, "foreign_keys", self._foreign_key(name), foreign_key_name),
            *self._items(name, by, "checks", check, check_name),
        ]
        arguments = [
            literal(name),
            *columns,
            *_joined([*key, *constraints], frozenset(by)),
            *self._options(by),
        ]
        indexes = self._indexes(name, by)
        return Call("op.create_table", tuple(arguments), long=True), indexes

    # --- columns --------------------------------------------------------------------------

    def _column(self, table: str, name: str, by: Mapping[str, Item], inline: bool) -> Call:
        found = {d: next(c for c in t["columns"] if c["name"] == name) for d, t in by.items()}
        keys = {d: (t["primary_key"] or {}).get("columns", []) for d, t in by.items()}
        words = self._words[table, name]
        types = {
            d: SERIAL.get(c["type"], words.types[d])
            if d == "postgresql" and c.get("autoincrement") and name not in keys[d]
            else words.types[d]
            for d, c in found.items()
        }
        arguments: list[Source] = [literal(name), self._type(types)]
        for key, made in (("generated", computed), ("identity", identity)):
            special = {d: made(c[key]) for d, c in found.items() if key in c}
            if len({*special.values()}) == 1 and len(special) == len(found):
                arguments.append(next(iter(special.values())))
            else:
                arguments += [
                    Call("*only", (literal(d), source)) for d, source in sorted(special.items())
                ]
        in_key = any(name in key for key in keys.values())
        if inline and in_key:
            arguments.append("primary_key=True")
        counts = self._autoincrement(table, name, found, types, by)
        if counts is not None:
            arguments.append(f"autoincrement={counts}")
        # A column of the primary key is NOT NULL if nothing is said.
        nullable = {d: str(c["nullable"]) for d, c in found.items()}
        if (source := self._by_dialect(nullable)) != str(not in_key):
            arguments.append(f"nullable={source}")
        defaults = {d: words.defaults.get(d) or "None" for d in found}
        if (source := self._by_dialect(defaults)) != "None":
            arguments.append(f"server_default={source}")
        return Call("sa.Column", tuple(arguments))

    def _type(self, types: Mapping[str, str]) -> str:
        usual, _ = max(Counter(types.values()).items(), key=lambda one: one[1])
        if len({*types.values()}) == 1:
            plain = usual.removesuffix("()") if usual.startswith("sa.") else usual
            if len(plain) < SHORT:
                return plain
            name = re.search(r'\bname="(\w+)"', plain)
            return self._constant(name[1].upper() if name else constant_name(usual), parsed(plain))
        text = usual
        for dialect, source in types.items():
            if source != usual:
                # MariaDB is a dialect of its own there.
                for name_of_it in ("mysql", "mariadb") if dialect == "mysql" else (dialect,):
                    text += f"\n.with_variant({source}, {literal(name_of_it)})"
        others = dict.fromkeys(s for s in types.values() if s != usual)
        name_of_type = "_OR_".join(map(constant_name, [usual, *others]))
        flat = text.replace("\n", "")
        if len(name_of_type) + len(flat) > WIDTH - 3:
            flat = "(\n" + "".join(f"    {line}\n" for line in text.splitlines()) + ")"
        return self._constant(name_of_type, flat)

    def _constant(self, name: str, source: Source) -> str:
        number, wanted = 1, name
        while True:
            head = (
                f"{wanted} = {source.head}" if isinstance(source, Call) else f"{wanted} = {source}"
            )
            line = (
                "\n".join(lines(replace(source, head=head), 0))
                if isinstance(source, Call)
                else head
            )
            if self._constants.setdefault(wanted, line) == line:
                return wanted
            number += 1
            wanted = f"{name}_{number}"

    def _autoincrement(
        self,
        table: str,
        name: str,
        found: Mapping[str, Item],
        types: Mapping[str, str],
        by: Mapping[str, Item],
    ) -> str | None:
        """What must be said, since it is not what SQLAlchemy does when nothing is said."""
        wanted: dict[str, str] = {}
        usual: dict[str, str] = {}
        for dialect, column in found.items():
            key = (by[dialect]["primary_key"] or {}).get("columns", [])
            refers = any(name in k["columns"] for k in by[dialect]["foreign_keys"])
            whole = getattr(evaluated(types[dialect]), "_type_affinity", None)
            number = whole is not None and whole.__name__ in ("Integer", "BigInteger")
            plain = column["default"] is None and "identity" not in column
            usual[dialect] = str(key == [name] and number and not refers and plain)
            does = bool(column.get("autoincrement")) and not types[dialect].startswith("Native(")
            if dialect == "sqlite" and not does:
                continue  # it counts in any case, or never
            wanted[dialect] = str(does)
        if all(usual[dialect] == value for dialect, value in wanted.items()):
            return None
        if "sqlite" in found:
            wanted.setdefault("sqlite", usual["sqlite"])
            if "False" in wanted.values():
                wanted["sqlite"] = (
                    "False" if found["sqlite"].get("autoincrement") is None else "True"
                )
        return self._by_dialect(wanted)

    # --- keys and checks ------------------------------------------------------------------

    def _primary_key(self, name: str, by: Mapping[str, Item]) -> tuple[list[_Statement], bool]:
        """The constraint, or none where the columns say it."""
        keys = {d: t["primary_key"] for d, t in by.items()}
        first = next(iter(keys.values()))
        if all(key is None for key in keys.values()):
            return [], False
        names = [column["name"] for column in next(iter(by.values()))["columns"]]
        inline = first is not None and first["columns"] == [
            column for column in names if column in first["columns"]
        ]
        for key in keys.values():
            plain = key is not None and key["columns"] == first["columns"] and len(key) == 2
            inline = inline and plain and key["name"] in (None, f"{name}_pkey")
        if inline:
            return [], True
        listed_keys = {d: {**t, "primary_key": [k] if (k := t["primary_key"]) else []}
                       for d, t in by.items()}  # fmt: skip
        return list(self._items(name, listed_keys, "primary_key", primary_key, key_name)), False

    def _with_unique(self, table: Item, dialect: str, by: Mapping[str, Item]) -> Item:
        """MySQL's unique indexes are unique constraints where another database has such."""
        if dialect != "mysql":
            return table
        unique, indexes = [], []
        for index in table["indexes"]:
            plain = index["unique"] and len(index) == 3
            columns = {column["name"] for column in table["columns"]}
            plain = plain and {*index["columns"]} <= columns
            others = [
                other
                for d, t in by.items()
                if d != "mysql"
                for other in t["unique"]
                if other["columns"] == index["columns"]
            ]
            if plain and others:
                unique.append({"columns": index["columns"], "name": index["name"]})
            else:
                indexes.append(index)
        return {**table, "unique": unique, "indexes": indexes}

    def _items(
        self,
        table: str,
        by: Mapping[str, Item],
        part: str,
        made: Callable[[Item, str], Call | None],
        usual: Callable[[str, Item], str | None],
    ) -> Iterator[_Statement]:
        """Constraints, each once; on which databases, and with which names, where that differs."""
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
            names = {d: names_of(table, item, d, usual) for d, (_, item) in one.items()}
            name = self._by_dialect(self._agreed(names))
            if name != "None":
                source = Call(source.head, (*source.arguments, f"name={name}"))
            yield _Statement(source, frozenset(one))

    def _agreed(self, names: Mapping[str, tuple[str | None, ...]]) -> dict[str, str]:
        """One name for all if all would take it, else each its own."""
        takes_any = dict.fromkeys((d for d, own in names.items() if not own), (None,))
        told = {d: own for d, own in names.items() if own} or takes_any
        common = [n for n in next(iter(told.values())) if all(n in own for own in told.values())]
        if common:
            wanted = None if None in common else common[0]
            return dict.fromkeys(names, literal(wanted))
        return {d: literal(None if None in own else own[0]) for d, own in told.items()}

    def _foreign_key(self, table: str) -> Callable[[Item, str], Call | None]:
        def made(key: Item, dialect: str) -> Call | None:
            if dialect != "sqlite" and (table, key["refers_to"]) in self._late:
                return None
            return foreign_key(key)

        return made

    def _late_keys(self, name: str) -> Iterator[_Statement]:
        """Foreign keys to tables that are made later; SQLite takes them in the table itself."""
        for dialect, table in self._tables[name].items():
            for key in table["foreign_keys"]:
                late = (name, key["refers_to"]) in self._late and not carried_as_sql(key)
                if dialect == "sqlite" or not late:
                    continue
                inner = foreign_key(key).arguments
                arguments = (
                    literal(key["name"]), literal(name), literal(key["refers_to"]), inner[0],
                    listed(key["referred_columns"]), *inner[2:],
                )  # fmt: skip
                yield _Statement(Call("op.create_foreign_key", arguments), frozenset({dialect}))

    # --- indexes and options --------------------------------------------------------------

    def _indexes(self, table: str, by: Mapping[str, Item]) -> list[_Statement]:
        found: dict[str, tuple[Source, set[str]]] = {}
        for dialect, content in by.items():
            columns = {column["name"] for column in content["columns"]}
            for index in content["indexes"]:
                source = index_call(table, index, columns, dialect)
                if source is None:
                    raw = self._observed[dialect].indexes.get(index["name"])
                    if raw is None:
                        continue
                    source = statement(raw)
                found.setdefault(str(source), (source, set()))[1].add(dialect)
        everywhere = [_Statement(s, frozenset(d)) for s, d in found.values() if len(d) == len(by)]
        others = [_Statement(s, frozenset(d)) for s, d in found.values() if len(d) != len(by)]
        others.sort(key=lambda one: sorted(one.dialects))
        return [*sorted(everywhere, key=lambda one: str(one.source)), *others]

    def _options(self, by: Mapping[str, Item]) -> Iterator[str]:
        if "mysql" in by and (options := mysql_options(by["mysql"])):
            name = re.sub(r"\W", "_", "_".join(value for _, value in options)).upper()
            pairs = [
                f'    "{dialect}_{key}": {literal(value)},'
                for dialect in ("mysql", "mariadb")
                for key, value in options
            ]
            yield "**" + self._constant(name, "\n".join(["{", *pairs, "}"]))
        if "sqlite" in by:
            if any(column.get("autoincrement") for column in by["sqlite"]["columns"]):
                yield "sqlite_autoincrement=True"
            if "without rowid" in by["sqlite"].get("options", ()):
                yield "sqlite_with_rowid=False"

    # --- rows -----------------------------------------------------------------------------

    def _insert(self, name: str) -> Iterator[_Statement]:
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
        yield _Statement(Call("op.bulk_insert", (table, content)), frozenset(self._tables[name]))
        for column in self._tables[name].get("postgresql", {}).get("columns", ()):
            if column.get("autoincrement"):
                # The sequence goes on behind them.
                table_name, counted = identifier(name), identifier(column["name"])
                sql = (
                    f"SELECT setval(pg_get_serial_sequence('{table_name}', '{column['name']}'), "
                    f"max({counted})) FROM {table_name}"
                )
                yield _Statement(statement(sql), frozenset({"postgresql"}))

    # --- downgrade ------------------------------------------------------------------------

    def _downgrade(self) -> Iterator[_Statement]:
        views = [
            (d, one) for d, seen in self._observed.items() for one in self._views_in_order(seen)
        ]
        yield from self._dropped([(d, one) for d, one in reversed(views) if self._own(one)])
        for name in reversed(self._order):
            for dialect, table in self._tables[name].items():
                for key in table["foreign_keys"]:
                    if dialect == "postgresql" and (name, key["refers_to"]) in self._late:
                        call = Call(
                            "op.drop_constraint",
                            (literal(key["name"]), literal(name), 'type_="foreignkey"'),
                        )
                        yield _Statement(call, frozenset({dialect}))
        late = any("mysql" in self._tables[name] for name, _ in self._late)
        if late:
            yield _Statement(statement("SET foreign_key_checks = 0"), frozenset({"mysql"}))
        for name in reversed(self._order):
            dialects = frozenset(self._tables[name])
            yield _Statement(Call("op.drop_table", (literal(name),)), dialects)
        if late:
            yield _Statement(statement("SET foreign_key_checks = 1"), frozenset({"mysql"}))
        yield from self._dropped(list(self._carried_of("routine", "sequence", "type")))

    def _dropped(self, carried: Sequence[tuple[str, Carried]]) -> Iterator[_Statement]:
        found: dict[str, set[str]] = {}
        for dialect, one in carried:
            if one.drop:
                found.setdefault(one.drop, set()).add(dialect)
        for drop, dialects in found.items():
            yield _Statement(statement(drop), frozenset(dialects))


def _joined(items: Sequence[_Statement], everywhere: frozenset[str]) -> Iterator[Source]:
    """The items as arguments; those of some databases together."""
    for dialects, group in groupby(items, lambda one: one.dialects):
        sources = [one.source for one in group]
        if dialects == everywhere:
            yield from sources
        else:
            yield Call("*only", (literal(" ".join(sorted(dialects))), *sources))
