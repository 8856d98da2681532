"""The tables that a branch may change when its next revision is generated from the models."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from alembic.operations.ops import DropTableOp

from bridge.database.sql.statements import created_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from pathlib import Path


def made_by(scripts: Iterable[Path]) -> frozenset[str]:
    """Return the tables that scripts create or rename to; the scripts are not run."""
    return frozenset(name for path in scripts for name in _made_in(path))


def _made_in(path: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            place = {"create_table": 0, "Table": 0, "rename_table": 1}.get(called)
            names = node.args[place : place + 1] if place is not None else []
            schema = [k.value.value for k in node.keywords
                      if k.arg == "schema" and isinstance(k.value, ast.Constant)]  # fmt: skip
            for name in names:
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    yield ".".join([*map(str, schema), name.value])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from created_tables(node.value)


class Ownership:
    """The rule that says for each table whether a change to it belongs to some branches.

    :param branches: the components whose revision is generated: `CORE` or modules.
    :param models: the tables in the models of each loaded component.
    :param made: the tables that the scripts of each component create.
    :param hidden: version tables, which belong to no branch although models may have them.
    """

    def __init__(
        self,
        branches: Iterable[str],
        models: Mapping[str, frozenset[str]],
        made: Mapping[str, frozenset[str]],
        hidden: Iterable[str],
    ) -> None:
        self._branches = frozenset(branches)
        self._models, self._made, self._hidden = models, made, frozenset(hidden)
        self.kept: set[str] = set()
        """The tables of no model whose drop is not proposed: no known script created them."""

    def directive(self) -> Callable[..., None]:
        """Return a hook `process_revision_directives` that removes changes to other tables."""

        def process(_context: Any, _revision: Any, directives: list[Any]) -> None:
            for script in directives:
                dropped = {
                    _key(op)
                    for ops in script.upgrade_ops_list
                    for op in ops.ops
                    if isinstance(op, DropTableOp)
                }
                for ops in (*script.upgrade_ops_list, *script.downgrade_ops_list):
                    ops.ops = [op for op in ops.ops if self._owns(_key(op), dropped)]

        return process

    def _owns(self, table: str | None, dropped: Container[str | None]) -> bool:
        """Return whether a table belongs to the branches.

        Only a branch whose own scripts created a table may drop it when no model has it: the model
        may be missing because its module is off.
        """
        if table is None or table in self._hidden:
            return table is None
        for component, names in self._models.items():
            if table in names:
                return component in self._branches
        makers = {component for component, names in self._made.items() if table in names}
        if makers & self._branches:
            return True
        if table in dropped:
            self.kept.add(table)
        # An env.py may have models of its own; the owner of a new table is unknown then.
        return not makers and table not in dropped


def _key(op: Any) -> str | None:
    """Return the table that an operation changes, with its schema where it has one."""
    name, schema = getattr(op, "table_name", None), getattr(op, "schema", None)
    return f"{schema}.{name}" if name and schema else name
