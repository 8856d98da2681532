"""Generated old databases: legacy versions run on a scratch database, and rows between them."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.database.servers import family
from bridge.legacy.scratch_upgrade import ScratchStart, ScratchUpgrade
from bridge.model.errors import BridgeError, ConfigError, LegacyError, LegacyPreflightError
from bridge.model.remedy import Remedy
from bridge.model.snapshots import standing
from bridge.snapshots.files import list_snapshots
from bridge.upgrade.detect import detect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.database.scratch import Scratch
    from bridge.model.progress import Progress
    from bridge.project import Project


_FIRST_VERSION_FAILS = (
    Remedy("Fix the error above."),
    Remedy(
        "If the first version needs tables that no version creates, import an old database to "
        "start from",
        ("snapshot", "import", "FILE"),
    ),
)


@dataclass(frozen=True)
class Filling:
    """The rows of a generated database.

    :param rows: the least number of rows in each table.
    :param plain: ordinary rows only, no edge values.
    """

    rows: int = 5
    plain: bool = False


def with_required(project: Project, at: Mapping[str, int]) -> dict[str, int]:
    """Return these versions, with those of other repositories that they require.

    :raises ConfigError: there are no such versions, or no upgrade reaches them together.
    """
    found: dict[str, int] = {}
    wanted = dict(at)
    while wanted:
        name, version = wanted.popitem()
        repository = project.repositories.get(name)
        if repository is None:
            names = ", ".join(project.repositories) or "none"
            raise ConfigError(
                f"There is no legacy repository {name}; there are: {names}.",
                help=Remedy("See", ("status",)),
            )
        if version not in repository.versions:
            raise ConfigError(
                f"{name} has no version {version}; it has {repository.first} to {repository.last}.",
                help=f"Give one of these: --at {name}=VERSION",
            )
        found[name] = max(version, found.get(name, version))
        for number, others in repository.requires.items():
            for other, needed in others.items() if number <= version else ():
                if other in at and at[other] < needed:
                    raise ConfigError(
                        f"No upgrade reaches {name} {version} and {other} {at[other]} together: "
                        f"{name} {number} requires {other} {needed}.",
                        help=f"Give a later version: --at {other}={needed}",
                    )
                if other not in at and needed > max(found.get(other, 0), wanted.get(other, 0)):
                    wanted[other] = needed
    own = {n for n, r in project.repositories.items() if r.module is None}
    if own and not own & {*found}:
        raise ConfigError(
            f"{' and '.join(found)} is a module's history, and the app's own is not named.",
            help=f"Name it too: --at {min(own)}=VERSION",
        )
    return {name: found[name] for name in project.repositories if name in found}


class Generator:
    """A generator of old databases.

    :param folder: a folder with snapshots. Where the first version needs tables that no version
        creates, the oldest of them is the start.
    """

    def __init__(self, project: Project, place: Scratch, folder: Path, progress: Progress) -> None:
        self._project, self._place = project, place
        self._folder, self._progress = folder, progress

    def generate(self, at: Mapping[str, int], filling: Filling) -> Engine:
        """Create a database at these versions, with rows between them as far as they allow it.

        :param at: the version of each repository in it.
        :raises LegacyError: a version fails.
        """
        # A version that fails on edge values may run on ordinary rows, else on the scripts' own.
        fillings = ["plain", "none"] if filling.plain else ["edge", "plain", "none"]
        start: ScratchStart | None = None
        while True:
            upgrade = ScratchUpgrade(self._project, self._place, at, start, self._progress)
            try:
                with upgrade:
                    self._upgrade(upgrade, filling, fillings[0])
            except LegacyPreflightError:
                raise
            except LegacyError as error:
                if self._is_at_the_beginning(upgrade):
                    start = self._oldest_snapshot(at)
                    if start is None:
                        error.remedies = _FIRST_VERSION_FAILS
                        raise
                    versions = standing(start[1].versions)
                    self._progress.notify(f"Starting from an old database: {versions}.")
                elif len(fillings) == 1:
                    raise
                else:
                    del fillings[0]
                    self._notify_of_another_try(error, fillings[0])
                    start = None if start is None else self._oldest_snapshot(at)
                self._place.drop(upgrade.engine)
            else:
                return upgrade.engine

    def _is_at_the_beginning(self, upgrade: ScratchUpgrade) -> bool:
        """Return whether no version has been run."""
        repositories = self._project.repositories
        return all(version < repositories[n].first for n, version in upgrade.versions.items())

    def _notify_of_another_try(self, error: LegacyError, between: str) -> None:
        text = " ".join(" ".join(error.message.splitlines()[:2]).split())
        rows = "ordinary rows" if between == "plain" else "no generated rows"
        self._progress.notify(f"{text}\nTrying again, with {rows} between the versions.")

    def _upgrade(self, upgrade: ScratchUpgrade, filling: Filling, between: str) -> None:
        """Run all versions; some rows go through many of them, others through few.

        :param between: the rows that are inserted between versions: edge, plain or none.
        """
        total = len(upgrade.left)
        while upgrade.left:
            step = upgrade.left[0]
            upgrade.run(step)
            done = total - len(upgrade.left)
            if between != "none":
                upgrade.fill(
                    math.ceil(filling.rows * done / total), str(step), plain=between == "plain"
                )
        last = upgrade.fill(filling.rows, "at the end", plain=filling.plain)
        for table, why in last.refused.items():
            self._progress.notify(f"The table {table} has fewer rows: {why}")

    def _oldest_snapshot(self, at: Mapping[str, int]) -> ScratchStart | None:
        """Load the oldest snapshot from which these versions can be reached, if there is one."""
        found: list[tuple[tuple[int, ...], Path]] = []
        for snapshot in list_snapshots(self._folder):
            if snapshot.kind != family(self._place.name):
                continue
            versions = snapshot.versions
            if versions is None:
                with suppress(BridgeError):
                    versions = self._versions_in(snapshot.path)
            if (
                versions
                and {*versions} == {*at}
                and all(self._project.repositories[n].first <= versions[n] <= at[n] for n in at)
            ):
                found.append((tuple(versions[n] for n in at), snapshot.path))
        if not found:
            return None
        engine = self._place.load(min(found)[1])
        return engine, detect(self._project, engine)

    def _versions_in(self, path: Path) -> dict[str, int]:
        engine = self._place.load(path)
        try:
            return detect(self._project, engine).versions
        finally:
            self._place.drop(engine)
