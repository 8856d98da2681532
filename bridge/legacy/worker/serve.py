"""Answers the parent: loads what it asks for, then runs one version after another.

The scripts are sqlalchemy-migrate's, or functions of a registry: a dictionary from numbers to
functions that take a session, as MediaGoblin has it. Protocol, one JSON object a line:

    in   the request: {"urls": [URL, ...], "pythonpath", "repositories": {NAME: {"path" or
         "registry" (the other is null), "version_table", "id_column", "version_column",
         "path_column" (may be null), "row_id", "last", "setup"}},
         "steps": [[NAME, VERSION], ...], "apart": those of them that commit each statement by
         itself, "mark": null, {"file"} or {"drivers", "statements", "held" (may be missing)},
         "journal": null or {"table", "common": what each row has in it}, "recorder": whether each
         statement is recorded, so that a later run can resume, "guard": null or {"arguments"},
         "capture": null or {"moment": where the clock stands still}}; the first of the URLs whose
         driver is installed is used
    out  {"event": "loading", "script"} for each script, then {"event": "loaded", "scripts": N}
         or {"event": "problems", "problems": [...]}
    in   {"run": [NAME, VERSION], "before": the version in its row, null without a row, "name": the
         step's, "from_statement": null or a number}, once for each version, in the order of the
         steps
    out  {"event": "begin", "script", "one"}, {"event": "resumed", "done": N} where an earlier run
         of it was interrupted, {"event": "statement", "number", "sql"} for each write, then
         {"event": "end", "statements", "seconds", "captured": null or what the capture has of it,
         with the "packages" that it ran with}, {"event": "apart", "reason"}, {"event":
         "stopped", "number", "found", "expected"} or {"event": "error", "script", "line", "sql",
         "message", "written", "unseen", "untracked"}

A function's "script" is the file that it is in. Where the database can roll back changes of the
schema ("one"), a version's work and its version row are one transaction: after an error nothing of
it has stayed, and "written" is 0. Elsewhere "written" counts the writes that went through. A script
that turns out not to run as one transaction is rolled back. "apart" says why, and this process is
of no more use.

The request comes on standard input, so that the URL is in no argument list and no environment.
When standard input ends, the parent is gone or done: the process ends at once.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from .channel import Channel
from .errors import describe_error, print_traceback

if TYPE_CHECKING:
    from .worker import Worker


def serve() -> None:
    """Answer requests on standard input until there are no more."""
    # Known and of no use to anybody here.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    channel = Channel()
    request = channel.receive()
    if request is None:
        return
    try:
        worker = make_worker(channel, request)
        problems = worker.load()
    except BaseException as error:
        print_traceback()
        problems = [{"message": f"it cannot use sqlalchemy-migrate: {describe_error(error)}"}]
    if problems:
        channel.send("problems", problems=problems)
        return
    channel.send("loaded", scripts=len(worker.scripts))
    while True:
        command = channel.receive()
        if command is None:
            worker.close()
            return
        worker.run(command)


def make_worker(channel: Channel, request: dict[str, Any]) -> Worker:
    """Return the worker, with its clock stopped where the request asks for that."""
    if request.get("capture"):
        # Only `bridge freeze` needs it (1 ms), before anything takes the clock's functions.
        from .clock import Clock

        Clock(request["capture"]["moment"]).stop()
    # It imports SQLAlchemy and sqlalchemy-migrate (230 ms), which may fail.
    from .worker import Worker

    return Worker(channel, request)
