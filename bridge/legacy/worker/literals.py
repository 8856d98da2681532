"""Statements with their values in place."""

from __future__ import annotations

import contextlib
import math
import sqlite3
from typing import TYPE_CHECKING, Any

from ...database.sql.tokens import NUMBER, WORD, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator


def literal(connection: Any, sql: str, values: Any) -> str:
    """Return the statement with its values in place, as the database itself would read it.

    :raises ValueError: there is no way to write one of them.
    """
    session = _session(connection)
    if connection.dialect.name == "sqlite":
        return sqlite_text(sql, values)
    cursor = session.cursor()
    try:
        if connection.dialect.name == "postgresql":
            text = cursor.mogrify(sql, values)
            return text.decode("utf-8") if isinstance(text, bytes) else str(text)
        rendered: Any
        if isinstance(values, dict):
            rendered = {key: _mysql_text(session, value) for key, value in values.items()}
        else:
            rendered = tuple(_mysql_text(session, value) for value in values)
        return str(sql % rendered)
    finally:
        cursor.close()


def _session(connection: Any) -> Any:
    """Return the driver's own connection."""
    found = connection.connection
    return getattr(found, "dbapi_connection", None) or getattr(found, "connection", found)


def _mysql_text(session: Any, value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"x'{bytes(value).hex()}'" if len(value) else "''"
    text = session.literal(value)
    return text.decode("utf-8") if isinstance(text, bytes) else str(text)


def sqlite_text(sql: str, values: Any) -> str:
    """Return a statement of SQLite's with its values in place."""
    if not values:
        return sql
    pieces, done = [], 0
    for start, end, value in _placed(sql, values):
        pieces += [sql[done:start], _sqlite_value(value)]
        done = end
    return "".join([*pieces, sql[done:]])


def _placed(sql: str, values: Any) -> Iterator[tuple[int, int, Any]]:
    """Yield the begin and the end of each placeholder, and its value."""
    named = isinstance(values, dict)
    left: Iterator[Any] = iter(() if named else values)
    found = list(tokens(sql, "sqlite"))
    for token, after in zip(found, [*found[1:], None]):  # noqa: B905 (Python 3.7)
        follows = after if after and after.start == token.end else None
        if token.text == "?" and follows and follows.kind == NUMBER:
            yield token.start, follows.end, values[int(follows.text) - 1]
        elif token.text == "?":
            yield token.start, token.end, next(left)
        elif named and token.text in (":", "$") and follows and follows.kind == WORD:
            yield token.start, follows.end, values[follows.text]
        elif named and token.kind == WORD and token.text.startswith("@"):
            yield token.start, token.end, values[token.text[1:]]


def _sqlite_float(value: float) -> str:
    """Return a number that SQLite reads as this one: of some, it needs more digits than Python.

    :raises ValueError: there is none.
    """
    if math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for text in (repr(value), *(f"{value:.{digits}e}" for digits in range(17, 26))):
            if connection.execute(f"SELECT {text}").fetchone()[0] == value:
                return text
    raise ValueError(f"there is no SQL for {value!r}")


def _sqlite_value(value: Any) -> str:
    if not isinstance(value, (str, bytes, int, float, type(None), bytearray, memoryview)):
        adapted = sqlite3.adapters.get((type(value), sqlite3.PrepareProtocol))
        if adapted is None:
            raise ValueError(f"there is no SQL for {value!r}")
        value = adapted(value)
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NULL"  # as SQLite keeps it
        return _sqlite_float(value)
    if isinstance(value, str):
        if "\0" in value:
            return f"CAST(x'{value.encode('utf-8').hex()}' AS TEXT)"
        quoted = value.replace("'", "''")
        return f"'{quoted}'"
    return f"x'{bytes(value).hex()}'"
