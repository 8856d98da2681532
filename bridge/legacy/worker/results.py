"""Sees when a script looks at what a statement has done to rows, for `bridge freeze`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LIBRARIES = ("sqlalchemy", "migrate")
"""Which look at these themselves, and tell a script nothing that its rows decide."""

_NUMBER = "the number that a row got"

_LOOKED_AT = {
    "rowcount": "how many rows a statement changes",
    "lastrowid": _NUMBER,
    "inserted_primary_key": _NUMBER,
    "inserted_primary_key_rows": _NUMBER,
}


def watch_results(looks_at: Callable[[str, str], None]) -> None:
    """Call a function with what a script looks at, and the statement, from now on."""
    module: Any = sys.modules["sqlalchemy.engine.result"]
    if not hasattr(module, "ResultProxy"):  # from SQLAlchemy 1.4 on
        module = sys.modules["sqlalchemy.engine.cursor"]
    result: Any = getattr(module, "BaseCursorResult", None) or module.ResultProxy
    for name, what in _LOOKED_AT.items():
        original = vars(result).get(name)
        if original is not None:
            setattr(result, name, property(_watched(original, what, looks_at)))


def _watched(
    original: Any, what: str, looks_at: Callable[[str, str], None]
) -> Callable[[Any], Any]:
    def get(result: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001 - documented
        if caller.partition(".")[0] not in _LIBRARIES and not (
            what == _NUMBER and _is_given(result.context)
        ):
            looks_at(what, str(result.context.statement))
        return original.__get__(result, type(result))

    return get


def _is_given(context: Any) -> bool:
    """Return whether the statement itself says what the primary key is."""
    table = getattr(getattr(context.compiled, "statement", None), "table", None)
    if table is None:
        return False
    given = context.compiled_parameters
    return all(
        values.get(column.key) is not None for values in given for column in table.primary_key
    )
