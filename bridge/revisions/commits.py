"""Whether a revision commits a part of its work itself, as far as its text shows."""

from __future__ import annotations

import ast
import re

from bridge.database.sql.statements import read

# Most scripts have none of it, and need not be parsed.
_QUICK = re.compile(rb"commit", re.IGNORECASE)


def commits_itself(text: bytes) -> str | None:
    """Return the part of a script that commits before its end, None if there is none.

    :param text: a Python file.
    """
    if not _QUICK.search(text):
        return None
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
        if name in ("autocommit_block", "commit"):
            return f"{name}()"
        if name in ("execute", "exec_driver_sql", "text") and _commits(node.args[:1]):
            return "COMMIT"
    return None


def _commits(arguments: list[ast.expr]) -> bool:
    return any(
        isinstance(one, ast.Constant)
        and isinstance(one.value, str)
        and any(statement.commits for statement in read(one.value, "postgresql"))
        for one in arguments
    )
