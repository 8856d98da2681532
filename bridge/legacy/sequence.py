"""The order in which legacy versions run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.model.errors import ConfigError
from bridge.model.state import LegacyState
from bridge.model.steps import RunLegacy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.model.config import Config
    from bridge.model.repository import Repository


def target_version(legacy: LegacyState) -> int:
    """Return the version at which a repository hands over, given where the database is.

    :raises ValueError: the repository is not in this database.
    """
    if legacy.start is None:
        raise ValueError(f"{legacy.repository.name} is not in this database")
    return legacy.repository.target(legacy.start)


def every_version(
    repositories: Mapping[str, Repository],
    config: Config,
    versions: Mapping[str, int] | None = None,
) -> list[RunLegacy]:
    """Return every version of these repositories up to the last, in the order of an upgrade.

    :param versions: the version that each repository is at; None for before their first versions.
    :raises ConfigError: `requires` asks for an impossible order.
    """
    states = {
        name: LegacyState(
            replace(repository, hand_over="last"), (versions or {}).get(name, repository.first - 1)
        )
        for name, repository in repositories.items()
    }
    return run_legacy(states, states, config)


def run_legacy(
    waiting: Mapping[str, LegacyState], every: Mapping[str, LegacyState], config: Config
) -> list[RunLegacy]:
    """Return the versions to run, one repository after the other in the configuration's order.

    `requires` may interleave them: a version waits until the other repositories have reached the
    versions that it requires. A repository that is not installed in this database is ignored.

    :raises ConfigError: `requires` asks for an impossible order.
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
            if (legacy.start or 0) < version <= target_version(legacy)
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
                f"legacy.NAME.requires in {config.source} asks for an impossible order: "
                f"{', and '.join(block for block in blocks if block)}.",
                help=f"Change legacy.NAME.requires in {config.source}.",
            )
    return steps
