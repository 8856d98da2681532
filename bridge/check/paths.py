"""The paths from all legacy versions to the heads, in one run where that is enough.

Rows are put in at every version on the way. A version whose plan is the step that was run next,
followed by the plan of the next version, needs no run of its own: what it would run is what was
run, over its rows too. Any other one is copied and run to the heads by itself.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from bridge.check.cases import Versions, start_name
from bridge.check.findings import differing, failed, lost
from bridge.check.rows import Filling, Rows
from bridge.legacy.scratch_upgrade import ScratchStart, ScratchUpgrade
from bridge.model.checks import Finding
from bridge.model.errors import BridgeError
from bridge.model.remedy import Remedy
from bridge.upgrade.detect import detect
from bridge.upgrade.run import plan_upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bridge.check.heads import Heads
    from bridge.database.schema import Schema
    from bridge.database.scratch import Scratch
    from bridge.model.progress import Progress
    from bridge.model.steps import RunLegacy, Step
    from bridge.project import Project


@dataclass
class Checkpoint:
    """A place on the way up a history.

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
    """What came of a run up a history: the places, the step at which it ended, its seconds."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    error: tuple[RunLegacy, BridgeError] | None = None
    seconds: float = 0.0
    has_rows: bool = False

    def unlike(self) -> set[int]:
        """Return the places whose plan is more than the next step and the plan after it."""
        return {
            number
            for number, (checkpoint, after) in enumerate(pairwise(self.checkpoints))
            if checkpoint.tail is None and not checkpoint.own and checkpoint.plan[1:] != after.plan
        }

    def findings(self, number: int) -> Iterator[Finding]:
        """Return what was found on the way from a place to the heads."""
        yield from self.checkpoints[number].own
        for checkpoint in self.checkpoints[number:]:
            if checkpoint.tail is not None:
                yield from checkpoint.tail
                return
            yield from checkpoint.after


class PathRunner:
    """Runs legacy histories up to their ends, on one kind of database, and on to the heads.

    :param snapshots: the files with old databases of this kind.
    :param progress: is notified what takes long.

    `schemas` has what each version of each repository leaves, `changed` the tables that it made or
    changed.
    """

    def __init__(
        self,
        project: Project,
        place: Scratch,
        snapshots: Sequence[Path],
        heads: Heads,
        progress: Progress,
    ) -> None:
        self._project, self._place, self._snapshots = project, place, snapshots
        self._heads, self._progress = heads, progress
        self.schemas: dict[tuple[str, int], Schema] = {}
        self.changed: dict[tuple[str, int], set[str]] = {}
        # Up to which place on the way rows are ordinary ones, or none are put in.
        self._plain, self._none = 0, 0
        self._stumbles: dict[int, Finding] = {}
        self._by_themselves: set[int] = set()

    def results(self) -> Iterator[PathResult]:
        """Run from an empty database, and after a version that fails, from an old one."""
        beginning: ScratchStart | None = None
        while True:
            self._plain = self._none = 0
            self._stumbles, self._by_themselves = {}, set()
            result = self._run_as_far_as_it_goes(beginning)
            yield result
            if result.error is None:
                return
            beginning = self._behind(result.error[0])
            if beginning is None:
                return

    def _behind(self, failed: RunLegacy) -> ScratchStart | None:
        """Return the oldest of the snapshots in which a version has run."""
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

    def _run_as_far_as_it_goes(self, beginning: ScratchStart | None) -> PathResult:
        """Run again with other rows where a version fails on them."""
        while True:
            result = self._run(beginning)
            kind = self._filling_at(len(result.checkpoints) - 1)
            if result.error is not None and result.has_rows and kind != "none":
                if kind == "edge":
                    self._plain = len(result.checkpoints)
                else:
                    self._none = len(result.checkpoints)
                step, error = result.error
                self._stumbles[len(result.checkpoints) - 1] = self._stumble(step, error, kind)
                continue
            again = result.unlike() - self._by_themselves
            if not again:
                return result
            self._by_themselves |= again

    def _stumble(self, step: RunLegacy, error: BridgeError, kind: str) -> Finding:
        if kind == "edge":
            said = f"{step} fails on rows with extreme values, and runs with ordinary ones"
            return Finding(f"edge {step}", f"{said}: {error.message}", accepted=True)
        return Finding(f"failed {step}", f"{step} fails where there are rows: {error.message}")

    def _filling_at(self, number: int) -> Filling:
        return "none" if number < self._none else "plain" if number < self._plain else "edge"

    def _run(self, beginning: ScratchStart | None) -> PathResult:
        """Run from the first version to the last, and on to the heads."""
        result = PathResult()
        project = self._project
        last = {n: r.last for n, r in project.repositories.items() if project.config.enabled(n)}
        if beginning is not None:
            engine, state = beginning
            last = {n: v for n, v in last.items() if state.legacy[n].version is not None}
            beginning = self._place.copy(engine), state
        with ScratchUpgrade(project, self._place, last, beginning, self._progress) as upgrade:
            rows = Rows(project, upgrade.engine)
            while True:
                self._arrive(result, upgrade, rows)
                if not upgrade.left:
                    break
                step, begun = upgrade.left[0], time.monotonic()
                try:
                    upgrade.run(step)
                except BridgeError as error:
                    result.error = step, error
                    result.checkpoints[-1].after.append(failed(str(step), error))
                    break
                result.seconds += time.monotonic() - begun
                result.checkpoints[-1].step = step
                with suppress(KeyError):
                    result.checkpoints[-1].after.append(self._stumbles[len(result.checkpoints) - 1])
            self._place.drop(upgrade.engine)
        return result

    def _arrive(self, result: PathResult, upgrade: ScratchUpgrade, rows: Rows) -> None:
        """Note what the step to a version has done, and the plan from here."""
        begun, before = time.monotonic(), rows.schema["tables"]
        gone = list(rows.look(self._filling_at(len(result.checkpoints))))
        tables = rows.schema["tables"]
        result.has_rows = any(counts[""] for counts in rows.counts.values())
        step = result.checkpoints[-1].step if result.checkpoints else None
        if step is not None:
            result.checkpoints[-1].after += [lost(loss, step) for loss in gone]
            place = (step.repository, step.version)
            self.changed[place] = {
                name for name in {*before, *tables} if before.get(name) != tables.get(name)
            }
        for name, version in upgrade.versions.items():
            self.schemas.setdefault((name, version), rows.schema)
        checkpoint = Checkpoint(dict(upgrade.versions))
        result.checkpoints.append(checkpoint)
        try:
            state = detect(self._project, upgrade.engine)
            checkpoint.plan = plan_upgrade(self._project, state).steps
        except BridgeError as error:
            checkpoint.own.append(
                Finding(f"refused {start_name(checkpoint.versions)}", error.message)
            )
            return
        finally:
            checkpoint.seconds = time.monotonic() - begun
        for name, legacy in state.legacy.items():
            checkpoint.own += differing(
                f"frozen {name} {legacy.version}",
                f"The schema after {name} {legacy.version} is not the frozen one",
                (
                    Remedy("See what has changed", ("freeze", "--check")),
                    Remedy("If it is meant", ("freeze", "--update", name)),
                ),
                [d for d in legacy.drift or () if not d.own],
            )
        number = len(result.checkpoints) - 1
        if number in self._by_themselves or not _goes_on(checkpoint.plan, upgrade.left):
            begun = time.monotonic()
            filling: Filling = "plain" if self._plain or not checkpoint.plan else "edge"
            checkpoint.tail = tuple(self._heads.reach(upgrade.copy(), filling))
            checkpoint.seconds += time.monotonic() - begun
            result.seconds += 0 if upgrade.left else time.monotonic() - begun


def _goes_on(plan: Sequence[Step], left: Sequence[RunLegacy]) -> bool:
    """Whether a plan begins with the step that is run next."""
    return bool(plan and left) and plan[0] == left[0]
