"""The proofs by name, before any of them runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bridge.database.servers import family
from bridge.legacy.sequence import every_version
from bridge.model.names import CORE
from bridge.snapshots.files import list_snapshots

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.model.checks import Kind
    from bridge.project import Project

Versions = Mapping[str, int]
"""Of each legacy repository the version that it is at."""


def on_files(project: Project) -> Iterator[tuple[Kind, str]]:
    """Return the proofs that need no database."""
    for name in project.histories:
        yield "files", f"seal of {name}"
    for component in components(project):
        yield "files", f"heads of {component}"


def on_database(project: Project, dialect: str) -> Iterator[tuple[Kind, str]]:
    """Return the proofs on one kind of database."""
    yield "fresh", "from nothing"
    if project.has_models:
        yield "models", "models"
    for revision in project.graph.pending((), project.graph.targets()):
        yield "revision", f"revision {revision.id}"
    for component in components(project):
        if component != CORE:
            yield "revision", f"branch {component} alone"
    for versions in starts(project):
        yield "path", start_name(versions)
    for repository, version, revisions in stamps(project):
        yield "base", base_name(repository, version, revisions)
    for path in snapshots(project, dialect):
        yield "snapshot", f"from {path.name}"


def components(project: Project) -> Iterator[str]:
    """Return `CORE`, if it has revisions, and every enabled module that has some."""
    on = [module.name for module in project.config.modules.values() if module.enabled]
    for name in (CORE, *on):
        if project.graph.of_module(None if name == CORE else name):
            yield name


def stamps(project: Project) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield each version that is stamped, with its repository and revisions."""
    for name, repository in project.repositories.items():
        if project.config.enabled(name):
            for version, revisions in repository.stamp.items():
                if revisions:
                    yield name, version, tuple(revisions)


def base_name(repository: str, version: int, revisions: tuple[str, ...]) -> str:
    """Return the name of the proof of a stamp."""
    return f"{repository} {version} is {', '.join(revisions)}"


def start_name(versions: Versions) -> str:
    """Return the name of a path that starts at these legacy versions."""
    return f"from {', '.join(f'{name} {version}' for name, version in versions.items())}"


def starts(project: Project) -> Iterator[Versions]:
    """Yield every place in the legacy history from which an upgrade may start, oldest first.

    Before the first version of a squashed history there is nothing to start from.
    """
    on = {n: r for n, r in project.repositories.items() if project.config.enabled(n)}
    if not on:
        return
    versions = {name: repository.first - 1 for name, repository in on.items()}
    squashed = {n for n, r in on.items() if r.squashed and r.first > 1}
    for step in (None, *every_version(on, project.config)):
        if step is not None:
            versions[step.repository] = step.version
        if all(versions[name] >= on[name].first for name in squashed):
            yield dict(versions)


def snapshots(project: Project, dialect: str) -> list[Path]:
    """Return the snapshots of a kind of database that the app has saved."""
    found = list_snapshots(project.config.snapshots)
    return [snapshot.path for snapshot in found if snapshot.kind == family(dialect)]
