"""An administrator's database, written as a snapshot and anonymized on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.dump.files import kind_of
from bridge.database.engine import connect
from bridge.database.servers import family
from bridge.model.errors import ResumeError, SnapshotError, UnmanagedError
from bridge.model.names import OWN_TABLES
from bridge.model.remedy import Remedy
from bridge.model.snapshots import Imported
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
    """Return the kind of database in a file.

    :raises SnapshotError: it is not a database that bridge knows.
    :raises DatabaseError: it cannot be read.
    """
    kind = kind_of(path)
    if kind is None:
        raise SnapshotError(
            f"{path} is not a database that bridge knows.",
            help="Name a SQLite file, or a dump by sqlite3's .dump, pg_dump or mariadb-dump. "
            "Unpack it first if it is packed.",
            state_of_data=UNCHANGED,
        )
    return kind


def import_file(
    project: Project, place: Scratch, source: Path, file: SnapshotFile, keep: Sequence[str] | None
) -> Imported:
    """Make a snapshot of an administrator's database.

    :param source: a SQLite file, or a dump of the kind of database that `place` creates.
    :param keep: columns, as ``TABLE.COLUMN``, whose texts are kept while all others are scrubbed;
        None to keep every text.
    :raises DatabaseError: it cannot be loaded.
    :raises StateError: it is not a database of this app that can be upgraded.
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
            columns = anonymizer.columns_between(refused.broken)
            columns = columns or anonymizer.columns_in(refused.reason)
            if not columns:
                raise SnapshotError(
                    f"The database refuses the anonymized rows: {refused.reason}",
                    help="Keep the columns that the error names: --keep TABLE.COLUMN",
                    state_of_data=UNCHANGED,
                ) from None
            kept |= dict.fromkeys(columns, "the database refuses other texts")
        else:
            return Imported(snapshot, drift, anonymizer.count, anonymizer.kept)


def _own_tables(project: Project) -> set[str]:
    stores = {repository.version_table for repository in project.repositories.values()}
    return {*stores, project.config.alembic.version_table, *OWN_TABLES}


def _checked(state: State, source: Path, engine: Engine) -> State:
    """Return the state of a database of this app that can be upgraded; refuse any other."""
    problem = state.problem
    if problem is None and state.kind == "fresh":
        problem = UnmanagedError(
            "It has no table of the app's and no version.",
            help="Name a dump of the app's own database.",
        )
    elif problem is None and state.interrupted:
        problem = ResumeError(
            f"An upgrade was interrupted in the step '{state.interrupted}'.",
            help=[
                Remedy("Let the upgrade finish on the database itself", ("dbupdate",)),
                Remedy("Then dump the database again."),
            ],
        )
    if problem is not None:
        problem.message = f"{source} is refused. {problem.message}"
        problem.message = problem.message.replace(str(engine.url.database), str(source))
        problem.state_of_data = UNCHANGED
        raise problem
    return state
