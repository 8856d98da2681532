"""Removes a module: undoes every revision of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.model.errors import BridgeError, ConfigError, ModuleNeededError, StateError
from bridge.model.names import CORE
from bridge.model.remedy import Remedy, retry_with
from bridge.model.steps import Downgrade, Plan, SetVersion
from bridge.upgrade.detect import detect
from bridge.upgrade.run import RunOptions, run

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from bridge.model.graph import Graph
    from bridge.model.results import Report
    from bridge.model.state import State
    from bridge.project import Database, Project


class RemovalTask:
    """`modules remove`: undo every revision of a module."""

    outcome = "removed"

    def __init__(self, project: Project, name: str) -> None:
        self._project, self._name = project, name

    def plan(self, engine: Engine) -> Plan:
        """Return the plan: the downgrades of the module, in reverse order of dependency."""
        return _plan_removal(self._name, detect(self._project, engine), self._project.graph)


def remove_module(
    project: Project, name: str, database: Database | None, options: RunOptions
) -> Report:
    """Undo every revision of a module, which deletes its tables and their rows.

    :raises LockedError: another run did not end in time.
    :raises ConfigError: the module does not exist, or its files are missing.
    :raises ModuleNeededError: revisions of another component depend on the module.
    :raises BridgeError: a revision failed; `state_of_data` says what was kept.
    """
    project.read_scripts()
    module = project.module(name)
    if not module.present or module.problem:
        raise ConfigError(
            f"The module {name} cannot be removed without its files: {module.problem}",
            help="Restore them; the module may stay switched off. Or drop its tables by hand.",
        )
    with project.engine(database) as engine:
        try:
            return run(project, engine, RemovalTask(project, name), options)
        except BridgeError as error:
            # dbupdate would install a half-removed module again.
            error.remedies = retry_with(error.remedies, ("modules", "remove", name))
            raise


def _plan_removal(module: str, state: State, graph: Graph) -> Plan:
    """Return the steps that undo every revision of a module, in reverse order of dependency.

    :raises ModuleNeededError: an applied revision of another component depends on the module.
    :raises StateError: the state must be refused, or the module is still legacy.
    """
    if state.problem is not None:
        raise state.problem
    rows = {n: s for n, s in state.legacy.items() if s.repository.module == module}
    for legacy in rows.values():
        if legacy.version is not None and not legacy.handed_over:
            raise StateError(
                f"The module {module} is still at version {legacy.version} of its legacy history, "
                "which cannot be undone.",
                help=[
                    Remedy("Switch it on and run", ("dbupdate",)),
                    Remedy("Then remove it", ("modules", "remove", module)),
                ],
            )
    graph = graph.remembering(state.revisions_without_files)
    reached = graph.ancestors(state.current)
    own = reached & set(graph.of_module(module))
    needing = sorted({graph.module(r) or CORE for r in reached - own if own & graph.ancestors([r])})
    if needing:
        raise ModuleNeededError(
            f"The module {module} cannot be removed: revisions of {', '.join(needing)} in this "
            "database depend on it.",
            help=[
                Remedy(f"Remove {name} first", ("modules", "remove", name))
                for name in needing
                if name != CORE
            ]
            or "The app itself needs it.",
        )
    # The rows go first, because a row without its revisions would be handed over again.
    removed = [SetVersion(name, None) for name, s in rows.items() if s.version is not None]
    downgrades = [Downgrade(r.id, r.branch, r.doc) for r in graph.downgrades(own)]
    return Plan(state, (*removed, *downgrades))
