"""What can go wrong, each with a stable code, an exit status and a way out.

Every error says three things: what happened (`message`), what state the data is in
(`state_of_data`) and what mends it (`help`). The page "Errors" of the documentation has a
section for each code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bridge.model.remedy import Remedies, as_remedies, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNCHANGED = "The database is unchanged."


class BridgeError(Exception):
    """Base of every error that bridge raises on purpose.

    :param message: what happened, in one or more lines.
    :param help: what fixes it: commands, a key of the configuration, or whom to ask.
    :param state_of_data: what the database holds now.

    `code` is stable and documented; `exit_status` is the status of the command line, one for
    each family of errors. `steps` holds the finished steps of the run that failed, as
    dictionaries, when a run had begun.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(
        self, message: str, *, help: Remedies = "", state_of_data: str = UNCHANGED
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedies = as_remedies(help)
        self.state_of_data = state_of_data
        self.steps: Sequence[dict[str, Any]] = ()

    @property
    def help(self) -> str:
        """What mends it, as it is printed."""
        return render(self.remedies)

    @help.setter
    def help(self, given: Remedies) -> None:
        self.remedies = as_remedies(given)

    def as_dict(self, program: str = "bridge") -> dict[str, Any]:
        """Return the JSON object that `--json` prints under the key ``error``.

        :param program: what stands before bridge's commands on the user's command line.
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
    """The configuration names something that is not allowed or is not there."""

    code = "config-invalid"
    exit_status = 3


class ConfigMissingError(ConfigError):
    """No configuration file was found."""

    code = "config-missing"


class RepositoryInvalidError(ConfigError):
    """A legacy repository's files are not a sqlalchemy-migrate repository."""

    code = "legacy-repository-invalid"


class InitError(ConfigError):
    """There is nothing that could be written, or something is there already."""

    code = "init-refused"


# --- database: exit status 4 --------------------------------------------------------------


class DatabaseError(BridgeError):
    """The database cannot be reached, or it refused what was asked."""

    code = "database-unreachable"
    exit_status = 4


class DriverMissingError(DatabaseError):
    """The Python driver for the database is not installed."""

    code = "driver-missing"


class DatabaseRefusedError(DatabaseError):
    """The database refused a statement of bridge's own."""

    code = "database-refused"


class BackupError(DatabaseError):
    """A backup could not be made, or one could not be put back."""

    code = "backup-failed"


class SnapshotError(DatabaseError):
    """A snapshot cannot be made, taken in, or read."""

    code = "snapshot-refused"


class RehearsalError(DatabaseError):
    """A rehearsal has no copy to run on, or would have reached beyond it."""

    code = "rehearsal-refused"


class LockLostError(DatabaseError):
    """A run lost its lock on the database, and stopped before its next step."""

    code = "lock-lost"


# --- states that dbupdate refuses: exit status 5 ------------------------------------------


class StateError(BridgeError):
    """The database is in a state from which an upgrade would not be safe."""

    code = "state-refused"
    exit_status = 5


class AheadError(StateError):
    """The database was written by a newer release than this code, or by another program."""

    code = "state-ahead"


class InconsistentError(StateError):
    """What the version tables say cannot be true together."""

    code = "state-inconsistent"


class UnmanagedError(StateError):
    """There are tables, but nothing says at which version they are."""

    code = "state-unmanaged"


class TooOldError(StateError):
    """The database is older than the first version of the legacy history."""

    code = "legacy-too-old"


class AtSquashError(StateError):
    """The database is just before a squashed first version, which creates what exists."""

    code = "legacy-at-squash"


class StalePlanError(StateError):
    """The database changed between planning and executing."""

    code = "plan-stale"


class ResumeError(StateError):
    """A step that was cut short cannot go on by itself."""

    code = "cannot-resume"


class DriftError(StateError):
    """The schema is not that of the version which is to be stamped.

    `differences` has what differs, as dictionaries.
    """

    code = "schema-drift"
    differences: Sequence[dict[str, Any]] = ()

    def as_dict(self, program: str = "bridge") -> dict[str, Any]:
        """Return the JSON object of every error, with the differences."""
        return {**super().as_dict(program), "differences": list(self.differences)}


class ModuleNeededError(StateError):
    """A module cannot be removed, because another depends on it."""

    code = "module-needed"


class NotConfirmedError(StateError):
    """The administrator said no when asked."""

    code = "not-confirmed"


# --- the legacy runtime: exit status 6 ----------------------------------------------------


class LegacyRuntimeError(BridgeError):
    """No Python environment that can run sqlalchemy-migrate could be found or made."""

    code = "legacy-runtime"
    exit_status = 6


# --- legacy scripts: exit status 7 --------------------------------------------------------


class LegacyError(BridgeError):
    """A legacy version cannot be run."""

    code = "legacy-failed"
    exit_status = 7


class LegacyScriptMissingError(LegacyError):
    """A version between the database's and the last has no script."""

    code = "legacy-script-missing"


class LegacyPreflightError(LegacyError):
    """Scripts that the plan needs cannot be loaded; nothing has been run."""

    code = "legacy-preflight"


class LegacyWorkerError(LegacyError):
    """The child process that runs legacy scripts ended without an answer."""

    code = "legacy-worker"


class SealBrokenError(LegacyError):
    """A file of a frozen legacy history is not what was sealed."""

    code = "seal-broken"


class NotReplayableError(LegacyError):
    """Versions that were to be replayed cannot be."""

    code = "not-replayable"


class FreezeError(LegacyError):
    """A legacy history could not be frozen."""

    code = "freeze-failed"


# --- Alembic: exit status 8 ---------------------------------------------------------------


class RevisionsError(BridgeError):
    """The Alembic scripts or their configuration are not in order."""

    code = "revisions-invalid"
    exit_status = 8


class RevisionFailedError(RevisionsError):
    """An Alembic revision raised an error while it ran."""

    code = "revision-failed"


class NotOfflineError(RevisionsError):
    """Alembic revisions cannot be written as SQL, because they need a database."""

    code = "not-offline"


class VersionTableMismatchError(RevisionsError):
    """The env.py wrote its version somewhere else than the configuration says."""

    code = "version-table-mismatch"


# --- hooks of the application: exit status 9 ----------------------------------------------


class HookError(BridgeError):
    """A callable or models that the configuration names could not be loaded, or failed."""

    code = "hook-failed"
    exit_status = 9


# --- another run: exit status 11 (10 is that of `status --exit-code`) ----------------------


class LockedError(BridgeError):
    """Another run is at work on the database, and did not end in time."""

    code = "locked"
    exit_status = 11


def all_errors(base: type[BridgeError] = BridgeError) -> Iterator[type[BridgeError]]:
    """Every error class, the base first, in the order of their definition."""
    yield base
    for subclass in base.__subclasses__():
        yield from all_errors(subclass)
