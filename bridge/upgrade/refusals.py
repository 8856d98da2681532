"""The states of a database that bridge refuses, and how to fix each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.model.errors import (
    AheadError,
    AtSquashError,
    BridgeError,
    InconsistentError,
    LegacyScriptMissingError,
    TooOldError,
    UnmanagedError,
    interrupted_restore,
)
from bridge.model.names import JOURNAL_TABLE, RESTORE_TABLE
from bridge.model.remedy import Command, Remedy
from bridge.model.state import Facts, LegacyState, StateKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.model.config import Config
    from bridge.model.difference import Nearest
    from bridge.model.graph import Graph
    from bridge.model.repository import Repository, VersionRow

REVISION_COLUMNS = frozenset({"version_num"})
"""The columns of a version table of Alembic."""

Finding = tuple[StateKind, BridgeError]


def version_rows(repository: Repository, facts: Facts) -> list[VersionRow]:
    """Return the version rows of a repository, under any of its names."""
    rows = facts.version_rows.get(repository.version_table, ())
    return [row for row in rows if row.repository_id in repository.ids]


def hand_over_revisions(repository: Repository, graph: Graph) -> dict[int, tuple[str, ...]]:
    """Return the revisions of the hand-over, by the version that they equal.

    Where nothing is stamped, these are the bases of the branch, which skip existing tables.
    """
    bases = graph.bases_of(repository.module)
    return {version: revisions or bases for version, revisions in repository.stamp.items()}


# --- checks -------------------------------------------------------------------------------


def check_columns(
    facts: Facts, repositories: Iterable[Repository], config: Config
) -> Finding | None:
    """Find a version table that lacks a column."""
    for table, columns in facts.not_version_tables.items():
        if table == JOURNAL_TABLE:
            return "inconsistent", InconsistentError(
                f"The table {table} is not bridge's own: it has the columns {', '.join(columns)}.",
                help="Rename it: bridge keeps its journal under that name.",
            )
        if table == config.alembic.version_table:
            wanted, key = REVISION_COLUMNS, f"alembic.version_table of {config.source}"
        else:
            owners = [r for r in repositories if r.version_table == table]
            wanted = frozenset().union(*(r.store.columns for r in owners))
            key = f"version_table in {' and '.join(_source(r, config) for r in owners)}"
        return "inconsistent", InconsistentError(
            f"The table {table} is not a version table: it has the columns {', '.join(columns)}, "
            f"and should have {' and '.join(sorted(wanted))}.",
            help=f"If another program owns it, name the app's own version table: {key}",
        )
    return None


def _source(repository: Repository, config: Config) -> str:
    """Return the file that names a repository's version table."""
    if repository.path is None:
        return f"legacy.{repository.name} of {config.source}"
    return str(repository.path / "migrate.cfg")


def check_damage(facts: Facts, config: Config) -> Finding | None:
    """Find rows of Alembic's version table and of the journal that cannot be what they should."""
    table = config.alembic.full_version_table
    if RESTORE_TABLE in facts.tables:
        return "inconsistent", interrupted_restore(facts.restoring)
    if facts.no_revisions:
        values = dict.fromkeys(facts.no_revisions)
        conditions = " OR ".join(
            "version_num IS NULL" if value is None else f"version_num = {_literal(str(value))}"
            for value in values
        )
        found = ", ".join("NULL" if value is None else repr(value) for value in values)
        return "inconsistent", InconsistentError(
            f"The table {table} holds a row that names no revision: {found}.",
            help=[
                Remedy(f"Remove it: DELETE FROM {table} WHERE {conditions};"),
                Remedy("Then see where the database stands", ("status",)),
            ],
        )
    if facts.no_details:
        numbers = ", ".join(map(str, facts.no_details))
        return "inconsistent", InconsistentError(
            f"The table {JOURNAL_TABLE} is damaged: bridge did not write the details of "
            f"{_plural('row', list(facts.no_details))} {numbers}.",
            help=[
                Remedy("Restore a backup in which they are whole", ("restore", "BACKUP")),
                Remedy(
                    "Or do without them; what bridge knew of these steps is lost: "
                    f"UPDATE {JOURNAL_TABLE} SET details = NULL WHERE id IN ({numbers});"
                ),
            ],
        )
    return None


