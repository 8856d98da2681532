"""Trials of revisions on new databases: of the base revisions, or of an app's own."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

from bridge.database.engine import connect
from bridge.database.schema.compare import compare
from bridge.database.servers import server_of
from bridge.init.existing import Candidate, candidates
from bridge.init.history import HistoryResult, names_in, schema_of
from bridge.init.staging import NOTHING_WRITTEN
from bridge.model.errors import BridgeError, InitError
from bridge.model.init_result import Tried
from bridge.model.remedy import Remedy
from bridge.output.difference_text import difference_lines
from bridge.project import Project
from bridge.upgrade.run import RunOptions, dbupdate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

    from bridge.database.scratch import Scratch
    from bridge.init.baseline import Observed
    from bridge.init.configuration import Configuration
    from bridge.init.draft import Draft
    from bridge.model.difference import Difference
    from bridge.model.progress import Progress


class Prover:
    """A trial of the base revisions on new databases, and on those at the end of the history."""

    def __init__(self, draft: Draft, progress: Progress) -> None:
        self._draft, self._configuration = draft, draft.configuration
        self._progress = progress
        self.models: tuple[str, ...] | None = None
        """The differences between the models and the base revisions; None without models."""

    def prove(self) -> list[Tried]:
        """Try the base revisions on each database, and write tables that differ as SQL."""
        tried = self._try_all()
        different = {
            (seen.dialect, one.table)
            for number, seen in self._draft.seen.items()
            for one in tried[number].differences
            if one.table in seen.tables
        }
        if not different:
            return tried
        self._draft.write_as_sql(different)
        return self._try_all()

    def _try_all(self) -> list[Tried]:
        return [self._try(number) for number in range(len(self._draft.results))]

    def _try(self, number: int) -> Tried:
        result = self._draft.results[number]
        tried = Tried(result.place.name, result.seconds, result.error)
        if result.engine is None:
            return tried
        self._progress.notify(f"Trying the base revisions on {result.place.name}.")
        new = result.place.create()
        try:
            project = self._project(new)
            dbupdate(project, options=RunOptions(backup=False))
            tried = self._compared(tried, number, new)
            self._compare_models(project, result.place)
            left = self._left_by_downgrade(project, new)
            stamped = self._changed_by_hand_over(result.engine, self._draft.seen[number])
            return replace(tried, left=left, stamped=stamped)
        except BridgeError as error:
            top = f"{self._configuration.staging.top}{os.sep}"
            return replace(tried, failure=error.message.replace(top, ""))
        finally:
            result.place.drop(new)

    def _compared(self, tried: Tried, number: int, new: Engine) -> Tried:
        """Compare the result of the base revisions with the end of the history."""
        draft, made = self._draft, schema_of(new, self._configuration.app_tables)
        rows = {
            table
            for table, inserted in draft.inserted.items()
            if table in made["tables"] and draft.values(number, table, new) != [*inserted.values]
        }
        differences = compare(draft.seen[number].schema, made)
        end = draft.results[number].engine
        assert end is not None
        elsewhere = [thing for thing in _elsewhere(end) if thing not in _elsewhere(new)]
        return replace(
            tried,
            differences=differences,
            rows=tuple(sorted(rows)),
            elsewhere=tuple(elsewhere),
        )

    def _compare_models(self, project: Project, place: Scratch) -> None:
        if self._configuration.models:
            empty = place.create()
            with project.alembic_commands(modules=True) as commands:
                self.models = commands.differences(empty)
            place.drop(empty)

    def _left_by_downgrade(self, project: Project, new: Engine) -> tuple[str, ...]:
        with redirect_stdout(StringIO()), project.alembic_commands(modules=False) as commands:
            commands.run(["downgrade", "base"])
        return tuple(sorted(names_in(schema_of(new, self._configuration.app_tables))))

    def _changed_by_hand_over(self, engine: Engine, end: Observed) -> tuple[Difference, ...]:
        """Hand over the database at the end of the history, and return what that changes."""
        dbupdate(self._project(engine), options=RunOptions(backup=False))
        return compare(end.schema, schema_of(engine, self._configuration.app_tables))

    def _project(self, engine: Engine) -> Project:
        tables, root = self._configuration.staged_tables(), self._configuration.staging.root
        return Project.from_arguments(tables, url=engine, root=root)


def _elsewhere(engine: Engine) -> list[str]:
    with connect(engine) as connection, connection.begin():
        return server_of(connection).elsewhere(connection)


def stamp_with_equal_revisions(
    configuration: Configuration, results: Sequence[HistoryResult], progress: Progress
) -> list[Tried]:
    """Find the revisions of the app that equal the end of its history, and stamp with them.

    :raises InitError: there are none.
    """
    equal: list[tuple[str, ...]] | None = None
    tried, nearest = [], ""
    for result in results:
        name = result.place.name
        tried.append(Tried(name, result.seconds, result.error, drafted=False))
        if result.engine is None:
            continue
        progress.notify(f"Trying the existing revisions on {name}.")
        found = _candidates_on(configuration, result, result.engine)
        fits = [c.revisions for c in found if all(one.own for one in c.differences)]
        equal = fits if equal is None else [one for one in equal if one in fits]
        nearest += _nearest(found, name)
    if not equal:
        raise InitError(
            "The app has an Alembic history, and none of its revisions has the schema at the end "
            f"of the legacy history. The nearest:{nearest}",
            help=[
                Remedy(
                    "Write a revision that removes the difference, or fix the one that should "
                    "be equal. Then run it again."
                ),
                Remedy("Or write bridge.toml by hand."),
            ],
            state_of_data=NOTHING_WRITTEN,
        )
    configuration.stamp_with(equal[0])
    return tried


def _candidates_on(
    configuration: Configuration, result: HistoryResult, end: Engine
) -> list[Candidate]:
    """Run the app's own revisions on a new database beside the one at the end of the history."""
    existing = configuration.staging.existing
    assert existing is not None
    tables = configuration.staged_tables()
    del tables["legacy"]
    tables["alembic"]["version_locations"] = [str(place) for place in existing.locations]
    schema = schema_of(end, configuration.app_tables)
    new = result.place.create()
    try:
        project = Project.from_arguments(tables, url=new, root=configuration.staging.root)
        return candidates(project, new, schema, configuration.app_tables)
    finally:
        result.place.drop(new)


def _nearest(found: Sequence[Candidate], name: str) -> str:
    """Return the revisions that differ least, with a line for each difference."""
    nearest = min(found, key=lambda one: sum(not d.own for d in one.differences))
    lines = difference_lines(d for d in nearest.differences if not d.own)
    head = f"{', '.join(nearest.revisions)} on {name}:"
    return "".join(f"\n{text}" for text in [head, *lines])
