"""The base revisions, drafted from the result of a legacy history on each database."""

from __future__ import annotations

import textwrap
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bridge.database.engine import connect
from bridge.database.servers import servers_of_family
from bridge.init.baseline import (
    Observed,
    Part,
    Row,
    Rows,
    decide,
    observe,
    of_a_virtual_table,
    read_rows,
    why_not_inserted,
    write_script,
)
from bridge.init.history import HistoryResult, names_in
from bridge.model.init_result import LegacyRows
from bridge.model.names import base_revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine

    from bridge.init.configuration import Configuration


class Draft:
    """The base revisions of an app, one for each repository.

    :param results: of the history, on each database.
    """

    def __init__(self, configuration: Configuration, results: Sequence[HistoryResult]) -> None:
        self.configuration = configuration
        self.results = results
        self.seen: dict[int, Observed] = {}
        """What was seen, by the index of a result in `results`."""
        self.rows: dict[str, LegacyRows] = {}
        """By table, the rows that the history inserts."""
        self.inserted: dict[str, Rows] = {}
        """By table, those that the base revisions insert too."""
        self._as_sql: set[tuple[str, str]] = set()
        with ExitStack() as stack:
            connections: dict[str, Connection] = {}
            for number, result in enumerate(results):
                if result.engine is None:
                    continue
                connection = stack.enter_context(connect(result.engine))
                stack.enter_context(connection.begin())
                self.seen[number] = observe(connection, result.dialect, configuration.app_tables)
                connections.setdefault(result.dialect, connection)
            self._sources = decide(self.observed, connections)
        tables = {name for seen in self.observed.values() for name in seen.schema["tables"]}
        for table in sorted(tables):
            self._read_rows(table)

    @property
    def observed(self) -> dict[str, Observed]:
        """What was seen, by dialect; of two servers of one kind, the first counts."""
        first: dict[str, Observed] = {}
        for seen in self.seen.values():
            first.setdefault(seen.dialect, seen)
        return first

    def _read_rows(self, table: str) -> None:
        """Read the rows that the history inserts, and decide whether the revision can, too."""
        found = {
            seen.dialect: self.values(number, table)
            for number, seen in self.seen.items()
            if seen.schema["tables"].get(table, {}).get("columns")
            and not of_a_virtual_table(table, seen.schema["tables"])
        }
        if not any(found.values()):
            return
        why = why_not_inserted(found)
        counts = {dialect: len(values) for dialect, values in found.items()}
        self.rows[table] = LegacyRows(table, counts, why)
        if why is None:
            types = {
                name: next(iter(source.types.values()))
                for (of, name), source in self._sources.items()
                if of == table
            }
            self.inserted[table] = Rows(types, tuple(next(iter(found.values()))))

    def values(self, number: int, table: str, engine: Engine | None = None) -> list[Row]:
        """Return the rows at the end of the history, or in a database to compare with it."""
        engine = engine or self.results[number].engine
        assert engine is not None
        return read_rows(engine, self.seen[number], table, self._sources)

    # --- the scripts ----------------------------------------------------------------------

    def write(self) -> None:
        """Write the base revisions into the staged folders."""
        core, folder = self.configuration.core, self.configuration.staging.folder
        before: set[str] = set()
        for name in [core, *self.configuration.modules]:
            part = self._part(name, before)
            before |= part.tables
            text = write_script(part, self.observed, self._sources)
            versions = folder / ("versions" if name == core else name)
            (versions / f"{part.revision}.py").write_text(text, encoding="utf-8")

    def write_as_sql(self, tables: Iterable[tuple[str, str]]) -> None:
        """Write the base revisions with more tables as the database itself prints them.

        :param tables: the dialect and the name of each.
        """
        self._as_sql |= {*tables}
        self.write()

    def _part(self, name: str, before: set[str]) -> Part:
        """Return what a repository creates; the app's own has what none of them creates."""
        core, own = self.configuration.core, set()
        for number, seen in self.seen.items():
            owners = self.results[number].owners
            things = names_in(seen.schema)
            things += [f"{one.kind} {one.name}" for one in seen.carried if one.part is None]
            parts = {core, *self.configuration.modules}
            own |= {
                thing
                for thing in things
                if (owner if (owner := owners.get(thing)) in parts else core) == name
            }
        tables = {thing.partition(" ")[2] for thing in own if thing.startswith("table ")}
        joined = {*self.configuration.repositories} - {core, *self.configuration.modules}
        described = [
            f'version {repository.last} of the legacy repository "{repository.repository_id}"'
            for other, repository in self.configuration.repositories.items()
            if other == name or (name == core and other in joined)
        ]
        doc = (
            "An old database is stamped with this revision and never runs it; a new one starts "
            "here. bridge init wrote it from the result of the history on "
            f"{', '.join(_labels(dialect) for dialect in self.observed)}."
        )
        return Part(
            revision=base_revision(name),
            label=name,
            doc="\n".join(textwrap.wrap(f"The schema of {' and '.join(described)}.", 99))
            + "\n\n"
            + "\n".join(textwrap.wrap(doc, 99)),
            tables=frozenset(tables),
            names=frozenset(own),
            before=frozenset(before),
            depends_on=() if name == core else (base_revision(core),),
            rows={table: rows for table, rows in self.inserted.items() if table in tables},
            as_sql=frozenset(self._as_sql),
        )

    def carried(self) -> Mapping[str, tuple[str, ...]]:
        """Return what the base revisions have as SQL, each with the dialects that have it."""
        found: dict[str, tuple[str, ...]] = {}
        for dialect, seen in self.observed.items():
            names = [f"{one.kind} {one.name}" for one in seen.carried]
            names += [f"table {table}" for of, table in sorted(self._as_sql) if of == dialect]
            for name in dict.fromkeys(names):
                found[name] = (*found.get(name, ()), dialect)
        return dict(sorted(found.items()))


def _labels(family: str) -> str:
    return " or ".join(server.label for server in servers_of_family(family))