def check_revisions(
    current: tuple[str, ...], known: tuple[str, ...], config: Config
) -> Finding | None:
    """Find revisions in the database that no script has.

    :param current: the revisions in the database; `known`, those of them that a script has.
    """
    unknown = sorted(set(current) - set(known))
    if not unknown:
        return None
    table = config.alembic.full_version_table
    advice = (
        "Use the newer release. If another program owns that table, name the app's "
        f"own in alembic.version_table of {config.source}."
    )
    it_belongs = "it belongs" if len(unknown) == 1 else "they belong"
    for module in config.modules.values():
        if not module.present and module.migrations is not None:
            advice += (
                f" If {it_belongs} to the module {module.name}, which is switched off, restore its "
                f"folder {module.migrations}; the module may stay switched off."
            )
        elif module.problem:
            advice += f" If {it_belongs} to the module {module.name}: {module.problem}"
    return "ahead", AheadError(
        f"The table {table} holds the {_plural('revision', unknown)} {', '.join(unknown)}, which "
        "this code does not have: a newer release of the app wrote it, or another program that "
        "keeps its versions in the same table.",
        help=advice,
    )


def check_rows(
    legacy: list[LegacyState],
    facts: Facts,
    tables: tuple[str, ...],
    known: tuple[str, ...],
    every_id: set[str],
) -> Finding | None:
    """Find version rows that are too many, too few, or without a version.

    :param legacy: the enabled repositories.
    :param tables: the app's tables.
    :param known: the revisions in the database that a script has.
    :param every_id: the ids of all repositories in version rows.
    """
    for state in legacy:
        repository = state.repository
        table = repository.version_table
        rows = version_rows(repository, facts)
        if len(rows) > 1:
            found = ", ".join(
                f"{_literal(row.repository_id)} at "
                f"{_no_version(row) if row.version is None else row.version}"
                for row in rows
            )
            ids = ", ".join(dict.fromkeys(_literal(row.repository_id) for row in rows))
            return "inconsistent", InconsistentError(
                f"The table {table} holds {len(rows)} rows for the legacy repository "
                f"{repository.name}: {found}. It should hold one.",
                help="Find out which version the schema really has, and write one row with it: "
                f"DELETE FROM {table} WHERE {repository.store.id_column} IN ({ids}); "
                f"{_insert(repository)}",
            )
        if rows and rows[0].version is None:
            row_id = _literal(rows[0].repository_id)
            return "inconsistent", InconsistentError(
                f"The row {row_id} of the table {table} has {_no_version(rows[0])}. "
                f"It should be a number from 0 to {repository.last}.",
                help="Find out which version the schema really has, and write it: "
                f"{_update(repository, 'VERSION', rows[0].repository_id)}",
            )
    return _check_missing_rows(legacy, facts, tables, known, every_id)


def _no_version(row: VersionRow) -> str:
    return f"{row.wrong}, which is not a version" if row.wrong else "no version (NULL)"


def _check_missing_rows(
    legacy: list[LegacyState],
    facts: Facts,
    tables: tuple[str, ...],
    known: tuple[str, ...],
    every_id: set[str],
) -> Finding | None:
    """Find a version table that lacks a row which it should have.

    A repository may lack its row because it was never installed here. This does not hold for a
    repository of the core beside a row with an unknown id: it has probably been renamed, and
    treating it as absent would create its tables a second time.
    """
    some_row = any(state.version is not None for state in legacy)
    for state in legacy:
        repository = state.repository
        rows = facts.version_rows.get(repository.version_table)
        if rows is None or state.version is not None or state.handed_over:
            continue
        others = sorted({row.repository_id for row in rows} - every_id)
        expected = f"one with {repository.store.id_column} {_literal(repository.repository_id)}"
        if others and repository.module is None and tables:
            found = " and ".join(map(_literal, others))
            return "inconsistent", InconsistentError(
                f"The table {repository.version_table} has no row for the legacy repository "
                f"{repository.name}: expected {expected}, found {found}, although there are tables "
                f"({_some(tables)}).",
                help=f"If {_literal(others[0])} is its older name, add it: "
                f'legacy.{repository.name}.aliases = ["{others[0]}"]. If it belongs to '
                "another program, and the tables do too, name them in database.ignore_tables.",
            )
        if tables and not some_row and not known and not rows:
            return "inconsistent", InconsistentError(
                f"The table {repository.version_table} is empty, although there are tables of the "
                f"app ({_some(tables)}). It should hold {expected}.",
                help="Find out which version the schema really has, and write it: "
                f"{_insert(repository)}",
            )
    return None


