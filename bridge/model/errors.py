"""The errors of bridge, each with a stable code, an exit status and remedies.

Every error says three things: what happened (`message`), what state the data is in
(`state_of_data`) and how to fix it (`remedies`). The page "Errors" of the documentation has a
section for each code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bridge.model.names import RESTORE_TABLE
from bridge.model.remedy import Remedies, Remedy, as_remedies, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNCHANGED = "The database is unchanged."


class BridgeError(Exception):
    """The base of every error that bridge raises on purpose.

    :param message: what happened, in one or more lines.
    :param help: how to fix it: commands, a key of the configuration, or whom to ask.
    :param state_of_data: what the database holds now.

    `code` is stable and documented; `exit_status` is the status of the command line, one for
    each family of errors. `steps` holds the finished steps of a run that failed, as dictionaries.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        help: Remedies = "",
        state_of_data: str = UNCHANGED,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedies = as_remedies(help)
        self.state_of_data = state_of_data
        self.steps: Sequence[dict[str, Any]] = ()

    @property
    def help(self) -> str:
        """The remedies as they are printed."""
        return render(self.remedies)

    def as_dict(self, program: str = "bridge") -> dict[str, Any]:
        """Return the JSON object that `--json` prints under the key ``error``.

        :param program: the program's name as the user typed it, such as ``flask bridge``.
        """
        document: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "help": render(self.remedies, program),
            "state_of_data": self.state_of_data,
        }
        if self.steps:
            document["steps"] = list(self.steps)
        return document


# --- configuration: exit status 3 ---------------------------------------------------------


class ConfigError(BridgeError):
    """A configuration that names something that is not allowed or does not exist."""

    code = "config-invalid"
    exit_status = 3


class ConfigMissingError(ConfigError):
    """A configuration file that was not found."""

    code = "config-missing"


class RepositoryInvalidError(ConfigError):
    """A folder that is not a sqlalchemy-migrate repository."""

    code = "legacy-repository-invalid"


class InitError(ConfigError):
    """A refusal of `bridge init`: nothing can be written, or something exists already."""

    code = "init-refused"


# --- database: exit status 4 --------------------------------------------------------------


class DatabaseError(BridgeError):
    """A database that cannot be reached, or that refused a request."""

    code = "database-unreachable"
    exit_status = 4


class DriverMissingError(DatabaseError):
    """A Python driver for the database that is not installed."""

    code = "driver-missing"


class DatabaseRefusedError(DatabaseError):
    """A statement of bridge's own that the database refused."""

    code = "database-refused"


class BackupError(DatabaseError):
    """A backup that could not be made or restored."""

    code = "backup-failed"


class SnapshotError(DatabaseError):
    """A snapshot that cannot be made, imported or read."""

    code = "snapshot-refused"


class RehearsalError(DatabaseError):
    """A rehearsal that has no copy to run on, or that would have reached beyond it."""

    code = "rehearsal-refused"


class LockLostError(DatabaseError):
    """A run that lost its lock on the database, and stopped before its next step."""

    code = "lock-lost"


# --- states that dbupdate refuses: exit status 5 ------------------------------------------


class StateError(BridgeError):
    """A state of the database from which an upgrade would not be safe."""

    code = "state-refused"
    exit_status = 5


class AheadError(StateError):
    """A database that a newer release than this code wrote, or another program."""

    code = "state-ahead"


class InconsistentError(StateError):
    """Version tables that contradict each other."""

    code = "state-inconsistent"


def interrupted_restore(backup: str | None) -> InconsistentError:
    """Return the error of a database that has the table `RESTORE_TABLE`, with its row."""
    return InconsistentError(
        "A restore of this database was interrupted: a part of the backup may be missing, "
        f"tables and rows alike. The table {RESTORE_TABLE} names the backup.",
        help=[
            Remedy("Put it back as a whole", ("restore", backup or "BACKUP")),
            Remedy(
                "Or load a backup by hand into the empty database, and then: "
                f"DROP TABLE {RESTORE_TABLE};"
            ),
        ],
    )


class UnmanagedError(StateError):
    """A database with tables and without a version."""

    code = "state-unmanaged"


class TooOldError(StateError):
    """A database that is older than the first version of the legacy history."""

    code = "legacy-too-old"


class AtSquashError(StateError):
    """A database just before a squashed first version, which would create what exists."""

    code = "legacy-at-squash"


class StalePlanError(StateError):
    """A plan for a database that has changed since."""

    code = "plan-stale"


class ResumeError(StateError):
    """An interrupted step that cannot resume by itself."""

    code = "cannot-resume"


class DriftError(StateError):
    """A schema that differs from that of the version to stamp.

    `differences` has the differences as dictionaries.
    """

    code = "schema-drift"
    differences: Sequence[dict[str, Any]] = ()

    def as_dict(self, program: str = "bridge") -> dict[str, Any]:
        """Return the JSON object of every error, with the differences."""
        return {**super().as_dict(program), "differences": list(self.differences)}


class ModuleNeededError(StateError):
    """A module that cannot be removed because another depends on it."""

    code = "module-needed"


class NotConfirmedError(StateError):
    """An administrator's answer of no."""

    code = "not-confirmed"


# --- the legacy runtime: exit status 6 ----------------------------------------------------


class LegacyRuntimeError(BridgeError):
    """A Python environment for sqlalchemy-migrate that could not be found or made."""

    code = "legacy-runtime"
    exit_status = 6


# --- legacy scripts: exit status 7 --------------------------------------------------------


class LegacyError(BridgeError):
    """A legacy version that cannot be run."""

    code = "legacy-failed"
    exit_status = 7


class LegacyScriptMissingError(LegacyError):
    """A version without a script between the database's and the last."""

    code = "legacy-script-missing"


class LegacyPreflightError(LegacyError):
    """Scripts of the plan that cannot be loaded; nothing has been run."""

    code = "legacy-preflight"


class LegacyWorkerError(LegacyError):
    """A child process for legacy scripts that ended without an answer."""

    code = "legacy-worker"


class SealBrokenError(LegacyError):
    """A file of a frozen legacy history that has changed since it was sealed."""

    code = "seal-broken"


class NotReplayableError(LegacyError):
    """Versions that cannot be replayed."""

    code = "not-replayable"


class FreezeError(LegacyError):
    """A legacy history that could not be frozen."""

    code = "freeze-failed"


# --- Alembic: exit status 8 ---------------------------------------------------------------


class RevisionsError(BridgeError):
    """Alembic scripts, or their configuration, that cannot be used."""

    code = "revisions-invalid"
    exit_status = 8


class RevisionFailedError(RevisionsError):
    """An Alembic revision that raised an error while it ran."""

    code = "revision-failed"


class NotOfflineError(RevisionsError):
    """Alembic revisions that need a database, so that they cannot be written as SQL."""

    code = "not-offline"


class VersionTableMismatchError(RevisionsError):
    """An env.py that uses another version table than the configuration says."""

    code = "version-table-mismatch"


# --- hooks of the application: exit status 9 ----------------------------------------------


class HookError(BridgeError):
    """A callable or models of the configuration that could not be loaded, or that failed."""

    code = "hook-failed"
    exit_status = 9


# --- another run: exit status 11 (10 is that of `status --exit-code`) ----------------------


class LockedError(BridgeError):
    """Another run on the database that did not end in time."""

    code = "locked"
    exit_status = 11


def all_errors(base: type[BridgeError] = BridgeError) -> Iterator[type[BridgeError]]:
    """Yield every error class, the base first, in the order of their definition."""
    yield base
    for subclass in base.__subclasses__():
        yield from all_errors(subclass)
