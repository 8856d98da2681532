"""Writes down what a legacy version emits, as SQL with its values in place, for `bridge freeze`.

A script runs as it would in an upgrade, but at a moment that stands still. So what it takes from
the clock differs from what it knows, and is written down as the time of the upgrade.
"""

from __future__ import annotations

import contextlib
import random
import sys
from typing import TYPE_CHECKING, Any

from .caught import is_caught
from .clock import Clock, Times
from .literals import literal
from .ordered_sets import order_sets
from .probe import Reading, probe, session_of
from .results import allow_in, watch_results
from .statements import (
    asks_for_rows,
    changes_rows,
    commits_implicitly,
    leaves_nothing,
    names_in,
    returns_rows,
    savepoint_in,
    temporary_in,
    transaction_in,
)
from .transaction import owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class CapturedStatement:
    """A statement that went through, and who sent it: a mark as `owner_of` has it."""

    def __init__(self, sql: str, owner: object) -> None:
        self.sql, self.owner = sql, owner
        self.kept = False


class Capture:
    """What one version after another emits on an engine.

    What is rolled back is left out. `problems` says why a version is more than its statements;
    `reads` has the queries whose answers it may have gone by, each with the tables that it reads,
    as far as the database says it.
    """

    def __init__(self, engine: Any, moment: float) -> None:
        self.engine = engine
        self.times = Times(Clock(moment), engine.dialect.name)
        self.found: list[CapturedStatement] = []
        self.problems: list[str] = []
        self.reads: list[tuple[str, tuple[str, ...]]] = []
        self.temporary: set[str] = set()  # names in what made tables of a session
        self.reading = Reading()  # what the statement reads that is about to run
        self.at_work = False
        self.watched: list[Any] = []  # dialects, while a version is no single transaction
        order_sets()
        watch_results(self.looks_at)

    def begin(self) -> None:
        """Begin a version."""
        self.found, self.problems, self.reads = [], [], []
        self.temporary = set()
        self.at_work = True
        # Not the same in two recordings: what comes from there shows.
        random.seed()

    def end(self) -> None:
        """Note that its script is done. What follows is bridge's own."""
        self.at_work = False

    def as_dict(self) -> dict[str, Any]:
        """Return what the parent learns of the version."""
        statements = [self.times.put(found.sql) for found in self.found if found.kept]
        return {
            "statements": statements,
            "problems": list(dict.fromkeys(self.problems)),
            "reads": list(dict.fromkeys(self.reads)),
        }

    def problem(self, what: str) -> None:
        """Note that the version does what its statements do not tell."""
        if self.at_work:
            self.problems.append(what)

    # --- what is done ---

    def begins(self, connection: Any, sql: str, parameters: Any) -> None:
        """Ask the database what a statement would do that seems to read."""
        self.reading = Reading()
        if not self.at_work or connection.dialect.name != self.engine.dialect.name:
            return
        allow_in(session_of(connection))
        if asks_for_rows(connection.dialect.name, sql) and not _is_reflection():
            self.reading = probe(connection, sql, parameters)

    def failed(self, sql: str) -> None:
        """Note that a statement was refused: if the script goes on, it may have gone by that."""
        if not self.at_work:
            return
        dialect = self.engine.dialect.name
        if changes_rows(dialect, sql):
            self.problem(f"it goes on after an error: {_short(sql)}")
        elif asks_for_rows(dialect, sql):
            self._add_read(sql)

    def looks_at(self, what: str, sql: str) -> None:
        """Note that the script looks at what a statement has done to rows."""
        if changes_rows(self.engine.dialect.name, sql):
            self.problem(f"it looks at {what}: {_short(sql)}")

    def _add_read(self, sql: str) -> None:
        tables = {*(self.reading.tables or ())}
        # Of those of a session, not every server says that it reads them.
        tables |= self.temporary & names_in(self.engine.dialect.name, sql)
        self.reads.append((sql, tuple(sorted(tables))))

    def executed(
        self, connection: Any, sql: str, parameters: Any, context: Any, many: bool
    ) -> None:
        """Note that a statement went through."""
        if not self.at_work:
            return
        if connection.dialect.name != self.engine.dialect.name or (
            connection.engine.url != self.engine.url
        ):
            self.problem("it uses another database")
            return
        if self.watched and not any(connection.dialect is known for known in self.watched):
            self._watch(connection.dialect)
        owner = owner_of(connection)
        dialect = self.engine.dialect.name
        savepoint = savepoint_in(dialect, sql)
        if savepoint:
            self._savepoint(*savepoint, owner)
            return
        self.temporary |= temporary_in(dialect, sql)
        self._look_for_rows(sql, context)
        if leaves_nothing(dialect, sql):
            return
        commits = commits_implicitly(dialect, sql)
        if commits:
            self.keep(owner)
        plain = not parameters and getattr(context, "no_parameters", False)
        for values in parameters if many else [parameters]:
            text = sql if plain else literal(connection, sql, values)
            self.found.append(CapturedStatement(_trimmed(text), owner))
        if commits:
            self.keep(owner)  # itself too, whatever is rolled back afterwards

    def _look_for_rows(self, sql: str, context: Any) -> None:
        """Note what a script may have learned of rows from a statement, and what it hides."""
        dialect = self.engine.dialect.name
        begins_or_ends = transaction_in(dialect, sql)
        if begins_or_ends is not None:
            self.problem(f"it begins or ends a transaction itself: {_short(begins_or_ends)}")
        implicitly = getattr(context, "_is_implicit_returning", False)
        if asks_for_rows(dialect, sql) or (returns_rows(dialect, sql) and not implicitly):
            self._add_read(sql)
        if self.reading.may_write and leaves_nothing(dialect, sql):
            self.problem(f"a query of it may change rows: {_short(sql)}")
        if changes_rows(dialect, sql) and is_caught(sys._getframe(2)):  # noqa: SLF001 - documented
            self.problem(f"it catches errors: {_short(sql)}")

    def _savepoint(self, what: str, name: str, owner: object) -> None:
        if what == "savepoint":
            self.found.append(CapturedStatement(f"SAVEPOINT {name}", owner))
            return
        own = [n for n, s in enumerate(self.found) if s.sql == f"SAVEPOINT {name}"]
        if own and what == "rollback to":
            # To a savepoint of ours: what came since is gone.
            self.found[own[-1] + 1 :] = [
                s for s in self.found[own[-1] + 1 :] if s.kept or s.owner is not owner
            ]
        elif own:
            del self.found[own[-1]]

    def keep(self, owner: object = None) -> None:
        """Note a commit: of one connection, or of all that is open."""
        self.found = [s for s in self.found if not s.sql.startswith("SAVEPOINT ") or s.kept]
        for statement in self.found:
            if owner is None or statement.owner is owner:
                statement.kept = True

    def undo(self, owner: object = None) -> None:
        """Note a rollback: of one connection, or of all that is open."""
        self.found = [s for s in self.found if s.kept or not (owner is None or s.owner is owner)]

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Learn of commits and rollbacks from the dialects themselves: also of those of a pool."""
        self._watch(self.engine.dialect)
        try:
            yield
        finally:
            while self.watched:
                dialect = self.watched.pop()
                del dialect.do_commit, dialect.do_rollback

    def _watch(self, dialect: Any) -> None:
        """Watch one dialect: a script may have an engine of its own for the same database."""
        commit, roll_back = dialect.do_commit, dialect.do_rollback

        def do_commit(connection: Any) -> None:
            commit(connection)
            self.keep(owner_of(connection))

        def do_rollback(connection: Any) -> None:
            roll_back(connection)
            self.undo(owner_of(connection))

        vars(dialect).update(do_commit=do_commit, do_rollback=do_rollback)
        self.watched.append(dialect)


def _is_reflection() -> bool:
    """Return whether SQLAlchemy itself asks, for what there is: of its dialects only that does."""
    frame: Any = sys._getframe(2)  # noqa: SLF001 - documented
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("sqlalchemy.dialects."):
            return True
        frame = frame.f_back
    return False


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _trimmed(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()