def check_versions(legacy: list[LegacyState], tables: tuple[str, ...]) -> Finding | None:
    """Find versions newer than all scripts, older than all scripts, or without a script."""
    for state in legacy:
        version, repository = state.version, state.repository
        if version is None:
            continue
        place = f"The legacy repository {repository.name} is at version {version} in this database"
        if version > repository.last:
            return "ahead", AheadError(
                f"{place}; this code knows {repository.first} to {repository.last}: a newer "
                "release of the app wrote it.",
                help="Use that release of the app, or a later one.",
            )
        if state.handed_over:
            continue
        release = repository.bring_up_with or "an older release of the app that still has it"
        if version < repository.first - 1:
            return "legacy", TooOldError(
                f"{place}; the history begins at {repository.first}, and the versions before it "
                "were removed.",
                help=Remedy(
                    f"Bring the database to version {repository.first} or later with {release}, "
                    "then run"
                    if tables
                    else "The database has none of the app's tables, so nothing would be lost: "
                    f"DELETE FROM {repository.version_table} "
                    f"WHERE {repository.store.id_column} = {_literal(state.row_id or '')}; "
                    "then run",
                    ("dbupdate",),
                ),
            )
        if version == repository.first - 1 > 0 and repository.squashed and tables:
            return "legacy", AtSquashError(
                f"{place}, just before {repository.first}, the first of the history. A squashed "
                f"first version creates tables that already exist ({_some(tables)}).",
                help=f"Bring the database to version {repository.first} or later with {release}. "
                f"If version {repository.first} is an ordinary step that changes existing tables, "
                f"set legacy.{repository.name}.squashed = false",
            )
        if not repository.gaps:
            wanted = range(version + 1, repository.target(version) + 1)
            missing = sorted(set(wanted) - set(repository.versions))
            if missing:
                return "legacy", LegacyScriptMissingError(
                    f"{_plural('Version', missing)} {', '.join(map(str, missing))} of the legacy "
                    f"repository {repository.name} {'has' if len(missing) == 1 else 'have'} no "
                    f"script in {repository.home}/versions; the database is at {version}.",
                    help="Restore the files from the app's version control.",
                )
    return None


def check_stamps(
    legacy: list[LegacyState],
    known: tuple[str, ...],
    reached: frozenset[str],
    graph: Graph,
) -> Finding | None:
    """Find a repository whose stamped revisions equal another version than its row has."""
    for state in legacy:
        version, stamp = state.version, hand_over_revisions(state.repository, graph)
        if version is None or not state.handed_over:
            continue
        done = {v for v, revisions in stamp.items() if set(revisions) <= reached}
        if version in done:
            continue
        later = [v for v in done if v > version]
        equal = min(later) if later else max(done)
        base = stamp[equal]
        above = sorted(row for row in known if set(base) & graph.ancestors([row]))
        # The other stamped revisions must stay stamped, or they would run again.
        kept = graph.effective(r for r in reached if not set(base) & graph.ancestors([r]))
        table, name = state.repository.version_table, state.repository.name
        stamped = f"{', '.join(base)}, which equals version {equal}"
        if set(above) != set(base):
            stamped += f" (its rows: {', '.join(above)})"
        update = _update(state.repository, str(max(done)), state.row_id or "")
        remove_stamp = (
            Remedy(
                f"If it is that of version {version}, and no revision from {', '.join(base)} on "
                "has really run, remove the stamp",
                ("alembic", "stamp", "--purge", *(kept or ("base",))),
            ),
            Remedy("Then run", ("dbupdate",)),
        )
        place = f"The legacy repository {name} is at version {version} in the table {table}"
        if later:
            return "inconsistent", InconsistentError(
                f"{place}, but the database is stamped with {stamped}. The row should say "
                f"{equal} before that revision is stamped.",
                help=[
                    Remedy(
                        "Find out which of the two is true. If the schema is that of version "
                        f"{max(done)} or newer, correct the row: {update}"
                    ),
                    *remove_stamp,
                ],
            )
        if version in stamp:
            names = ", ".join(stamp[version])
            return "inconsistent", InconsistentError(
                f"{place}, which equals {names}, but the database is stamped only with "
                f"{stamped}: legacy scripts ran after the hand-over.",
                help=Remedy(
                    "If the schema has the changes of those versions, stamp them",
                    ("alembic", "stamp", *graph.effective(stamp[version])),
                ),
            )
        return "inconsistent", InconsistentError(
            f"{place}, but the database is stamped with {stamped}: legacy scripts ran after the "
            "hand-over.",
            help=[
                Remedy(f"If the schema is that of version {equal}, correct the row: {update}"),
                *remove_stamp,
            ],
        )
    return None


