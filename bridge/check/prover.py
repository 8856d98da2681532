"""What is proved on one kind of database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy.engine import Engine

from bridge.check.cases import Versions, base_name, components, stamps, start_name
from bridge.check.climb import Climber, PathResult, Rows
from bridge.check.counts import Counts, count
from bridge.check.findings import dangling, differing, failed, lost, unproved
from bridge.check.run import run, schema_of
from bridge.database.engine import connect
from bridge.database.integrity import rows_that_point_nowhere
from bridge.database.schema import Schema
from bridge.database.schema.compare import compare, restrict_to
from bridge.database.scratch import Scratch
from bridge.model.checks import Finding, Kind, Proof, is_accepted
from bridge.model.errors import BridgeError, NotConfirmedError
from bridge.model.names import CORE
from bridge.model.progress import Progress
from bridge.model.steps import Downgrade, Plan, RunLegacy, Step, Upgrade
from bridge.project import Project
from bridge.upgrade.detect import detect
from bridge.upgrade.run import RunOptions, dbupdate, plan_upgrade
from bridge.upgrade.verify import recorded_schemas


class Prover:
    """Proves all that there is on one kind of database.

    :param name: of that kind, for people.
    :param snapshots: the files with old databases of this kind.
    :param progress: is told of each proof as it ends.

    `revisions` has the schema after each revision of a new install, by those that are effective.
    """

    def __init__(
        self,
        project: Project,
        place: Scratch,
        name: str,
        snapshots: Sequence[Path],
        progress: Progress,
    ) -> None:
        self._project, self._place, self._name = project, place, name
        self._progress, self._snapshots = progress, snapshots
        self._accept = project.config.check.accept
        self._fresh: Schema | None = None
        self.revisions: dict[tuple[str, ...], Schema] = {}
        # The schema of a fresh database by the revisions that have run in it.
        self._at: dict[frozenset[str], Schema] = {}
        self._climber = Climber(project, place, snapshots, self._to_heads, progress)

    # --- proofs ---------------------------------------------------------------------------

    @contextmanager
    def _proof(self, kind: Kind, name: str, steps: int | None = None) -> Iterator[list[Finding]]:
        found: list[Finding] = []
        begun = time.monotonic()
        try:
            yield found
        except BridgeError as error:
            found.append(failed(name, error))
        self._emit(kind, name, time.monotonic() - begun, found, steps)

    def _emit(
        self, kind: Kind, name: str, seconds: float, found: Sequence[Finding], steps: int | None
    ) -> None:
        findings = tuple(
            replace(f, accepted=f.accepted or is_accepted(f, self._accept, self._name))
            for f in dict.fromkeys(found)
        )
        self._progress.proved(Proof(self._name, kind, name, seconds, steps, findings))

    # --- new installs and revisions -------------------------------------------------------

    def fresh(self) -> None:
        """A new install, and that the next run finds nothing to do."""
        with self._proof("fresh", "from nothing") as found:
            engine = self._place.create()
            run(self._project, engine, plan_upgrade(self._project, detect(self._project, engine)))
            self._fresh = schema_of(self._project, engine)
            found += dangling("the heads", self._fresh)
            found += self._second_run(engine, self._fresh)
        if self._fresh is not None:
            self._models(engine)
            self._revisions()

    def _second_run(self, engine: Engine, schema: Schema) -> Iterator[Finding]:
        def refuse(_plan: Plan) -> bool:
            return False

        rows = _rows(engine, schema)
        try:
            dbupdate(self._project, engine, RunOptions(confirm=refuse, backup=False))
        except NotConfirmedError:
            steps = plan_upgrade(self._project, detect(self._project, engine)).steps
            yield Finding(
                "second-run",
                "A second run finds something to do where there should be nothing: "
                + ", ".join(map(str, steps)),
            )
        except BridgeError as error:
            yield Finding("second-run", f"A second run is refused: {error.message}", error.help)
        if schema_of(self._project, engine) != schema or _rows(engine, schema) != rows:
            yield Finding("second-run", "A second run changes the database.")

    def _models(self, engine: Engine) -> None:
        if not self._project.has_models:
            return
        with self._proof("models", "models") as found:
            with self._project.alembic_commands(engine, modules=True) as commands:
                other = commands.differences()
            if other:
                found.append(
                    Finding(
                        "models",
                        "The schema at the heads is not what the models are: " + ", ".join(other),
                        'Write a revision: bridge revision --branch BRANCH --autogenerate -m "..."',
                    )
                )

    def _revisions(self) -> None:
        """Each revision can be undone and applied again; each branch has all that it needs."""
        graph = self._project.graph
        order = [Upgrade(r.id, r.branch) for r in graph.pending((), graph.targets())]
        found: dict[str, list[Finding]] = {step.revision: [] for step in order}
        if not order:
            return
        engine = self._place.create()
        begun = time.monotonic()
        recorded = recorded_schemas(self._project, self._place.name)
        reached: set[str] = set()
        told: set[str] = set()

        def after(step: Step) -> None:
            assert isinstance(step, Upgrade)
            reached.add(step.revision)
            schema, heads = schema_of(self._project, engine), graph.effective(reached)
            self._at[frozenset(reached)] = self.revisions[heads] = schema
            differences = compare(recorded.get(heads, schema), schema)
            found[step.revision] += differing(
                f"recorded {step.revision}",
                f"{step.revision} makes something else than what was recorded of it",
                "If that is meant: bridge check --record",
                [one for one in differences if one.name not in told],
            )
            told.update(one.name for one in differences)

        notes = {}
        try:
            run(self._project, engine, Plan(detect(self._project, engine), tuple(order)), after)
        except BridgeError as error:
            fails = _stopped_at(order, len(reached))
            found[fails].append(failed(f"revision {fails}", error))
            for step in order:
                what = "Whether it can be undone" if step.revision in reached else step.revision
                notes[step] = _untried(f"behind {fails}", what, f"{fails} does not run")
        else:
            undone = self._undo(engine, order, found)
            self._redo(engine, undone, found)
            kept = [step for step in order if step not in undone]
            if kept:
                stuck, what = kept[-1].revision, "Whether it can be undone"
                notes = dict.fromkeys(kept, _untried(f"below {stuck}", what, f"{stuck} cannot be"))
        seconds = (time.monotonic() - begun) / max(1, len(order))
        for step in order:
            if step in notes and not found[step.revision]:
                found[step.revision].append(notes[step])
            self._emit("revision", f"revision {step.revision}", seconds, found[step.revision], None)
        self._place.drop(engine)
        for component in components(self._project):
            if component != CORE:
                self._alone(component)

    def _undo(
        self, engine: Engine, order: Sequence[Upgrade], found: dict[str, list[Finding]]
    ) -> list[Upgrade]:
        """Undo all, the last first; those that could be, oldest first."""
        undone: list[Upgrade] = []

        def after(step: Step) -> None:
            assert isinstance(step, Downgrade)
            undone.insert(0, order[-1 - len(undone)])
            rest = frozenset(one.revision for one in order[: -len(undone)])
            found[step.revision] += differing(
                f"downgrade {step.revision}",
                f"{step.revision} undone does not leave what was there before it",
                f"Mend the downgrade() of {step.revision}.",
                compare(self._at[rest], schema_of(self._project, engine)),
            )

        self._at[frozenset()] = {"tables": {}}
        steps = tuple(Downgrade(step.revision, step.branch) for step in reversed(order))
        try:
            run(self._project, engine, Plan(detect(self._project, engine), steps), after)
        except BridgeError as error:
            revision = _stopped_at(steps, len(undone))
            own = "NotImplementedError" in error.message
            said = "says that it cannot be undone." if own else f"cannot be undone: {error.message}"
            help = "Mend its downgrade(), or let it raise NotImplementedError."
            name = f"downgrade {revision}"
            found[revision].append(
                Finding(name, f"{revision} {said}", "" if own else help, accepted=own)
            )
        return undone

    def _redo(
        self, engine: Engine, undone: Sequence[Upgrade], found: dict[str, list[Finding]]
    ) -> None:
        reached = set(self._project.graph.ancestors(detect(self._project, engine).current))
        done: list[Upgrade] = []

        def after(step: Step) -> None:
            assert isinstance(step, Upgrade)
            done.append(step)
            reached.add(step.revision)
            found[step.revision] += differing(
                f"upgrade {step.revision}",
                f"{step.revision} undone and applied again is not what it was",
                f"Mend upgrade() or downgrade() of {step.revision}.",
                compare(self._at[frozenset(reached)], schema_of(self._project, engine)),
            )

        try:
            run(self._project, engine, Plan(detect(self._project, engine), tuple(undone)), after)
        except BridgeError as error:
            revision = _stopped_at(undone, len(done))
            said = f"{revision} was undone, and cannot be applied again: {error.message}"
            help = f"Mend upgrade() or downgrade() of {revision}."
            found[revision].append(Finding(f"upgrade {revision}", said, help))

    def _alone(self, module: str) -> None:
        """A branch by itself: with the revisions that it says it needs, and no others."""
        graph = self._project.graph
        with self._proof("revision", f"branch {module} alone") as found:
            engine = self._place.create()
            steps = graph.pending((), graph.heads_of(module))
            plan = Plan(
                detect(self._project, engine), tuple(Upgrade(r.id, r.branch) for r in steps)
            )
            where = f"branch {module} alone"
            try:
                run(self._project, engine, plan)
            except BridgeError as error:
                found.append(failed(where, error))
            else:
                found += dangling(where, schema_of(self._project, engine))
            help = f"Let the revision of {module} that needs more name it in depends_on."
            found[:] = [replace(finding, help=help) for finding in found]
            self._place.drop(engine)

    # --- the hand-over --------------------------------------------------------------------

    def bases(self) -> None:
        """What is stamped makes what the legacy version is."""
        for name, version, revisions in stamps(self._project):
            with self._proof("base", base_name(name, version, revisions)) as found:
                legacy = self._climber.schemas.get((name, version))
                if legacy is None:
                    found.append(unproved(f"{name} {version}", "the climb did not get there"))
                    continue
                own = self._own_tables(name, version)
                expected = {
                    **legacy,
                    "tables": {n: t for n, t in legacy["tables"].items() if n in own},
                }
                found += differing(
                    f"base {name} {version}",
                    f"{', '.join(revisions)} does not make what {name} {version} is",
                    f"Mend upgrade() of {', '.join(revisions)}, or the stamp map: a database "
                    "that is stamped with it has what the legacy version has.",
                    compare(expected, restrict_to(expected, self._made_by(revisions))),
                )

    def _made_by(self, revisions: Sequence[str]) -> Schema:
        graph = self._project.graph
        applied = graph.ancestors(revisions)
        if applied not in self._at:
            engine = self._place.create()
            steps = [Upgrade(r.id, r.branch) for r in graph.pending((), revisions)]
            run(self._project, engine, Plan(detect(self._project, engine), tuple(steps)))
            self._at[applied] = schema_of(self._project, engine)
            self._place.drop(engine)
        return self._at[applied]

    def _own_tables(self, name: str, version: int) -> set[str]:
        """The tables that versions of a repository have made or changed, up to this one."""
        return {
            table
            for (repository, number), tables in self._climber.changed.items()
            if repository == name and number <= version
            for table in tables
        }

    # --- paths ----------------------------------------------------------------------------

    def paths(self, starts: Sequence[Versions]) -> float | None:
        """The way from every legacy version to the heads.

        :param starts: those that are to be proved.
        :returns: the seconds of one way from the first of them to the heads, None without one.
        """
        climbs = list(self._climber.climbs())
        rungs = {
            start_name(rung.versions): (climb, number)
            for climb in reversed(climbs)
            for number, rung in enumerate(climb.rungs)
        }
        for versions in starts:
            name = start_name(versions)
            if name in rungs:
                climb, number = rungs[name]
                rung, found = climb.rungs[number], list(climb.findings(number))
                self._emit("path", name, rung.seconds, found, len(rung.plan))
            else:
                self._emit("path", name, 0.0, [_out_of_reach(climbs)], None)
        return sum(climb.seconds for climb in climbs) if climbs else None

    def _to_heads(
        self, engine: Engine, steps: Sequence[Step], kind: str = "edge"
    ) -> Iterator[Finding]:
        """Run the rest on a copy, as `dbupdate` does, and look at what comes of it."""
        project = self._project
        rows = Rows(project, engine, lambda: kind)
        rows.begin()
        found: list[Finding] = []

        def after(step: Step) -> None:
            if isinstance(step, (RunLegacy, Upgrade)):
                found.extend(lost(loss, step) for loss in rows.look())

        try:
            broken = _broken(engine, rows.schema)
            run(project, engine, plan_upgrade(project, detect(project, engine)), after)
        except BridgeError as error:
            yield from found
            yield failed("on the way to the heads", error)
            return
        yield from found
        yield from self._at_heads(engine, broken)
        self._place.drop(engine)

    def _at_heads(self, engine: Engine, broken: Mapping[tuple[str, str], int]) -> Iterator[Finding]:
        schema = schema_of(self._project, engine)
        if self._fresh is not None:
            yield from differing(
                "schema at the heads",
                "The schema at the heads is not that of a new install",
                "Write a revision that makes both the same, or mend the one that does not.",
                compare(self._fresh, schema),
            )
        yield from dangling("the heads", schema)
        for (child, parent), rows in _broken(engine, schema).items():
            if rows > broken.get((child, parent), 0):
                yield Finding(
                    f"foreign-keys {child} {parent}",
                    f"{rows} rows of {child} refer to rows of {parent} that are not there.",
                )
        yield from self._second_run(engine, schema)

    # --- saved databases ------------------------------------------------------------------

    def snapshots(self) -> None:
        """The way from each saved database to the heads."""
        for path in self._snapshots:
            with self._proof("snapshot", f"from {path.name}") as found:
                engine = self._place.load(path)
                steps = plan_upgrade(self._project, detect(self._project, engine)).steps
                found += self._to_heads(engine, steps)


def _rows(engine: Engine, schema: Schema) -> Counts:
    with connect(engine) as connection, connection.begin():
        return count(connection, schema["tables"])


def _broken(engine: Engine, schema: Schema) -> Mapping[tuple[str, str], int]:
    """The rows of each table that refer to none of another."""
    with connect(engine) as connection:
        return rows_that_point_nowhere(connection, schema["tables"])[1]


def _stopped_at(steps: Sequence[Upgrade | Downgrade], done: int) -> str:
    """The revision at which a run of these steps ended, of which so many were done.

    An error behind the last of them is told of that one.
    """
    return steps[min(done, len(steps) - 1)].revision


def _untried(name: str, what: str, why: str) -> Finding:
    return Finding(f"unproved {name}", f"{what} was not tried, since {why}.", accepted=True)


def _out_of_reach(climbs: Sequence[PathResult]) -> Finding:
    """Why there is no database at some versions."""
    help = "Save an old database from there: bridge snapshot import FILE"
    for climb in reversed(climbs):
        if climb.error is not None:
            step, error = climb.error
            said = f"There is no database to start from: {step} fails. {error.message}"
            return Finding(f"unproved behind {step}", said, help)
    return Finding("unproved", "There is no database to start from.", help)
