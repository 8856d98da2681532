"""Statements with their values in place, and a clock that stands still."""

from __future__ import annotations

import contextlib
import datetime
import re
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st
from support.databases import Database

from bridge.legacy.worker import capture
from bridge.legacy.worker.capture import Clock, Times, _sqlite_text

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
def test_a_value_in_place_is_the_value(one: Any, other: Any) -> None:
    sql = "SELECT ?, typeof(?1), ?2, typeof(?2)"
    assert fetch(_sqlite_text(sql, (one, other))) == fetch(sql, (one, other))


def test_what_only_looks_like_a_place_stays() -> None:
    sql = """SELECT '?', ":x", `?`, [?] -- ?\n, 1 /* :x */, 'it''s ?' FROM "?" WHERE a = :x"""
    assert _sqlite_text("SELECT '?' /* ? */, ?", (1,)) == "SELECT '?' /* ? */, 1"
    assert _sqlite_text(sql, {"x": "y"}) == sql.removesuffix(":x") + "'y'"
    assert _sqlite_text(sql, ()) == sql


# --- the time of the upgrade --------------------------------------------------------------

MOMENT = 981173106.789012
"""2001-02-03 04:05:06.789012 UTC, and half past nine where the clock stands still."""


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("'2001-02-03 04:05:06.789012'", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"),
        ("'2001-02-03T04:05:06.789012'", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"),
        ("'2001-02-03 04:05:06'", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
        ("'2001-02-03 04:05:06.000000'", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.000000)?"),
        ("'2001-02-03 00:00:00'", r"\d{4}-\d\d-\d\d 00:00:00"),
        ("'2001-02-03'", r"\d{4}-\d\d-\d\d"),
        ("'2001-02-03 09:35:06.789012'", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"),
        ("981173106", r"\d{10}"),
        ("981173106.789012e0", r"\d{10}\.\d+"),
        ("981173106.789012", r"\d{10}\.\d+"),
    ],
)
def test_what_the_clock_gave_is_the_time_of_the_upgrade(
    database: Database, form: str, shape: str
) -> None:
    name = "mysql" if database.dialect == "mariadb" else database.dialect
    sql = Times(Clock(MOMENT), name).put(f"SELECT {form} AS x")
    assert form not in sql
    with database.engine().connect() as connection:
        plain = connection.execution_options(no_parameters=True)
        found = str(plain.exec_driver_sql(sql).scalar())
    assert re.fullmatch(shape, found), (sql, found)
    if "-" in form:
        day = datetime.datetime.fromisoformat(found[:10])
        assert abs(day - datetime.datetime.now()) < datetime.timedelta(days=2)


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1981173106", "SELECT '2001-02-03 04:05:07'", "SELECT 'x 2001-02-03'", "a981173106"],
)
def test_what_the_clock_did_not_give_stays(sql: str) -> None:
    assert Times(Clock(MOMENT), "sqlite").put(sql) == sql


def test_a_cast_of_the_drivers_stays_around_it() -> None:
    put = Times(Clock(MOMENT), "postgresql").put
    assert put("VALUES ('2001-02-03T04:05:06.789012'::timestamp)") == (
        "VALUES ((to_char(timezone('utc', now()), 'YYYY-MM-DD\"T\"HH24:MI:SS.US'))::timestamp)"
    )


def test_a_time_with_its_zone_keeps_it() -> None:
    put = Times(Clock(MOMENT), "postgresql").put
    assert put("'2001-02-03T04:05:06.789012+00:00'::timestamptz").endswith(
        " || '+00:00'))::timestamptz"
    )


def test_the_clock_stands_still_and_its_times_are_real_ones() -> None:
    code = f"""
        import importlib.util, json, pickle, sys
        spec = importlib.util.spec_from_file_location("capture", {str(Path(capture.__file__))!r})
        capture = importlib.util.module_from_spec(spec)
        sys.modules["capture"] = capture
        spec.loader.exec_module(capture)
        import datetime as module
        real = module.datetime
        capture.Clock({MOMENT}).stop()
        import time
        from datetime import date, datetime, timezone

        assert time.time() == {MOMENT}
        assert datetime.utcnow() == real(2001, 2, 3, 4, 5, 6, 789012)
        assert datetime.now() == datetime.today() == real(2001, 2, 3, 9, 35, 6, 789012)
        assert datetime.now(timezone.utc).isoformat() == "2001-02-03T04:05:06.789012+00:00"
        assert date.today().isoformat() == "2001-02-03"
        assert time.strftime("%H:%M") == "09:35"
        assert time.gmtime()[:5] == (2001, 2, 3, 4, 5)
        for now in (datetime.now(), datetime(2020, 1, 2), datetime.strptime("2020", "%Y")):
            assert type(now) is real
            assert isinstance(now, datetime) and isinstance(now, date)
            assert pickle.loads(pickle.dumps(now)) == now
        assert issubclass(datetime, real) and not isinstance(date.today(), datetime)
        assert datetime.combine(date(2020, 1, 2), module.time(3)) == real(2020, 1, 2, 3)
        assert datetime.min.year == 1
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not sa.__version__.startswith("1.4"), reason="what legacy scripts run on")
def test_sets_of_a_table_are_in_order() -> None:
    code = """
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("capture", sys.argv[1])
        capture = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(capture)
        capture.order_sets()
        import sqlalchemy as sa
        names = [f"c{n}" for n in range(40)]
        t = sa.Table("t", sa.MetaData(), *(sa.Column(n, sa.Integer, index=True) for n in names))
        assert [i.name for i in t.indexes] == [f"ix_t_{n}" for n in names]
        t.constraints = set(t.constraints) | {sa.UniqueConstraint(name=n) for n in names}
        t.constraints.remove(t.primary_key)
        assert [c.name for c in t.constraints] == names
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), capture.__file__],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
