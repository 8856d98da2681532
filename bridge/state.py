"""From facts to a state: where a database stands and whether it may be upgraded.

Pure: no database, no files. The table of states is in the documentation's page "Concepts".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from bridge.config import Config
from bridge.errors import (
    AheadError,
    AtSquashError,
    BridgeError,
    InconsistentError,
    LegacyScriptMissingError,
    TooOldError,
    UnmanagedError,
)
from bridge.model import (
    Facts,
    LegacyState,
    Repository,
    RevisionGraph,
    State,
    StateKind,
    VersionRow,
)

JOURNAL_TABLE = "bridge_journal"

Finding = tuple[StateKind, BridgeError]


def app_tables(facts: Facts, repositories: Iterable[Repository], config: Config) -> tuple[str, ...]:
    """The tables that are the app's: neither a version table, nor bridge's own, nor foreign."""
    own = {JOURNAL_TABLE, config.alembic.version_table} | {r.version_table for r in repositories}
    return tuple(
        sorted(
            table
            for table in facts.tables - own
            if not any(fnmatchcase(table, pattern) for pattern in config.database.ignore_tables)
        )
    )


def classify(
    facts: Facts, repositories: Mapping[str, Repository], graph: RevisionGraph, config: Config
) -> State:
    """The state of the database that `facts` describe.

    A state that must be refused has its `problem` set; the first one found, the most telling
    first: unknown revisions, rows that cannot be, versions out of range, rows against stamps.
    """
    tables = app_tables(facts, repositories.values(), config)
    current = facts.revisions or ()
    known = tuple(revision for revision in current if graph.known(revision))
    reached = graph.ancestors(known)
    legacy = {
        name: _legacy_state(repository, facts, reached) for name, repository in repositories.items()
    }
    enabled = [state for name, state in legacy.items() if config.enabled(name)]
    dormant: dict[str, list[str]] = {}
    for revision in known:
        if graph.disabled(revision):
            dormant.setdefault(graph.module(revision) or "", []).append(revision)

    finding = (
        _check_revisions(current, known, config)
        or _check_rows(enabled, facts, tables, known)
        or _check_versions(enabled, tables)
        or _check_stamps(enabled, reached)
    )
    if finding is None and tables and not current:
        finding = _check_managed(enabled, tables, config)
    kind = finding[0] if finding else _kind(enabled, known, dormant)
    return State(
        kind=kind,
        database=facts.database,
        dialect=facts.dialect,
        legacy=legacy,
        current=tuple(sorted(current)),
        targets=graph.targets(),
        dormant={module: tuple(sorted(rows)) for module, rows in sorted(dormant.items())},
        problem=finding[1] if finding else None,
    )


def _rows(repository: Repository, facts: Facts) -> list[VersionRow]:
    rows = facts.version_rows.get(repository.version_table, ())
    return [row for row in rows if row.repository_id in repository.ids]


def _legacy_state(repository: Repository, facts: Facts, reached: frozenset[str]) -> LegacyState:
    rows = _rows(repository, facts)
    stamped = any(set(revisions) <= reached for revisions in repository.stamp.values())
    if not rows:
        return LegacyState(repository, None, handed_over=stamped)
    return LegacyState(repository, rows[0].version, rows[0].repository_id, stamped)


def _kind(
    legacy: Iterable[LegacyState], known: tuple[str, ...], dormant: Mapping[str, object]
) -> StateKind:
    waiting = [state for state in legacy if state.waiting]
    if waiting:
        behind = any(
            state.version is not None and state.version < state.repository.target(state.version)
            for state in waiting
        )
        return "legacy" if behind else "handing over"
    if dormant:
        return "dormant"
    return "alembic" if known else "fresh"


# --- what must be refused -----------------------------------------------------------------


def _check_revisions(
    current: tuple[str, ...], known: tuple[str, ...], config: Config
) -> Finding | None:
    unknown = sorted(set(current) - set(known))
    if not unknown:
        return None
    table = config.alembic.version_table
    return "ahead", AheadError(
        f"The table {table} holds {_plural('revision', unknown)} {', '.join(unknown)}, which this "
        "code does not have: a newer release of the app wrote it, or another program that keeps "
        "its versions in the same table.",
        help="Run the newer release's bridge. If another program owns that table, name the app's "
        f"own in alembic.version_table of {config.source}.",
    )


def _check_rows(
    legacy: list[LegacyState], facts: Facts, tables: tuple[str, ...], known: tuple[str, ...]
) -> Finding | None:
    for state in legacy:
        repository = state.repository
        table = repository.version_table
        rows = _rows(repository, facts)
        if len(rows) > 1:
            found = ", ".join(f"'{row.repository_id}' at {row.version}" for row in rows)
            return "inconsistent", InconsistentError(
                f"The table {table} holds {len(rows)} rows for the legacy repository "
                f"{repository.name}: {found}. It should hold one.",
                help=f"Find out which version the schema really has, and delete the other rows: "
                f"DELETE FROM {table} WHERE repository_id = '...' AND version = ...;",
            )
        if rows and rows[0].version is None:
            return "inconsistent", InconsistentError(
                f"The row '{rows[0].repository_id}' of the table {table} has no version (NULL). "
                f"It should be a number from 0 to {repository.last}.",
                help=f"Find out which version the schema really has, and write it: "
                f"UPDATE {table} SET version = ... "
                f"WHERE repository_id = '{rows[0].repository_id}';",
            )
    return _check_missing_rows(legacy, facts, tables, known)


def _check_missing_rows(
    legacy: list[LegacyState], facts: Facts, tables: tuple[str, ...], known: tuple[str, ...]
) -> Finding | None:
    """A version table without the row that should be there.

    A repository may lack its row because it was never installed here. It may not when it is
    the core's own and a row of an unknown id stands beside: that is a renamed repository, and
    taking it for absent would create its tables a second time.
    """
    all_ids = {name for state in legacy for name in state.repository.ids}
    some_row = any(state.version is not None for state in legacy)
    for state in legacy:
        repository = state.repository
        rows = facts.version_rows.get(repository.version_table)
        if rows is None or state.version is not None or state.handed_over:
            continue
        others = sorted({row.repository_id for row in rows} - all_ids)
        found = " and ".join(f"'{other}'" for other in others)
        expected = f"one with repository_id '{repository.repository_id}'"
        if others and repository.module is None and tables:
            return "inconsistent", InconsistentError(
                f"The table {repository.version_table} has no row for the legacy repository "
                f"{repository.name}: expected {expected}, found {found}.",
                help="If that is its older name, add it: "
                f'legacy.{repository.name}.aliases = ["{others[0]}"]',
            )
        if tables and not some_row and not known:
            return "inconsistent", InconsistentError(
                f"The table {repository.version_table} is empty, yet there are tables of the "
                f"app's ({_some(tables)}). It should hold {expected}.",
                help=f"Find out which version the schema really has, and write it: "
                f"INSERT INTO {repository.version_table} (repository_id, repository_path, version) "
                f"VALUES ('{repository.repository_id}', '', ...);",
            )
    return None


def _check_versions(legacy: list[LegacyState], tables: tuple[str, ...]) -> Finding | None:
    for state in legacy:
        version, repository = state.version, state.repository
        if version is None:
            continue
        if version > repository.last:
            return "ahead", AheadError(
                f"The legacy repository {repository.name} is at version {version} in this "
                f"database; this code knows {repository.first} to {repository.last}: a newer "
                "release of the app wrote it.",
                help="Run the bridge of that release or of a later one.",
            )
        if state.handed_over:
            continue
        release = repository.bring_up_with or "an older release of the app that still has it"
        if version < repository.first - 1:
            return "legacy", TooOldError(
                f"The legacy repository {repository.name} is at version {version} in this "
                f"database; the history begins at {repository.first}, and the versions before it "
                "are gone.",
                help=f"Bring the database to version {repository.first} or later with {release}, "
                "then run bridge again.",
            )
        if version == repository.first - 1 > 0 and repository.squashed and tables:
            return "legacy", AtSquashError(
                f"The legacy repository {repository.name} is at version {version} in this "
                f"database, just before {repository.first}, the first of the history. A squashed "
                f"first version creates the tables that are already there ({_some(tables)}).",
                help=f"Bring the database to version {repository.first} or later with {release}. "
                f"If version {repository.first} is an ordinary step that changes what is there, "
                f"say so: legacy.{repository.name}.squashed = false",
            )
        if not repository.timestamps:
            wanted = range(version + 1, repository.target(version) + 1)
            missing = sorted(set(wanted) - set(repository.versions))
            if missing:
                return "legacy", LegacyScriptMissingError(
                    f"{_plural('Version', missing)} {', '.join(map(str, missing))} of the legacy "
                    f"repository {repository.name} {'has' if len(missing) == 1 else 'have'} no "
                    f"script in {repository.path / 'versions'}; the database is at {version}.",
                    help="Restore the files from the app's version control.",
                )
    return None


def _check_stamps(legacy: list[LegacyState], reached: frozenset[str]) -> Finding | None:
    """Version rows against stamps: a repository is handed over at the version that it has."""
    for state in legacy:
        version, stamp = state.version, state.repository.stamp
        if version is None or not state.handed_over:
            continue
        done = {v for v, revisions in stamp.items() if set(revisions) <= reached}
        mapped = [v for v in stamp if v <= version]
        if mapped and max(mapped) in done:
            continue
        name, table = state.repository.name, state.repository.version_table
        top = max(done)
        stamped = ", ".join(stamp[top])
        if version < min(done):
            return "inconsistent", InconsistentError(
                f"The legacy repository {name} is at version {version} in the table {table}, yet "
                f"the database is stamped with {stamped}, which equals version {top}. The row "
                f"should say {min(done)} or later before that revision may be there.",
                help="Find out which of the two is true. If the row is stale, write it: "
                f"UPDATE {table} SET version = {top} WHERE repository_id = '{state.row_id}'; "
                "If the stamp came too early, take it out (bridge alembic stamp --purge base) "
                "and run: bridge dbupdate",
            )
        return "inconsistent", InconsistentError(
            f"The legacy repository {name} is at version {version} in the table {table}, which "
            f"equals {', '.join(stamp[max(mapped)])}, yet the database is stamped only with "
            f"{stamped}, which equals version {top}: legacy scripts ran on after the hand-over.",
            help="If the schema has what those versions did, write it down: bridge alembic stamp "
            f"{' '.join(stamp[max(mapped)])}",
        )
    return None


def _check_managed(
    legacy: list[LegacyState], tables: tuple[str, ...], config: Config
) -> Finding | None:
    if any(state.version is not None for state in legacy):
        return None
    names = sorted({state.repository.version_table for state in legacy})
    looked_for = " and ".join((*names, config.alembic.version_table))
    return "unmanaged", UnmanagedError(
        f"There are tables ({_some(tables)}), but no version is written down: neither of the "
        f"tables {looked_for} has a row. bridge cannot know which version they are.",
        help="If these tables are another program's, name them in database.ignore_tables of "
        f"{config.source}. If they are the app's and at its newest legacy version, write that "
        "row; if they equal an Alembic revision, run: bridge alembic stamp REVISION",
    )


def _plural(word: str, items: list[int] | list[str]) -> str:
    return word if len(items) == 1 else f"{word}s"


def _some(tables: tuple[str, ...]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(tables[:3])
    return shown if len(tables) <= 3 else f"{shown} and {len(tables) - 3} more"
