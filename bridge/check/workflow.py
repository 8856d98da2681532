"""CI's workflow: proves that every old install can still be upgraded, on databases of its own."""

from __future__ import annotations

import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from importlib.metadata import version
from multiprocessing import get_context
from typing import TYPE_CHECKING

from bridge.check.cases import components, snapshots, starts
from bridge.check.prover import Prover
from bridge.database.engine import connect
from bridge.database.scratch import Scratch, scratch
from bridge.database.servers import server_of
from bridge.database.url import parse_url
from bridge.legacy.frozen.files import check_seal
from bridge.model.checks import Checked, CheckedDatabase, Finding, Proof, is_accepted
from bridge.model.errors import SealBrokenError
from bridge.model.names import CORE
from bridge.model.progress import Progress
from bridge.model.remedy import Remedy
from bridge.revisions.recorded_schemas import Heads, Schema, path_of, written
from bridge.upgrade.status import drawing
from bridge.upgrade.verify import recorded_schemas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import URL

    from bridge.project import Project


@dataclass(frozen=True)
class CheckOptions:
    """How everything is proved.

    :param sqlite: whether SQLite is one of the kinds of database.
    :param jobs: how many kinds are worked on at once; None for as many as there are processors.
    :param record: write down the schema at each revision, for `verify` and for later checks.
    :param progress: is notified of each proof.
    """

    sqlite: bool = True
    jobs: int | None = None
    record: bool = False
    progress: Progress = field(default_factory=Progress)


def check(
    project: Project,
    urls: Sequence[URL | str] = (),
    options: CheckOptions | None = None,
) -> Checked:
    """Prove every upgrade path on each kind of database.

    :param urls: servers on which databases may be made and dropped.
    :raises ConfigError: the configuration is not in order.
    :raises DatabaseError: a server cannot be reached.
    """
    options = options or CheckOptions()
    record = options.record
    at = datetime.now(timezone.utc)
    told = _Kept(options.progress)
    databases: list[CheckedDatabase] = []
    for proof in on_files(project):
        told.proved(proof)
    places: list[URL | None] = [*([None] if options.sqlite else []), *map(parse_url, urls)]
    if min(len(places), options.jobs or os.cpu_count() or 1) < 2:
        databases += [_on_one(project, url, told, record=record) for url in places]
    else:
        # A process each: Alembic's context is one for a whole process.
        with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
            working = [pool.submit(in_own_process, project, url, record=record) for url in places]
            for done in as_completed(working):
                database, found, notes = done.result()
                databases.append(database)
                for note in notes:
                    told.notify(note)
                for proof in found:
                    told.proved(proof)
    versions = [(name, version(name)) for name in ("bridge", "sqlalchemy", "alembic")]
    return Checked(
        tuple(told.proofs),
        tuple(sorted(databases, key=lambda database: database.name)),
        drawing(project, scripts_only=True),
        at,
        (("python", platform.python_version()), *versions),
    )


def in_own_process(
    project: Project, url: URL | None, *, record: bool = False
) -> tuple[CheckedDatabase, list[Proof], list[str]]:
    """Prove everything on one kind of database in this process, and return what was found."""
    told = _Kept()
    return _on_one(project, url, told, record=record), told.proofs, told.notes


class _Kept(Progress):
    """A progress that keeps what it is notified of, and passes it on where there is another one."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or Progress()
        self.proofs: list[Proof] = []
        self.notes: list[str] = []

    def notify(self, text: str) -> None:
        self.notes.append(text)
        self._progress.notify(text)

    def proved(self, proof: Proof) -> None:
        self.proofs.append(proof)
        self._progress.proved(proof)


def _on_one(
    project: Project, url: URL | None, progress: Progress, *, record: bool
) -> CheckedDatabase:
    """Prove everything on one kind of database."""
    begun = time.monotonic()
    try:
        with scratch(url) as place:
            name, server = _server(place)
            prover = Prover(project, place, name, snapshots(project, place.name), progress)
            prover.fresh()
            climb = prover.paths(list(starts(project)))
            prover.bases()
            prover.snapshots()
            if record:
                _record(project, place.name, prover.revisions)
    finally:
        project.forget()  # Alembic's configuration has the scratch database's URL
    return CheckedDatabase(name, server, time.monotonic() - begun, climb)


def _record(project: Project, dialect: str, found: Mapping[Heads, Schema]) -> None:
    """Record the schemas; old ones stay, as databases may still be at them."""
    path = path_of(project.revisions.folder, dialect)
    schemas = {**found, **recorded_schemas(project, dialect), **found}
    path.parent.mkdir(exist_ok=True)
    path.write_text(written(schemas.items()), encoding="utf-8")


def on_files(project: Project) -> Iterator[Proof]:
    """Return what the files alone show."""
    accept = project.config.check.accept
    for name, frozen in project.histories.items():
        found = []
        try:
            check_seal(frozen)
        except SealBrokenError as error:
            found.append(Finding(f"seal {name}", error.message, error.remedies))
        yield Proof("", "files", f"seal of {name}", findings=tuple(found))
    for component in components(project):
        heads = project.graph.heads_of(None if component == CORE else component)
        found = []
        if len(heads) > 1:
            finding = Finding(
                f"heads {component}",
                f"The branch {component} has {len(heads)} heads: {', '.join(heads)}.",
                Remedy("Merge them", ("alembic", "merge", *heads, "-m", "MESSAGE")),
            )
            found.append(replace(finding, accepted=is_accepted(finding, accept)))
        yield Proof("", "files", f"heads of {component}", findings=tuple(found))


def _server(place: Scratch) -> tuple[str, str]:
    """Return the kind of database, and the server's version."""
    engine = place.create()
    with connect(engine) as connection:
        connection.begin()
        found = ".".join(map(str, connection.dialect.server_version_info or ()))
        kind = server_of(connection).name
    place.drop(engine)
    return kind, found
