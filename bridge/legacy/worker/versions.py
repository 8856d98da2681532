"""One version: what it does, and the row that says so."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy

from .registry import Function

if TYPE_CHECKING:
    from .watch import StatementWatch


class Version:
    """A version whose turn it is.

    :param command: the parent's, as `serve` has it.
    :param request: the parent's first.
    """

    def __init__(self, command: dict[str, Any], request: dict[str, Any]) -> None:
        self.repository, self.number = command["run"]
        self.before: int | None = command["before"]
        self.step: str = command.get("name", "")  # its name in the journal
        self.from_statement: int | None = command.get("from_statement")
        self.spec: dict[str, Any] = request["repositories"][self.repository]
        self.journal: dict[str, Any] | None = request.get("journal")


def run_version(version: Version, script: Any, watch: StatementWatch) -> None:
    """Run a script or a function, and write its version."""
    if isinstance(script, Function):
        run_function(version, script, watch)
    else:
        run_script(version, script, watch)


def run_script(version: Version, script: Any, watch: StatementWatch) -> None:
    """Run a script of sqlalchemy-migrate's, and write its version."""
    watch.phase = "running"
    script.run(watch.engine, 1)
    if watch.transaction:
        watch.transaction.drop_open()
    watch.script_done()
    try:
        with watch.engine.begin() as connection:
            write_version(connection, version, watch)
    except sqlalchemy.exc.DBAPIError as error:
        if watch.transaction or not error.connection_invalidated:
            raise
        # The server ended a connection that idled while the script computed.
        with watch.engine.begin() as connection:
            write_version(connection, version, watch)


def run_function(version: Version, function: Function, watch: StatementWatch) -> None:
    """Run a function of a registry, and write its version in its session."""
    # Only functions need the ORM (30 ms).
    from sqlalchemy.orm import sessionmaker

    session = sessionmaker(bind=watch.engine)()
    try:
        watch.phase = "running"
        function.call(session)
        finish_function(session, version, watch)
    finally:
        with contextlib.suppress(Exception):  # it has failed, and says why already
            session.close()


def finish_function(session: Any, version: Version, watch: StatementWatch) -> None:
    """Commit what the function has not, which belongs to it all the same, with its row."""
    session.flush()
    watch.script_done()
    # SQLAlchemy 1.3 cannot tell.
    begun = getattr(session, "in_transaction", lambda: True)()
    try:
        write_version(session, version, watch)
    except sqlalchemy.exc.DBAPIError as error:
        if begun or not error.connection_invalidated:
            raise
        # The server ended a connection that idled since the function's own last commit.
        session.rollback()
        write_version(session, version, watch)
    session.commit()


def write_version(connection: Any, version: Version, watch: StatementWatch) -> None:
    """Write the number as sqlalchemy-migrate does, but by the id in the row.

    The id may be an older name. A repository that came later than the database has no row yet.

    :raises RuntimeError: the row is not as it was before.
    """
    write_journal(connection, version, watch)
    spec = version.spec
    keys = ("id_column", "path_column", "version_column")
    columns: dict[str, Any] = {key: sqlalchemy.column(spec[key]) for key in keys if spec[key]}
    table = sqlalchemy.table(spec["version_table"], *columns.values())
    name_of, version_of = columns["id_column"], columns["version_column"]
    if version.before is None:
        row = {name_of: spec["row_id"], version_of: version.number}
        if spec["path_column"]:
            row[columns["path_column"]] = spec["path"]
        connection.execute(table.insert().values(row))
        return
    at_last = (name_of == spec["row_id"]) & (version_of == version.before)
    update = table.update().where(at_last).values({version_of: version.number})
    if connection.execute(update).rowcount != 1:
        raise RuntimeError(
            f"the version row {spec['row_id']!r} is not at {version.before} any more"
        )


def write_journal(connection: Any, version: Version, watch: StatementWatch) -> None:
    """Write that the step is done, in the transaction that its version is written in."""
    if not version.journal:
        return
    if watch.recorder:
        watch.recorder.finish(connection)
    common = version.journal["common"]
    row = {"step": "step", "name": version.step, "status": "done", **common}
    # Whether it is one transaction with its row shows only now.
    one = bool(watch.transaction)
    row["details"] = json.dumps({"one": one, "statements": watch.statements})
    row["at"] = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    columns: Any = [sqlalchemy.column(name) for name in row if name != "at"]
    columns.append(sqlalchemy.column("at", sqlalchemy.DateTime))
    connection.execute(sqlalchemy.table(version.journal["table"], *columns).insert().values(row))
