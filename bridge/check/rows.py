"""Rows that a check adds to a database between the steps of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bridge.check.counts import Counts, Loss, count, losses
from bridge.check.run import schema_of
from bridge.database.engine import connect
from bridge.database.seeding.fill import seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from bridge.database.schema import Schema
    from bridge.project import Project

ROWS = 3
"""How many rows a new table gets; one more each time that a version changes it."""

Filling = Literal["edge", "plain", "none"]
"""The rows that are put in: with extreme values too, without these, or none."""


class Rows:
    """The rows of a database, counted between the steps of a run; some are added on the way."""

    def __init__(self, project: Project, engine: Engine) -> None:
        self._project, self._engine = project, engine
        self.schema: Schema = {"tables": {}}
        self.counts: Counts = {}

    def begin(self) -> None:
        """Read schema and rows, and add none."""
        self.schema = schema_of(self._project, self._engine)
        with connect(self._engine) as connection, connection.begin():
            self.counts = count(connection, self.schema["tables"])

    def look(self, filling: Filling) -> Iterator[Loss]:
        """Read schema and rows again, return what was lost since the last time, and add rows."""
        before, seen = self.counts, self.schema
        self.schema = schema_of(self._project, self._engine)
        tables = self.schema["tables"]
        with connect(self._engine) as connection, connection.begin():
            self.counts = count(connection, tables)
        found = list(losses(before, self.counts))
        new = {n for n, table in tables.items() if table != seen["tables"].get(n)}
        if new and filling != "none":
            rows = max(ROWS, 1 + max(self.counts[name][""] for name in new))
            variant = f"{len(before)} {sorted(new)}"
            with connect(self._engine) as connection:
                seed(connection, lambda _all: new, rows, variant, plain=filling == "plain")
            with connect(self._engine) as connection, connection.begin():
                filled = count(connection, {name: tables[name] for name in new})
            self.counts = {**self.counts, **filled}
        yield from found
