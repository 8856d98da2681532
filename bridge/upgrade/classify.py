"""Classifies what was read from a database: which state it is in, and whether it is refused.

Pure: no database, no files. The page "Concepts" of the documentation lists the states.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.model.app_tables import app_tables
from bridge.model.names import CORE, NON_TRANSACTIONAL, PARTLY, REPLAYED
from bridge.model.state import (
    Facts,
    HalfReplayed,
    LegacyState,
    ModuleState,
    State,
    StateKind,
    Unfinished,
)
from bridge.upgrade.refusals import (
    check_columns,
    check_damage,
    check_managed,
    check_revisions,
    check_rows,
    check_stamps,
    check_versions,
    hand_over_revisions,
    version_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.model.config import Config
    from bridge.model.graph import Graph, Revision
    from bridge.model.repository import Repository, VersionRow


def classify(
    facts: Facts, repositories: Mapping[str, Repository], graph: Graph, config: Config
) -> State:
    """Return the state of the database that `facts` describe.

    The `problem` of a state that must be refused is the first one found. The most specific are
    checked first: tables that are not version tables, unknown revisions, impossible version rows,
    versions out of range, rows that contradict stamps.
    """
    tables = app_tables(facts, repositories.values(), config)
    revisions_without_files = _revisions_without_files(facts)
    graph = graph.remembering(revisions_without_files)
    current = facts.revisions or ()
    known = tuple(revision for revision in current if graph.known(revision))
    reached = graph.ancestors(known)
    legacy = {
        name: replace(
            _legacy_state(repository, facts, reached, graph), enabled=config.enabled(name)
        )
        for name, repository in repositories.items()
    }
    legacy = _with_new_repositories(legacy)
    enabled = [state for state in legacy.values() if state.enabled]
    modules = _modules(reached, graph, config)

    every_id = {name for state in legacy.values() for name in state.repository.ids}
    finding = (
        check_columns(facts, repositories.values(), config)
        or check_damage(facts, config)
        or check_revisions(current, known, config)
        or check_rows(enabled, facts, tables, known, every_id)
        or check_versions(enabled, tables)
        or check_stamps(enabled, known, reached, graph)
    )
    # Tables that an interrupted fresh install has created are not unmanaged.
    if finding is None and tables and not current and not facts.interrupted:
        finding = check_managed(enabled, facts, tables, graph, config)
    half = None if facts.interrupted else _half_replayed(facts, legacy)
    interrupted = half.step if half else facts.interrupted
    dormant = any(module.switch != "on" and module.current for module in modules)
    kind = finding[0] if finding else _kind(enabled, known, dormant=dormant)
    return State(
        kind=kind,
        database=facts.database,
        dialect=facts.dialect,
        legacy=legacy,
        current=tuple(sorted(current)),
        targets=graph.targets(),
        modules=modules,
        unclaimed_rows=_unclaimed_rows(facts, every_id),
        revisions_without_files=revisions_without_files,
        pending_foundations=_pending_foundations(facts, config),
        interrupted=interrupted,
        interrupted_method=_interrupted_method(facts, interrupted),
        half_replayed=half,
        unfinished=_unfinished(facts),
        problem=finding[1] if finding else None,
    )


def _half_replayed(facts: Facts, legacy: Mapping[str, LegacyState]) -> HalfReplayed | None:
    """Return how far a run came that ended in a version which is not one transaction."""
    found: HalfReplayed | None = None
    before = None
    for entry in facts.journal:
        details = entry.details
        if entry.step == REPLAYED and found is not None and entry.name == found.step:
            found = replace(found, committed=details["to"])
        elif entry.step != "step":
            continue
        elif "resumes" not in details:
            found = None
        elif entry.status == "begun":
            found = HalfReplayed(entry.name, details["resumes"], created=details["created"])
            before = details["from"]
        elif found is not None:
            found = replace(found, refused=details["resumes"])
    # Whoever set the version row to another version has undone or done the rest.
    is_there = found is not None and any(
        found.step.startswith(f"legacy {name} ") and [state.version] == before
        for name, state in legacy.items()
    )
    return found if is_there else None


def _interrupted_method(facts: Facts, interrupted: str | None) -> str | None:
    """Return the method of the interrupted step, which the journal recorded when it began."""
    entries = (
        entry
        for entry in reversed(facts.journal)
        if entry.step == "step" and entry.name == interrupted
    )
    return next((entry.details["how"] for entry in entries if "how" in entry.details), None)


def _unfinished(facts: Facts) -> dict[str, Unfinished]:
    """Return the steps of which a part may be committed, with how they ended."""
    found: dict[str, Unfinished] = {}
    running: set[str] = set()
    for entry in facts.journal:
        if entry.step == NON_TRANSACTIONAL:
            found[entry.name] = "killed"  # unless a later entry records a failure
            running.add(entry.name)
        elif entry.step == PARTLY:
            found[entry.name] = "partly"
        elif entry.step == "step" and entry.status == "begun":
            running.discard(entry.name)
        elif entry.step == "step" and entry.status == "done":
            found.pop(entry.name, None)
        elif entry.step == "step" and entry.name in running:
            found[entry.name] = "failed"
    return found


def _revisions_without_files(facts: Facts) -> tuple[Revision, ...]:
    """Return the revisions of modules that the journal has recorded; its last entry counts."""
    found = {entry.name: entry.revision for entry in facts.journal}
    return tuple(r for r in found.values() if r is not None and r.module is not None)


def _pending_foundations(facts: Facts, config: Config) -> tuple[str, ...]:
    """Return the enabled components whose foundations were begun but not completed."""
    status = {e.name: e.status for e in facts.journal if e.step == "foundations"}
    enabled = {CORE, *config.modules} - set(config.off)
    return tuple(name for name, last in status.items() if last == "begun" and name in enabled)


def _unclaimed_rows(facts: Facts, every_id: set[str]) -> tuple[VersionRow, ...]:
    """Return the rows of version tables that belong to no repository."""
    rows = [row for found in facts.version_rows.values() for row in found]
    return tuple(row for row in rows if row.repository_id not in every_id)


def _modules(reached: frozenset[str], graph: Graph, config: Config) -> tuple[ModuleState, ...]:
    """Return the modules of the configuration, then those that only the database has."""
    applied: dict[str, list[str]] = {name: [] for name in config.modules}
    for revision in reached:
        module = graph.module(revision)
        if module is not None:
            applied.setdefault(module, []).append(revision)
    result = []
    for name, revisions in applied.items():
        settings = config.modules.get(name)
        state = ModuleState(
            name,
            "not installed",
            current=graph.effective(revisions),
            problem=settings.problem if settings else None,
        )
        if settings is not None and settings.present:
            heads = graph.effective(r for r in graph.of_module(name) if not graph.revisions[r].gone)
            switch: Any = "on" if settings.enabled else "broken" if settings.problem else "off"
            state = replace(state, switch=switch, heads=heads)
        result.append(state)
    return tuple(result)


def _legacy_state(
    repository: Repository, facts: Facts, reached: frozenset[str], graph: Graph
) -> LegacyState:
    rows = version_rows(repository, facts)
    stamped = any(
        revisions and set(revisions) <= reached
        for revisions in hand_over_revisions(repository, graph).values()
    )
    if not rows:
        return LegacyState(repository, None, handed_over=stamped)
    return LegacyState(repository, rows[0].version, rows[0].repository_id, stamped)


def _with_new_repositories(legacy: Mapping[str, LegacyState]) -> dict[str, LegacyState]:
    """Return the states; the core's repositories without a row begin if any repository is waiting.

    sqlalchemy-migrate's own programs do the same: histories were split over the years, and a
    database that is older than the second repository gets that repository's row when it is
    upgraded. A module's repository without a row was never installed; Alembic's base creates its
    tables.
    """
    waiting = any(state.waiting for state in legacy.values())
    return {
        name: replace(state, begins=True)
        if waiting
        and state.version is None
        and not state.handed_over
        and state.repository.module is None
        else state
        for name, state in legacy.items()
    }


def _kind(legacy: Iterable[LegacyState], known: tuple[str, ...], *, dormant: bool) -> StateKind:
    waiting = [state for state in legacy if state.waiting]
    if waiting:
        behind = any(
            state.start is not None and state.start < state.repository.target(state.start)
            for state in waiting
        )
        return "legacy" if behind else "handing over"
    if dormant:
        return "dormant"
    return "alembic" if known else "fresh"
