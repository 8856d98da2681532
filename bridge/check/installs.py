"""Old installs for an app's own tests: each is created once, and copied when needed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bridge.database.scratch import Scratch, scratch
from bridge.database.url import parse_url
from bridge.model.errors import ConfigError
from bridge.model.progress import Progress
from bridge.model.remedy import Remedy
from bridge.snapshots.generate import Filling, Generator, with_required
from bridge.upgrade.run import RunOptions, dbupdate

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy.engine import URL, Engine
    from typing_extensions import Self

    from bridge.project import Project

Start = str | Sequence[str] | None
"""Where an install stands: legacy versions as ``core=7``, a saved database's name, None for new."""


class OldInstalls:
    """The old installs of a test run; a context manager, which drops them at the end."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._places: dict[URL | None, Scratch] = {}
        self._made: dict[tuple[URL | None, tuple[str, ...], int], Engine] = {}
        self._of: dict[Engine, Scratch] = {}

    def __enter__(self) -> Self:
        self._stack = ExitStack().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def make(self, at: Start, rows: int, url: URL | str | None) -> Engine:
        """Create a copy of an old install.

        :param rows: how many rows each table has at least; those of a saved database are its own.
        :param url: a server on which databases may be made and dropped; None for SQLite.
        :raises ConfigError: there are no such versions, and no such saved database.
        :raises LegacyError: a version fails.
        """
        where = None if url is None else parse_url(url)
        if where not in self._places:
            self._places[where] = self._stack.enter_context(scratch(where))
        place = self._places[where]
        starts = (at,) if isinstance(at, str) else tuple(at or ())
        key = (where, starts, rows)
        if key not in self._made:
            self._made[key] = self._first(place, starts, rows)
        engine = place.copy(self._made[key])
        self._of[engine] = place
        return engine

    def drop(self, engine: Engine) -> None:
        """Drop an install."""
        self._of.pop(engine).drop(engine)

    def _first(self, place: Scratch, starts: Sequence[str], rows: int) -> Engine:
        if not starts:
            engine = place.create()
            dbupdate(self._project, engine, RunOptions(backup=False))
            return engine
        if len(starts) == 1 and "=" not in starts[0]:
            folder = self._project.config.snapshots
            path = folder / starts[0]
            if not path.is_file():
                raise ConfigError(
                    f"There is no saved database {starts[0]} in {folder}.",
                    help=Remedy("See", ("snapshot", "list")),
                )
            return place.load(path)
        versions: dict[str, int] = {}
        for start in starts:
            name, equals, number = start.partition("=")
            if not equals or not (number.isascii() and number.isdigit()):
                raise ConfigError(f"{start} is not NAME=VERSION.", help="Such as: core=12")
            versions[name] = int(number)
        folder, at = self._project.config.snapshots, with_required(self._project, versions)
        return Generator(self._project, place, folder, Progress()).generate(at, Filling(rows))
