"""What is proved on one kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.check.cases import Versions, base_name, stamps, start_name
from bridge.check.findings import dangling, differing, unproved
from bridge.check.heads import Heads
from bridge.check.paths import PathResult, PathRunner
from bridge.check.proofs import Proofs
from bridge.check.revision_proofs import RevisionProofs
from bridge.check.run import run, schema_of
from bridge.database.schema.compare import compare, restrict_to
from bridge.model.checks import Finding
from bridge.model.remedy import Remedy
from bridge.upgrade.detect import detect
from bridge.upgrade.run import plan_upgrade

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.database.schema import Schema
    from bridge.database.scratch import Scratch
    from bridge.model.progress import Progress
    from bridge.project import Project


class Prover:
    """Proves all that there is on one kind of database.

    :param name: of that kind, for people.
    :param snapshots: the files with old databases of this kind.
    :param progress: is notified of each proof as it ends.
    """

    def __init__(
        self,
        project: Project,
        place: Scratch,
        name: str,
        snapshots: Sequence[Path],
        progress: Progress,
    ) -> None:
        self._project, self._place, self._snapshots = project, place, snapshots
        self._proofs = Proofs(project, name, progress)
        self._heads = Heads(project, place)
        self._revisions = RevisionProofs(project, place, self._proofs)
        self._paths = PathRunner(project, place, snapshots, self._heads, progress)

    # --- new installs and revisions -------------------------------------------------------

    def fresh(self) -> None:
        """Prove a new install, that the next run finds nothing to do, and each revision."""
        with self._proofs.proof("fresh", "from nothing") as found:
            engine = self._place.create()
            plan = plan_upgrade(self._project, detect(self._project, engine))
            run(self._project, engine, plan)
            schema = self._heads.fresh = schema_of(self._project, engine)
            found += dangling("the heads", schema)
            found += self._heads.second_run(engine, schema)
        if self._heads.fresh is not None:
            self._models(engine)
            self._revisions.prove()

    @property
    def revisions(self) -> dict[tuple[str, ...], Schema]:
        """The schema after each revision of a new install, by those that are effective."""
        return self._revisions.schemas

    def _models(self, engine: Engine) -> None:
        if not self._project.has_models:
            return
        with self._proofs.proof("models", "models") as found:
            with self._project.alembic_commands(engine, modules=True) as commands:
                other = commands.differences(self._place.create())
            if other:
                found.append(
                    Finding(
                        "models",
                        "The schema at the heads is not what the models are: " + ", ".join(other),
                        Remedy(
                            "Write a revision",
                            ("revision", "--branch", "BRANCH", "--autogenerate", "-m", "MESSAGE"),
                        ),
                    )
                )

    # --- the hand-over --------------------------------------------------------------------

    def bases(self) -> None:
        """Prove that what is stamped makes what the legacy version is."""
        for name, version, revisions in stamps(self._project):
            with self._proofs.proof("base", base_name(name, version, revisions)) as found:
                legacy = self._paths.schemas.get((name, version))
                if legacy is None:
                    found.append(unproved(f"{name} {version}", "the climb did not get there"))
                    continue
                own = self._own_tables(name, version)
                expected = {
                    **legacy,
                    "tables": {n: t for n, t in legacy["tables"].items() if n in own},
                }
                made = self._revisions.made_by(revisions)
                found += differing(
                    f"base {name} {version}",
                    f"{', '.join(revisions)} does not make what {name} {version} is",
                    f"Fix upgrade() of {', '.join(revisions)}, or the stamp map: a database "
                    "that is stamped with it has what the legacy version has.",
                    compare(expected, restrict_to(expected, made)),
                )

    def _own_tables(self, name: str, version: int) -> set[str]:
        """Return the tables that a repository's versions up to this one have created or changed."""
        return {
            table
            for (repository, number), tables in self._paths.changed.items()
            if repository == name and number <= version
            for table in tables
        }

    # --- paths ----------------------------------------------------------------------------

    def paths(self, starts: Sequence[Versions]) -> float | None:
        """Prove the way from every legacy version to the heads.

        :param starts: those that are to be proved.
        :returns: the seconds of one way from the first of them to the heads, None without one.
        """
        results = list(self._paths.results())
        places = {
            start_name(checkpoint.versions): (result, number)
            for result in reversed(results)
            for number, checkpoint in enumerate(result.checkpoints)
        }
        for versions in starts:
            name = start_name(versions)
            if name in places:
                result, number = places[name]
                checkpoint, found = result.checkpoints[number], list(result.findings(number))
                steps = len(checkpoint.plan)
                self._proofs.report("path", name, checkpoint.seconds, found, steps)
            else:
                self._proofs.report("path", name, 0.0, [_out_of_reach(results)])
        return sum(result.seconds for result in results) if results else None

    # --- saved databases ------------------------------------------------------------------

    def snapshots(self) -> None:
        """Prove the way from each saved database to the heads."""
        for path in self._snapshots:
            with self._proofs.proof("snapshot", f"from {path.name}") as found:
                engine = self._place.load(path)
                # Here, so that what is refused is told of the snapshot.
                plan_upgrade(self._project, detect(self._project, engine))
                found += self._heads.reach(engine)


def _out_of_reach(results: Sequence[PathResult]) -> Finding:
    """Return why there is no database at some versions."""
    help = Remedy("Save an old database from there", ("snapshot", "import", "FILE"))
    for result in reversed(results):
        if result.error is not None:
            step, error = result.error
            said = f"There is no database to start from: {step} fails. {error.message}"
            return Finding(f"unproved behind {step}", said, help)
    return Finding("unproved", "There is no database to start from.", help)
