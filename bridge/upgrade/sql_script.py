"""Writes a plan as one SQL script, which the database's own client runs without bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.schema.compare import accepted
from bridge.database.secrets import scrub, shown
from bridge.database.servers import server_of
from bridge.model.errors import (
    ConfigError,
    NotReplayableError,
    ResumeError,
    RevisionsError,
)
from bridge.model.remedy import Remedy
from bridge.model.repository import VersionRow
from bridge.model.state import Facts, State
from bridge.model.steps import (
    Plan,
    RunLegacy,
    Upgrade,
    VerifySchema,
)
from bridge.output.redaction import redacted
from bridge.upgrade.classify import classify
from bridge.upgrade.detect import detect
from bridge.upgrade.execute.steps import drift_error
from bridge.upgrade.run import RunOptions, plan_upgrade
from bridge.upgrade.script_writer import ScriptWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import URL

    from bridge.legacy.frozen.files import Frozen
    from bridge.model.progress import Progress
    from bridge.project import Database, Project

_HOW_TO_RUN = Remedy("Run these with bridge itself", ("dbupdate",))


def sql_script(
    project: Project,
    database: Database | None,
    starts: Iterable[str] | None,
    options: RunOptions,
) -> str:
    """Return what `dbupdate` would do as a script, which the database's own client runs.

    :param starts: where the database stands, which then is not looked at: versions, such as
        ``core=3``, one for each legacy repository that is in it; Alembic revisions; or
        ``base`` for an empty one. None to look.
    :raises NotReplayableError: legacy versions cannot be written as SQL; all are named.
    :raises NotOfflineError: revisions cannot be written as SQL; all are named.
    :raises ConfigError: `starts` names what does not exist.
    :raises BridgeError: as for `plan_upgrade`.
    """
    project.read_scripts()
    if starts is None:
        with project.engine(database) as engine:
            state, url = detect(project, engine), engine.url
            # Of MySQL and MariaDB, only the server says which it is.
            said, known = url.get_backend_name(), server_of(engine).name
            url = url.set(drivername=url.drivername.replace(said, known, 1))
    else:
        url = project.url(database)
        state = _state_at(project, starts, url, options.progress)
    with redacted(lambda text: scrub(project.scrub(text), url)):
        return _write_script(project, plan_upgrade(project, state), url, options)


def _state_at(project: Project, starts: Iterable[str], url: URL, progress: Progress) -> State:
    """Return the state of a database that is not read."""
    versions: dict[str, int] = {}
    revisions: set[str] = set()
    for start in starts:
        name, equals, number = start.rpartition("=")
        if equals:
            project.check_repositories([name])
        if equals and not (number.isascii() and number.isdigit()):
            raise ConfigError(
                f"{start} is not NAME=VERSION, such as {name}=12.", help=Remedy("See", ("status",))
            )
        if equals:
            versions[name] = int(number)
        elif start != "base":
            revisions |= _resolve(project, start)
    facts = _facts_of(project, url, versions, project.graph.effective(revisions))
    state = classify(facts, project.repositories, project.graph, project.config)
    absent = [n for n, s in state.legacy.items() if s.enabled and s.version is None]
    if versions and absent:
        progress.notify(f"Assumed not to be in the database: the legacy {', '.join(absent)}.")
    return state


def _facts_of(
    project: Project, url: URL, versions: Mapping[str, int], revisions: Iterable[str]
) -> Facts:
    """Return the facts of a database at these versions and revisions."""
    repositories, histories, dialect = (
        project.repositories, project.histories, url.get_dialect().name,
    )  # fmt: skip
    rows: dict[str, tuple[VersionRow, ...]] = {}
    tables: set[str] = set()
    for name, number in versions.items():
        repository = repositories[name]
        row = VersionRow(repository.repository_id, number)
        rows[repository.version_table] = (*rows.get(repository.version_table, ()), row)
        history = histories[name].on(dialect) if name in histories else None
        if history is not None:
            tables |= {*history.schema_at(number)["tables"]}
    return Facts(
        database=shown(url),
        dialect=dialect,
        tables=frozenset(tables | {*rows}),
        version_rows=rows,
        revisions=tuple(sorted(revisions)) or None,
    )


def _resolve(project: Project, name: str) -> set[str]:
    try:
        return project.revisions.resolve(name)
    except RevisionsError:
        raise ConfigError(
            f"There is no Alembic revision {name}.", help=Remedy("See", ("alembic", "history"))
        ) from None


def _write_script(project: Project, plan: Plan, url: URL, options: RunOptions) -> str:
    """Return the SQL that takes a database from the plan's state to its targets.

    :param url: names the kind of the database, which is not looked at.
    :raises NotReplayableError: legacy versions have no SQL that is known; all are named.
    :raises NotOfflineError: Alembic revisions need a database; all are named.
    :raises ResumeError: an earlier run was interrupted in the middle of a step.
    :raises DriftError: the schema is not the one that is to be stamped.
    """
    _check(plan, project.histories, options.accept_drift)
    if any(isinstance(step, Upgrade) for step in plan.steps):
        project.revisions.check_environment()
    return "".join(ScriptWriter(project, plan, url, options.progress).parts())


def _check(plan: Plan, histories: Mapping[str, Frozen], patterns: Sequence[str]) -> None:
    if plan.state.interrupted:
        raise ResumeError(
            f"A run was interrupted in the middle of the step '{plan.state.interrupted}', and a "
            "script cannot go on there.",
            help=_HOW_TO_RUN,
        )
    others = [s for s in plan.steps if isinstance(s, RunLegacy) and s.method != "replay"]
    if others:
        listed = "\n".join(f"  {s}: {_why(s, plan.state, histories)}" for s in others)
        number = f"{len(others)} of the legacy versions"
        raise NotReplayableError(f"{number} cannot be written as SQL:\n{listed}", help=_HOW_TO_RUN)
    first = plan.steps[0] if plan.steps else None
    if isinstance(first, VerifySchema):
        drift = [
            d for name, _version in first.versions for d in plan.state.legacy[name].drift or ()
        ]
        stops = [d for d in drift if not d.own and not accepted(d, patterns)]
        if stops:
            raise drift_error(first, stops, "The database is unchanged.")


def _why(step: RunLegacy, state: State, histories: Mapping[str, Frozen]) -> str:
    if step.method == "live":
        return step.why or "its history is not frozen"
    history = histories[step.repository].on(state.dialect)
    reason = history.versions[step.version].reason if history else None
    return f"it is ported to Python, as it cannot be replayed: {reason}"
