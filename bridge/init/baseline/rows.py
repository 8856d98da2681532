"""The rows that a legacy history inserts, and whether a base revision can insert them too."""

from __future__ import annotations

import re
import warnings
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SAWarning

from bridge.database.engine import connect
from bridge.init.baseline.constraints import NOW
from bridge.init.baseline.types import ColumnSource, evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Engine

    from bridge.init.baseline.observe import Observed

MOMENT = 981173106.789012
"""The time of the scripts' stopped clock, in seconds since 1970; a value near it is a clock's."""

MOST_ROWS = 50
"""The most rows of a table that a base revision inserts."""

Row = dict[str, Any]

_STOPPED = datetime.fromtimestamp(MOMENT, timezone.utc).replace(tzinfo=None)

_DAY = timedelta(days=1)

_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)


def read_rows(
    engine: Engine, seen: Observed, table: str, sources: Mapping[tuple[str, str], ColumnSource]
) -> list[Row]:
    """Return the rows of a table, as a script has them, in the order of its primary key."""
    content = seen.schema["tables"][table]
    columns: list[Any] = [
        sa.column(c["name"], evaluated(sources[table, c["name"]].types[seen.dialect]))
        for c in content["columns"]
    ]
    key = (content["primary_key"] or {}).get("columns") or [c.name for c in columns]
    query = sa.select(*columns).select_from(sa.table(table, *columns))
    with connect(engine) as connection, connection.begin(), warnings.catch_warnings():
        # SQLAlchemy warns of rounded numbers, which are only compared here.
        warnings.simplefilter("ignore", SAWarning)
        rows = [
            {name: _written(value) for name, value in row.items()}
            for row in connection.execute(query).mappings()
        ]
    return sorted(rows, key=lambda row: [_order(row[name]) for name in key])


def why_not_inserted(found: Mapping[str, Sequence[Row]]) -> str | None:
    """Return why a base revision cannot insert these rows; None if it can.

    :param found: the rows by dialect.
    """
    rows = next(iter(found.values()))
    if len(rows) > MOST_ROWS:
        return f"there are more than {MOST_ROWS}"
    if not all(_plain(value) for row in rows for value in row.values()):
        return "some values are random, a clock's, or neither text, numbers nor dates"
    if any(values != rows for values in found.values()):
        return "they differ between the databases"
    return None


def _written(value: Any) -> Any:
    """Return a value as a script has it: `NOW` for one of the scripts' clock or of ours."""
    if isinstance(value, Decimal):
        number = int(value) if value == int(value) else float(value)
        return number if Decimal(str(number)) == value else value
    if not isinstance(value, datetime) or value.tzinfo is not None:
        return value
    return NOW if any(abs(value - clock) < _DAY for clock in (_STOPPED, _now())) else value


def _now() -> datetime:
    """Return the time in UTC, without a time zone as databases have it.

    The time in any other zone is less than a day away.
    """
    return datetime.now(timezone.utc).replace(tzinfo=None)


def _order(value: Any) -> tuple[str, Any]:
    plain = isinstance(value, (int, float, str))
    return type(value).__name__, value if plain else str(value)


def _plain(value: Any) -> bool:
    """Return whether a value means the same in another database at another time."""
    if value is None or value is NOW or isinstance(value, bool):
        return True
    if isinstance(value, (int, float)):
        return abs(value - MOMENT) > _DAY.total_seconds()
    if not isinstance(value, (str, date)) or getattr(value, "tzinfo", None):
        return False
    days = [clock + _DAY * days for clock in (_STOPPED, _now()) for days in (-1, 0, 1)]
    return not _UUID.search(str(value)) and not any(f"{day:%Y-%m-%d}" in str(value) for day in days)
