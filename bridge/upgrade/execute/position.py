"""How far a replayed version is, where each change of the schema commits by itself.

What the schema is after each statement is known from freezing, so it says how many of them are
done. Only changes of rows, which it does not show, are written down: by a row of the journal in
their own transaction.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bridge.database.journal.statements.kinds import FAMILY, kind_of, names_in
from bridge.database.journal.statements.proxy import is_outcome_known
from bridge.database.journal.statements.records import CannotResume
from bridge.database.schema import read_schema
from bridge.database.schema.compare import compare
from bridge.database.servers import server_of
from bridge.database.sql.statements import read
from bridge.legacy.frozen.drift import drift_from
from bridge.legacy.frozen.replay import Follower
from bridge.legacy.methods import preventing_replay
from bridge.model.journal import JournalEntry
from bridge.model.names import REPLAYED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection
    from sqlalchemy.exc import DBAPIError

    from bridge.database.journal.table import Journal
    from bridge.model.difference import Difference
    from bridge.model.frozen import Change, FrozenDialect, Schema
    from bridge.model.state import HalfReplayed
    from bridge.model.steps import RunLegacy

_MOVES = {"RENAME", "CHANGE", "EXCHANGE"}
"""The words of statements that do harm when they run twice, though the schema looks the same."""


class ReplayPosition(Follower):
    """Follows the statements of a replayed version, and finds where an interrupted one resumes.

    `done` is how many statements an earlier run has done.

    :param history: the frozen history; the version's `commits` are known.
    :param before: the schema before the version.
    :param earlier: how far an earlier run has come, None where none has been in this version.
    """

    untracked = None
    """A replay can always be followed; as `Recorder.untracked`."""

    def __init__(
        self,
        journal: Journal,
        history: FrozenDialect,
        step: RunLegacy,
        before: Schema,
        earlier: HalfReplayed | None = None,
    ) -> None:
        self._journal, self._history, self._version = journal, history, step.version
        self._before = before
        version = history.versions[step.version]
        self._statements: Sequence[str] = version.statements
        self._commits: Mapping[int, Change] = version.commits or {}
        self._earlier = earlier
        self.done = 0
        # The last statement that is committed, the one at work, and the one that was refused.
        self._last, self._at, self._refused = 0, 0, 0
        self._marked = earlier is not None
        self._resumed = False

    # --- while the version runs -----------------------------------------------------------

    def begins(self, connection: Connection, number: int) -> bool:
        """Return whether a statement is to run; before one that commits, write down the rows."""
        if number <= self.done:
            # What is set for the session alone is set again.
            return kind_of(self._statements[number - 1]) == "session"
        if number in self._commits and self._last < number - 1:
            mark = JournalEntry(REPLAYED, self._journal.step or "", "begun", {"to": number - 1})
            self._journal.write(connection, [mark])
            self._marked = True
        self._at = number
        return True

    def ended(self, connection: Connection, number: int) -> None:
        """Note that a statement has run."""
        self._at = 0
        if number in self._commits:
            self._last = number

    def failed(self, number: int, error: DBAPIError) -> None:
        """Note that a statement got an error; the connection may have ended."""
        if error.orig is not None and is_outcome_known(error.orig):
            self._refused = number

    def finish(self, connection: Connection) -> None:
        """Remove what is written down, in the transaction of the connection: the step is done."""
        if self._marked:
            self._journal.forget_replayed(connection)

    @property
    def kept(self) -> int:
        """How many statements have changed something that stays, or may have."""
        if self._at not in self._commits:
            return self._last
        # A refused change of the schema may have committed what is before it.
        return self._at - 1 if self._refused else self._at

    @property
    def left(self) -> Mapping[str, Any]:
        """What the journal is to say of the version that did not come to its end."""
        if self._earlier is not None and not self._resumed:
            return {"resumes": self._earlier.refused}
        return {"resumes": self._refused} if self.kept else {}

    # --- where it resumes -----------------------------------------------------------------

    def resume(self, connection: Connection, version_table: str) -> None:
        """Find where the version resumes that an earlier run has left half-way.

        :raises CannotResume: the schema does not say it.
        """
        earlier = self._earlier
        assert earlier is not None
        server = server_of(connection)
        if earlier.created not in (None, server.created_at(connection, version_table)):
            raise CannotResume(
                1,
                f"the table {version_table} was created again since that run",
                f"the same table {version_table}: after restoring a dump by hand, nothing of the "
                "step is done",
            )
        found, dialect = read_schema(connection), connection.dialect.name
        if not earlier.refused:
            self.resume_at(self._find(found, earlier.committed, dialect))
            return
        before = (number for number in self._commits if number < earlier.refused)
        done = max((earlier.committed, *before))
        self._check_refused(found, done, earlier.refused, dialect)
        self.resume_at(done)

    def resume_at(self, done: int) -> None:
        """Resume after so many statements."""
        self.done = self._last = done
        self._resumed = True

    def _schema(self, number: int) -> Schema:
        return self._history.schema_within(self._version, number, self._before)

    def _check_refused(self, found: Schema, done: int, refused: int, dialect: str) -> None:
        """Check that what the step has done is there, and nothing of the refused statement."""
        expected, after = self._schema(done), self._schema(refused)
        drift = drift_from(expected, self._history, found)
        made = _names(compare(self._schema(0), expected))
        effects = _names(compare(expected, after))
        still = _names(drift_from(after, self._history, found))
        own = names_in(self._statements[refused - 1])
        stops = preventing_replay(drift, dialect)
        wrong = [
            d
            for d in drift
            if (d.name in effects and d.name not in still)
            or (d in stops and d.name in made and d.table.lower() not in own)
        ]
        if wrong:
            raise _cannot_resume(refused, wrong[0])

    def _find(self, found: Schema, committed: int, dialect: str) -> int:
        """Return how many statements are done: those after which the schema is as it is found.

        :param committed: of these, the rows are known to be committed.
        """
        places = [committed]
        while places[-1] + 1 in self._commits:
            places.append(places[-1] + 1)
        schemas = [self._schema(place) for place in places]
        effects = {name for both in pairwise(schemas) for name in _names(compare(*both))}
        wrong = {}
        for place, schema in zip(places, schemas, strict=True):
            drift = drift_from(schema, self._history, found)
            stops = preventing_replay(drift, dialect)
            wrong[place] = [d for d in drift if d in stops or d.name in effects]
        fits = [place for place in places if not wrong[place]]
        if not fits:
            place = min(places, key=lambda place: len(wrong[place]))
            raise _cannot_resume(place + 1, wrong[place][0])
        for number in range(fits[0] + 1, fits[-1] + 1):
            if any(_MOVES & {*s.words} for s in read(self._statements[number - 1], FAMILY)):
                raise CannotResume(
                    fits[0] + 1,
                    f"a schema that is the same after statement {fits[0]} and {fits[-1]}",
                    "a schema that says which of them are done",
                )
        return fits[0]


def _names(differences: Iterable[Difference]) -> set[str]:
    return {difference.name for difference in differences}


def _cannot_resume(number: int, difference: Difference) -> CannotResume:
    found, expected = difference.found or "none", difference.expected or "none"
    what = f"{difference.what} {difference.name}"
    return CannotResume(number, f"{what}: {found}", f"{what}: {expected}")
