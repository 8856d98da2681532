"""sqlalchemy-migrate's scripts: chooses and loads them without running them."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from typing import Any

from .errors import Problem, describe_import_error, line_in
from .lazy_check import LazyCheck, needs_database
from .python2 import describe_syntax_error

# A dialect's name before SQLAlchemy 0.6, which the names of old .sql files still have.
OLD_DIALECTS = {"postgresql": "postgres"}


def choose_script(version: Any, dialect: str) -> Any:
    """Return the script that sqlalchemy-migrate would choose for this database.

    :raises Problem: there is none.
    """
    try:
        return version.script(dialect, "upgrade")
    except AssertionError:
        older = version.sql.get(OLD_DIALECTS.get(dialect), {}).get("upgrade")
        if older is None:
            raise Problem(f"there is no upgrade script for {dialect}") from None
        return older


def load_script(script: Any) -> None:
    """Load the script, as far as that can be done without running it.

    :raises Problem: it cannot be loaded or cannot run.
    """
    if not script.path.endswith(".py"):
        try:
            script.source()
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(f"the file cannot be read: {error}") from None
        return
    tree = parse_script(script.path)
    # Another repository may have a script of the same name, and load_module would run this one
    # in that one's module.
    name = os.path.splitext(os.path.basename(script.path))[0]
    sys.modules.pop(name, None)
    try:
        module = script.module
    except BaseException as error:
        if needs_database(error):
            sys.modules.pop(name, None)
            return  # it reads at its top level what an earlier version makes: its turn will tell
        why = describe_import_error(error, script.path)
        raise Problem(why, line_in(error, script.path)) from None
    try:
        takes_engine = bool(inspect.getfullargspec(module.upgrade)[0])
    except TypeError:
        takes_engine = False
    if not takes_engine:
        raise Problem("its upgrade() takes no engine")
    LazyCheck(tree, module).run()


def parse_script(path: str) -> ast.Module:
    """Parse a file of Python.

    :raises Problem: it cannot be read, or is no Python 3.
    """
    try:
        with open(path, "rb") as stream:
            return ast.parse(stream.read(), path)
    except OSError as error:
        raise Problem(f"the file cannot be read: {error}") from None
    except (SyntaxError, ValueError) as error:
        raise Problem(describe_syntax_error(error), getattr(error, "lineno", None)) from None
