"""Why a version cannot be replayed, as far as its two runs tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.legacy.client import Ran

_STRINGS = re.compile(r"'(?:[^']|'')*'")

_CATALOGS = re.compile(
    r"\b(sqlite_master|sqlite_schema|information_schema|pg_\w+|pragma_\w+)\b", re.I
)


def why_not(empty: Ran, filled: Ran | str, tables: set[str]) -> str | None:
    """Return why the statements of a version may be others elsewhere, None if they are the same.

    :param empty: the run on the database without rows.
    :param filled: the run on the one with rows, or why the version fails there.
    :param tables: the app's tables before and after it.
    """
    if isinstance(filled, str):
        return f"it fails on generated rows: {filled}"
    first: Mapping[str, Any] = empty.captured or {}
    second: Mapping[str, Any] = filled.captured or {}
    problems = [*first["problems"], *second["problems"]]
    if problems:
        return str(problems[0])
    for query in (*second["reads"], *first["reads"]):
        if _reads_rows(query, tables):
            return f"it reads rows: {_short(query)}"
    return _difference(first["statements"], second["statements"])


def _reads_rows(query: str, tables: set[str]) -> bool:
    """Whether a query reads rows of the app's tables, and not only the catalogs."""
    if _CATALOGS.search(query):
        return False
    words = set(re.findall(r"\w+", _STRINGS.sub("''", query)))
    return bool(words & tables)


def _difference(first: Sequence[str], second: Sequence[str]) -> str | None:
    """In what two recordings differ."""
    if len(first) == len(second):
        pairs = [(n, *pair) for n, pair in enumerate(zip(first, second, strict=True), 1)]
        other = next(((n, a, b) for n, a, b in pairs if a != b), None)
        if other is None:
            return None
        number, one, two = other
        if _plain(one) == _plain(two):
            plain = _short(_plain(one))
            return f"statement {number} writes a value that is another each time: {plain}"
        return f"statement {number} is another one where there are rows: {_short(_plain(two))}"
    return (
        f"it emits {len(first)} statements where there are no rows, and {len(second)} where there "
        "are some"
    )


def _plain(sql: str) -> str:
    """The statement without its values."""
    return re.sub(r"\b\d+(\.\d+)?\b", "0", _STRINGS.sub("''", sql))


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 100 else f"{text[:97]}..."
