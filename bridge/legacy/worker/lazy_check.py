"""Finds in a function, without running it, what would stop it when it runs."""

from __future__ import annotations

import ast
import builtins
import importlib
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, NoSuchTableError

from . import python2
from .errors import Problem, describe_import_error

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

# What changes where imports are found, so that only running tells what they find.
IMPORT_MAGIC = {("sys", "path"), ("sys", "modules"), ("os", "environ"), ("os", "chdir")}


def needs_database(error: BaseException) -> bool:
    """Return whether a module failed because the database is not as it will be in its turn."""
    return isinstance(error, (DBAPIError, NoSuchTableError))


class LazyCheck:
    """A search for imports inside a function that fail, and for names of Python 2.

    Only what runs in any case counts: not what stands below an `if` or a `try`, nor behind a
    `return` that may be taken, nor in functions that are not called so.

    :param tree: of the module.
    :param name: of the function.
    :param line: of the function, where the module may have several of the name.
    """

    def __init__(
        self, tree: ast.Module, module: Any, name: str = "upgrade", line: int | None = None
    ) -> None:
        self.module, self.name = module, name
        self.functions = functions_in(tree.body)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and first_line(node) == line:
                self.functions[name] = node
        self.bound = {name for node in ast.walk(tree) for name in names_bound_by(node)}
        self.magic = any(
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in IMPORT_MAGIC
            for node in ast.walk(tree)
        )

    def run(self) -> None:
        """Follow the function into those that it calls.

        :raises Problem: it cannot run.
        """
        waiting, seen = [self.name], set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.functions:
                continue
            seen.add(name)
            body = self.functions[name].body
            self.functions.update(functions_in(body))
            for node in certain(body):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    waiting.append(node.func.id)
                self.check(node)

    def check(self, node: ast.AST) -> None:
        """Look at one node.

        :raises Problem: the function cannot run because of it.
        """
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.check_import(alias.name, None, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                self.check_import(node.module, alias.name, node.lineno)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in python2.NAMES and not self.known(node.id):
                raise Problem(f"it is Python 2: it uses {node.id}", node.lineno)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
            if isinstance(node.left, ast.Name) and node.left.id == "print":
                raise Problem("it is Python 2: it prints with print >>", node.lineno)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in python2.METHODS
            and not node.args
            and not node.keywords
        ):
            raise Problem(f"it is Python 2: it calls {node.func.attr}()", node.lineno)

    def known(self, name: str) -> bool:
        """Return whether the module gives a meaning to the name."""
        return name in self.bound or hasattr(self.module, name) or hasattr(builtins, name)

    def check_import(self, name: str, attribute: str | None, line: int) -> None:
        """Import what the function will import.

        :raises Problem: that fails, and nothing before it can change that.
        """
        try:
            module = importlib.import_module(name)
            if attribute not in (None, "*") and not hasattr(module, attribute):
                importlib.import_module(f"{name}.{attribute}")
        except BaseException as error:
            if not self.magic and not needs_database(error):
                why = describe_import_error(error, self.module.__file__)
                raise Problem(f"its {self.name}() cannot import {name}: {why}", line) from None


def first_line(node: ast.FunctionDef) -> int:
    """Return the line that Python calls the function's first, which is its first decorator's."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def functions_in(body: list[ast.stmt]) -> dict[str, ast.FunctionDef]:
    """Return the functions that are defined directly in a body, by their names."""
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def certain(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes that run whenever the body runs. A loop is taken to run at least once."""
    for statement in body:
        yield from certain_within(statement)
        if may_leave(statement, (ast.Return, ast.Break, ast.Continue)):
            return


def certain_within(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run whenever this one runs, itself first."""
    yield node
    if isinstance(node, SCOPES):
        return
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield from certain_within(node.test)
    elif isinstance(node, ast.BoolOp):
        yield from certain_within(node.values[0])
    elif isinstance(node, ast.Try):
        yield from certain([] if node.handlers else node.body)
        yield from certain(node.finalbody)
    elif isinstance(node, ast.For):
        yield from certain_within(node.iter)
        yield from certain(node.body)
    elif isinstance(node, ast.With):
        for item in node.items:
            yield from certain_within(item)
        yield from certain(node.body)
    else:
        for child in ast.iter_child_nodes(node):
            yield from certain_within(child)


def may_leave(node: ast.AST, exits: tuple[type[ast.AST], ...]) -> bool:
    """Return whether a statement may end the body that it stands in, by one of these."""
    if isinstance(node, exits):
        return True
    if isinstance(node, SCOPES):
        return False
    if isinstance(node, (ast.For, ast.While)):
        exits = (ast.Return,)
    return any(may_leave(child, exits) for child in ast.iter_child_nodes(node))


def names_bound_by(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node gives a meaning to."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
