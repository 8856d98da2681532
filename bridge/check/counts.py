"""What the tables of a database hold, counted: rows, and values in each column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Counts = Mapping[str, Mapping[str, int]]
"""Of each table the number of rows, under an empty name, and of values in each column."""


@dataclass(frozen=True)
class Loss:
    """Rows of a table that are gone, or values of a column, all of it where it is gone itself."""

    table: str
    column: str
    before: int
    after: int

    @property
    def what(self) -> str:
        """What is lost, as it is called where it is accepted."""
        return f"values {self.table}.{self.column}" if self.column else f"rows {self.table}"

    def __str__(self) -> str:
        # Without numbers: it is one finding, from however many versions and on every database.
        if self.column:
            return f"{self.table}.{self.column} has fewer values"
        return f"{self.table} has fewer rows" if self.after else f"{self.table} has lost all rows"


def count(connection: Connection, tables: Mapping[str, Mapping[str, Any]]) -> Counts:
    """Count rows and values of these tables, which are those of a schema document."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    found = {}
    for name, table in tables.items():
        columns = [column["name"] for column in table["columns"]]
        counts = ", ".join(["COUNT(*)", *(f"COUNT({quote(column)})" for column in columns)])
        sql = f"SELECT {counts} FROM {quote(name)}"
        row = connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).one()
        found[name] = dict(zip(["", *columns], map(int, row), strict=True))
    return found


def losses(before: Counts, after: Counts) -> Iterator[Loss]:
    """Return the counts that are lower than before.

    A column that is gone is a matter of the schema; a table may have a new name.

    Values count only where no rows are lost: these would be told twice.
    """
    new = {name: counts[""] for name, counts in after.items() if name not in before}
    for name, counts in before.items():
        if name not in after:
            rows = counts[""]
            renamed = next((other for other, has in new.items() if has == rows), None)
            if rows and renamed is None:
                yield Loss(name, "", rows, 0)
            new.pop(renamed or "", None)
            continue
        now = after[name]
        if now[""] < counts[""]:
            yield Loss(name, "", counts[""], now[""])
            continue
        for column, values in counts.items():
            if column and now.get(column, values) < values:
                yield Loss(name, column, values, now[column])
