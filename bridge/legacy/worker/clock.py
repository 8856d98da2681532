"""A clock that stands still, and the SQL that stands for what it shows."""

from __future__ import annotations

import copyreg
import datetime as dt
import os
import re
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

OFFSET = dt.timedelta(hours=5, minutes=30)
"""Of local time to UTC while the clock stands still: so the two can be told apart."""


class Clock:
    """A moment at which this process's clock stands still.

    It must be stopped before anything is imported that takes its functions.

    :param moment: seconds since 1970, with a part of a second.
    """

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.utc = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=moment)
        self.local = self.utc + OFFSET

    def stop(self) -> None:
        """Stop it for as long as the process lives."""
        if hasattr(time, "tzset"):
            minutes = int(OFFSET.total_seconds()) // 60
            os.environ["TZ"] = f"<BRIDGE>-{minutes // 60}:{minutes % 60:02d}"
            time.tzset()
        self._stop_time()
        self._stop_datetime()

    def _stop_time(self) -> None:
        moment: Any = self.moment
        time.time = lambda: moment
        time.time_ns = lambda: int(moment * 1_000_000) * 1000
        for name in ("gmtime", "localtime", "ctime"):
            setattr(time, name, _at(getattr(time, name), moment))
        for name in ("strftime", "asctime"):
            setattr(time, name, _of_local(name, getattr(time, name)))

    def _stop_datetime(self) -> None:
        real_datetime, real_date = dt.datetime, dt.date
        stopped_date = _stopped_date(real_date, self.local)
        stopped_datetime = _stopped_datetime(real_datetime, self)
        for stopped, real in ((stopped_date, real_date), (stopped_datetime, real_datetime)):
            stopped.__name__ = stopped.__qualname__ = real.__name__
            stopped.__module__ = "datetime"
            # A pickle names its class, and ours has that name now.
            copyreg.pickle(real, _pickled_as(stopped))
        dt.datetime = stopped_datetime  # type: ignore[misc]
        dt.date = stopped_date  # type: ignore[misc]


class _Kind(type):
    """The instances of a stopped class are those of the real one: drivers know these."""

    def __instancecheck__(cls, found: Any) -> bool:
        return isinstance(found, cls.__mro__[1])

    def __subclasscheck__(cls, found: Any) -> bool:
        return issubclass(found, cls.__mro__[1])


def _stopped_date(real: Any, local: dt.datetime) -> Any:
    class StoppedDate(real, metaclass=_Kind):  # type: ignore[misc]
        def __new__(cls, *arguments: Any, **options: Any) -> Any:
            return real.__new__(real if cls is StoppedDate else cls, *arguments, **options)

        @classmethod
        def today(cls) -> Any:
            return local.date()

        @classmethod
        def fromtimestamp(cls, *arguments: Any) -> Any:
            return real.fromtimestamp(*arguments)

    for name in ("fromisoformat", "fromordinal"):
        setattr(StoppedDate, name, staticmethod(getattr(real, name)))
    return StoppedDate


def _stopped_datetime(real: Any, clock: Clock) -> Any:
    utc, local, moment = clock.utc, clock.local, clock.moment

    class StoppedDatetime(real, metaclass=_Kind):  # type: ignore[misc]
        def __new__(cls, *arguments: Any, **options: Any) -> Any:
            return real.__new__(real if cls is StoppedDatetime else cls, *arguments, **options)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return local if tz is None else real.fromtimestamp(moment, tz)

        @classmethod
        def today(cls) -> Any:
            return local

        @classmethod
        def utcnow(cls) -> Any:
            return utc

    for name in (
        "combine", "fromisoformat", "fromordinal", "fromtimestamp", "strptime",
        "utcfromtimestamp",
    ):  # fmt: skip
        setattr(StoppedDatetime, name, staticmethod(getattr(real, name)))
    return StoppedDatetime


def _pickled_as(stopped: Any) -> Callable[[Any], Any]:
    return lambda moment: (stopped, moment.__reduce_ex__(2)[1])


def _at(function: Callable[..., Any], moment: float) -> Callable[..., Any]:
    return lambda seconds=None: function(moment if seconds is None else seconds)


