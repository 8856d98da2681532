"""Writes down what a legacy version emits, as SQL with its values in place, for `bridge freeze`.

The worker loads this file, so it imports nothing of bridge, and keeps to what Python 3.7 has. A
script runs as it would in an upgrade, but at a moment that stands still: what it takes from the
clock can be told from what it knows, and is written down as the time of the upgrade.
"""

from __future__ import annotations

import contextlib
import copyreg
import datetime
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

OFFSET = datetime.timedelta(hours=5, minutes=30)
"""Of local time to UTC while the clock stands still: so the two can be told apart."""

# What ends the transaction by itself on MySQL and MariaDB.
COMMITS = re.compile(
    r"\s*(ALTER|ANALYZE|CREATE|DROP|GRANT|LOCK|OPTIMIZE|RENAME|REPAIR|REVOKE|TRUNCATE|UNLOCK)\b",
    re.IGNORECASE,
)

SAVEPOINT = re.compile(
    r"\s*(SAVEPOINT|RELEASE(?:\s+SAVEPOINT)?|ROLLBACK\s+TO(?:\s+SAVEPOINT)?)\s+(\S+?)\s*;?\s*$",
    re.IGNORECASE,
)

READS = re.compile(r"\s*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)

ASKS = re.compile(r"\s*(SHOW|DESCRIBE|DESC|EXPLAIN|PRAGMA)\b", re.IGNORECASE)

# PRAGMAs that ask, though they have an argument.
ASKING = (
    "collation_list|compile_options|database_list|foreign_key_check|foreign_key_list|freelist_count"
    "|function_list|index_info|index_list|index_xinfo|integrity_check|module_list|page_count"
    "|pragma_list|quick_check|stats|table_info|table_list|table_xinfo"
)

SETTING = re.compile(
    rf"\s*PRAGMA\s+(?:\w+\.)?(?!(?:{ASKING})\b)\w+\s*[=(]",
    re.IGNORECASE,
)

# Queries that do something besides.
ACTS = re.compile(
    r"\b(setval|set_config|lo_\w+|addgeometrycolumn|dropgeometrycolumn|create_\w+|populate_\w+)\s*\("
    r"|\bINTO\s+(?:TEMP|TEMPORARY|UNLOGGED|TABLE|OUTFILE|DUMPFILE)\b"
    r"|\bWITH\b.*\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\b",
    re.IGNORECASE | re.DOTALL,
)

# Strings, quoted names, comments, dollar-quoted bodies; what is left has the placeholders.
_QUOTED = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL
)

_PLACEHOLDER = re.compile(rf"({_QUOTED.pattern})|\?(\d*)|[:@$]([A-Za-z_]\w*)", re.DOTALL)


# --- the clock ----------------------------------------------------------------------------


class Clock:
    """Stops this process's clock at a moment: seconds since 1970, with a part of a second.

    It must be there before anything is imported that takes its functions.
    """

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.utc = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=moment)
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
        real_datetime, real_date = datetime.datetime, datetime.date
        utc, local, moment = self.utc, self.local, self.moment

        # Instances stay those of the real classes: drivers know these.
        class Kind(type):
            def __instancecheck__(cls, found: Any) -> bool:
                return isinstance(found, cls.__mro__[1])

            def __subclasscheck__(cls, found: Any) -> bool:
                return issubclass(found, cls.__mro__[1])

        class StoppedDate(real_date, metaclass=Kind):  # type: ignore[misc,valid-type]
            def __new__(cls, *arguments: Any, **options: Any) -> Any:
                made = real_date if cls is StoppedDate else cls
                return real_date.__new__(made, *arguments, **options)

            @classmethod
            def today(cls) -> Any:
                return local.date()

            @classmethod
            def fromtimestamp(cls, *arguments: Any) -> Any:
                return real_date.fromtimestamp(*arguments)

        class StoppedDatetime(real_datetime, metaclass=Kind):  # type: ignore[misc,valid-type]
            def __new__(cls, *arguments: Any, **options: Any) -> Any:
                made = real_datetime if cls is StoppedDatetime else cls
                return real_datetime.__new__(made, *arguments, **options)

            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return local if tz is None else real_datetime.fromtimestamp(moment, tz)

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
            setattr(StoppedDatetime, name, staticmethod(getattr(real_datetime, name)))
        for name in ("fromisoformat", "fromordinal"):
            setattr(StoppedDate, name, staticmethod(getattr(real_date, name)))
        for stopped, real in ((StoppedDate, real_date), (StoppedDatetime, real_datetime)):
            stopped.__name__ = stopped.__qualname__ = real.__name__
            stopped.__module__ = "datetime"
        # A pickle names its class, and what has that name now is ours.
        for stopped, real in ((StoppedDate, real_date), (StoppedDatetime, real_datetime)):
            copyreg.pickle(real, _pickled_as(stopped))
        datetime.datetime = StoppedDatetime  # type: ignore[misc]
        datetime.date = StoppedDate  # type: ignore[misc]


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
                    found[f"'{moment.strftime(form)}'"] = self._text(local, part, letter)
            day_form = f"%Y-%m-%d {'00:00:00.000000'}"
            found[f"'{day.strftime(day_form)}'"] = self._text(local, "day", " ", micro=True)
            whole_form = f"%Y-%m-%d %H:%M:%S{'.000000'}"
            found[f"'{whole.strftime(whole_form)}'"] = self._text(local, "second", " ", micro=True)
            found[f"'{when.strftime('%Y-%m-%d')}'"] = self._text(local, "date", "")
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
        """The statement, with the time of the upgrade in place of the clock's."""
        return self.pattern.sub(lambda found: self._of(found[1], found[2] or ""), sql)

    def _of(self, form: str, cast: str) -> str:
        text = self.forms[form]
        return f"({text}){cast}" if cast.startswith("::") else text

    def _text(self, local: bool, part: str, letter: str, micro: bool = False) -> str:
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


