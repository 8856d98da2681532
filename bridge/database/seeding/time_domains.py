"""Domains of dates and times."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from bridge.database.seeding.domain import Domain, Spec, Value, constant

if TYPE_CHECKING:
    from random import Random

# Times. The range is fixed; the hours are those at which no clock is put forward or back.


def _day(random: Random) -> date:
    return date(2001, 1, 1) + timedelta(days=random.randrange(30 * 365))


def _days(spec: Spec) -> tuple[str, str]:
    """Return the first and the last day that the database keeps and every driver reads."""
    limits = spec.limits
    if spec.base == "timestamp" and limits.timestamp_days:
        return limits.timestamp_days
    # A day inside, where a time zone may take it over the edge of what Python has.
    return ("0001-01-02", "9999-12-30") if "with time zone" in spec.base else limits.days


def date_domain(spec: Spec) -> Domain:
    """Return the domain of dates, as text."""
    edges = (*_days(spec), "2000-02-29", "1970-01-01")
    return Domain(lambda random, _: str(_day(random)), tuple(map(constant, edges)))


def moment_domain(spec: Spec) -> Domain:
    """Return the domain of dates with times, as text."""
    first, last = _days(spec)
    limits = spec.limits
    fraction, places = limits.fraction, (spec.arguments or (limits.places,))[0]
    most = fraction.replace("0", "9") or (f".{'9' * places}" if places else "")
    zone = "+00:00" if "with time zone" in spec.base and limits.zones else ""

    def plain(random: Random, _: int) -> Value:
        hour, minute, second = (random.randrange(10, n) for n in (17, 60, 60))
        return f"{_day(random)} {hour}:{minute}:{second}{fraction}{zone}"

    edges = [f"{first} 12:00:00{fraction}{zone}", f"{last} 12:59:59{most}{zone}"]
    edges += [f"2000-02-29 12:00:00{fraction}{zone}"]
    if spec.base != "timestamp" or not limits.timestamp_days:
        edges += [f"1969-12-31 23:59:59{most}{zone}"]
    return Domain(plain, tuple(map(constant, edges)))


def time_domain(spec: Spec) -> Domain:
    """Return the domain of times of the day, as text."""
    fraction = spec.limits.fraction
    zone = "+00:00" if "with time zone" in spec.base and spec.limits.zones else ""

    def plain(random: Random, _: int) -> Value:
        hour, minute, second = (random.randrange(10, n) for n in (17, 60, 60))
        return f"{hour}:{minute}:{second}{fraction}{zone}"

    edges = (f"00:00:00{fraction}{zone}", f"23:59:59{fraction}{zone}")
    return Domain(plain, tuple(map(constant, edges)))


def year_domain(spec: Spec) -> Domain:
    """Return the domain of MySQL's YEAR."""
    return Domain(
        lambda random, _: 2001 + random.randrange(30), (constant(1901), constant(2155)), "number"
    )
