"""What is proved on one kind of database.

No way is run from every version to the heads: that would take the square of one. The legacy history
is climbed once, with rows that are put in at every version on the way, and goes on to the heads
once. A version whose plan is the step that the climb has run, followed by the plan of the next
version, needs no run of its own: what it would run is what was run, over its rows too. Any other
one is copied and run to the heads by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from sqlalchemy.engine import Engine

from bridge.checking.census import Census, Loss, count, losses
from bridge.checking.outline import Versions, base_name, components, stamps, start_name
from bridge.checking.running import run, schema_of
from bridge.database import connect
from bridge.dbupdate import Bridge
from bridge.drift import compare, like
from bridge.errors import BridgeError, NotConfirmedError
from bridge.inspection import rows_that_point_nowhere
from bridge.ladder import Ladder
from bridge.model import CORE, Difference, Downgrade, Plan, RunLegacy, State, Step, Upgrade
from bridge.proof import Finding, Kind, Proof, is_accepted
from bridge.schema import Schema
from bridge.scratch import Scratch
from bridge.seeding import seed

ROWS = 3
"""How many rows a new table gets; one more each time that a version changes it."""


_Beginning = tuple[Engine, State]
"""An old database that a climb begins with, and where it is."""


@dataclass
class _Rung:
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


class Rows:
    """Puts rows into a database between the steps of a run, and counts what they become.

    :param kind: ``edge`` with extreme values too, ``plain`` without these, ``none``.
    """

    def __init__(self, bridge: Bridge, engine: Engine, kind: Callable[[], str]) -> None:
        self._bridge, self._engine, self._kind = bridge, engine, kind
        self.schema: Schema = {"tables": {}}
        self.census: Census = {}

    def begin(self) -> None:
        """Read schema and rows, and put nothing in."""
        self.schema = schema_of(self._bridge, self._engine)
        with connect(self._engine) as connection, connection.begin():
            self.census = count(connection, self.schema["tables"])

    def look(self) -> Iterator[Loss]:
        """Read schema and rows anew: what was lost since the last time; then put more in."""
        before, seen = self.census, self.schema
        self.schema = schema_of(self._bridge, self._engine)
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


class Prover:
    """Proves all that there is on one kind of database.

    :param name: of that kind, for people.
    :param snapshots: the files with old databases of this kind.
    :param proved: is called with each proof as it ends.

    `revisions` has the schema after each revision of a new install, by those that are effective.
    """

    def __init__(
        self,
        bridge: Bridge,
        place: Scratch,
        name: str,
        snapshots: Sequence[Path],
        proved: Callable[[Proof], None],
        tell: Callable[[str], None],
    ) -> None:
        self._bridge, self._place, self._name = bridge, place, name
        self._proved, self._tell, self._snapshots = proved, tell, snapshots
        self._accept = bridge.config.check.accept
        self._fresh: Schema | None = None
        self.revisions: dict[tuple[str, ...], Schema] = {}
        # The schema of a fresh database by the revisions that have run in it.
        self._at: dict[frozenset[str], Schema] = {}
        self._legacy: dict[tuple[str, int], Schema] = {}
        self._changed: dict[tuple[str, int], set[str]] = {}
        # Up to which place of the climb rows are ordinary ones, or none are put in.
        self._plain, self._none = 0, 0
        self._stumbles: dict[int, Finding] = {}
        self._by_themselves: set[int] = set()

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
        self._proved(Proof(self._name, kind, name, seconds, steps, findings))

    # --- new installs and revisions -------------------------------------------------------

    def fresh(self) -> None:
        """A new install, and that the next run finds nothing to do."""
        with self._proof("fresh", "from nothing") as found:
            engine = self._place.create()
            run(self._bridge, engine, self._bridge.plan_from(self._bridge.detect(engine)))
            self._fresh = schema_of(self._bridge, engine)
            found += dangling("the heads", self._fresh)
            found += self._second_run(engine)
        if self._fresh is not None:
            self._models(engine)
            self._revisions()

    def _second_run(self, engine: Engine) -> Iterator[Finding]:
        def refuse(_plan: Plan) -> bool:
            return False

        before = schema_of(self._bridge, engine), self._rows(engine)
        try:
            self._bridge.dbupdate(engine, confirm=refuse, backup=False)
        except NotConfirmedError:
            steps = self._bridge.plan(engine).steps
            yield Finding(
                "second-run",
                "A second run finds something to do where there should be nothing: "
                + ", ".join(map(str, steps)),
            )
        except BridgeError as error:
            yield Finding("second-run", f"A second run is refused: {error.message}", error.help)
        if (schema_of(self._bridge, engine), self._rows(engine)) != before:
            yield Finding("second-run", "A second run changes the database.")

    def _rows(self, engine: Engine) -> Census:
        tables = schema_of(self._bridge, engine)["tables"]
        with connect(engine) as connection, connection.begin():
            return count(connection, tables)

    def _models(self, engine: Engine) -> None:
        if not self._bridge.has_models:
            return
        with self._proof("models", "models") as found:
            other = self._bridge.compare_models(engine)
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
        graph = self._bridge.graph
        order = [Upgrade(r.id, r.branch) for r in graph.pending((), graph.targets())]
        found: dict[str, list[Finding]] = {step.revision: [] for step in order}
        engine = self._place.create()
        begun = time.monotonic()
        recorded = self._bridge.recorded(self._place.name)
        reached: set[str] = set()
        told: set[str] = set()

        def after(step: Step) -> None:
            assert isinstance(step, Upgrade)
            reached.add(step.revision)
            schema, heads = schema_of(self._bridge, engine), graph.effective(reached)
            self._at[frozenset(reached)] = self.revisions[heads] = schema
            differences = compare(recorded.get(heads, schema), schema)
            found[step.revision] += differing(
                f"recorded {step.revision}",
                f"{step.revision} makes something else than what was recorded of it",
                "If that is meant: bridge check --record",
                [one for one in differences if one.name not in told],
            )
            told.update(one.name for one in differences)

        run(self._bridge, engine, Plan(self._bridge.detect(engine), tuple(order)), after)
        undone = self._undo(engine, order, found)
        self._redo(engine, undone, found)
        seconds = (time.monotonic() - begun) / max(1, len(order))
        stuck = next((step.revision for step in reversed(order) if step not in undone), "")
        below = Finding(
            f"unproved below {stuck}",
            f"Whether these can be undone was not tried, since {stuck} cannot be.",
            accepted=True,
        )
        for step in order:
            if step not in undone and not found[step.revision]:
                found[step.revision].append(below)
            self._emit("revision", f"revision {step.revision}", seconds, found[step.revision], None)
        self._place.drop(engine)
        for component in components(self._bridge):
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
                compare(self._at[rest], schema_of(self._bridge, engine)),
            )

        self._at[frozenset()] = {"tables": {}}
        steps = tuple(Downgrade(step.revision, step.branch) for step in reversed(order))
        try:
            run(self._bridge, engine, Plan(self._bridge.detect(engine), steps), after)
        except BridgeError as error:
            revision = steps[len(undone)].revision
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
        reached = set(self._bridge.graph.ancestors(self._bridge.detect(engine).current))
        done: list[Upgrade] = []

        def after(step: Step) -> None:
            assert isinstance(step, Upgrade)
            done.append(step)
            reached.add(step.revision)
            found[step.revision] += differing(
                f"upgrade {step.revision}",
                f"{step.revision} undone and applied again is not what it was",
                f"Mend upgrade() or downgrade() of {step.revision}.",
                compare(self._at[frozenset(reached)], schema_of(self._bridge, engine)),
            )

        try:
            run(self._bridge, engine, Plan(self._bridge.detect(engine), tuple(undone)), after)
        except BridgeError as error:
            revision = undone[len(done)].revision
            said = f"{revision} was undone, and cannot be applied again: {error.message}"
            help = f"Mend upgrade() or downgrade() of {revision}."
            found[revision].append(Finding(f"upgrade {revision}", said, help))

    def _alone(self, module: str) -> None:
        """A branch by itself: with the revisions that it says it needs, and no others."""
        graph = self._bridge.graph
        with self._proof("revision", f"branch {module} alone") as found:
            engine = self._place.create()
            steps = graph.pending((), graph.heads_of(module))
            plan = Plan(self._bridge.detect(engine), tuple(Upgrade(r.id, r.branch) for r in steps))
            where = f"branch {module} alone"
            try:
                run(self._bridge, engine, plan)
            except BridgeError as error:
                found.append(failed(where, error))
            else:
                found += dangling(where, schema_of(self._bridge, engine))
            help = f"Let the revision of {module} that needs more name it in depends_on."
            found[:] = [replace(finding, help=help) for finding in found]
            self._place.drop(engine)

    # --- the hand-over --------------------------------------------------------------------

    def bases(self) -> None:
        """What is stamped makes what the legacy version is."""
        for name, version, revisions in stamps(self._bridge):
            with self._proof("base", base_name(name, version, revisions)) as found:
                legacy = self._legacy.get((name, version))
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
                    compare(expected, like(expected, self._made_by(revisions))),
                )

    def _made_by(self, revisions: Sequence[str]) -> Schema:
        graph = self._bridge.graph
        applied = graph.ancestors(revisions)
        if applied not in self._at:
            engine = self._place.create()
            steps = [Upgrade(r.id, r.branch) for r in graph.pending((), revisions)]
            run(self._bridge, engine, Plan(self._bridge.detect(engine), tuple(steps)))
            self._at[applied] = schema_of(self._bridge, engine)
            self._place.drop(engine)
        return self._at[applied]

    def _own_tables(self, name: str, version: int) -> set[str]:
        """The tables that versions of a repository have made or changed, up to this one."""
        return {
            table
            for (repository, number), tables in self._changed.items()
            if repository == name and number <= version
            for table in tables
        }

    # --- paths ----------------------------------------------------------------------------

    def paths(self, starts: Sequence[Versions]) -> float | None:
        """The way from every legacy version to the heads.

        :param starts: those that are to be proved.
        :returns: the seconds of one way from the first of them to the heads, None without one.
        """
        climbs = list(self._climbs())
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

    def _climbs(self) -> Iterator[_Climb]:
        """From nothing; and behind a version that does not run, from an old database."""
        beginning: _Beginning | None = None
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

    def _behind(self, failed: RunLegacy) -> _Beginning | None:
        """The oldest of the saved databases in which a version has run."""
        found: list[tuple[list[int], _Beginning]] = []
        for path in self._snapshots:
            with suppress(BridgeError):
                engine = self._place.load(path)
                state = self._bridge.detect(engine)
                versions = [s.version for s in state.legacy.values() if s.version is not None]
                reached = state.legacy[failed.repository].version or 0
                if reached >= failed.version and not state.current:
                    found.append((sorted(versions), (engine, state)))
        return min(found, key=lambda one: one[0])[1] if found else None

    def _climb_as_far_as_it_goes(self, beginning: _Beginning | None) -> _Climb:
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

    def _climb(self, beginning: _Beginning | None) -> _Climb:
        """Once from the first version to the last, and on to the heads."""
        climb = _Climb()
        bridge = self._bridge
        there = {n: r for n, r in bridge.repositories.items() if bridge.config.enabled(n)}
        if beginning is not None:
            engine, state = beginning
            there = {n: r for n, r in there.items() if state.legacy[n].version is not None}
            beginning = self._place.copy(engine), state
        with Ladder(
            self._place, bridge.config, there, bridge.histories, bridge.of_the_app,
            tell=self._tell, begin=beginning,
        ) as ladder:  # fmt: skip
            rows = Rows(bridge, ladder.engine, lambda: self._rows_at(len(climb.rungs)))
            while True:
                self._arrive(climb, ladder, rows)
                if not ladder.left:
                    break
                step, begun = ladder.left[0], time.monotonic()
                try:
                    ladder.run(step)
                except BridgeError as error:
                    climb.error = step, error
                    climb.rungs[-1].after.append(failed(str(step), error))
                    break
                climb.seconds += time.monotonic() - begun
                climb.rungs[-1].step = step
                with suppress(KeyError):
                    climb.rungs[-1].after.append(self._stumbles[len(climb.rungs) - 1])
            self._place.drop(ladder.engine)
        return climb

    def _arrive(self, climb: _Climb, ladder: Ladder, rows: Rows) -> None:
        """At a version: what the step to it has done, and what the plan is from here."""
        begun, before = time.monotonic(), rows.schema["tables"]
        lost = list(rows.look())
        tables = rows.schema["tables"]
        climb.has_rows = any(counts[""] for counts in rows.census.values())
        step = climb.rungs[-1].step if climb.rungs else None
        if step is not None:
            climb.rungs[-1].after += [self._lost(loss, step) for loss in lost]
            place = (step.repository, step.version)
            self._changed[place] = {
                name for name in {*before, *tables} if before.get(name) != tables.get(name)
            }
        for name, version in ladder.versions.items():
            self._legacy.setdefault((name, version), rows.schema)
        rung = _Rung(dict(ladder.versions))
        climb.rungs.append(rung)
        try:
            state = self._bridge.detect(ladder.engine)
            rung.plan = self._bridge.plan_from(state).steps
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
        if number in self._by_themselves or not _goes_on(rung.plan, ladder.left):
            begun = time.monotonic()
            rung.tail = tuple(self._to_heads(ladder.copy(), rung.plan))
            rung.seconds += time.monotonic() - begun
            climb.seconds += 0 if ladder.left else time.monotonic() - begun

    def _lost(self, loss: Loss, step: Step) -> Finding:
        return Finding(
            f"{loss.what} by {step}",
            f"After {step}, {loss}.",
            "Keep them, or name it in check.accept where that is meant.",
        )

    def _to_heads(self, engine: Engine, steps: Sequence[Step]) -> Iterator[Finding]:
        """Run the rest on a copy, as `dbupdate` does, and look at what comes of it."""
        bridge = self._bridge
        rows = Rows(bridge, engine, lambda: "edge" if steps and not self._plain else "plain")
        rows.begin()
        found: list[Finding] = []

        def after(step: Step) -> None:
            if isinstance(step, (RunLegacy, Upgrade)):
                found.extend(self._lost(loss, step) for loss in rows.look())

        try:
            broken = self._broken(engine)
            run(bridge, engine, bridge.plan_from(bridge.detect(engine)), after)
        except BridgeError as error:
            yield from found
            yield failed("on the way to the heads", error)
            return
        yield from found
        yield from self._at_heads(engine, broken)
        self._place.drop(engine)

    def _at_heads(self, engine: Engine, broken: Mapping[tuple[str, str], int]) -> Iterator[Finding]:
        schema = schema_of(self._bridge, engine)
        if self._fresh is not None:
            yield from differing(
                "schema at the heads",
                "The schema at the heads is not that of a new install",
                "Write a revision that makes both the same, or mend the one that does not.",
                compare(self._fresh, schema),
            )
        yield from dangling("the heads", schema)
        for (child, parent), rows in self._broken(engine).items():
            if rows > broken.get((child, parent), 0):
                yield Finding(
                    f"foreign-keys {child} {parent}",
                    f"{rows} rows of {child} refer to rows of {parent} that are not there.",
                )
        yield from self._second_run(engine)

    def _broken(self, engine: Engine) -> Mapping[tuple[str, str], int]:
        tables = schema_of(self._bridge, engine)["tables"]
        with connect(engine) as connection:
            return rows_that_point_nowhere(connection, tables)[1]

    # --- saved databases ------------------------------------------------------------------

    def snapshots(self) -> None:
        """The way from each saved database to the heads."""
        for path in self._snapshots:
            with self._proof("snapshot", f"from {path.name}") as found:
                engine = self._place.load(path)
                steps = self._bridge.plan(engine).steps
                found += self._to_heads(engine, steps)


def _goes_on(plan: Sequence[Step], left: Sequence[RunLegacy]) -> bool:
    """Whether a plan begins with the step that the climb takes next."""
    return bool(plan and left) and plan[0] == left[0]


def _out_of_reach(climbs: Sequence[_Climb]) -> Finding:
    """Why there is no database at some versions."""
    help = "Save an old database from there: bridge snapshot import FILE"
    for climb in reversed(climbs):
        if climb.error is not None:
            step, error = climb.error
            said = f"There is no database to start from: {step} fails. {error.message}"
            return Finding(f"unproved behind {step}", said, help)
    return Finding("unproved", "There is no database to start from.", help)


@dataclass
class _Climb:
    """What came of a climb: the places, the step at which it ended, its seconds."""

    rungs: list[_Rung] = field(default_factory=list)
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


def failed(what: str, error: BridgeError) -> Finding:
    """What the error of a run is for the developer."""
    return Finding(f"failed {what}", error.message, error.help.replace("dbupdate", "check"))


def unproved(what: str, why: str, help: str = "") -> Finding:
    """What could not be tried."""
    return Finding(f"unproved {what}", f"{what} was not tried: {why}.", help)


def differing(
    name: str, message: str, help: str, differences: Sequence[Difference]
) -> Iterator[Finding]:
    """A finding of these differences; one that is accepted where they are of no consequence.

    Additions count: there is no administrator here who could have made them.
    """
    if differences:
        own = all(difference.own and difference.kind != "extra" for difference in differences)
        yield Finding(name, f"{message}.", help, tuple(differences), accepted=own)


def dangling(where: str, schema: Schema) -> Iterator[Finding]:
    """Foreign keys to tables that are not there: SQLite takes these."""
    tables = schema["tables"]
    for name, table in tables.items():
        for key in table["foreign_keys"]:
            if key["refers_to"] not in tables and "." not in key["refers_to"]:
                yield Finding(
                    f"dangling {name} {where}",
                    f"At {where}, {name} ({', '.join(key['columns'])}) refers to "
                    f"{key['refers_to']}, which is not there.",
                )
