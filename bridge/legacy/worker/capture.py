"""Writes down what a legacy version emits, as SQL with its values in place, for `bridge freeze`.

A script runs as it would in an upgrade, but at a moment that stands still. So what it takes from
the clock differs from what it knows, and is written down as the time of the upgrade.
"""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

from .clock import Clock, Times
from .literals import literal
from .ordered_sets import order_sets
from .statements import asks_for_rows, commits_implicitly, leaves_nothing, savepoint_in
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
    `reads` has the queries whose answers it may have gone by.
    """

    def __init__(self, engine: Any, moment: float) -> None:
        self.engine = engine
        self.times = Times(Clock(moment), engine.dialect.name)
        self.found: list[CapturedStatement] = []
        self.problems: list[str] = []
        self.reads: list[str] = []
        self.at_work = False
        self.watched: list[Any] = []  # dialects, while a version is no single transaction
        order_sets()

    def begin(self) -> None:
        """Begin a version."""
        self.found, self.problems, self.reads = [], [], []
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
        if asks_for_rows(dialect, sql):
            self.reads.append(sql)
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


def _trimmed(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()
