"""A clock that stands still, and the time of the upgrade in place of what it shows."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.databases import Database

from bridge.legacy.worker import clock
from bridge.legacy.worker.clock import Clock, Times

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
        day = dt.datetime.fromisoformat(found[:10])
        assert abs(day - dt.datetime.now()) < dt.timedelta(days=2)


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


@pytest.mark.process
def test_the_clock_stands_still_and_its_times_are_real_ones() -> None:
    code = f"""
        import importlib.util, json, pickle, sys
        spec = importlib.util.spec_from_file_location("clock", {str(Path(clock.__file__))!r})
        clock = importlib.util.module_from_spec(spec)
        sys.modules["clock"] = clock
        spec.loader.exec_module(clock)
        import datetime as module
        real = module.datetime
        clock.Clock({MOMENT}).stop()
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