def check_managed(
    legacy: list[LegacyState],
    facts: Facts,
    tables: tuple[str, ...],
    graph: Graph,
    config: Config,
) -> Finding | None:
    """Find the app's tables in a database without any version."""
    if any(state.version is not None for state in legacy):
        return None
    names = sorted({state.repository.version_table for state in legacy})
    ignore = Remedy(
        "If these tables are another program's, name them in database.ignore_tables of "
        f"{config.source}."
    )
    if legacy:
        repository = legacy[0].repository
        newest = {
            r for s in legacy for r in hand_over_revisions(s.repository, graph)[s.repository.last]
        }
        create = ""
        if repository.version_table not in facts.version_rows:
            create = f"{_create(repository)} "
        by_version = [
            Remedy(
                "If they are the app's at an older legacy version, record it for each repository: "
                f"{create}{_insert(repository)}"
            ),
            Remedy(
                "If they are at the newest version",
                ("alembic", "stamp", *graph.effective(newest)),
            ),
            Remedy("If they are at a newer revision", ("alembic", "stamp", "REVISION")),
        ]
    else:
        by_version = [
            Remedy(
                "If they are the app's, stamp the revision that they equal",
                ("alembic", "stamp", "REVISION"),
            )
        ]
    return "unmanaged", UnmanagedError(
        f"There are tables ({_some(tables)}), but no version is recorded: there is no row in "
        f"{' or '.join((*names, config.alembic.full_version_table))}. bridge cannot know which "
        "version they are at.",
        help=[ignore, *by_version],
    )


def unmanaged(problem: BridgeError | None, versions: tuple[Nearest, ...]) -> BridgeError | None:
    """Return the problem of an unmanaged database, with the versions that it resembles most."""
    if problem is None or not versions:
        return problem
    command = adopt_command({v.repository: v.version for v in versions})
    return UnmanagedError(
        f"{problem.message} It is most like {' and '.join(map(str, versions))}.",
        help=[Remedy("If that is right, record it", command), *problem.remedies[:1]],
    )


def adopt_command(versions: Mapping[str, int]) -> Command:
    """Return the command that records which versions a database is at."""
    return ("adopt", *(word for n, v in versions.items() for word in ("--legacy", f"{n}={v}")))


# --- phrases and statements ---------------------------------------------------------------


def _insert(repository: Repository) -> str:
    """Return the statement that inserts a version row; the administrator fills in VERSION."""
    store = repository.store
    columns, values = [store.id_column], [_literal(repository.repository_id)]
    if store.path_column:
        columns, values = [*columns, store.path_column], [*values, "''"]
    return (
        f"INSERT INTO {store.table} ({', '.join(columns)}, {store.version_column}) "
        f"VALUES ({', '.join(values)}, VERSION);"
    )


def _update(repository: Repository, version: str, row_id: str) -> str:
    """Return the statement that corrects a version row."""
    store = repository.store
    return (
        f"UPDATE {store.table} SET {store.version_column} = {version} "
        f"WHERE {store.id_column} = {_literal(row_id)};"
    )


def _create(repository: Repository) -> str:
    """Return the statement that creates a version table."""
    store = repository.store
    path = f"{store.path_column} TEXT, " if store.path_column else ""
    return (
        f"CREATE TABLE {store.table} ({store.id_column} VARCHAR(250) NOT NULL PRIMARY KEY, "
        f"{path}{store.version_column} INTEGER);"
    )


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def _plural(word: str, items: list[int] | list[str]) -> str:
    return word if len(items) == 1 else f"{word}s"


def _some(tables: tuple[str, ...]) -> str:
    """Return the first three names, and how many more there are."""
    shown = ", ".join(tables[:3])
    return shown if len(tables) <= 3 else f"{shown} and {len(tables) - 3} more"
