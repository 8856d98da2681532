"""What each statement that commits by itself makes of the schema, on MySQL and MariaDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.database.engine import connect
from bridge.database.journal.statements.kinds import FAMILY, kind_of
from bridge.database.schema import only, read_schema
from bridge.database.servers import server_of
from bridge.database.sql.effects import ROWS
from bridge.database.sql.statements import read
from bridge.legacy.frozen.replay import Follower
from bridge.model.frozen import schema_changes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine

    from bridge.database.row_counts import AppTables
    from bridge.model.frozen import Change, Schema


def numbers_of_commits(statements: Sequence[str]) -> frozenset[int] | None:
    """Return the numbers of the statements that change the schema, and so commit.

    None where the schema does not tell which statements are committed: one may do anything, such as
    a call of a procedure, ends a transaction itself, or changes rows together with the schema.
    """
    numbers = set()
    for number, sql in enumerate(statements, 1):
        kind = kind_of(sql)
        if kind in ("other", "untracked"):
            return None
        (statement,) = read(sql, FAMILY)
        if kind != "schema" and (statement.commits or statement.transaction[0]):
            return None
        if kind == "schema":
            if ROWS in statement.effects and statement.verb != "TRUNCATE":
                return None
            numbers.add(number)
    return frozenset(numbers)


def recorder_for(
    engine: Engine, statements: Sequence[str], app_tables: AppTables
) -> CommitRecorder | None:
    """Return what records a version, None where its statements need not or cannot be recorded."""
    numbers = None if server_of(engine).transactional_ddl else numbers_of_commits(statements)
    return None if numbers is None else CommitRecorder(engine, numbers, app_tables)


class CommitRecorder(Follower):
    """Records what statements change in the schema, while a version is replayed.

    :param engine: of the database, as it is before the version.
    :param numbers: of the statements that change the schema.
    :param app_tables: the rule that says which tables are the app's.
    """

    def __init__(self, engine: Engine, numbers: frozenset[int], app_tables: AppTables) -> None:
        self._engine, self._numbers, self._app_tables = engine, numbers, app_tables
        self._commits: dict[int, Change] = {}
        self._first, self._sure = self._look()
        self._last = self._first

    def _look(self) -> tuple[Schema, bool]:
        with connect(self._engine) as connection, connection.begin():
            return self._read(connection), server_of(connection).is_transactional(connection)

    def _read(self, connection: Connection) -> Schema:
        found = read_schema(connection)
        return only(found, {*self._app_tables(found["tables"])})

    def ended(self, connection: Connection, number: int) -> None:
        """Record what a statement has changed in the schema."""
        if number in self._numbers:
            after = self._read(connection)
            self._commits[number] = schema_changes(self._last, after)
            self._last = after

    def commits_between(self, before: Schema, after: Schema) -> Mapping[int, Change] | None:
        """Return what each statement has changed, by its number.

        None where they do not lead from one schema to the other, or where rows of some table are
        committed by themselves.
        """
        sure = self._sure and (before, after) == (self._first, self._last)
        # A version may make a table whose rows are not part of transactions.
        return self._commits if sure and self._look() == (after, True) else None
