"""Plans the steps that take a database from its state to the targets.

Pure: no database, no files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.legacy.sequence import run_legacy, target_version
from bridge.model.errors import InconsistentError, ResumeError
from bridge.model.names import CORE
from bridge.model.remedy import Remedy
from bridge.model.steps import (
    CreateModels,
    Foundations,
    Plan,
    SetVersion,
    Stamp,
    Step,
    Upgrade,
    name_in_journal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.model.config import Config
    from bridge.model.graph import Graph
    from bridge.model.state import State


def make_plan(state: State, graph: Graph, config: Config) -> Plan:
    """Return the steps to the targets: legacy versions, stamp, revisions, default rows.

    :raises StateError: the state must be refused (its `problem`).
    :raises ConfigError: the order that `requires` asks for is impossible.
    """
    if state.problem is not None:
        raise state.problem
    if state.interrupted and state.interrupted.startswith("downgrade "):
        raise InconsistentError(
            f"A run was interrupted in the middle of the step '{state.interrupted}': some of the "
            "revision's changes are undone, and some are not.",
            help=[
                Remedy("Finish removing the module", ("modules", "remove", "NAME")),
                Remedy("Or restore a backup from before", ("restore", "BACKUP")),
            ],
        )
    graph = graph.remembering(state.revisions_without_files)
    steps = (
        _fresh(state, graph, config) if state.kind == "fresh" else _onwards(state, graph, config)
    )
    return Plan(state, (*steps, *_foundations(steps, state, graph, config)))


def check_interrupted(plan: Plan, statement: int) -> None:
    """Check that an earlier run was interrupted in a step that can resume at a statement.

    :param statement: the number of that statement, from 1.
    :raises ResumeError: no step of the plan resumes, or not at that statement.
    """
    if plan.interrupted is not None:
        return
    if not {*plan.state.unfinished} & {name_in_journal(step) for step in plan.steps}:
        raise ResumeError(
            "No step of this database is known to have been interrupted, so there is no statement "
            "to resume at.",
            help=Remedy("Run", ("dbupdate",)),
        )
    if statement != 1:
        raise ResumeError(
            "The statements of the interrupted step are not recorded, so it can only run again as "
            "a whole.",
            help=Remedy("Undo what it has changed, then run", ("resume", "--from-statement", "1")),
        )


def _onwards(state: State, graph: Graph, config: Config) -> tuple[Step, ...]:
    waiting = {name: legacy for name, legacy in state.legacy.items() if legacy.waiting}
    steps: list[Step] = [*run_legacy(waiting, state.legacy, config)]
    stamps = sorted(
        {
            revision
            for legacy in waiting.values()
            for revision in legacy.repository.stamp[target_version(legacy)]
        }
    )
    reached = graph.effective((*state.current, *stamps))
    upgrades = _upgrades(graph, reached, state.targets)
    if stamps:
        steps.append(Stamp(tuple(stamps)))
    elif upgrades and reached != state.current:
        # The stamp names a revision twice, or one that another one depends on. Alembic fails on
        # such rows.
        steps.append(Stamp(reached))
    return (*steps, *upgrades)


def _fresh(state: State, graph: Graph, config: Config) -> tuple[Step, ...]:
    if config.database.fresh == "models":
        numbers = [
            SetVersion(name, legacy.repository.last)
            for name, legacy in state.legacy.items()
            # A registry's manager looks for its row, even without sqlalchemy-migrate.
            if legacy.enabled and legacy.repository.registry
        ]
        return (CreateModels(), Stamp(state.targets), *numbers)
    return _upgrades(graph, (), state.targets)


def _foundations(
    steps: Iterable[Step], state: State, graph: Graph, config: Config
) -> Iterator[Foundations]:
    """Yield the foundations of each component that this run installs or that still lacks them."""
    reached = graph.ancestors(state.current)
    stamped = {r for step in steps if isinstance(step, Stamp) for r in step.revisions}
    coming = graph.ancestors(stamped) | {s.revision for s in steps if isinstance(s, Upgrade)}
    if config.database.foundations and (state.kind == "fresh" or CORE in state.pending_foundations):
        yield Foundations(CORE, config.database.foundations)
    for module in config.modules.values():
        if not module.enabled or module.foundations is None:
            continue
        was_legacy = any(
            s.version is not None
            for s in state.legacy.values()
            if s.repository.module == module.name
        )
        own = set(graph.of_module(module.name))
        new = not own & reached and own & coming and not was_legacy
        if new or module.name in state.pending_foundations:
            yield Foundations(module.name, _hook_name(module.foundations))


def _hook_name(hook: object) -> str:
    """Return a readable name of a hook; an installed module may give the object itself."""
    if isinstance(hook, str):
        return hook
    name = getattr(hook, "__qualname__", None)
    return f"{hook.__module__}:{name}" if name else type(hook).__name__


def _upgrades(graph: Graph, current: tuple[str, ...], targets: tuple[str, ...]) -> tuple[Step, ...]:
    return tuple(
        Upgrade(revision.id, revision.branch, revision.doc)
        for revision in graph.pending(current, targets)
    )
