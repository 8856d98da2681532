"""Registries: dictionaries from numbers to functions, as MediaGoblin has them."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import Problem, describe_import_error, last_app_frame, print_traceback
from .lazy_check import LazyCheck
from .python2 import describe_syntax_error
from .scripts import parse_script


def load_registry(name: str) -> Mapping[int, Any]:
    """Return the dictionary that ``package.module:NAME`` stands for.

    :raises Problem: it cannot be loaded, or is no dictionary from numbers.
    """
    module, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except BaseException as error:
        print_traceback()
        if isinstance(error, SyntaxError) and error.filename:
            raise Problem(describe_syntax_error(error), error.lineno, error.filename) from None
        script, line = last_app_frame(error)
        why = describe_import_error(error, script)
        raise Problem(f"{name} cannot be loaded: {why}", line, script) from None
    if not isinstance(found, Mapping):
        raise Problem(f"{name} is no dictionary of migrations, but {type(found).__name__}")
    for key in found:
        if not isinstance(key, int) or isinstance(key, bool) or key <= 0:
            raise Problem(f"{name} has the key {key!r}, which is no version's number")
    return found


class Function:
    """A version of a registry; `path` is the file that it is in.

    :raises Problem: the registry has no such number, or no function for it.
    """

    def __init__(self, registry: Mapping[int, Any], number: int, name: str) -> None:
        if number not in registry:
            raise Problem(f"{name} has no {number} (it has {number_ranges(registry)})")
        self.call = registry[number]
        if not callable(self.call):
            raise Problem(f"its {number} is no function, but {self.call!r}")
        self.code = plain_function(self.call)
        self.path = (self.code and inspect.getsourcefile(self.code)) or name

    def load(self) -> None:
        """Check it, as far as that can be done without running it.

        :raises Problem: it cannot run.
        """
        name = getattr(self.code or self.call, "__name__", "it")
        line = self.code.__code__.co_firstlineno if self.code else None
        try:
            inspect.signature(self.call).bind(None)
        except ValueError:
            pass  # it is written in C, and says nothing
        except TypeError:
            raise Problem(f"{name}() cannot be called with only a session", line) from None
        module = sys.modules.get(getattr(self.code, "__module__", ""))
        if module and os.path.exists(self.path):
            LazyCheck(parse_script(self.path), module, name, line).run()


def plain_function(function: Any) -> Any:
    """Return the function in Python behind decorators, a method or an object, or None."""
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = inspect.unwrap(function.func)
    if not inspect.isroutine(function) and not inspect.isclass(function):
        function = type(function).__call__
    function = getattr(function, "__func__", function)
    return function if inspect.isfunction(function) else None


def number_ranges(numbers: Iterable[int]) -> str:
    """Return numbers as people write them: 1 to 6, 8."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join(" to ".join(map(str, part)) for part in parts) or "none"
