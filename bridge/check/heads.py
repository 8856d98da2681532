"""The rest of an upgrade to the heads, run on a copy, and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.check.counts import Counts, count
from bridge.check.findings import dangling, differing, failed, lost
from bridge.check.rows import Filling, Rows
from bridge.check.run import run, schema_of
from bridge.database.engine import connect
from bridge.database.integrity import rows_that_point_nowhere
from bridge.database.schema.compare import compare
from bridge.model.checks import Finding
from bridge.model.errors import BridgeError, NotConfirmedError
from bridge.model.progress import Progress
from bridge.model.steps import Plan, RunLegacy, Step, Upgrade
from bridge.upgrade.detect import detect
from bridge.upgrade.run import RunOptions, dbupdate, plan_upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Engine

    from bridge.database.schema import Schema
    from bridge.database.scratch import Scratch
    from bridge.project import Project


class Heads:
    """Checks that an upgrade to the heads leaves the schema of a new install and nothing to do.

    `fresh` is that schema, None where there can be no new install.
    """

    def __init__(self, project: Project, place: Scratch) -> None:
        self._project, self._place = project, place
        self.fresh: Schema | None = None

    def reach(self, engine: Engine, filling: Filling = "edge") -> Iterator[Finding]:
        """Run the rest of an upgrade as `dbupdate` does, and check its result.

        :param engine: a database that may be lost.
        :param filling: the rows that are put in on the way.
        """
        rows = Rows(self._project, engine)
        rows.begin()
        watch = _Losses(rows, filling)
        try:
            broken = _broken(engine, rows.schema)
            run(self._project, engine, self._plan(engine), watch)
        except BridgeError as error:
            yield from watch.found
            yield failed("on the way to the heads", error)
            return
        yield from watch.found
        yield from self._at_heads(engine, broken)
        self._place.drop(engine)

    def _plan(self, engine: Engine) -> Plan:
        return plan_upgrade(self._project, detect(self._project, engine))

    def _at_heads(self, engine: Engine, broken: Mapping[tuple[str, str], int]) -> Iterator[Finding]:
        schema = schema_of(self._project, engine)
        if self.fresh is not None:
            yield from differing(
                "schema at the heads",
                "The schema at the heads is not that of a new install",
                "Write a revision that makes both the same, or fix the one that does not.",
                compare(self.fresh, schema),
            )
        yield from dangling("the heads", schema)
        for (child, parent), rows in _broken(engine, schema).items():
            if rows > broken.get((child, parent), 0):
                yield Finding(
                    f"foreign-keys {child} {parent}",
                    f"{rows} rows of {child} refer to rows of {parent} that do not exist.",
                )
        yield from self.second_run(engine, schema)

    def second_run(self, engine: Engine, schema: Schema) -> Iterator[Finding]:
        """Run an upgrade that must find nothing to do.

        :param schema: that of the database now.
        """
        rows = _rows(engine, schema)
        try:
            dbupdate(self._project, engine, RunOptions(confirm=_refuse, backup=False))
        except NotConfirmedError:
            yield Finding(
                "second-run",
                "A second run finds something to do where there should be nothing: "
                + ", ".join(map(str, self._plan(engine).steps)),
            )
        except BridgeError as error:
            yield Finding("second-run", f"A second run is refused: {error.message}", error.remedies)
        if schema_of(self._project, engine) != schema or _rows(engine, schema) != rows:
            yield Finding("second-run", "A second run changes the database.")


class _Losses(Progress):
    """What is lost in the steps of a run."""

    def __init__(self, rows: Rows, filling: Filling) -> None:
        self._rows, self._filling = rows, filling
        self.found: list[Finding] = []

    def done(self, step: Step, seconds: float) -> None:
        if isinstance(step, RunLegacy | Upgrade):
            self.found.extend(lost(loss, step) for loss in self._rows.look(self._filling))


def _refuse(_plan: Plan) -> bool:
    return False


def _rows(engine: Engine, schema: Schema) -> Counts:
    with connect(engine) as connection, connection.begin():
        return count(connection, schema["tables"])


def _broken(engine: Engine, schema: Schema) -> Mapping[tuple[str, str], int]:
    """Return the rows of each table that refer to no row of another."""
    with connect(engine) as connection:
        return rows_that_point_nowhere(connection, schema["tables"])[1]
