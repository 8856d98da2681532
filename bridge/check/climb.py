"""Climbs a legacy history once, with rows that are put in at every version on the way.

A version whose plan is the step that the climb has run, followed by the plan of the next version,
needs no run of its own: what it would run is what was run, over its rows too. Any other one is
copied and run to the heads by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sqlalchemy.engine import Engine

from bridge.check.cases import Versions, start_name
from bridge.check.counts import Counts, Loss, count, losses
from bridge.check.findings import differing, failed, lost
from bridge.check.run import schema_of
from bridge.database.engine import connect
from bridge.database.schema import Schema
from bridge.database.scratch import Scratch
from bridge.database.seeding.fill import seed
from bridge.legacy.scratch_upgrade import ScratchStart, ScratchUpgrade
from bridge.model.checks import Finding
from bridge.model.errors import BridgeError
from bridge.model.progress import Progress
from bridge.model.steps import RunLegacy, Step
from bridge.project import Project
from bridge.upgrade.detect import detect
from bridge.upgrade.run import plan_upgrade

ROWS = 3
"""How many rows a new table gets; one more each time that a version changes it."""


@dataclass
class Checkpoint:
    """A place in the climb.

    `own` is what was found there, `after` what the next `step` did, `tail` what a run from here to
    the heads found, where there was one.
    """

    versions: Versions
    plan: tuple[Step, ...] = ()
    seconds: float = 0.0
    own: list[Finding] = field(default_factory=list)
    after: list[Finding] = field(default_factory=list)
    step: RunLegacy | None = None
    tail: tuple[Finding, ...] | None = None


@dataclass
class PathResult:
    """What came of a climb: the places, the step at which it ended, its seconds."""

    rungs: list[Checkpoint] = field(default_factory=list)
    error: tuple[RunLegacy, BridgeError] | None = None
    seconds: float = 0.0
    has_rows: bool = False

    def unlike(self) -> set[int]:
        """The places whose plan is not the step that follows and the plan behind that."""
        return {
            number
            for number, (rung, after) in enumerate(pairwise(self.rungs))
            if rung.tail is None and not rung.own and rung.plan[1:] != after.plan
        }

    def findings(self, number: int) -> Iterator[Finding]:
        """What was found on the way from a place to the heads."""
        yield from self.rungs[number].own
        for rung in self.rungs[number:]:
            if rung.tail is not None:
                yield from rung.tail
                return
            yield from rung.after


class Rows:
    """Puts rows into a database between the steps of a run, and counts what they become.

    :param kind: ``edge`` with extreme values too, ``plain`` without these, ``none``.
    """

    def __init__(self, project: Project, engine: Engine, kind: Callable[[], str]) -> None:
        self._project, self._engine, self._kind = project, engine, kind
        self.schema: Schema = {"tables": {}}
        self.census: Counts = {}

    def begin(self) -> None:
        """Read schema and rows, and put nothing in."""
        self.schema = schema_of(self._project, self._engine)
        with connect(self._engine) as connection, connection.begin():
            self.census = count(connection, self.schema["tables"])

    def look(self) -> Iterator[Loss]:
        """Read schema and rows anew: what was lost since the last time; then put more in."""
        before, seen = self.census, self.schema
        self.schema = schema_of(self._project, self._engine)
        tables = self.schema["tables"]
        with connect(self._engine) as connection, connection.begin():
            self.census = count(connection, tables)
        found = list(losses(before, self.census))
        kind = self._kind()
        new = {n for n, table in tables.items() if table != seen["tables"].get(n)}
        if new and kind != "none":
            rows = max(ROWS, 1 + max(self.census[name][""] for name in new))
            variant = f"{len(before)} {sorted(new)}"
            with connect(self._engine) as connection:
                seed(connection, lambda _all: new, rows, variant, plain=kind == "plain")
            with connect(self._engine) as connection, connection.begin():
                filled = count(connection, {name: tables[name] for name in new})
            self.census = {**self.census, **filled}
        yield from found


class Climber:
    """Climbs on one kind of database.

    :param snapshots: the files with old databases of this kind.
    :param to_heads: runs what is left of a plan on an engine, and tells what it finds.
    :param progress: is told what takes long.

    `schemas` has what each version of each repository leaves, `changed` the tables that it made or
    changed.
    """

    def __init__(
        self,
        project: Project,
        place: Scratch,
        snapshots: Sequence[Path],
        to_heads: Callable[[Engine, Sequence[Step], str], Iterator[Finding]],
        progress: Progress,
    ) -> None:
        self._project, self._place, self._snapshots = project, place, snapshots
        self._to_heads, self._progress = to_heads, progress
        self.schemas: dict[tuple[str, int], Schema] = {}
        self.changed: dict[tuple[str, int], set[str]] = {}
        # Up to which place of the climb rows are ordinary ones, or none are put in.
        self._plain, self._none = 0, 0
        self._stumbles: dict[int, Finding] = {}
        self._by_themselves: set[int] = set()

    def climbs(self) -> Iterator[PathResult]:
        """From nothing; and behind a version that does not run, from an old database."""
        beginning: ScratchStart | None = None
        while True:
            self._plain = self._none = 0
            self._stumbles, self._by_themselves = {}, set()
            climb = self._climb_as_far_as_it_goes(beginning)
            yield climb
            if climb.error is None:
                return
            beginning = self._behind(climb.error[0])
            if beginning is None:
                return

    def _behind(self, failed: RunLegacy) -> ScratchStart | None:
        """The oldest of the saved databases in which a version has run."""
        found: list[tuple[list[int], ScratchStart]] = []
        for path in self._snapshots:
            with suppress(BridgeError):
                engine = self._place.load(path)
                state = detect(self._project, engine)
                versions = [s.version for s in state.legacy.values() if s.version is not None]
                reached = state.legacy[failed.repository].version or 0
                if reached >= failed.version and not state.current:
                    found.append((sorted(versions), (engine, state)))
        return min(found, key=lambda one: one[0])[1] if found else None

    def _climb_as_far_as_it_goes(self, beginning: ScratchStart | None) -> PathResult:
        """Again with other rows where a version stumbles over them."""
        while True:
            climb = self._climb(beginning)
            kind = self._rows_at(len(climb.rungs) - 1)
            if climb.error is not None and climb.has_rows and kind != "none":
                if kind == "edge":
                    self._plain = len(climb.rungs)
                else:
                    self._none = len(climb.rungs)
                step, error = climb.error
                self._stumbles[len(climb.rungs) - 1] = self._stumble(step, error, kind)
                continue
            again = climb.unlike() - self._by_themselves
            if not again:
                return climb
            self._by_themselves |= again

    def _stumble(self, step: RunLegacy, error: BridgeError, kind: str) -> Finding:
        if kind == "edge":
            said = f"{step} fails on rows with extreme values, and runs with ordinary ones"
            return Finding(f"edge {step}", f"{said}: {error.message}", accepted=True)
        return Finding(f"failed {step}", f"{step} fails where there are rows: {error.message}")

    def _rows_at(self, number: int) -> str:
        return "none" if number < self._none else "plain" if number < self._plain else "edge"

    def _climb(self, beginning: ScratchStart | None) -> PathResult:
        """Once from the first version to the last, and on to the heads."""
        climb = PathResult()
        project = self._project
        last = {n: r.last for n, r in project.repositories.items() if project.config.enabled(n)}
        if beginning is not None:
            engine, state = beginning
            last = {n: v for n, v in last.items() if state.legacy[n].version is not None}
            beginning = self._place.copy(engine), state
        with ScratchUpgrade(project, self._place, last, beginning, self._progress) as upgrade:
            rows = Rows(project, upgrade.engine, lambda: self._rows_at(len(climb.rungs)))
            while True:
                self._arrive(climb, upgrade, rows)
                if not upgrade.left:
                    break
                step, begun = upgrade.left[0], time.monotonic()
                try:
                    upgrade.run(step)
                except BridgeError as error:
                    climb.error = step, error
                    climb.rungs[-1].after.append(failed(str(step), error))
                    break
                climb.seconds += time.monotonic() - begun
                climb.rungs[-1].step = step
                with suppress(KeyError):
                    climb.rungs[-1].after.append(self._stumbles[len(climb.rungs) - 1])
            self._place.drop(upgrade.engine)
        return climb

    def _arrive(self, climb: PathResult, upgrade: ScratchUpgrade, rows: Rows) -> None:
        """At a version: what the step to it has done, and what the plan is from here."""
        begun, before = time.monotonic(), rows.schema["tables"]
        gone = list(rows.look())
        tables = rows.schema["tables"]
        climb.has_rows = any(counts[""] for counts in rows.census.values())
        step = climb.rungs[-1].step if climb.rungs else None
        if step is not None:
            climb.rungs[-1].after += [lost(loss, step) for loss in gone]
            place = (step.repository, step.version)
            self.changed[place] = {
                name for name in {*before, *tables} if before.get(name) != tables.get(name)
            }
        for name, version in upgrade.versions.items():
            self.schemas.setdefault((name, version), rows.schema)
        rung = Checkpoint(dict(upgrade.versions))
        climb.rungs.append(rung)
        try:
            state = detect(self._project, upgrade.engine)
            rung.plan = plan_upgrade(self._project, state).steps
        except BridgeError as error:
            rung.own.append(Finding(f"refused {start_name(rung.versions)}", error.message))
            return
        finally:
            rung.seconds = time.monotonic() - begun
        for name, legacy in state.legacy.items():
            rung.own += differing(
                f"frozen {name} {legacy.version}",
                f"The schema after {name} {legacy.version} is not the frozen one",
                f"See: bridge freeze --check, and bridge freeze --update {name}",
                [d for d in legacy.drift or () if not d.own],
            )
        number = len(climb.rungs) - 1
        if number in self._by_themselves or not _goes_on(rung.plan, upgrade.left):
            begun = time.monotonic()
            kind = "plain" if self._plain or not rung.plan else "edge"
            rung.tail = tuple(self._to_heads(upgrade.copy(), rung.plan, kind))
            rung.seconds += time.monotonic() - begun
            climb.seconds += 0 if upgrade.left else time.monotonic() - begun


def _goes_on(plan: Sequence[Step], left: Sequence[RunLegacy]) -> bool:
    """Whether a plan begins with the step that the climb takes next."""
    return bool(plan and left) and plan[0] == left[0]
