"""The records of an earlier run of a step, and what of them is still to be answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .kinds import names_in, reads_tables, short
from .names import ENDED, FAILED, TABLES, UNTRACKED
from .proxy import Answer
from .values import are_alike, decompress, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .tables import TableWatcher

    Expect = Callable[["Record"], list[dict[str, str]]]


class CannotResume(BaseException):
    """A step cannot go on by itself. Not an Exception: scripts catch these.

    :param number: of the statement at which it stands.
    :param found: what there is.
    :param expected: what there should be.
    """

    def __init__(self, number: int, found: str, expected: str) -> None:
        super().__init__(f"found: {found}; expected: {expected}")
        self.number, self.found, self.expected = number, found, expected


class Record:
    """A statement as an earlier run of the step wrote it down."""

    def __init__(self, kind: str, details: dict[str, Any], row: int = 0) -> None:
        self.kind, self.row = kind, row
        self.order: float = details["order"]
        self.number: int = details.get("number") or 0
        self.key: str = details.get("key", "")
        self.sql: str = details.get("sql", "")
        self.touches: set[str] = set(details.get("touches", ()))
        self.parameters = decompress(details["parameters"]) if "parameters" in details else None
        self.answer = Answer.load(details["answer"]) if "answer" in details else Answer()
        self.again = decompress(details["again"]) if "again" in details else None
        """The whole statement and the definitions of tables before it, where it can run again."""
        self.undone = bool(details.get("undone"))
        self.failure = 0
        """The row of its error; 0 where it had none, or has it itself."""
        self.changed: list[str] = []
        """The tables that it changed although it failed."""
        self.segment = 0

    @property
    def names(self) -> set[str]:
        """Return what may be names of tables that it changes, in lower case."""
        return self.touches or names_in(self.sql)

    @property
    def stays(self) -> bool:
        """Return whether it has changed something that is still there."""
        return self.kind != "read" and not self.undone and not self.answer.error


@dataclass(frozen=True)
class Asked:
    """A statement of this run that an earlier one may have done.

    :param sql: as it may be told.
    :param parameters: packed.
    :param number: of the statements that write before it.
    """

    kind: str
    key: str
    sql: str
    parameters: Any
    number: int


class EarlierRun:
    """What an earlier run of the step has done.

    :param rows: of the table: number, status and details of each.
    :param from_statement: as `RecordedStep` has it.
    """

    def __init__(self, rows: Iterable[Any], from_statement: int | None) -> None:
        self._from = from_statement
        self.prints: dict[str, str] | None = None
        """The fingerprints of the tables, as they were last written down."""
        self.size = 0
        """How many characters the records have."""
        self._untracked: dict[str, Any] | None = None
        self._ended = 0
        self._refused: set[str] = set()
        self._left: list[Record] = []
        self._new_for_old: dict[Any, Any] = {}
        failed: dict[int, dict[str, Any]] = {}
        for row, kind, text in rows:
            details = json.loads(text)
            if kind == TABLES:
                self.prints = _present({**(self.prints or {}), **details["prints"]})
            elif kind == UNTRACKED:
                self._untracked = details
            elif kind == ENDED:
                self._ended, self._refused = row, set(details["names"])
            elif kind == FAILED:
                failed[details["number"]] = {**details, "row": row}
            else:
                self._left.append(Record(kind, details, row))
            self.size += len(text)
        self._left.sort(key=lambda record: record.order)
        for record in self._left:
            # An older one is of a statement whose own record was rolled back.
            if failed.get(record.number, {"row": 0})["row"] > record.row:
                record.answer = Answer.load(failed[record.number]["answer"])
                record.changed = failed[record.number].get("changed", [])
                record.failure = failed[record.number]["row"]
        self._order = self._last = 0.0

    # --- before the step runs ---

    def resume(self, tables: TableWatcher, expect: Expect) -> tuple[int, ...]:
        """Find where it stopped; return the rows of a statement that had begun in vain.

        :param tables: as they are.
        :param expect: finds out what they would be after a statement, None where it cannot.
        :raises CannotResume: nobody knows where it stopped.
        """
        begun = None
        if not self._from:
            if self._untracked:
                raise CannotResume(
                    self._untracked["number"],
                    f"how far it came is not known, because {self._untracked['why']}",
                    "a step of which each statement is recorded",
                )
            writes = [record for record in self._left if record.kind != "read"]
            begun = self._begun(writes, tables, expect)
            if begun is not None:
                self._left.remove(begun)
        previous: Record | None = None
        segment = 0
        for record in self._left:
            if previous is None or not previous.kind == record.kind in ("read", "schema"):
                segment += 1
            record.segment, previous = segment, record
        self._last = max([record.order for record in self._left], default=0.0)
        return () if begun is None else (begun.row, begun.failure)

    def _begun(self, writes: list[Record], tables: TableWatcher, expect: Expect) -> Record | None:
        """Return the last statement, if it had begun and not taken effect."""
        if not writes or self.prints is None:
            return None
        last, now = max(writes, key=lambda record: record.row), tables.prints
        changed = {n for n in self.prints.keys() | now if self.prints.get(n) != now.get(n)}
        if self._ended < last.row:
            return last if self._is_in_vain(last, changed, tables, expect) else None
        if last.answer.error:
            writes.remove(last)
        # Whoever fixed the cause of an error may have changed tables. What the step itself has made
        # of others must be as it was.
        own = {name for record in writes for name in record.names}
        excused = self._refused | (last.names if last.answer.error else set())
        self._check_tables(last, {n for n in changed if _names_of(n) & (own - excused)}, now)
        return self._failed(last) if last.answer.error else None

    def _failed(self, last: Record) -> Record:
        """Return the last statement, whose outcome was an error, so that it runs again.

        :raises CannotResume: it has changed something nevertheless.
        """
        if last.kind != "other" and not last.changed:
            return last
        what = f"had changed {', '.join(last.changed)}" if last.changed else "may have changed rows"
        raise CannotResume(
            last.number, f"{short(last.sql)} had failed, and {what} before", "all of it, or nothing"
        )

    def _is_in_vain(
        self, last: Record, changed: set[str], tables: TableWatcher, expect: Expect
    ) -> bool:
        """Return whether the last statement, whose outcome is not known, has changed nothing.

        :raises CannotResume: the tables are neither as before it nor as it would make them.
        """
        if last.kind == "other" and not last.answer.error:
            raise CannotResume(
                last.number,
                f"{short(last.sql)} had begun, and whether it took effect is not known",
                "its outcome",
            )
        may_change = last.touches if last.kind == "schema" and not last.answer.error else set()
        strange = {n for n in changed if not _names_of(n) & may_change}
        self._check_tables(last, strange, tables.prints)
        if last.kind != "schema" or last.answer.error:
            return False
        if not changed or last.again is None:
            return not changed
        before, now = last.again["before"], tables.state
        if not {n for n in changed if now.get(n) != before.get(n)}:
            return True  # rebuilt as it was
        possible = expect(last)
        if not possible:
            raise CannotResume(
                last.number,
                f"{short(last.sql)} had begun, {', '.join(sorted(changed))} changed since, and "
                "whether that is its effect cannot be tried: this user may not create databases",
                "its outcome",
            )
        others = []
        for after in possible:
            made = {n for n in before.keys() | after if before.get(n, after.get(n)) != after.get(n)}
            others.append({n for n in changed | made if now.get(n) != after.get(n)})
        self._check_tables(last, min(others, key=len), tables.prints)
        return False

    def _check_tables(self, last: Record, strange: set[str], now: dict[str, str]) -> None:
        """Check that no table is strange.

        :raises CannotResume: some are.
        """
        if strange:
            before = self.prints or {}
            words = [f"{name} {_what_happened(name, before, now)}" for name in sorted(strange)[:5]]
            raise CannotResume(
                last.number,
                "since the step was interrupted, " + ", ".join(words),
                f"the tables as they were after statement {last.number}, {short(last.sql)}",
            )

    @property
    def done(self) -> int:
        """Return how many statements it has done."""
        return sum(record.kind != "read" for record in self._left)

    @property
    def kept(self) -> int:
        """Return how many of them have changed something that stays."""
        return sum(record.stays for record in self._left)

    # --- while it runs ---

    def take(self, asked: Asked) -> Record | None:
        """Return the record of what it did here; None where it had not come so far.

        :raises CannotResume: it did something else here.
        """
        found = self._take_by_number(asked, self._from) if self._from else self._take(asked)
        if found is not None:
            self._order = max(self._order, found.order)
        return found

    def _take(self, asked: Asked) -> Record | None:
        for place, record in enumerate(self._left):
            if (
                record.kind in (asked.kind, "other")
                and record.key == asked.key
                and self._is_same(record, asked.parameters)
            ):
                same_part = [r for r in self._left[:place] if r.segment == record.segment]
                self._left = same_part + self._left[place + 1 :]
                return record
            next_one = self._left[place + 1] if place + 1 < len(self._left) else None
            if record.kind != "read" and (next_one is None or next_one.segment != record.segment):
                break
        writes = [record for record in self._left if record.kind != "read"]
        if not writes:
            self._left = []  # what was read last is read again
            return None
        # The order of what changes the schema may be that of a set, another one each time.
        last = self._left[-1].segment
        if asked.kind == "schema" and all(record.segment == last for record in self._left):
            return None
        if asked.kind == "read" and not reads_tables(asked.sql):
            return None  # a setting of the server's
        raise CannotResume(
            max(asked.number, 1),
            f"now the script asks for {short(asked.sql)}",
            short(writes[0].sql),
        )

    def _take_by_number(self, asked: Asked, first: int) -> Record | None:
        """Go by what the administrator has said of where the step stands, not by the records."""
        if asked.kind == "read":
            if asked.number + 1 >= first:
                return None
            found = next((r for r in self._left if r.kind == "read" and r.key == asked.key), None)
        else:
            if asked.number >= first:
                self._left = []
                return None
            details = {"order": self._order, "number": asked.number, "key": asked.key}
            nothing = Record(asked.kind, details)
            found = next(
                (r for r in self._left if r.kind != "read" and r.key == asked.key), nothing
            )
        if found in self._left:
            self._left.remove(found)
        return found

    def _is_same(self, record: Record, parameters: Any) -> bool:
        """Return whether the parameters are the same, but for times and what is drawn by lot."""
        renamed: list[tuple[Any, Any]] = []
        if not are_alike(record.parameters, parameters, renamed):
            return False
        for old, new in renamed:
            self._new_for_old[unpack(new)] = unpack(old)
        return True

    def as_before(self, value: Any) -> Any:
        """Return parameters with what it had where this run has drawn another value."""
        if not self._new_for_old:
            return value
        if isinstance(value, dict):
            return {key: self.as_before(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.as_before(one) for one in value)
        if isinstance(value, (str, datetime, bytes)):
            return self._new_for_old.get(value, value)
        return value

    def next_order(self) -> float:
        """Return the place of a new record: before what is left of the old ones, if it is."""
        if self._left and self._left[0].order > self._order:
            self._order = (self._order + self._left[0].order) / 2
        else:
            self._order = self._last = max(self._last, self._order) + 1
        return self._order

    def check_finished(self) -> None:
        """Check that all of it was asked for again.

        :raises CannotResume: the script came to its end without something.
        """
        for record in self._left:
            if record.kind != "read" and not self._from:
                raise CannotResume(
                    record.number,
                    "the script came to its end without this statement",
                    short(record.sql),
                )


def _present(prints: dict[str, str | None]) -> dict[str, str]:
    """Return the fingerprints of what is still there."""
    return {name: text for name, text in prints.items() if text is not None}


def _names_of(name: str) -> set[str]:
    """Return its own name, and for a trigger its table's, which it goes with."""
    return {name.lower(), *name.lower().replace(".", " ").split(" ")}


def _what_happened(name: str, before: dict[str, str], now: dict[str, str]) -> str:
    if name not in before:
        return "came"
    return "is gone" if name not in now else "was changed or created again"
