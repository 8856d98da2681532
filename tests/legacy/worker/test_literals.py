"""Statements with their values in place."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.legacy.worker.literals import sqlite_text

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
)


def fetch(sql: str, values: Any = ()) -> Any:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute(sql, values).fetchall()


@given(VALUES, VALUES)
@example("a\0b", b"\0")
@example("'; --", float("inf"))
@example("100% ? :x %s", -0.0)
@example(None, 1.0135483869575297e-307)
def test_a_value_in_place_is_the_value(one: Any, other: Any) -> None:
    sql = "SELECT ?, typeof(?1), ?2, typeof(?2)"
    assert fetch(sqlite_text(sql, (one, other))) == fetch(sql, (one, other))


def test_what_only_looks_like_a_place_stays() -> None:
    sql = """SELECT '?', ":x", `?`, [?] -- ?\n, 1 /* :x */, 'it''s ?' FROM "?" WHERE a = :x"""
    assert sqlite_text("SELECT '?' /* ? */, ?", (1,)) == "SELECT '?' /* ? */, 1"
    assert sqlite_text(sql, {"x": "y"}) == sql.removesuffix(":x") + "'y'"
    assert sqlite_text(sql, ()) == sql
