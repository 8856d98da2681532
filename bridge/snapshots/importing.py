"""Writes an administrator's database as a snapshot, with other texts where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.dump.files import kind_of
from bridge.database.engine import connect
from bridge.database.servers import family
from bridge.model.errors import ResumeError, SnapshotError, UnmanagedError
from bridge.model.names import JOURNAL_TABLE
from bridge.model.results import Imported
from bridge.snapshots.anonymize import Anonymizer
from bridge.snapshots.files import UNCHANGED, SnapshotFile, name_for
from bridge.snapshots.writing import Contents, RefusedError, Writer
from bridge.upgrade.detect import detect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.database.scratch import Scratch
    from bridge.model.state import State
    from bridge.project import Project


def kind_of_file(path: Path) -> str:
    """Return the kind of database that a file was made of.

    :raises SnapshotError: it is none that bridge knows.
    :raises DatabaseError: it cannot be read.
    """
    kind = kind_of(path)
    if kind is None:
        raise SnapshotError(
            f"{path} is no database that bridge knows.",
            help="Name a SQLite file, or what sqlite3's .dump, pg_dump or mariadb-dump wrote; "
            "unpack it first if it is packed.",
            state_of_data=UNCHANGED,
        )
    return kind


def import_file(
    project: Project, place: Scratch, source: Path, file: SnapshotFile, keep: Sequence[str] | None
) -> Imported:
    """Make a snapshot of an administrator's database.

    :param source: a SQLite file, or a dump of the kind of database that `place` makes.
    :param keep: columns, as ``TABLE.COLUMN``, whose texts stay while all others are scrubbed; None
        to leave every text as it is.
    :raises DatabaseError: it cannot be loaded.
    :raises StateError: it is no database of this app's that can be upgraded.
    :raises SnapshotError: the file exists already, or cannot be anonymized.
    """
    engine = place.load(source)
    state = _checked(detect(project, engine), source, engine)
    default = name_for(state.versions, state.current)
    path = file.path(project.config.snapshots, default, family(place.name))
    contents = Contents(path, state.versions, state.current)
    drift = tuple(d for s in state.legacy.values() for d in s.drift or () if not d.own)
    writer = Writer(project, place, engine)
    if keep is None:
        return Imported(writer.write(contents), drift)
    kept = dict.fromkeys(keep, "as --keep says")
    while True:
        with connect(engine) as connection, connection.begin():
            anonymizer = Anonymizer(connection, _own_tables(project), kept)
        try:
            snapshot = writer.write(contents, anonymizer)
        except RefusedError as refused:
            blamed = anonymizer.linking(refused.broken) or anonymizer.blamed(refused.said)
            if not blamed:
                raise SnapshotError(
                    f"The database refuses what is anonymized: {refused.said}",
                    help="Keep the columns that it complains of: --keep TABLE.COLUMN",
                    state_of_data=UNCHANGED,
                ) from None
            kept |= dict.fromkeys(blamed, "the database refuses other texts")
        else:
            return Imported(snapshot, drift, anonymizer.count, anonymizer.kept)


def _own_tables(project: Project) -> set[str]:
    stores = {repository.version_table for repository in project.repositories.values()}
    return {*stores, project.config.alembic.version_table, JOURNAL_TABLE}


def _checked(state: State, source: Path, engine: Engine) -> State:
    """Return the state of a database that is this app's and can be upgraded; refuse any other."""
    problem = state.problem
    if problem is None and state.kind == "fresh":
        problem = UnmanagedError(
            "There is no table of the app's in it, and no version.",
            help="Name a dump of the app's own database.",
        )
    elif problem is None and state.interrupted:
        problem = ResumeError(
            f"An upgrade was interrupted in the middle of the step '{state.interrupted}'.",
            help="Let it come to its end there: bridge dbupdate. Then dump it again.",
        )
    if problem is not None:
        problem.message = f"{source} is refused. {problem.message}"
        problem.message = problem.message.replace(str(engine.url.database), str(source))
        problem.state_of_data = UNCHANGED
        raise problem
    return state
