"""Sees when a script looks at what a statement has done to rows, for `bridge freeze`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LIBRARIES = ("sqlalchemy", "migrate", "logging")
"""Which use these themselves, and tell a script nothing by which it could go."""

_USES = """
__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __bool__ __int__ __index__ __float__ __str__ __repr__
__format__ __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __floordiv__ __truediv__ __mod__
__neg__ __abs__
"""


class RowCount(int):
    """How many rows a statement has changed; notes when a script uses it."""

    note: Callable[[], None]

    __hash__ = int.__hash__


def _use(name: str) -> Callable[..., Any]:
    original = getattr(int, name)

    def use(self: RowCount, *arguments: Any) -> Any:
        if not _is_library():
            self.note()
        return original(self, *arguments)

    return use


for _name in _USES.split():
    setattr(RowCount, _name, _use(_name))


def watch_results(looks_at: Callable[[str, str], None]) -> None:
    """Call a function with what a script looks at, and the statement, from now on."""
    module: Any = sys.modules["sqlalchemy.engine.result"]
    if not hasattr(module, "ResultProxy"):  # from SQLAlchemy 1.4 on
        module = sys.modules["sqlalchemy.engine.cursor"]
    result: Any = getattr(module, "BaseCursorResult", None) or module.ResultProxy
    for name in ("lastrowid", "inserted_primary_key", "inserted_primary_key_rows"):
        original = vars(result).get(name)
        if original is not None:
            setattr(result, name, property(_watched(original, looks_at)))
    default: Any = sys.modules["sqlalchemy.engine.default"]
    for context in _with_subclasses(default.DefaultExecutionContext):
        if "rowcount" in vars(context):
            context.rowcount = property(_counted(vars(context)["rowcount"].fget, looks_at))


def _with_subclasses(kind: Any) -> Iterator[Any]:
    yield kind
    for one in kind.__subclasses__():
        yield from _with_subclasses(one)


def _counted(
    original: Callable[[Any], int], looks_at: Callable[[str, str], None]
) -> Callable[[Any], RowCount]:
    def get(context: Any) -> RowCount:
        found, sql = RowCount(original(context)), str(context.statement)
        found.note = lambda: looks_at("how many rows a statement changes", sql)
        return found

    return get


def _watched(original: Any, looks_at: Callable[[str, str], None]) -> Callable[[Any], Any]:
    def get(result: Any) -> Any:
        if not _is_library() and not _is_given(result.context):
            looks_at("the number that a row got", str(result.context.statement))
        return original.__get__(result, type(result))

    return get


def _is_library() -> bool:
    """Return whether a library calls the function that asks, and no script."""
    caller: str = sys._getframe(2).f_globals.get("__name__", "")  # noqa: SLF001 - documented
    return caller == __name__ or caller.partition(".")[0] in _LIBRARIES


def allow_in(session: Any) -> None:
    """Let a driver's connection take a `RowCount` as a parameter, as it takes any number."""
    encoders = getattr(session, "encoders", None)  # PyMySQL's, by exact types
    if encoders is not None:
        encoders.setdefault(RowCount, _encoded)


def _encoded(value: RowCount, _more: Any = None) -> str:
    value.note()
    return int.__repr__(value)


def _is_given(context: Any) -> bool:
    """Return whether the statement itself says what the primary key is."""
    table = getattr(getattr(context.compiled, "statement", None), "table", None)
    if table is None:
        return False
    given = context.compiled_parameters
    return all(
        values.get(column.key) is not None for values in given for column in table.primary_key
    )
