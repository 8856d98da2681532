"""Compares a database with what was recorded of the versions and revisions that it is at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.database.engine import read_only
from bridge.database.schema import only, read_schema
from bridge.database.schema.compare import compare, restrict_to
from bridge.legacy.frozen.drift import drift_from
from bridge.legacy.frozen.files import check_seal
from bridge.model.errors import ConfigError
from bridge.model.remedy import Remedy
from bridge.model.results import Verification
from bridge.revisions.recorded_schemas import Heads, Schema, path_of, read
from bridge.upgrade.detect import detect

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from sqlalchemy.engine import Engine

    from bridge.database.row_counts import AppTables
    from bridge.model.difference import Difference
    from bridge.model.frozen import FrozenDialect
    from bridge.model.graph import Graph
    from bridge.model.state import State
    from bridge.project import Database, Project


def verify(project: Project, database: Database | None = None) -> Verification:
    """Compare the schema with what was recorded of the versions that it is at; reads only.

    :raises DatabaseError: it cannot be read.
    :raises SealBrokenError: a file of a frozen history is not what was sealed.
    """
    for frozen in project.histories.values():
        check_seal(frozen)
    with project.engine(database) as engine:
        return _compare(project, engine, detect(project, engine))


def recorded_schemas(project: Project, dialect: str) -> Mapping[Heads, Schema]:
    """Return the schemas at Alembic revisions that `bridge check` has recorded.

    :param dialect: the kind of database.
    :raises ConfigError: the file is damaged.
    """
    path = path_of(project.revisions.folder, dialect)
    if not path.is_file():
        return {}
    try:
        return read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", help=Remedy("Record it again", ("check", "--record"))
        ) from None


def _compare(project: Project, engine: Engine, state: State) -> Verification:
    """Return how the schema compares; reads only.

    A legacy version is compared until the first revision after its stamp has run. Tables that
    nothing knows are reported as additions of the administrator's.
    """
    graph, histories, app_tables = project.graph, project.histories, project.app_tables
    recorded = recorded_schemas(project, engine.dialect.name)
    versions: dict[str, tuple[FrozenDialect, int]] = {}
    missing: list[str] = []
    for name, legacy in state.legacy.items():
        history = histories[name].on(state.dialect) if name in histories else None
        stamped = legacy.handed_over and _only_stamped(state, graph, legacy.repository.stamp)
        version = legacy.version if stamped or not legacy.handed_over else None
        if version is None:
            continue
        if history is None or version not in history.versions:
            missing.append(f"version {version} of {name}")
        else:
            versions[name] = (history, version)
    reached = graph.effective(state.current)
    if not versions and reached not in recorded:
        missing += [f"revision {revision}" for revision in state.current]
        return Verification((), tuple(missing), ())
    with read_only(engine) as connection:
        schema = read_schema(connection)
    if not versions:
        return _at_revisions(schema, reached, recorded, missing, app_tables)
    differences: list[Difference] = []
    known: set[str] = set()
    composed, at = project.composed(state.dialect), {n: v for n, (_, v) in versions.items()}
    for name, (history, _version) in versions.items():
        found = drift_from(composed.schema(name, at), history, schema)
        differences += [difference for difference in found if difference not in differences]
        known |= history.tables
    differences += _additions(schema, known, app_tables)
    compared = [f"version {version} of {name}" for name, (_, version) in versions.items()]
    return Verification(tuple(compared), tuple(missing), tuple(differences))


def _at_revisions(
    schema: Schema,
    reached: Heads,
    recorded: Mapping[Heads, Schema],
    missing: Sequence[str],
    app_tables: AppTables,
) -> Verification:
    expected = recorded[reached]
    known = {table for document in recorded.values() for table in document["tables"]}
    found = only(schema, known)
    found = {**restrict_to(expected, found), "tables": found["tables"]}
    differences = [
        replace(difference, own=False) if difference.what == "table" else difference
        for difference in compare(expected, found)
    ]
    differences += _additions(schema, known, app_tables)
    compared = tuple(f"revision {revision}" for revision in reached)
    return Verification(compared, tuple(missing), tuple(differences))


def _additions(
    schema: Schema, known: Container[str], app_tables: AppTables
) -> tuple[Difference, ...]:
    """Return the tables that neither scripts nor revisions create."""
    tables = schema["tables"]
    own = {name: tables[name] for name in app_tables(tables) if name not in known}
    return compare({"tables": {}}, {"tables": own})


def _only_stamped(state: State, graph: Graph, stamp: Mapping[int, tuple[str, ...]]) -> bool:
    """Tell whether no revision has run since the legacy history was handed over."""
    reached = graph.ancestors(state.current)
    return any(reached == graph.ancestors(revisions) for revisions in stamp.values())
