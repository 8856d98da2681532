"""Generates old databases: runs legacy versions on a scratch database, with rows put in between."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.database.servers import family
from bridge.legacy.scratch_upgrade import ScratchStart, ScratchUpgrade
from bridge.model.errors import BridgeError, ConfigError, LegacyError, LegacyPreflightError
from bridge.model.results import standing
from bridge.snapshots.files import list_snapshots
from bridge.upgrade.detect import detect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.database.scratch import Scratch
    from bridge.model.progress import Progress
    from bridge.project import Project


@dataclass(frozen=True)
class Filling:
    """The rows that a generated database has.

    :param rows: how many each table has at least.
    :param plain: ordinary rows only, no edge values.
    """

    rows: int = 5
    plain: bool = False


def with_required(project: Project, at: Mapping[str, int]) -> dict[str, int]:
    """Return these versions, with those of other repositories that they require.

    :raises ConfigError: there are no such versions, or no upgrade comes by them together.
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
                help="See: bridge status",
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
                        f"No upgrade comes by {name} {version} and {other} {at[other]}: "
                        f"{name} {number} requires {other} {needed}.",
                        help=f"Give a later one: --at {other}={needed}",
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
    """Makes old databases.

    :param folder: with snapshots: where the first version needs tables that no version makes, the
        oldest of them is the start.
    """

    def __init__(self, project: Project, place: Scratch, folder: Path, progress: Progress) -> None:
        self._project, self._place = project, place
        self._folder, self._progress = folder, progress

    def generate(self, at: Mapping[str, int], filling: Filling) -> Engine:
        """Make a database at these versions, filled on the way as far as its versions let us.

        :param at: a version of each repository that is in it.
        :raises LegacyError: a version fails.
        """
        # What stops at edge values may run over ordinary rows; else over the scripts' own alone.
        fillings = ["plain", "none"] if filling.plain else ["edge", "plain", "none"]
        begin: ScratchStart | None = None
        repositories = {name: self._project.repositories[name] for name in at}
        while True:
            upgrade = ScratchUpgrade(self._project, self._place, at, begin, self._progress)
            try:
                with upgrade:
                    self._upgrade(upgrade, filling, fillings[0])
                return upgrade.engine
            except LegacyPreflightError:
                raise
            except LegacyError as error:
                told = " ".join(" ".join(error.message.splitlines()[:2]).split())
                if all(upgrade.versions[n] < r.first for n, r in repositories.items()):
                    begin = self._beginning(at)
                    if begin is None:
                        error.help = (
                            "Fix the error above. If the first version needs tables that are "
                            "there already, take in an old database to begin with: "
                            "bridge snapshot import FILE"
                        )
                        raise
                    self._progress.notify(
                        f"It begins with an old database: {standing(begin[1].versions)}."
                    )
                elif len(fillings) == 1:
                    raise
                else:
                    del fillings[0]
                    others = "ordinary rows" if fillings[0] == "plain" else "no generated rows"
                    self._progress.notify(f"{told}\nOnce more, with {others} on the way.")
                    if begin is not None:
                        begin = self._beginning(at)
                self._place.drop(upgrade.engine)

    def _upgrade(self, upgrade: ScratchUpgrade, filling: Filling, between: str) -> None:
        """Run all versions, with rows that have seen many of them, and others few.

        :param between: the rows that come between versions: edge, plain or none.
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

    def _beginning(self, at: Mapping[str, int]) -> ScratchStart | None:
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