# --- statements ---------------------------------------------------------------------------


class Statement:
    def __init__(self, sql: str, owner: object) -> None:
        self.sql, self.owner = sql, owner
        self.kept = False


class Capture:
    """What one version after another emits on an engine.

    What is rolled back is left out. `problems` says why a version is more than its statements;
    `reads` has the queries whose answers it may have gone by.
    """

    def __init__(self, engine: Any, moment: float) -> None:
        self.engine = engine
        self.times = Times(Clock(moment), engine.dialect.name)
        self.found: list[Statement] = []
        self.problems: list[str] = []
        self.reads: list[str] = []
        self.at_work = False
        self.who: Callable[[Any], object] = id
        self.watched: list[Any] = []  # dialects, while a version does not run as one
        order_sets()

    def begin(self) -> None:
        """A version begins."""
        self.found, self.problems, self.reads = [], [], []
        self.at_work = True
        # Not the same in two recordings: what comes from there shows.
        random.seed()

    def end(self) -> None:
        """Its script is done; what follows is bridge's own."""
        self.at_work = False

    def as_dict(self) -> dict[str, Any]:
        """What the parent is told of the version."""
        statements = [self.times.put(found.sql) for found in self.found if found.kept]
        return {
            "statements": statements,
            "problems": list(dict.fromkeys(self.problems)),
            "reads": list(dict.fromkeys(self.reads)),
        }

    def problem(self, what: str) -> None:
        """The version does what its statements do not tell."""
        if self.at_work:
            self.problems.append(what)

    # --- what is done ---

    def executed(
        self, connection: Any, owner: object, sql: str, parameters: Any, context: Any, many: bool
    ) -> None:
        """A statement went through."""
        if not self.at_work:
            return
        if connection.dialect.name != self.engine.dialect.name or (
            connection.engine.url != self.engine.url
        ):
            self.problem("it uses another database")
            return
        if self.watched and not any(connection.dialect is known for known in self.watched):
            self._watch(connection.dialect)
        point = SAVEPOINT.match(sql)
        if point:
            self._savepoint(point[1].upper(), point[2], owner)
            return
        if READS.match(sql) and not ACTS.search(sql):
            self.reads.append(sql)
            return
        if ASKS.match(sql) and not SETTING.match(sql):
            return
        if self.engine.dialect.name not in ("sqlite", "postgresql") and COMMITS.match(sql):
            self.keep(owner)
        plain = not parameters and getattr(context, "no_parameters", False)
        for values in parameters if many else [parameters]:
            text = sql if plain else literal(connection, sql, values)
            self.found.append(Statement(_trimmed(text), owner))

    def _savepoint(self, what: str, name: str, owner: object) -> None:
        if what == "SAVEPOINT":
            self.found.append(Statement(f"SAVEPOINT {name}", owner))
            return
        own = [n for n, s in enumerate(self.found) if s.sql == f"SAVEPOINT {name}"]
        if own and what.startswith("ROLLBACK"):
            # To a savepoint of ours: what came since is gone.
            self.found[own[-1] + 1 :] = [
                s for s in self.found[own[-1] + 1 :] if s.kept or s.owner is not owner
            ]
        elif own:
            del self.found[own[-1]]

    def keep(self, owner: object = None) -> None:
        """A commit: of one connection, or of all that is open."""
        self.found = [s for s in self.found if not s.sql.startswith("SAVEPOINT ") or s.kept]
        for statement in self.found:
            if owner is None or statement.owner is owner:
                statement.kept = True

    def undo(self, owner: object = None) -> None:
        """A rollback: of one connection, or of all that is open."""
        self.found = [s for s in self.found if s.kept or not (owner is None or s.owner is owner)]

    @contextlib.contextmanager
    def watching(self, who: Callable[[Any], object]) -> Iterator[None]:
        """Learn of commits and rollbacks from the dialects themselves: also of those of a pool."""
        self.who = who
        self._watch(self.engine.dialect)
        try:
            yield
        finally:
            while self.watched:
                dialect = self.watched.pop()
                del dialect.do_commit, dialect.do_rollback

    def _watch(self, dialect: Any) -> None:
        """Of one dialect: a script may have an engine of its own for the same database."""
        commit, roll_back = dialect.do_commit, dialect.do_rollback

        def do_commit(connection: Any) -> None:
            commit(connection)
            self.keep(self.who(connection))

        def do_rollback(connection: Any) -> None:
            roll_back(connection)
            self.undo(self.who(connection))

        vars(dialect).update(do_commit=do_commit, do_rollback=do_rollback)
        self.watched.append(dialect)


