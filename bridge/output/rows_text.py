"""How many rows each table has before and after a run: in words, and for JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.model.results import Rows


def rows_document(rows: Rows) -> dict[str, Any]:
    """Return the counts of each table, and the names of the tables that lost rows."""
    document: dict[str, Any] = {
        "rows": {
            name: {"before": rows.before.get(name), "after": rows.after.get(name)}
            for name in rows.tables
        },
        "fewer_rows": sorted({*rows.fewer, *rows.gone}),
    }
    if rows.uncounted:
        document["not_counted"] = list(rows.uncounted)
    return document


def loss_lines(rows: Rows) -> Iterator[str]:
    """Yield a line for the tables that have fewer rows, one for those that are gone."""
    if rows.fewer:
        words = (f"{name} ({rows.after[name]}, before: {rows.before[name]})" for name in rows.fewer)
        yield f"Fewer rows than before: {', '.join(words)}."
    if rows.gone:
        words = (f"{name} ({_count(rows.before[name])})" for name in rows.gone)
        yield f"Gone, dropped or renamed, with their rows: {', '.join(words)}."
    if rows.uncounted:
        yield f"Not counted, since they are large or may not be read: {', '.join(rows.uncounted)}."


def vanished_lines(vanished: Sequence[str]) -> Iterator[str]:
    """Yield a line for what is gone besides rows, if something is."""
    if vanished:
        yield f"Gone or weaker, though no step names it: {'; '.join(vanished)}."


def _count(number: int | None) -> str:
    if number is None:
        return "not counted"
    return "1 row" if number == 1 else f"{number} rows"


def rows_table(rows: Rows) -> list[tuple[str, str, str, str]]:
    """Return a line for each table: name, rows before and after, a remark."""
    table = []
    for name in rows.tables:
        cells = [
            "-" if name not in counts else "?" if counts[name] is None else str(counts[name])
            for counts in (rows.before, rows.after)
        ]
        remark = "gone or renamed" if name not in rows.after else ""
        remark = "new" if name not in rows.before else remark
        remark = "fewer" if name in rows.fewer else remark
        table.append((name, cells[0], cells[1], remark))
    return table
