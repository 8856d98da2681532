"""Snapshots: old databases as readable files, generated or an administrator's.

All work is done on scratch databases; no other database is read or written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bridge.database.scratch import Scratch, scratch
from bridge.database.secrets import scrub
from bridge.database.servers import family, server_of, servers_of_family
from bridge.database.url import parse_url
from bridge.legacy.frozen.files import check_seal
from bridge.model.errors import SnapshotError
from bridge.output.redaction import redacted
from bridge.snapshots.files import UNCHANGED, SnapshotFile, name_for
from bridge.snapshots.generate import Filling, Generator, with_required
from bridge.snapshots.importing import import_file, kind_of_file
from bridge.snapshots.writing import Contents, Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import URL

    from bridge.model.snapshots import Imported, Snapshot
    from bridge.project import Project


def create_snapshot(
    project: Project,
    at: Mapping[str, int],
    file: SnapshotFile,
    *,
    kind: str | None = None,
    filling: Filling,
) -> Snapshot:
    """Generate an old database at these legacy versions, and write it as a file.

    :param at: the version of each repository. Repositories that these require are added; others
        are not in it.
    :param kind: "sqlite", "postgresql" or "mysql"; None for that of the first of the servers,
        or SQLite if there are none.
    :raises ConfigError: there are no such versions, or no upgrade reaches them together.
    :raises LegacyError: a version fails.
    :raises SnapshotError: the file exists already.
    """
    with redacted(lambda text: scrub(project.scrub(text), *file.urls)):
        servers = [parse_url(url) for url in file.urls]
        with scratch(_server_for(kind, servers)) as place:
            return _create(project, place, at, file, filling)


def _create(
    project: Project, place: Scratch, at: Mapping[str, int], file: SnapshotFile, filling: Filling
) -> Snapshot:
    at = with_required(project, at)
    path = file.path(project.config.snapshots, name_for(at, ()), family(place.name))
    for repository in at:
        if repository in project.histories:
            check_seal(project.histories[repository])
    begun = time.time()
    generator = Generator(project, place, path.parent, file.progress)
    engine = generator.generate(at, filling)
    return Writer(project, place, engine).write(Contents(path, at, since=begun))


def import_snapshot(
    project: Project,
    path: Path,
    file: SnapshotFile,
    *,
    anonymize: bool = False,
    keep: Sequence[str] = (),
) -> Imported:
    """Write an administrator's database as a snapshot; the file itself is only read.

    :param path: a SQLite file, or a dump by `.dump`, pg_dump or mariadb-dump.
    :param anonymize: scrub all texts.
    :param keep: columns whose texts are kept nevertheless, as ``TABLE.COLUMN``.
    :raises DatabaseError: it cannot be loaded.
    :raises StateError: it is not a database of this app that can be upgraded.
    :raises SnapshotError: the file exists already, or cannot be anonymized.
    """
    with redacted(lambda text: scrub(project.scrub(text), *file.urls)):
        servers = [parse_url(url) for url in file.urls]
        with scratch(_server_for(kind_of_file(path), servers)) as place:
            return import_file(project, place, path, file, keep if anonymize else None)


def _server_for(kind: str | None, urls: Sequence[URL]) -> URL | None:
    """Return the server for databases of a kind, None for SQLite.

    :param kind: None for that of the first URL, or SQLite where there is none.
    :raises SnapshotError: there is no such server.
    """
    if kind is None:
        return urls[0] if urls else None
    wanted = servers_of_family(kind)[0]
    if not wanted.is_server:
        return None
    for url in urls:
        if server_of(url).family == kind:
            return url
    raise SnapshotError(
        f"A {wanted.label} database needs a server.",
        help="Name one on which databases may be created and dropped: "
        f"--scratch-url {kind}://USER:PASSWORD@HOST/DATABASE",
        state_of_data=UNCHANGED,
    )
