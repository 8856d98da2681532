"""Compare the rows in two databases after a version has run on both."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from bridge.database.engine import connect
from bridge.database.servers import server_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Engine

# The times at which the clock is stopped, in seconds since 1970. Their fractions make it unlikely
# that a script contains the same value.
EMPTY, FILLED = 981173106.789012, 1223456789.654321

Contents = dict[str, list[tuple[Any, ...]]]


def read_contents(engine: Engine, tables: Iterable[str]) -> Contents:
    """Return all rows of the tables, and the values of their sequences."""
    found: Contents = {}
    with connect(engine) as connection, connection.begin():
        quote = connection.dialect.identifier_preparer.quote_identifier
        for name in tables:
            rows = connection.exec_driver_sql(f"SELECT * FROM {quote(name)}")
            found[name] = sorted((tuple(map(_value, row)) for row in rows), key=repr)
        sequences = server_of(connection).sequences(connection)
        if sequences is not None:
            found["the sequences"] = sorted(sequences, key=repr)
    return found


def _value(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


# Random UUIDs, so not versions 3 and 5. Without hyphens only version 4, as checksums look similar.
_UUID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[^35][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}",
    re.IGNORECASE,
)


def drawn_uuids(found: Contents, other: Contents) -> set[str]:
    """Return the UUIDs in `found` that are not in `other`: each run generates new random ones."""
    uuids = [
        {str(v) for rows in c.values() for row in rows for v in row if _UUID.fullmatch(str(v))}
        for c in (found, other)
    ]
    return uuids[0] - uuids[1]


def plain_rows(contents: Contents, drawn: set[str]) -> dict[str, Counter[str]]:
    """Return the rows of each table as text, without what differs from run to run.

    Times from a clock, the stopped or the real one, are replaced by one word. A random UUID is
    replaced by a hash of the rows that contain it. So two databases are equal if only their random
    UUIDs differ and each of these is in the same places.
    """
    places = dict.fromkeys(drawn, "")

    def plain(value: Any) -> Any:
        if str(value) in places:
            return "drawn", places[str(value)]
        return "the time of the upgrade" if _is_clock_time(value) else value

    def rows() -> Iterator[tuple[str, tuple[Any, ...], str]]:
        for name, found in contents.items():
            yield from ((name, row, repr(tuple(map(plain, row)))) for row in found)

    # Twice: the rows that contain a UUID may contain other random ones, such as a parent's.
    for _ in range(2 if drawn else 0):
        seen: dict[str, list[str]] = {value: [] for value in drawn}
        for name, row, text in list(rows()):
            for place, value in enumerate(row):
                if str(value) in seen:
                    seen[str(value)].append(f"{name} {place} {text}")
        places = {
            value: sha256("\n".join(sorted(found)).encode()).hexdigest()
            for value, found in seen.items()
        }
    plain_rows: dict[str, Counter[str]] = {name: Counter() for name in contents}
    for name, _row, text in rows():
        plain_rows[name][text] += 1
    return plain_rows


def _is_clock_time(value: Any) -> bool:
    """Return whether a value is within a day of now, or of the time at which the clock stopped."""
    moment = _moment(value)
    if moment is None:
        return False
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    days = timedelta(days=1)  # the offset of local time is unknown
    stopped = datetime(1970, 1, 1) + timedelta(seconds=FILLED)
    return any(when - days <= moment <= when + days for when in (stopped, now))


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        try:
            return _moment(datetime.fromisoformat(value))
        except ValueError:
            return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e11:
        return datetime(1970, 1, 1) + timedelta(seconds=float(value))
    return None
