"""The columns of a table in the text of a first revision. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from bridge.init.baseline.constraints import SERIAL, Item, computed, constant_name, identity
from bridge.init.baseline.dialects import traits_of
from bridge.init.baseline.source import WIDTH, Call, Source, literal, parsed
from bridge.init.baseline.types import ColumnSource, evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.init.baseline.variants import Variants

SHORT = 50
"""The length from which a type becomes a named constant."""


class Columns:
    """The columns of one table.

    :param table: its name.
    :param by: the table by dialect, as schema documents have it.
    :param sources: of types and defaults, by table and column.
    """

    def __init__(
        self,
        table: str,
        by: Mapping[str, Item],
        sources: Mapping[tuple[str, str], ColumnSource],
        variants: Variants,
    ) -> None:
        self._table, self._by, self._sources = table, by, sources
        self._variants = variants

    def call(self, name: str, *, inline: bool) -> Call:
        """Return a column as `sa.Column`.

        :param inline: whether columns of the primary key are marked as such.
        """
        found = {d: next(c for c in t["columns"] if c["name"] == name) for d, t in self._by.items()}
        keys = {d: (t["primary_key"] or {}).get("columns", []) for d, t in self._by.items()}
        source_of = self._sources[self._table, name]
        types = {
            d: SERIAL.get(c["type"], source_of.types[d])
            if traits_of(d).serial_types and c.get("autoincrement") and name not in keys[d]
            else source_of.types[d]
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
        counts = self._autoincrement(name, found, types)
        if counts is not None:
            arguments.append(f"autoincrement={counts}")
        # A column of the primary key is NOT NULL by default.
        nullable = {d: str(c["nullable"]) for d, c in found.items()}
        if nullable != {d: str(name not in keys[d]) for d in found}:
            arguments.append(f"nullable={self._variants.by_dialect(nullable)}")
        defaults = {d: source_of.defaults.get(d) or "None" for d in found}
        if (source := self._variants.by_dialect(defaults)) != "None":
            arguments.append(f"server_default={source}")
        return Call("sa.Column", tuple(arguments))

    def _type(self, types: Mapping[str, str]) -> str:
        """Return a type: the most frequent one with variants; a constant where that is long."""
        usual, _ = max(Counter(types.values()).items(), key=lambda one: one[1])
        if len({*types.values()}) == 1:
            plain = usual.removesuffix("()") if usual.startswith("sa.") else usual
            if len(plain) < SHORT:
                return plain
            name = re.search(r'\bname="(\w+)"', plain)
            return self._variants.constant(
                name[1].upper() if name else constant_name(usual), parsed(plain)
            )
        text = usual
        for dialect, source in types.items():
            if source != usual:
                for name_of_it in traits_of(dialect).names:
                    text += f"\n.with_variant({source}, {literal(name_of_it)})"
        others = dict.fromkeys(s for s in types.values() if s != usual)
        name_of_type = "_OR_".join(map(constant_name, [usual, *others]))
        flat = text.replace("\n", "")
        if len(name_of_type) + len(flat) > WIDTH - 3:
            flat = "(\n" + "".join(f"    {line}\n" for line in text.splitlines()) + ")"
        return self._variants.constant(name_of_type, flat)

    def _autoincrement(
        self, name: str, found: Mapping[str, Item], types: Mapping[str, str]
    ) -> str | None:
        """Return the value of `autoincrement`; None where SQLAlchemy's default is right."""
        wanted: dict[str, str] = {}
        usual: dict[str, str] = {}
        for dialect, column in found.items():
            key = (self._by[dialect]["primary_key"] or {}).get("columns", [])
            refers = any(name in k["columns"] for k in self._by[dialect]["foreign_keys"])
            whole = getattr(evaluated(types[dialect]), "_type_affinity", None)
            number = whole is not None and whole.__name__ in ("Integer", "BigInteger")
            plain = column["default"] is None and "identity" not in column
            usual[dialect] = str(key == [name] and number and not refers and plain)
            does = bool(column.get("autoincrement")) and not types[dialect].startswith("Native(")
            if traits_of(dialect).counts_by_itself and not does:
                continue
            wanted[dialect] = str(does)
        if all(usual[dialect] == value for dialect, value in wanted.items()):
            return None
        for dialect in (d for d in found if traits_of(d).counts_by_itself):
            wanted.setdefault(dialect, usual[dialect])
            if "False" in wanted.values():
                wanted[dialect] = str(found[dialect].get("autoincrement") is not None)
        return self._variants.by_dialect(wanted)
