"""Snapshots as files: their names, their first lines, and what makes them the same each time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bridge.database.dump.files import COPY_END
from bridge.model.results import standing

ENDINGS = {"sqlite": ".sqlite.sql", "postgresql": ".pg.sql", "mysql": ".mysql.sql"}
"""The ends of the names of snapshots, by their kinds."""

LABELS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}

_HEADER = re.compile(r"-- bridge snapshot: (?P<where>.*) \((?P<label>\w+)\)")


def name_for(versions: Mapping[str, int], revisions: Sequence[str]) -> str:
    """What a snapshot's file is called, without its ending."""
    parts = [f"{name}-{version:03}" for name, version in versions.items()]
    return re.sub(r"[^\w.-]", "_", "_".join([*parts, *revisions]))


def header(versions: Mapping[str, int], revisions: Sequence[str], label: str) -> str:
    """The first line of a snapshot."""
    return f"-- bridge snapshot: {standing(versions, revisions)} ({label})\n"


def read_header(path: Path) -> tuple[dict[str, int] | None, tuple[str, ...]]:
    """The versions and revisions that a file says it is at; None where it is not bridge's."""
    with open(path, "rb") as stream:
        found = _HEADER.match(stream.readline(10_000).decode("utf-8", "replace"))
    if found is None:
        return None, ()
    versions: dict[str, int] = {}
    revisions: tuple[str, ...] = ()
    for part in found["where"].split("; "):
        if part.startswith("revisions "):
            revisions = tuple(part.removeprefix("revisions ").split(", "))
            continue
        for one in part.split(", "):
            name, _, number = one.rpartition(" ")
            if number.isdigit():
                versions[name] = int(number)
    return versions, revisions


# --- the same each time -------------------------------------------------------------------


def with_sorted_rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    """A script of pg_dump's with the rows of each table in one order.

    They stand in the order in which the server found a place for them.
    """
    rows: list[bytes] | None = None
    for line in lines:
        if rows is None:
            yield line
            if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
                rows = []
        elif line == COPY_END:
            yield from sorted(rows, key=_natural)
            rows = None
            yield line
        else:
            rows.append(line)


def _natural(row: bytes) -> list[tuple[int, bytes]]:
    """Sorts rows by their columns, whole numbers by their size."""
    return [(len(f) if f.isdigit() else 0, f) for f in row.split(b"\t")]


_MOMENT = re.compile(
    rb"(?<![\d-])(\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d)?)(\.\d+)?(?![\d-])"
    rb"|(?<![\w.-])(\d{10})(\.\d+)?(?![\w-])"
)

_ALWAYS = datetime(2002, 2, 3, 4, 5, 6, tzinfo=timezone.utc)

_ZONES = timedelta(hours=14)

_QUARTER = timedelta(minutes=15).total_seconds()


def without_its_time(lines: Iterable[bytes], since: float, until: float) -> Iterator[bytes]:
    """Times of this very run, in whatever zone, as one that is always the same.

    Versions put them into rows.
    """
    begin, end = (datetime.fromtimestamp(moment, timezone.utc) for moment in (since, until))

    def settled(found: re.Match[bytes]) -> bytes:
        text = (found[1] or found[3]).decode()
        fraction = found[2] or found[4] or b""
        try:
            always = _always(text, begin, end)
        except ValueError:
            always = None
        # Without the zeros at its end, a fraction may be of any length.
        return found[0] if always is None else always.encode() + (fraction and b".000000")

    for line in lines:
        yield _MOMENT.sub(settled, line)


def _always(text: str, begin: datetime, end: datetime) -> str | None:
    """The time that stands for one between the two, written as that; None for any other one.

    :raises ValueError: it is no time.
    """
    second = timedelta(seconds=1)
    if text.isdigit():
        moment = datetime.fromtimestamp(int(text), timezone.utc)
        now = begin - second <= moment <= end + second
        return str(int(_ALWAYS.timestamp())) if now else None
    moment = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    if len(text) == len("2002-02-03"):
        now = begin - _ZONES - timedelta(days=1) < moment < end + _ZONES
        return _ALWAYS.strftime("%Y-%m-%d") if now else None
    zone = timedelta(seconds=round((moment - begin).total_seconds() / _QUARTER) * _QUARTER)
    now = abs(zone) <= _ZONES and begin - second <= moment - zone <= end + second
    return _ALWAYS.strftime(f"%Y-%m-%d{text[10]}%H:%M:%S") if now else None
