"""Rows for the tables of a database, made so that every constraint holds.

Our own: the libraries that make rows start from an application's models, and know neither the
constraints of a database that is only there, nor keep to the same rows from one run to the next.

The values are proposals: the database decides, inside a savepoint, and names the constraint that
a row breaks; the columns of that constraint get other values then.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import unreadable
from bridge.database.seeding.catalog import read_tables
from bridge.database.seeding.domain import Use, Value
from bridge.database.seeding.limits import LIMITS
from bridge.database.seeding.order import arrange
from bridge.database.seeding.store import Key, RefusedError, Row, Store
from bridge.database.seeding.tables import AppTables, Reference, Table, mentions
from bridge.database.seeding.values import Source, seeded
from bridge.database.servers import server_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

_TRIES = 40
"""So often a row is tried with other values before it is given up."""

_FAILURES = 2
"""So many rows are given up before the table is."""


@dataclass(frozen=True)
class Seeded:
    """What `seed` did.

    `made` has the number of rows made in each table that was chosen; `refused`, for each table
    that has fewer rows than asked for, why: in the database's words where it has any.
    """

    made: Mapping[str, int]
    refused: Mapping[str, str]


def seed(
    connection: Connection, app_tables: AppTables, rows: int, variant: str, *, plain: bool = False
) -> Seeded:
    """Fill tables, so that each has at least `rows` rows.

    What is there stays. The same schema, rows and `variant` give the same rows; another variant
    gives others. The first row of a table is an ordinary one, edge values come after it. All is
    done in one transaction, or in a savepoint where the connection is in a transaction already.

    :param app_tables: takes the names of the tables and gives those that are to be filled.
    :param plain: all rows are ordinary ones: no edge values, and NULL only where nothing else is
        possible. For scripts that the others stop.
    :raises DatabaseError: the database cannot be read, or the connection is lost.
    """
    try:
        begin = connection.begin_nested if connection.in_transaction() else connection.begin
        with begin():
            tables = read_tables(connection, app_tables)
            return _Seeding(connection, tables, rows, variant, plain=plain).run()
    except SQLAlchemyError as error:
        raise unreadable(connection.engine.url, error) from None


class _Seeding:
    """One run: what was read, what was made, what is still to do."""

    def __init__(
        self,
        connection: Connection,
        tables: Mapping[str, Table],
        rows: int,
        variant: str,
        *,
        plain: bool,
    ) -> None:
        self._store = Store(connection)
        self._limits = LIMITS[server_of(connection).syntax]
        self._tables = tables
        self._rows = rows
        self._variant = variant
        self._plain = plain
        self._order = arrange(tables)
        self._sources = {name: self._sources_of(table) for name, table in tables.items()}
        # How many rows a table had, and which, where it has late references.
        self._had: dict[str, int] = {}
        self._before: dict[str, set[Key]] = {}
        self._made: dict[str, int] = {}
        self._refused: dict[str, str] = {}

    def run(self) -> Seeded:
        for group in self._order.groups:
            if group in self._order.rings and self._rows > 0:
                self._enter(group)
            for name in group:
                self._fill(self._tables[name])
        for name, references in self._order.late.items():
            for reference in references:
                self._link(self._tables[name], reference)
        return Seeded(dict(sorted(self._made.items())), dict(sorted(self._refused.items())))

    def _sources_of(self, table: Table) -> dict[str, Source]:
        """Return the sources of those columns that the database does not fill by itself."""
        known = {name for x in self._tables.values() for name in self._referred(x, table)}
        referring = {name for reference in table.references for name in reference.columns}
        return {
            column.name: Source(
                column,
                self._limits,
                f"{self._variant}/{table.name}/{column.name}",
                Use(
                    self._plain,
                    column.name in known.union(table.key),
                    [rule.text for rule in table.rules if column.name in rule.columns],
                ),
            )
            for column in table.columns
            if column.next_value is None or column.name in referring
        }

    @staticmethod
    def _referred(child: Table, table: Table) -> Iterator[str]:
        for reference in child.references:
            if reference.table == table.name and reference.schema is None:
                yield from reference.referred

    # -- a table ------------------------------------------------------------------------------

    def _fill(self, table: Table) -> None:
        have = self._look(table)
        reason = None
        if have < self._rows:
            reason = self._orphaned(table) or self._insert_rows(table, range(have, self._rows))
            have = self._store.count(table, self._rows)
            # What was known of it is old.
            self._store.forget({table.name})
        self._made[table.name] = have - self._had[table.name]
        if have < self._rows:
            # Without a reason, a trigger or a rule has done away with them.
            self._refused.setdefault(
                table.name, reason or "The database accepted the rows but did not keep them."
            )

    def _look(self, table: Table) -> int:
        """Count the rows; the first time, it keeps in mind which are not ours."""
        have = self._store.count(table, self._rows)
        if table.name not in self._had:
            self._had[table.name] = have
            late = have and table.key and self._order.late[table.name]
            self._before[table.name] = set(self._store.read(table.name, table.key) if late else ())
        return have

    def _orphaned(self, table: Table) -> str | None:
        for reference in table.references:
            if not table.nullable(reference) and not self._store.keys(reference):
                columns = ", ".join(reference.columns)
                return f"{columns} must refer to a row of {reference.table}, which has none."
        return None

    def _insert_rows(self, table: Table, numbers: Sequence[int]) -> str | None:
        """Insert rows; return why not all could be made, None if they were."""
        if self._store.insert(table, [self._row(table, number, {}) for number in numbers]) is None:
            return None
        reasons: list[str] = []
        for number in numbers:
            reason = self._insert_one(table, number)
            if reason is not None:
                reasons.append(reason)
                if len(reasons) == _FAILURES:
                    break
        return reasons[0] if reasons else None

    def _insert_one(self, table: Table, number: int) -> str | None:
        """Insert a row; return why no values were found that the database takes."""
        attempts = dict.fromkeys(self._sources[table.name], 0)
        reason = None
        for tried in range(_TRIES):
            reason = self._store.insert(table, [self._row(table, number, attempts)])
            if reason is None:
                break
            # A message may name something else than what is wrong, as a trigger's can.
            for name in attempts if tried % 8 == 7 else self._blamed(table, reason):
                attempts[name] += 1
        return reason

    def _blamed(self, table: Table, reason: str) -> set[str]:
        """Return the columns whose values the database refuses; all, where it names none."""
        rules = (rule for rule in table.rules if mentions(reason, rule.name))
        named = {name for rule in rules for name in rule.columns}
        ours = self._sources[table.name].keys()
        named |= {name for name in ours if f"'{name}'" in reason or f'"{name}"' in reason}
        return named & ours or set(ours)

    def _row(self, table: Table, number: int, attempts: Mapping[str, int]) -> Row:
        sources = self._sources[table.name]
        referring = {name for reference in table.references for name in reference.columns}
        row = {
            name: source.value(number, attempts.get(name, 0))
            for name, source in sources.items()
            if name not in referring
        }
        # The longest first: those that share a column with it can follow.
        for reference in sorted(table.references, key=lambda x: -len(x.columns)):
            row |= self._pointing(table, reference, number, attempts, row)
        return {
            # What is left is part of a ring.
            name: row[name] if name in row else source.value(number, attempts.get(name, 0))
            for name, source in sources.items()
        }

    def _pointing(
        self,
        table: Table,
        reference: Reference,
        number: int,
        attempts: Mapping[str, int],
        row: Mapping[str, Value],
    ) -> Row:
        """Return values for a reference: those of a row that exists, or NULL."""
        free: Row = dict.fromkeys(table.nullable(reference))
        if reference in self._order.late[table.name]:
            return free
        if row.keys() >= set(reference.columns):
            return {}  # set by longer ones that share all columns
        attempt = max(attempts.get(name, 0) for name in reference.columns)
        fitting = _fitting(reference, self._store.keys(reference), row)
        chosen = self._parent_for(table, reference, number, attempt, fitting)
        if chosen is None:
            return free
        ours = self._sources[table.name]
        return {n: value for n, value in zip(reference.columns, chosen, strict=True) if n in ours}

    def _parent_for(
        self,
        table: Table,
        reference: Reference,
        number: int,
        attempt: int,
        fitting: Sequence[Key],
    ) -> Key | None:
        """Return the key that a row points to; None for no row, as sometimes where it may be."""
        columns = reference.columns
        if not fitting:
            return None
        words = f"{self._variant}/{table.name}/{','.join(columns)}"
        steady, random = seeded(words), seeded(f"{words}/{number}/{attempt}")
        one_without, first = 1 + steady.randrange(2), steady.randrange(len(fitting))
        without = random.random() < 0.2 or (number == one_without and not attempt)
        without = without and not (self._plain and not attempt)
        if without and table.nullable(reference) and (number or attempt):
            return None
        # One after the other: most references of a table that must be unique are so at once.
        return random.choice(fitting) if attempt else fitting[(first + number) % len(fitting)]

    # -- tables in a ring ---------------------------------------------------------------------

    def _enter(self, ring: Sequence[str]) -> None:
        """Insert the first row of each table of a ring that is empty, all at once."""
        empty = [table for table in map(self._tables.__getitem__, ring) if not self._look(table)]
        reason: str | None = None
        for attempt in range(_TRIES // 4 if empty else 0):
            reason = self._store.attempt(partial(self._insert_ring, empty, attempt))
            if reason is None:
                break
        if reason is not None:
            self._refused.update({table.name: reason for table in empty})
        self._store.forget(set(ring))

    def _insert_ring(self, tables: Sequence[Table], attempt: int) -> None:
        rows: dict[str, Row] = {}
        for table in tables:
            row = self._row(table, 0, dict.fromkeys(self._sources[table.name], attempt))
            for column in table.columns:
                if column.name not in row and column.next_value is not None:
                    row[column.name] = self._store.next_value(column.next_value)
            rows[table.name] = row
        inner = [
            (table.name, reference)
            for table in tables
            for reference in table.references
            if reference.schema is None
            and reference.table in rows
            and not table.nullable(reference)
        ]
        # Where a key is a reference too, a value goes on from table to table.
        for _ in tables:
            for name, reference in inner:
                other = rows[reference.table]
                pairs = zip(reference.columns, reference.referred, strict=True)
                # What the database alone gives is not known before.
                rows[name].update({ours: other[x] for ours, x in pairs if x in other})
        with self._store.keys_late():
            for name, row in rows.items():
                self._store.insert_unchecked(name, row)
        for name, reference in inner:
            if not set(self._store.read(name, reference.columns)) <= set(
                self._store.read_keys(reference)
            ):
                columns = ", ".join(reference.columns)
                raise RefusedError(f"{columns} of {name} does not refer to {reference.table}.")

    # -- references that had to wait ------------------------------------------------------------

    def _link(self, table: Table, reference: Reference) -> None:
        """Let most of the new rows point to a row now; the others keep their NULL."""
        if not self._made[table.name] or not table.key:
            return
        key, columns, own = table.key, reference.columns, reference.table == table.name
        names = (*key, *columns, *(reference.referred if own else ()))
        parents = [] if own else list(self._store.keys(reference))
        changes: list[dict[str, Any]] = []
        for number, line in enumerate(sorted(self._store.read(table.name, names), key=_place)):
            mine, now = line[: len(key)], line[len(key) : len(key) + len(columns)]
            if mine not in self._before[table.name] and None in now:
                held = {n: v for n, v in zip(columns, now, strict=True) if v is not None}
                chosen = self._parent_for(
                    table, reference, number, 0, _fitting(reference, parents, held)
                )
                if chosen is not None:
                    new = {f"new_{n}": value for n, value in enumerate(chosen)}
                    changes.append(new | {f"key_{n}": value for n, value in enumerate(mine)})
            if own:
                # To a row before it only: nobody who follows the references goes in a circle.
                parents.append(line[len(key) + len(columns) :])
        # One that the database refuses has a NULL that it has taken.
        self._store.update(table, reference, changes)


def _fitting(reference: Reference, parents: Iterable[Key], row: Mapping[str, Value]) -> list[Key]:
    """Return the keys that agree with what a row has already."""
    return [
        key
        for key in parents
        if all(
            row.get(name, value) == value
            for name, value in zip(reference.columns, key, strict=True)
        )
    ]


def _place(key: Key) -> list[tuple[int, str]]:
    """Sort keys of any type, numbers by their size."""
    return [(len(text), text) for text in map(str, key)]
