"""Runs versions, each in the way that its database and its scripts allow."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

from ...database.guard import Guard
from ...database.journal.statements.names import RecordedStep
from .environment import (
    mark_sessions,
    open_engine,
    package_versions,
    patch_libraries,
    run_sources,
)
from .errors import describe_error, line_in, print_traceback
from .preflight import Preflight
from .registry import Function
from .siblings import Siblings
from .transaction import NotSingleTransaction, SingleTransaction
from .versions import Version, run_version
from .watch import StatementWatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...database.journal.statements.recorder import Recorder
    from .capture import Capture
    from .channel import Channel


class Worker:
    """What one request asks for.

    :param request: the parent's, as `serve` has it.
    """

    engine: Any
    watch: StatementWatch

    def __init__(self, channel: Channel, request: dict[str, Any]) -> None:
        self.channel, self.request = channel, request
        self.siblings = Siblings(request["repositories"])
        self.scripts: dict[tuple[str, int], Any] = {}
        self.non_transactional = {(name, number) for name, number in request["apart"]}
        self.capture_class: type[Capture] | None = None
        self.recorder_class: type[Recorder] | None = None
        self.cannot_resume: tuple[type[BaseException], ...] = ()

    # --- before the first version ---

    def load(self) -> list[dict[str, Any]]:
        """Open the database and load every script. Return the problems of all of them together."""
        request = self.request
        patch_libraries()
        if request.get("guard"):
            # Until this process ends: in a rehearsal nothing may use another database.
            Guard(*request["guard"]["arguments"]).__enter__()
        self.import_parts()
        mark_sessions(request.get("mark"))
        # A migration leaves no files in the app's folders.
        sys.dont_write_bytecode = True
        run_sources([spec["path"] for spec in request["repositories"].values() if spec["path"]])
        for folder in reversed(request["pythonpath"]):
            sys.path.insert(0, folder)
        try:
            self.engine = open_engine(request["urls"])
        except Exception as error:
            return [{"message": f"it cannot open the database: {describe_error(error)}"}]
        capture = None
        if self.capture_class:
            capture = self.capture_class(self.engine, request["capture"]["moment"])
        self.watch = StatementWatch(self.channel, self.engine, capture)
        self.watch.listen()
        preflight = Preflight(self.channel, request, self.siblings, self.engine)
        preflight.run()
        self.scripts = preflight.scripts
        self.watch.phase = "waiting"
        return preflight.problems

    def import_parts(self) -> None:
        """Import what only some requests need, before the app's folders come first in the path."""
        if self.request.get("recorder"):
            # Only MySQL and MariaDB need it (1 ms, 10 ms where it has to be compiled).
            from ...database.journal.statements.recorder import Recorder
            from ...database.journal.statements.records import CannotResume

            self.recorder_class, self.cannot_resume = Recorder, (CannotResume,)
        if self.request.get("capture"):
            # Only `bridge freeze` needs it (2 ms, 5 ms where it has to be compiled).
            from .capture import Capture

            self.capture_class = Capture

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    # --- one version ---

    def run(self, command: dict[str, Any]) -> None:
        """Run a version and tell the parent how it went."""
        version = Version(command, self.request)
        script = self.scripts[version.repository, version.number]
        self.siblings.enter(version.repository)
        self.watch.reset()
        single = self.is_single_transaction(version)
        self.channel.send("begin", script=script.path, one=single)
        begun = time.monotonic()
        try:
            if self.watch.capture:
                self.watch.capture.begin()
            if single or isinstance(script, Function):
                # The server may have ended a connection that idled since the last version.
                self.engine.dispose()
            with self.frame(version, script):
                run_version(version, script, self.watch)
        except self.cannot_resume as stop:
            reason: Any = stop
            self.channel.send(
                "stopped", number=reason.number, found=reason.found, expected=reason.expected
            )
        except NotSingleTransaction as reason:
            self.channel.send("apart", reason=str(reason))
        except BaseException as error:
            print_traceback()
            self.send_error(script.path, error)
        else:
            self.send_end(time.monotonic() - begun)

    def is_single_transaction(self, version: Version) -> bool:
        """Return whether the version's work and its version row are one transaction."""
        key = (version.repository, version.number)
        return self.engine.name in SingleTransaction.DIALECTS and key not in self.non_transactional

    def frame(self, version: Version, script: Any) -> contextlib.AbstractContextManager[Any]:
        """Return what is entered while the version runs."""
        if self.is_single_transaction(version):
            return self.as_single_transaction(script=not isinstance(script, Function))
        if self.recorder_class:
            return self.recorded(version, self.recorder_class)
        if self.watch.capture:
            return self.watch.capture.watching()
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def as_single_transaction(self, *, script: bool) -> Iterator[None]:
        """Make what runs meanwhile one transaction, which commits at the end."""
        watch = self.watch
        transaction = SingleTransaction(self.engine, script=script, capture=watch.capture)
        watch.transaction = transaction
        try:
            yield
            transaction.commit()
        except BaseException as error:
            undone = transaction.undo()
            if undone:
                watch.written, watch.unseen = 0, False
            if transaction.reason and undone:
                raise NotSingleTransaction(transaction.reason) from None
            if isinstance(error, NotSingleTransaction):
                text = f"{error}, after it had committed by itself"
                raise RuntimeError(text) from None  # noqa: TRY004 - of no wrong type
            raise
        finally:
            watch.transaction = None
            transaction.release()

    @contextlib.contextmanager
    def recorded(self, version: Version, recorder_class: type[Recorder]) -> Iterator[None]:
        """Record each statement that runs meanwhile, so that a later run can resume after it."""
        common = self.request["journal"]["common"]
        step = RecordedStep(version.step, common, version.from_statement)
        recorder = recorder_class(self.engine, step)
        self.watch.recorder = recorder
        with recorder:
            if recorder.done:
                self.channel.send("resumed", done=recorder.done)
            yield

    def send_end(self, seconds: float) -> None:
        """Tell the parent that the version is done."""
        captured = None
        if self.watch.capture:
            # What is idle would keep the database from being copied.
            self.engine.dispose()
            captured = {**self.watch.capture.as_dict(), "packages": package_versions()}
        statements = self.watch.statements
        self.channel.send("end", statements=statements, seconds=seconds, captured=captured)

    def send_error(self, path: str, error: BaseException) -> None:
        """Tell the parent what has ended the version, and what may have stayed of it."""
        watch = self.watch
        self.channel.send(
            "error",
            script=path,
            line=line_in(error, path),
            sql=watch.statement_of(error),
            message=describe_error(error),
            written=watch.stayed(),
            unseen=watch.unseen,
            untracked=watch.recorder and watch.recorder.untracked,
        )
