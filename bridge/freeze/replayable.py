"""Decide from its two runs whether a version can be replayed.

The reasons are sealed with the history. If a text changes here, freezing again reports a difference
in every history that contains it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.database.sql.statements import read
from bridge.database.sql.tokens import masked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.database.row_counts import AppTables
    from bridge.legacy.client import Ran

_CATALOGS = ("sqlite_master", "sqlite_schema", "information_schema", "pg_", "pragma_")
"""The prefixes of catalog tables and functions, which describe the schema."""


_OF_THE_LAST_ROW = {
    "changes", "total_changes", "last_insert_rowid", "last_insert_id", "row_count", "found_rows",
    "nextval", "currval", "lastval",
}  # fmt: skip
"""The functions that tell of rows, and name no table."""


def reason_not_replayable(
    empty: Ran, filled: Ran | str, tables: set[str], dialect: str, app_tables: AppTables
) -> str | None:
    """Return why a version could emit other statements elsewhere, None if it could not.

    :param empty: the run on the database without rows.
    :param filled: the run on the database with rows, or the error's text if it failed.
    :param tables: the app's tables before and after the version.
    :param app_tables: the rule that says which tables are the app's.
    """
    if isinstance(filled, str):
        return f"it fails on generated rows: {filled}"
    first: Mapping[str, Any] = empty.captured or {}
    second: Mapping[str, Any] = filled.captured or {}
    problems = [*first["problems"], *second["problems"]]
    if problems:
        return str(problems[0])
    for query, read_ones in (*second["reads"], *first["reads"]):
        if _are_rows(read_ones, app_tables) or _names_rows(query, tables, dialect):
            return f"it reads rows: {_short(query)}"
    return _difference(first["statements"], second["statements"], dialect)


def _are_rows(tables: Sequence[str], app_tables: AppTables) -> bool:
    """Return whether the tables that a query reads, as the database says, are not only catalogs."""
    names = [name for name in tables if not name.lower().startswith(_CATALOGS)]
    return bool({*app_tables(names)})


def _names_rows(query: str, tables: set[str], dialect: str) -> bool:
    """Return whether a query names tables of the app, and no catalog."""
    names = {name for statement in read(query, dialect) for name in statement.names}
    if names & _OF_THE_LAST_ROW:
        return True
    if any(name.startswith(_CATALOGS) for name in names):
        return False
    return not names.isdisjoint(table.lower() for table in tables)


def _difference(first: Sequence[str], second: Sequence[str], dialect: str) -> str | None:
    """Return how two recordings differ, None if they do not."""
    if len(first) == len(second):
        pairs = [(n, *pair) for n, pair in enumerate(zip(first, second, strict=True), 1)]
        other = next(((n, a, b) for n, a, b in pairs if a != b), None)
        if other is None:
            return None
        number, *texts = other
        one, two = (masked(text, dialect, numbers=True) for text in texts)
        if one == two:
            return f"statement {number} writes a value that is another each time: {_short(one)}"
        return f"statement {number} is another one where there are rows: {_short(two)}"
    return (
        f"it emits {len(first)} statements where there are no rows, and {len(second)} where there "
        "are some"
    )


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 100 else f"{text[:97]}..."