def _of_local(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if name == "strftime":
        return lambda form, when=None: function(form, time.localtime() if when is None else when)
    return lambda when=None: function(time.localtime() if when is None else when)


class Times:
    """The forms in which the stopped clock shows in SQL, and what stands for each on a database."""

    def __init__(self, clock: Clock, dialect: str) -> None:
        self.dialect = dialect
        found: dict[str, str] = {}
        for when, local in ((clock.local, True), (clock.utc, False)):
            whole, day = when.replace(microsecond=0), when.replace(hour=0, minute=0, second=0)
            day = day.replace(microsecond=0)
            for letter in " T":
                for moment, form in (
                    (when, f"%Y-%m-%d{letter}%H:%M:%S.%f"),
                    (whole, f"%Y-%m-%d{letter}%H:%M:%S"),
                    (day, f"%Y-%m-%d{letter}%H:%M:%S"),
                ):
                    part = "day" if moment is day else "second" if moment is whole else "all"
                    found[f"'{moment.strftime(form)}'"] = self._text(part, letter, local=local)
            day_form = f"%Y-%m-%d {'00:00:00.000000'}"
            found[f"'{day.strftime(day_form)}'"] = self._text("day", " ", local=local, micro=True)
            whole_form = f"%Y-%m-%d %H:%M:%S{'.000000'}"
            found[f"'{whole.strftime(whole_form)}'"] = self._text(
                "second", " ", local=local, micro=True
            )
            found[f"'{when.strftime('%Y-%m-%d')}'"] = self._text("date", "", local=local)
        found[repr(clock.moment)] = self._seconds(whole=False)
        found[str(int(clock.moment))] = self._seconds(whole=True)
        self.forms = found
        if dialect in ("sqlite", "postgresql"):  # with its zone, which others do not take
            zoned = {
                f"{form[:-1]}+00:00'": f"({text} || '+00:00')"
                for form, text in list(found.items())
                if ":" in form and clock.utc.strftime("%H:%M") in form
            }
            found.update(zoned)
        words = sorted(found, key=len, reverse=True)
        # With what drivers add: PostgreSQL's a cast, MySQL's an exponent.
        self.pattern = re.compile(
            rf"(?<![\w.'])({'|'.join(map(re.escape, words))})(::\w+|e0)?(?![\w.'])"
        )

    def put(self, sql: str) -> str:
        """Return the statement, with the time of the upgrade in place of the clock's."""
        return self.pattern.sub(lambda found: self._of(found[1], found[2] or ""), sql)

    def _of(self, form: str, cast: str) -> str:
        text = self.forms[form]
        return f"({text}){cast}" if cast.startswith("::") else text

    def _text(self, part: str, letter: str, *, local: bool, micro: bool = False) -> str:
        day = "%Y-%m-%d"
        if self.dialect == "sqlite":
            now = "'now', 'localtime'" if local else "'now'"
            end = "000000" if part != "all" else "000"
            form = {
                "all": f"{day}{letter}%H:%M:%f",
                "second": f"{day}{letter}%H:%M:%S",
                "day": f"{day}{letter}00:00:00",
                "date": day,
            }[part]
            text = f"strftime('{form}', {now})"
            if part == "all":
                return f"({text} || '{end}')"
            return f"({text} || '.{end}')" if micro else text
        if self.dialect == "postgresql":
            now = "localtimestamp" if local else "timezone('utc', now())"
            between = '"T"' if letter == "T" else " "
            form = {
                "all": f"YYYY-MM-DD{between}HH24:MI:SS.US",
                "second": f"YYYY-MM-DD{between}HH24:MI:SS",
                "day": f"YYYY-MM-DD{between}00:00:00",
                "date": "YYYY-MM-DD",
            }[part]
            return f"to_char({now}, '{form}')"
        now = "NOW(6)" if local else "UTC_TIMESTAMP(6)"
        form = {
            "all": f"{day}{letter}%H:%i:%S.%f",
            "second": f"{day}{letter}%H:%i:%S",
            "day": f"{day}{letter}00:00:00",
            "date": day,
        }[part]
        return f"DATE_FORMAT({now}, '{form}')"

    def _seconds(self, *, whole: bool) -> str:
        if self.dialect == "sqlite":
            if whole:
                return "CAST(strftime('%s', 'now') AS INTEGER)"
            return "((julianday('now') - 2440587.5) * 86400.0)"
        if self.dialect == "postgresql":
            seconds = "extract(epoch FROM now())"
            return f"CAST(floor({seconds}) AS bigint)" if whole else f"CAST({seconds} AS float)"
        return "FLOOR(UNIX_TIMESTAMP(NOW(6)))" if whole else "UNIX_TIMESTAMP(NOW(6))"
