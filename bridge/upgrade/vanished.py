"""What a run has taken from tables besides rows: keys, checks, indexes, triggers, views."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import connect, unreadable
from bridge.database.schema import read_schema
from bridge.database.schema.compare import compare, part_of
from bridge.database.servers import server_of
from bridge.model.steps import RunLegacy, Upgrade

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Engine

    from bridge.model.difference import Difference
    from bridge.model.frozen import Schema
    from bridge.model.state import State
    from bridge.model.steps import Step
    from bridge.project import Project

_NOT_PARTS = {"table", "column", "type", "sequence"}
"""What is reported otherwise, or goes with a table."""


def schema_of(engine: Engine) -> Schema:
    """Return the schema document of a database, as it is now; an empty one on an unknown server.

    :raises DatabaseError: the database cannot be opened or read.
    """
    if not server_of(engine).schema_queries:
        return {}
    with connect(engine) as connection:
        try:
            with connection.begin():
                return read_schema(connection)
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None


def vanished(
    project: Project, state: State, steps: Iterable[Step], before: Schema, after: Schema
) -> tuple[str, ...]:
    """Return what was there before the steps and is not, or is weaker, after them.

    Left out is what a step's own text names, what goes with a column or table, and what the frozen
    history of a legacy repository has changed itself.

    :param state: of the database before.
    """
    done = list(steps)
    meant = {d.name for d in _of_history(project, state, done)}
    text = "\n".join(_texts(project, state, done))
    return tuple(
        d.name if d.found is None else f"{d.name} (before: {d.expected}, now: {d.found})"
        for d in compare(before, after)
        if _is_weaker(d) and d.name not in meant and not _is_named(d, before, after, text)
    )


def _is_weaker(difference: Difference) -> bool:
    if difference.own or difference.what in _NOT_PARTS:
        return False
    return difference.kind == "missing" or (
        difference.kind == "other" and difference.what == "foreign key"
    )


def _is_named(difference: Difference, before: Schema, after: Schema, text: str) -> bool:
    """Return whether the text of a step names it, or a column of its went."""
    part = part_of(before, difference)
    name = (part or {}).get("name") or ("" if part else difference.name.partition(" ")[2])
    if name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
        return True
    table = after.get("tables", {}).get(difference.table, {"columns": ()})
    columns = {column["name"] for column in table["columns"]}
    return not columns.issuperset((part or {}).get("columns", ()))


def _of_history(project: Project, state: State, steps: list[Step]) -> Iterator[Difference]:
    """Yield what the frozen versions that have run change, as they were recorded."""
    for name in {step.repository for step in steps if isinstance(step, RunLegacy)}:
        frozen, start = project.histories.get(name), state.legacy[name].start
        history = frozen.on(state.dialect) if frozen else None
        if history is not None and start is not None:
            last = max(
                s.version for s in steps if isinstance(s, RunLegacy) and s.repository == name
            )
            yield from compare(history.schema_at(start), history.schema_at(last))


def _texts(project: Project, state: State, steps: list[Step]) -> Iterator[str]:
    """Yield the text of each step: a script, or frozen statements."""
    for step in steps:
        if isinstance(step, Upgrade):
            yield Path(project.revisions.scripts[step.revision].path).read_text("utf-8", "replace")
        elif isinstance(step, RunLegacy) and step.method == "replay":
            history = project.histories[step.repository].on(state.dialect)
            assert history is not None
            yield from history.versions[step.version].statements
        elif isinstance(step, RunLegacy):
            home = project.repositories[step.repository].path
            versions = home.joinpath("versions").iterdir() if home else ()
            for path in (p for p in versions if re.match(rf"0*{step.version}_", p.name)):
                yield path.read_text("utf-8", "replace")
