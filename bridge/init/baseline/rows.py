"""Rows that a legacy history itself inserts, and whether a base revision can insert them too."""

from __future__ import annotations

import re
import warnings
from datetime import date, datetime, timedelta
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
"""When the clock of the scripts stands still, in seconds since 1970: what is near it is theirs."""

MOST_ROWS = 50
"""How many rows of a table a base revision inserts at most."""

Row = dict[str, Any]

_STOPPED = datetime(1970, 1, 1) + timedelta(seconds=MOMENT)

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
        # Of numbers that are rounded: they are only compared.
        warnings.simplefilter("ignore", SAWarning)
        rows = [
            {name: _written(value) for name, value in row._mapping.items()}
            for row in connection.execute(query)
        ]
    return sorted(rows, key=lambda row: [_order(row[name]) for name in key])


def why_not_inserted(found: Mapping[str, Sequence[Row]]) -> str | None:
    """Return why a base revision cannot insert these rows, by dialect; None if it can."""
    rows = next(iter(found.values()))
    if len(rows) > MOST_ROWS:
        return f"they are more than {MOST_ROWS}"
    if not all(_plain(value) for row in rows for value in row.values()):
        return "some values are drawn at random, a clock's, or neither text, numbers nor dates"
    if any(values != rows for values in found.values()):
        return "they are other ones on each database"
    return None


def _written(value: Any) -> Any:
    """The value as a script has it: `NOW` where a clock gave it, that of the scripts or ours."""
    if isinstance(value, Decimal):
        number = int(value) if value == int(value) else float(value)
        return number if Decimal(str(number)) == value else value
    if not isinstance(value, datetime) or value.tzinfo is not None:
        return value
    return NOW if any(abs(value - clock) < _DAY for clock in (_STOPPED, datetime.now())) else value


def _order(value: Any) -> tuple[str, Any]:
    plain = isinstance(value, (int, float, str))
    return type(value).__name__, value if plain else str(value)


def _plain(value: Any) -> bool:
    """Whether a value means the same in another database at another time."""
    if value is None or value is NOW or isinstance(value, bool):
        return True
    if isinstance(value, (int, float)):
        return abs(value - MOMENT) > _DAY.total_seconds()
    if not isinstance(value, (str, date)) or getattr(value, "tzinfo", None):
        return False
    days = [clock + _DAY * days for clock in (_STOPPED, datetime.now()) for days in (-1, 0, 1)]
    return not _UUID.search(str(value)) and not any(f"{day:%Y-%m-%d}" in str(value) for day in days)
