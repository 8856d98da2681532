"""Snapshots as files: their places, their first lines, and how they stay reproducible."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.database.dump.files import COPY_END, kind_of
from bridge.database.servers import servers_of_family
from bridge.model.errors import ConfigError, SnapshotError
from bridge.model.progress import Progress
from bridge.model.snapshots import Snapshot, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import URL

_HEADER = re.compile(r"-- bridge snapshot: (?P<where>.*) \((?P<label>\w+)\)")


UNCHANGED = "No database is changed, and no file written."


@dataclass(frozen=True)
class SnapshotFile:
    """The file of a new snapshot, and the servers to make it on.

    :param urls: servers on which databases may be created and dropped.
    :param folder: None for the one that the configuration names.
    :param name: of the file; None for one that is made of the versions.
    :param force: replace an existing file.
    """

    urls: Sequence[URL | str] = ()
    folder: Path | str | None = None
    name: str | None = None
    force: bool = False
    progress: Progress = field(default_factory=Progress)

    def path(self, folder: Path, default: str, kind: str) -> Path:
        """Return the path of the file.

        :param folder: the one that the configuration names.
        :param default: the name for a file that was given none.
        :raises ConfigError: the given name is not a file name.
        :raises SnapshotError: the file exists already.
        """
        if self.name is not None and (not self.name.strip(".") or re.search(r"[/\\\0]", self.name)):
            raise ConfigError(
                f"{self.name!r} is not a file name.", help="Give a name without a folder."
            )
        ending = servers_of_family(kind)[0].snapshot_ending
        name = (self.name or default).removesuffix(ending)
        path = Path(folder if self.folder is None else self.folder) / f"{name}{ending}"
        if path.exists() and not self.force:
            raise SnapshotError(
                f"{path} exists already.",
                help="Give another name with --name, or replace the file with --force.",
                state_of_data=UNCHANGED,
            )
        return path


def list_snapshots(folder: Path) -> tuple[Snapshot, ...]:
    """Return the old databases in a folder, sorted by name; bridge need not have written them.

    :raises DatabaseError: one cannot be read.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        kind = kind_of(path) if path.is_file() and not path.name.startswith(".") else None
        if kind is not None:
            versions, revisions = read_header(path)
            size = path.stat().st_size
            found.append(Snapshot(path, kind, versions, revisions, size))
    return tuple(found)


def name_for(versions: Mapping[str, int], revisions: Sequence[str]) -> str:
    """Return the name of a snapshot's file, without its ending."""
    parts = [f"{name}-{version:03}" for name, version in versions.items()]
    return re.sub(r"[^\w.-]", "_", "_".join([*parts, *revisions]))


def header(versions: Mapping[str, int], revisions: Sequence[str], label: str) -> str:
    """Return the first line of a snapshot."""
    return f"-- bridge snapshot: {standing(versions, revisions)} ({label})\n"


def read_header(path: Path) -> tuple[dict[str, int] | None, tuple[str, ...]]:
    """Return the versions and revisions of the first line; None without a line of bridge's."""
    with path.open("rb") as stream:
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


# --- reproducible content -----------------------------------------------------------------


def with_sorted_rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a pg_dump script with the rows of each table sorted.

    pg_dump writes them in the order in which the server stored them.
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
    """Return the key that sorts rows by their columns, whole numbers by their size."""
    return [(len(f) if f.isdigit() else 0, f) for f in row.split(b"\t")]


_MOMENT = re.compile(
    rb"(?<![\d-])(\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d)?)(\.\d+)?(?![\d-])"
    rb"|(?<![\w.-])(\d{10})(\.\d+)?(?![\w-])"
)

_FIXED = datetime(2002, 2, 3, 4, 5, 6, tzinfo=timezone.utc)

_ZONES = timedelta(hours=14)

_QUARTER = timedelta(minutes=15).total_seconds()


def with_fixed_times(lines: Iterable[bytes], since: float, until: float) -> Iterator[bytes]:
    """Yield lines with one fixed time in place of every time of this run.

    Legacy versions insert the current time, in any time zone.

    :param since: the beginning of the run, in seconds since 1970.
    :param until: the end of the run, in seconds since 1970.
    """
    begin, end = (datetime.fromtimestamp(moment, timezone.utc) for moment in (since, until))

    def fixed(found: re.Match[bytes]) -> bytes:
        text = (found[1] or found[3]).decode()
        fraction = found[2] or found[4] or b""
        try:
            replacement = _fixed_time(text, begin, end)
        except ValueError:
            replacement = None
        if replacement is None:
            return found[0]
        # A fraction without its final zeros has any length.
        return replacement.encode() + (fraction and b".000000")

    for line in lines:
        yield _MOMENT.sub(fixed, line)


def _fixed_time(text: str, begin: datetime, end: datetime) -> str | None:
    """Return the fixed time in the format of a time between the two; None for any other time.

    :raises ValueError: the text is not a time.
    """
    second = timedelta(seconds=1)
    if text.isdigit():
        moment = datetime.fromtimestamp(int(text), timezone.utc)
        now = begin - second <= moment <= end + second
        return str(int(_FIXED.timestamp())) if now else None
    moment = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    if len(text) == len("2002-02-03"):
        now = begin - _ZONES - timedelta(days=1) < moment < end + _ZONES
        return _FIXED.strftime("%Y-%m-%d") if now else None
    zone = timedelta(seconds=round((moment - begin).total_seconds() / _QUARTER) * _QUARTER)
    now = abs(zone) <= _ZONES and begin - second <= moment - zone <= end + second
    return _FIXED.strftime(f"%Y-%m-%d{text[10]}%H:%M:%S") if now else None
