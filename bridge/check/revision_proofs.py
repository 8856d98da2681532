"""The proofs of revisions: that each runs, and can be undone and applied again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.check.cases import components
from bridge.check.findings import dangling, differing, failed
from bridge.check.run import run, schema_of
from bridge.database.schema.compare import compare
from bridge.model.checks import Finding
from bridge.model.errors import BridgeError
from bridge.model.names import CORE
from bridge.model.progress import Progress
from bridge.model.remedy import Remedy
from bridge.model.steps import Downgrade, Plan, Step, Upgrade
from bridge.upgrade.detect import detect
from bridge.upgrade.verify import recorded_schemas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

    from bridge.check.proofs import Proofs
    from bridge.database.schema import Schema
    from bridge.database.scratch import Scratch
    from bridge.project import Project

Revision = Upgrade | Downgrade
"""A step of one revision."""


class RevisionProofs:
    """Runs the revisions of every branch on one kind of database, without legacy versions.

    `schemas` has the schema after each revision of a new install, by those that are effective.
    """

    def __init__(self, project: Project, place: Scratch, proofs: Proofs) -> None:
        self.project, self.place, self._proofs = project, place, proofs
        self.schemas: dict[tuple[str, ...], Schema] = {}
        # The schema of a fresh database by the revisions that have run in it.
        self._by_applied: dict[frozenset[str], Schema] = {frozenset(): {"tables": {}}}

    def prove(self) -> None:
        """Prove each revision, and that each branch has all that it needs."""
        graph = self.project.graph
        order = [Upgrade(r.id, r.branch) for r in graph.pending((), graph.targets())]
        if not order:
            return
        engine = self.place.create()
        begun = time.monotonic()
        applied = _Applied(self, engine, order)
        notes = {}
        error = applied.run()
        if error is not None:
            fails, reached = applied.stopped_at, {step.revision for step in applied.steps}
            applied.found[fails].append(failed(f"revision {fails}", error))
            for step in order:
                what = "Whether it can be undone" if step.revision in reached else step.revision
                notes[step] = _untried(f"behind {fails}", what, f"{fails} does not run")
        else:
            undone = _undo(applied)
            _apply_again(applied, undone)
            kept = [step for step in order if step not in undone]
            if kept:
                stuck, what = kept[-1].revision, "Whether it can be undone"
                notes = dict.fromkeys(kept, _untried(f"below {stuck}", what, f"{stuck} cannot be"))
        seconds = (time.monotonic() - begun) / len(order)
        for step in order:
            found = applied.found[step.revision]
            if step in notes and not found:
                found.append(notes[step])
            self._proofs.report("revision", f"revision {step.revision}", seconds, found)
        self.place.drop(engine)
        for component in components(self.project):
            if component != CORE:
                self._prove_alone(component)

    def _prove_alone(self, module: str) -> None:
        """Prove one branch alone, with only the revisions that it depends on."""
        graph, where = self.project.graph, f"branch {module} alone"
        with self._proofs.proof("revision", where) as found:
            engine = self.place.create()
            try:
                self._upgrade(engine, graph.heads_of(module))
            except BridgeError as error:
                found.append(failed(where, error))
            else:
                found += dangling(where, schema_of(self.project, engine))
            help = f"Let the revision of {module} that needs more name it in depends_on."
            found[:] = [replace(finding, help=help) for finding in found]
            self.place.drop(engine)

    def _upgrade(self, engine: Engine, targets: Sequence[str]) -> None:
        revisions = self.project.graph.pending((), targets)
        steps = tuple(Upgrade(revision.id, revision.branch) for revision in revisions)
        run(self.project, engine, Plan(detect(self.project, engine), steps))

    # --- schemas --------------------------------------------------------------------------

    def keep(self, applied: frozenset[str], schema: Schema) -> None:
        """Keep the schema of a new install in which these revisions have run."""
        heads = self.project.graph.effective(applied)
        self._by_applied[applied] = self.schemas[heads] = schema

    def schema_with(self, applied: frozenset[str]) -> Schema:
        """Return the schema that was kept of these revisions."""
        return self._by_applied[applied]

    def made_by(self, revisions: Sequence[str]) -> Schema:
        """Return the schema that these revisions make, with all that they need.

        :raises BridgeError: one does not run.
        """
        applied = self.project.graph.ancestors(revisions)
        if applied not in self._by_applied:
            engine = self.place.create()
            self._upgrade(engine, revisions)
            self._by_applied[applied] = schema_of(self.project, engine)
            self.place.drop(engine)
        return self._by_applied[applied]


class _Pass(Progress):
    """One pass over revisions, with a look at the schema after each; `steps` are those done."""

    def __init__(self, proofs: RevisionProofs, engine: Engine, order: Sequence[Revision]) -> None:
        self.proofs, self.engine, self.order = proofs, engine, order
        self.steps: list[Revision] = []

    def run(self) -> BridgeError | None:
        """Run the steps; return the error of the one that fails."""
        project = self.proofs.project
        try:
            run(project, self.engine, Plan(detect(project, self.engine), tuple(self.order)), self)
        except BridgeError as error:
            return error
        return None

    def done(self, step: Step, seconds: float) -> None:
        assert isinstance(step, Upgrade | Downgrade)
        self.steps.append(step)
        self.look(step.revision, schema_of(self.proofs.project, self.engine))

    def look(self, revision: str, schema: Schema) -> None:
        """Look at the schema that a revision has left."""

    @property
    def stopped_at(self) -> str:
        """The revision at which the pass ended.

        An error behind the last of them is that one's.
        """
        return self.order[min(len(self.steps), len(self.order) - 1)].revision


class _Applied(_Pass):
    """The first pass: each is compared with what was recorded of it. `found` is by revisions."""

    def __init__(self, proofs: RevisionProofs, engine: Engine, order: Sequence[Revision]) -> None:
        super().__init__(proofs, engine, order)
        self.found: dict[str, list[Finding]] = {step.revision: [] for step in order}
        self._recorded = recorded_schemas(proofs.project, proofs.place.name)
        self._told: set[str] = set()

    def look(self, revision: str, schema: Schema) -> None:
        reached = frozenset(step.revision for step in self.steps)
        self.proofs.keep(reached, schema)
        heads = self.proofs.project.graph.effective(reached)
        differences = compare(self._recorded.get(heads, schema), schema)
        self.found[revision] += differing(
            f"recorded {revision}",
            f"{revision} makes something else than what was recorded of it",
            Remedy("If that is meant", ("check", "--record")),
            [one for one in differences if one.name not in self._told],
        )
        self._told.update(one.name for one in differences)


class _Undone(_Pass):
    """The second pass, from the last revision to the first."""

    def __init__(self, applied: _Applied) -> None:
        order = [Downgrade(step.revision, step.branch) for step in reversed(applied.order)]
        super().__init__(applied.proofs, applied.engine, order)
        self._applied = applied

    def look(self, revision: str, schema: Schema) -> None:
        rest = self._applied.order[: -len(self.steps)]
        before = self.proofs.schema_with(frozenset(step.revision for step in rest))
        self._applied.found[revision] += differing(
            f"downgrade {revision}",
            f"{revision} undone does not leave what was there before it",
            f"Fix the downgrade() of {revision}.",
            compare(before, schema),
        )


class _AppliedAgain(_Pass):
    """The third pass, over what was undone."""

    def __init__(self, applied: _Applied, undone: Sequence[Revision]) -> None:
        super().__init__(applied.proofs, applied.engine, undone)
        self._found = applied.found
        project = applied.proofs.project
        self._reached = project.graph.ancestors(detect(project, applied.engine).current)

    def look(self, revision: str, schema: Schema) -> None:
        reached = self._reached | {step.revision for step in self.steps}
        self._found[revision] += differing(
            f"upgrade {revision}",
            f"{revision} undone and applied again is not what it was",
            f"Fix upgrade() or downgrade() of {revision}.",
            compare(self.proofs.schema_with(reached), schema),
        )


def _undo(applied: _Applied) -> Sequence[Revision]:
    """Undo all, the last first; return those that could be, oldest first."""
    undone = _Undone(applied)
    error = undone.run()
    if error is not None:
        revision = undone.stopped_at
        own = "NotImplementedError" in error.message
        said = "says that it cannot be undone." if own else f"cannot be undone: {error.message}"
        help = "Fix its downgrade(), or let it raise NotImplementedError."
        name = f"downgrade {revision}"
        applied.found[revision].append(
            Finding(name, f"{revision} {said}", "" if own else help, accepted=own)
        )
    return applied.order[len(applied.order) - len(undone.steps) :]


def _apply_again(applied: _Applied, undone: Sequence[Revision]) -> None:
    again = _AppliedAgain(applied, undone)
    error = again.run()
    if error is not None:
        revision = again.stopped_at
        said = f"{revision} was undone, and cannot be applied again: {error.message}"
        help = f"Fix upgrade() or downgrade() of {revision}."
        applied.found[revision].append(Finding(f"upgrade {revision}", said, help))


def _untried(name: str, what: str, why: str) -> Finding:
    return Finding(f"unproved {name}", f"{what} was not tried, since {why}.", accepted=True)
