"""Restores a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.backup import back_up, check, wanted
from bridge.database.backup import restore as restore_backup
from bridge.model.errors import BridgeError
from bridge.model.remedy import Remedy
from bridge.upgrade.lock import locked

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.model.results import Backup
    from bridge.project import Database, Project
    from bridge.upgrade.run import RunOptions


def restore(
    project: Project,
    path: Path,
    database: Database | None,
    options: RunOptions,
    *,
    other_database: bool = False,
) -> Backup | None:
    """Restore the database to a backup; later changes are lost.

    :param options: whether to back up the present database first, and how long to wait for a run.
    :param other_database: accept a backup of another database of the same kind.
    :returns: the backup of the present database, if one was made.
    :raises BackupError: the file is not a complete backup of this database, the present database
        cannot be backed up, or the database refuses the backup.
    :raises LockedError: another run did not end in time.
    """
    before = None
    with (
        project.engine(database) as engine,
        locked(engine, options.lock_timeout, options.progress.notify) as lock,
    ):
        check(path, engine, project.config, other_database=other_database)
        if wanted(engine, project.config, asked=options.backup):
            try:
                before = back_up(engine, project.config)
            except BridgeError as error:
                error.remedies = (
                    Remedy(
                        "If the present database is not needed",
                        ("restore", str(path), "--no-backup"),
                    ),
                )
                raise
        restore_backup(engine, project.config, path, lock, options.progress.notify)
    return before
