"""From a state to the steps that take it to the targets.

Pure: no database, no files; the Alembic scripts are seen through `RevisionGraph` only.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.config import Config
from bridge.errors import ConfigError
from bridge.model import (
    CreateModels,
    Foundations,
    LegacyState,
    Plan,
    RevisionGraph,
    RunLegacy,
    Stamp,
    State,
    Step,
    Upgrade,
)


def make_plan(state: State, graph: RevisionGraph, config: Config) -> Plan:
    """The steps from `state` to its targets: legacy versions, stamp, Alembic revisions.

    :raises StateError: the state is one that must be refused (its `problem`).
    :raises ConfigError: the order that `requires` asks for cannot be.
    """
    if state.problem is not None:
        raise state.problem
    if state.kind == "fresh":
        return Plan(state, (*_fresh(state, graph, config), *_foundations(config)))
    waiting = {name: legacy for name, legacy in state.legacy.items() if legacy.waiting}
    steps: list[Step] = [*_run_legacy(waiting, state.legacy, config)]
    stamps = sorted(
        {
            revision
            for legacy in waiting.values()
            for revision in legacy.repository.stamp[_goal(legacy)]
        }
    )
    reached = graph.effective((*state.current, *stamps))
    upgrades = _upgrades(graph, reached, state.targets)
    if stamps:
        steps.append(Stamp(tuple(stamps)))
    elif upgrades and reached != state.current:
        # Somebody stamped a revision twice, or beside one that it depends on: Alembic stops at
        # such rows.
        steps.append(Stamp(reached))
    return Plan(state, (*steps, *upgrades))


def _fresh(state: State, graph: RevisionGraph, config: Config) -> tuple[Step, ...]:
    if config.database.fresh == "models":
        return (CreateModels(), Stamp(state.targets))
    return _upgrades(graph, (), state.targets)


def _foundations(config: Config) -> tuple[Step, ...]:
    hook = config.database.foundations
    return (Foundations(hook),) if hook else ()


def _upgrades(
    graph: RevisionGraph, current: tuple[str, ...], targets: tuple[str, ...]
) -> tuple[Step, ...]:
    return tuple(
        Upgrade(revision.id, revision.branch, revision.doc)
        for revision in graph.pending(current, targets)
    )


def _goal(legacy: LegacyState) -> int:
    if legacy.start is None:
        raise ValueError(f"{legacy.repository.name} is not in this database")
    return legacy.repository.target(legacy.start)


def _run_legacy(
    waiting: Mapping[str, LegacyState], every: Mapping[str, LegacyState], config: Config
) -> list[RunLegacy]:
    """The versions to run, one repository after the other in the configuration's order.

    Where `requires` says so they interleave: a version waits until the other repositories
    have reached theirs. A repository that was never installed here holds nobody up.
    """
    reached = {
        name: legacy.start
        for name, legacy in every.items()
        if legacy.start is not None and not legacy.handed_over
    }
    queues = {
        name: [
            version
            for version in legacy.repository.versions
            if (legacy.start or 0) < version <= _goal(legacy)
        ]
        for name, legacy in waiting.items()
    }
    steps: list[RunLegacy] = []

    def blocked_by(name: str, version: int) -> str | None:
        requires = waiting[name].repository.requires.get(version, {})
        return next(
            (
                f"{name} {version} requires {other} {needed}"
                for other, needed in requires.items()
                if reached.get(other, needed) < needed
            ),
            None,
        )

    while any(queues.values()):
        before = len(steps)
        for name, queue in queues.items():
            while queue and blocked_by(name, queue[0]) is None:
                reached[name] = queue.pop(0)
                steps.append(RunLegacy(name, reached[name]))
        if len(steps) == before:
            blocks = (blocked_by(name, queue[0]) for name, queue in queues.items() if queue)
            raise ConfigError(
                f"The order that legacy.NAME.requires in {config.source} asks for cannot be: "
                f"{', and '.join(block for block in blocks if block)}.",
                help=f"Change legacy.NAME.requires in {config.source}.",
            )
    return steps
