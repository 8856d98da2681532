"""Record the versions of a database without a version table, after comparing its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.legacy.frozen.files import Frozen, check_seal
from bridge.legacy.methods import is_recorded
from bridge.model.errors import BridgeError, ConfigError, StateError
from bridge.model.remedy import Remedy, retry_with
from bridge.model.steps import Plan, SetVersion, VerifySchema
from bridge.upgrade.detect import detect
from bridge.upgrade.refusals import adopt_command
from bridge.upgrade.run import RunOptions, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Engine

    from bridge.model.results import Report
    from bridge.model.state import State
    from bridge.project import Database, Project


class AdoptTask:
    """`adopt`: record which legacy versions the database is at.

    :param versions: the version of each legacy repository that the database contains.
    """

    outcome = "adopted"

    def __init__(self, project: Project, versions: Mapping[str, int]) -> None:
        self._project, self._versions = project, versions

    def plan(self, engine: Engine) -> Plan:
        """Return the plan: compare the schema, then record the versions."""
        state = detect(self._project, engine)
        for name in self._versions:
            if name in self._project.histories:
                check_seal(self._project.histories[name])
        return _plan_adoption(state, self._versions, self._project.histories)


def adopt(
    project: Project,
    versions: Mapping[str, int],
    database: Database | None,
    options: RunOptions,
) -> Report:
    """Record the versions of a database without a version table, after comparing its schema.

    :param versions: the version of each legacy repository that the database contains.
    :raises ConfigError: a repository or version does not exist, or is not frozen.
    :raises StateError: the database already has a version, or its state must be refused.
    :raises DriftError: the schema differs from that of the version.
    """
    project.check_repositories(versions)
    with project.engine(database) as engine:
        try:
            return run(project, engine, AdoptTask(project, versions), options)
        except BridgeError as error:
            error.remedies = retry_with(error.remedies, adopt_command(versions))
            raise


def _plan_adoption(
    state: State, versions: Mapping[str, int], histories: Mapping[str, Frozen]
) -> Plan:
    """Return the steps that record which versions an unmanaged database is at.

    :raises StateError: the database is not unmanaged, or already has a version.
    :raises ConfigError: a version is not frozen for this kind of database.
    """
    if state.problem is not None and state.kind != "unmanaged":
        raise state.problem
    for name, version in versions.items():
        legacy = state.legacy[name]
        if legacy.version is not None or legacy.handed_over:
            raise StateError(
                f"The database already has a version of {name}.", help=Remedy("See", ("status",))
            )
        if not is_recorded(histories.get(name), state.dialect, version):
            raise ConfigError(
                f"Version {version} of {name} is not frozen for {state.dialect}, so there is no "
                "schema to compare the database with.",
                help=Remedy("Ask the developer of the app to freeze the history", ("freeze",)),
            )
    verify = VerifySchema(tuple(versions.items()))
    return Plan(state, (verify, *(SetVersion(name, version) for name, version in versions.items())))