def _trimmed(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()


# --- values -------------------------------------------------------------------------------


def literal(connection: Any, sql: str, values: Any) -> str:
    """The statement with its values in place, as the database itself would read it.

    :raises ValueError: there is no way to write one of them.
    """
    session = _session(connection)
    if connection.dialect.name == "sqlite":
        return _sqlite_text(sql, values)
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
    """The driver's own connection."""
    found = connection.connection
    return getattr(found, "dbapi_connection", None) or getattr(found, "connection", found)


def _mysql_text(session: Any, value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"x'{bytes(value).hex()}'" if len(value) else "''"
    text = session.literal(value)
    return text.decode("utf-8") if isinstance(text, bytes) else str(text)


def _sqlite_text(sql: str, values: Any) -> str:
    if not values:
        return sql
    named = isinstance(values, dict)
    left: Iterator[Any] = iter(() if named else values)

    def put(found: Any) -> str:
        if found[1] is not None:
            return str(found[0])
        if found[3] is not None:
            return _sqlite_value(values[found[3]]) if named else str(found[0])
        return _sqlite_value(values[int(found[2]) - 1] if found[2] else next(left))

    return _PLACEHOLDER.sub(put, sql)


def _sqlite_value(value: Any) -> str:
    import sqlite3

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
        if value != value:
            return "NULL"  # as SQLite keeps it
        return {float("inf"): "9e999", -float("inf"): "-9e999"}.get(value, repr(value))
    if isinstance(value, str):
        if "\0" in value:
            return f"CAST(x'{value.encode('utf-8').hex()}' AS TEXT)"
        quoted = value.replace("'", "''")
        return f"'{quoted}'"
    return f"x'{bytes(value).hex()}'"


def order_sets() -> None:
    """Let SQLAlchemy keep what belongs to a table in order, not in that of addresses in memory."""
    from sqlalchemy import Column, Table

    of_columns: Any = Column
    of_tables: Any = Table
    of_columns.foreign_keys = _ordered("foreign_keys")
    for name in ("constraints", "foreign_keys", "indexes"):
        setattr(of_tables, name, _ordered(name))


def _ordered(name: str) -> property:
    """An attribute that is a set, and keeps the order in which things were put into it."""
    from sqlalchemy.util import OrderedSet

    def of(owner: Any) -> Any:
        try:
            return owner.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    def put(owner: Any, value: Any) -> None:
        if isinstance(value, (set, frozenset)) and not isinstance(value, OrderedSet):
            value = OrderedSet(sorted(value, key=_rank))
        owner.__dict__[name] = value

    return property(of, put)


def _rank(thing: Any) -> tuple[int, str, str]:
    order = getattr(thing, "_creation_order", 0)
    return (order, str(getattr(thing, "name", "")), str(getattr(thing, "_colspec", "")))
