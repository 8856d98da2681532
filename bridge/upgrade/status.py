"""Where a database stands, what has been done to it, and the graph of all scripts; reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.model.state import Facts, ModuleState, State
from bridge.upgrade.classify import classify
from bridge.upgrade.detect import detect
from bridge.upgrade.detect import history as read_history

if TYPE_CHECKING:
    from bridge.model.diagram import Drawing
    from bridge.model.journal import PastRun
    from bridge.project import Database, Project


def status(project: Project, database: Database | None = None) -> State:
    """Return where the database stands.

    :raises DatabaseError: it cannot be read.
    """
    with project.engine(database) as engine:
        return detect(project, engine)


def history(project: Project, database: Database | None = None) -> tuple[PastRun, ...]:
    """Return every run that the database's journal knows, with its steps, oldest first.

    :raises DatabaseError: it cannot be read.
    """
    with project.engine(database) as engine:
        return read_history(engine)


def modules(project: Project, database: Database | None = None) -> tuple[ModuleState, ...]:
    """Return the app's modules; where a database is named, with what is applied of each.

    :raises DatabaseError: it cannot be read.
    """
    if database is None and project.database is None:
        nothing = Facts("", "")
        return classify(nothing, project.repositories, project.graph, project.config).modules
    return status(project, database).modules


def drawing(
    project: Project, database: Database | None = None, *, scripts_only: bool = False
) -> Drawing:
    """Return the graph of all scripts; where a database is named, with where it stands in it.

    :param scripts_only: leave the database alone.
    :raises DatabaseError: it cannot be read.
    """
    # 2 ms of every start: only `bridge graph` draws.
    from bridge.output.diagram import draw

    named = not scripts_only and (database or project.database) is not None
    state = status(project, database) if named else None
    return draw(project.graph, project.repositories, state)
