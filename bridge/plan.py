"""From a state to the steps that take it to the targets.

Pure: no database, no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from bridge.config import Config
from bridge.errors import ConfigError, InconsistentError, ModuleNeededError, ResumeError, StateError
from bridge.graph import Graph
from bridge.model import (
    CORE,
    CreateModels,
    Downgrade,
    Foundations,
    LegacyState,
    Plan,
    Repository,
    RunLegacy,
    SetVersion,
    Stamp,
    State,
    Step,
    Upgrade,
    name_in_journal,
)


def make_plan(state: State, graph: Graph, config: Config) -> Plan:
    """The steps from `state` to its targets: legacy versions, stamp, revisions, default rows.

    :raises StateError: the state is one that must be refused (its `problem`).
    :raises ConfigError: the order that `requires` asks for cannot be.
    """
    if state.problem is not None:
        raise state.problem
    if state.interrupted and state.interrupted.startswith("downgrade "):
        raise InconsistentError(
            f"A run was cut short in the middle of the step '{state.interrupted}': some of what "
            "the revision had made is gone, and some is not.",
            help="Take the module out to the end: bridge modules remove NAME. Or put back a "
            "backup from before: bridge restore BACKUP",
        )
    graph = graph.remembering(state.remembered)
    steps = (
        _fresh(state, graph, config) if state.kind == "fresh" else _onwards(state, graph, config)
    )
    return Plan(state, (*steps, *_foundations(steps, state, graph, config)))


def check_interrupted(plan: Plan, statement: int) -> None:
    """Make sure that there is a step in which an earlier run was cut short.

    :param statement: with which it is to go on.
    :raises ResumeError: there is none that the plan goes on in, or not there.
    """
    if plan.interrupted is not None:
        return
    if not {*plan.state.unfinished} & {name_in_journal(step) for step in plan.steps}:
        raise ResumeError(
            "No step of this database is known to be cut short in its middle, so there is no "
            "statement to go on with.",
            help="Run: bridge dbupdate",
        )
    if statement != 1:
        raise ResumeError(
            "The statements of the step that was cut short are not written down, so it can only "
            "run again as a whole.",
            help="Undo what it has changed, then run: bridge resume --from-statement 1",
        )


def _onwards(state: State, graph: Graph, config: Config) -> tuple[Step, ...]:
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
    return (*steps, *upgrades)


def _fresh(state: State, graph: Graph, config: Config) -> tuple[Step, ...]:
    if config.database.fresh == "models":
        numbers = [
            SetVersion(name, legacy.repository.last)
            for name, legacy in state.legacy.items()
            # A registry's manager looks for its row; sqlalchemy-migrate is not needed any more.
            if legacy.enabled and legacy.repository.registry
        ]
        return (CreateModels(), Stamp(state.targets), *numbers)
    return _upgrades(graph, (), state.targets)


def _foundations(
    steps: Iterable[Step], state: State, graph: Graph, config: Config
) -> Iterator[Foundations]:
    """The default rows of every component that is installed now, or was without them before."""
    reached = graph.ancestors(state.current)
    stamped = {r for step in steps if isinstance(step, Stamp) for r in step.revisions}
    coming = graph.ancestors(stamped) | {s.revision for s in steps if isinstance(s, Upgrade)}
    if config.database.foundations and (state.kind == "fresh" or CORE in state.unlaid):
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
        if new or module.name in state.unlaid:
            yield Foundations(module.name, _name(module.foundations))


def _name(hook: object) -> str:
    """A hook's name for people; an installed module may give the object itself."""
    if isinstance(hook, str):
        return hook
    name = getattr(hook, "__qualname__", None)
    return f"{hook.__module__}:{name}" if name else type(hook).__name__


def removal(module: str, state: State, graph: Graph) -> Plan:
    """The steps that undo every revision of a module, each before what it needs.

    :raises ModuleNeededError: an applied revision of another component needs one of its own.
    :raises StateError: the state is one that must be refused, or the module is still legacy.
    """
    if state.problem is not None:
        raise state.problem
    rows = {n: s for n, s in state.legacy.items() if s.repository.module == module}
    for legacy in rows.values():
        if legacy.version is not None and not legacy.handed_over:
            raise StateError(
                f"The module {module} is still at version {legacy.version} of its legacy history, "
                "which has no way back.",
                help=f"Switch it on and run: bridge dbupdate; then: bridge modules remove {module}",
            )
    graph = graph.remembering(state.remembered)
    reached = graph.ancestors(state.current)
    own = reached & set(graph.of_module(module))
    needing = sorted({graph.module(r) or CORE for r in reached - own if own & graph.ancestors([r])})
    if needing:
        raise ModuleNeededError(
            f"The module {module} cannot be removed: revisions of {', '.join(needing)} in this "
            "database depend on it.",
            help="; ".join(
                f"remove {name} first: bridge modules remove {name}"
                for name in needing
                if name != CORE
            )
            or "The app itself needs it.",
        )
    # First: a row without its revisions would be handed over once more.
    taken_out = [SetVersion(name, None) for name, s in rows.items() if s.version is not None]
    downgrades = [Downgrade(r.id, r.branch, r.doc) for r in graph.downgrades(own)]
    return Plan(state, (*taken_out, *downgrades))


def _upgrades(graph: Graph, current: tuple[str, ...], targets: tuple[str, ...]) -> tuple[Step, ...]:
    return tuple(
        Upgrade(revision.id, revision.branch, revision.doc)
        for revision in graph.pending(current, targets)
    )


def _goal(legacy: LegacyState) -> int:
    if legacy.start is None:
        raise ValueError(f"{legacy.repository.name} is not in this database")
    return legacy.repository.target(legacy.start)


def every_version(
    repositories: Mapping[str, Repository],
    config: Config,
    versions: Mapping[str, int] | None = None,
) -> list[RunLegacy]:
    """Every version of these repositories up to the last, in the order of an upgrade.

    :param versions: where the repositories are; None for before their first versions.
    :raises ConfigError: the order that `requires` asks for cannot be.
    """
    states = {
        name: LegacyState(
            replace(repository, hand_over="last"), (versions or {}).get(name, repository.first - 1)
        )
        for name, repository in repositories.items()
    }
    return _run_legacy(states, states, config)


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
