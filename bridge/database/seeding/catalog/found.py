"""What a catalog has told so far."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.database.seeding.tables import Column, Reference, Rule, Table, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection


class Found:
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
        """Return what was found of a table."""
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
        """Return the rule with the columns that its text mentions, where it lists none."""
        said = tuple(
            column.name for column in self.columns[name] if mentions(rule.text, column.name)
        )
        return replace(rule, columns=rule.columns or said)


def rows(connection: Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    """Return the rows of a query."""
    return (tuple(row) for row in connection.exec_driver_sql(sql))
