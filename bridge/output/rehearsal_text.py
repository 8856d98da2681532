"""What a run made of a database, before and after compared: in words, and for JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.model.results import Contents, Rehearsal, Rows

Tables = Mapping[str, Mapping[str, Any]]


# --- rows ---------------------------------------------------------------------------------


def rows_document(rows: Rows) -> dict[str, Any]:
    """The counts of each table, and the names of the tables that lost rows."""
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
    """A line for the tables that have fewer rows, one for those that are gone."""
    if rows.fewer:
        words = (f"{name} ({rows.after[name]}, before: {rows.before[name]})" for name in rows.fewer)
        yield f"Fewer rows than before: {', '.join(words)}."
    if rows.gone:
        words = (f"{name} ({_count(rows.before[name])})" for name in rows.gone)
        yield f"Not there any more, dropped or renamed, with their rows: {', '.join(words)}."
    if rows.uncounted:
        yield f"Not counted, since they are large or may not be read: {', '.join(rows.uncounted)}."


def _count(number: int | None) -> str:
    if number is None:
        return "not counted"
    return "1 row" if number == 1 else f"{number} rows"


def rows_table(rows: Rows) -> list[tuple[str, str, str, str]]:
    """A line for each table: name, rows before and after, a remark."""
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


# --- tables -------------------------------------------------------------------------------


def changed_tables(before: Tables, after: Tables) -> dict[str, list[str]]:
    """The tables that are there before and after and differ, each with what differs.

    ``+column`` and ``-column`` came and went, ``~column`` has another type, default or nullability;
    other words name keys and indexes.
    """
    changes = {name: _differences(before[name], after[name]) for name in {*before} & {*after}}
    return {name: found for name, found in sorted(changes.items()) if found}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = ({c["name"]: c for c in table["columns"]} for table in (before, after))
    found = [f"+{name}" for name in new if name not in old]
    found += [f"-{name}" for name in old if name not in new]
    found += [f"~{name}" for name in new if name in old and new[name] != old[name]]
    parts = [part for part in {**before, **after} if part != "columns"]
    return found + [part.replace("_", " ") for part in parts if before.get(part) != after.get(part)]


def schema_lines(before: Tables, after: Tables) -> Iterator[str]:
    """What became of the tables, a line for each kind of change."""
    new, gone = sorted({*after} - {*before}), sorted({*before} - {*after})
    changed = changed_tables(before, after)
    if new:
        yield f"New tables: {', '.join(new)}."
    if gone:
        yield f"Tables that are gone or renamed: {', '.join(gone)}."
    if changed:
        words = (f"{name} ({', '.join(found)})" for name, found in changed.items())
        yield f"Changed tables: {', '.join(words)}."
    if not (new or gone or changed):
        yield "No table is changed."


# --- rehearsals ---------------------------------------------------------------------------


def rehearsal_document(rehearsal: Rehearsal) -> dict[str, Any]:
    """What the report of a rehearsal has more than that of a run; empty if there was no copy."""
    before, after = rehearsal.before, rehearsal.after
    if before is None or after is None:
        return {}
    return {
        "foreign_keys": {"checked": after.checked, "broken": _broken(before, after)},
        "schema": {
            "new": sorted({*after.tables} - {*before.tables}),
            "gone": sorted({*before.tables} - {*after.tables}),
            "changed": changed_tables(before.tables, after.tables),
            "tables": after.tables,
        },
    }


def _broken(before: Contents, after: Contents) -> Sequence[dict[str, Any]]:
    return [
        {"table": name, "refers_to": other, "rows": count,
         "before": before.broken.get((name, other), 0)}
        for (name, other), count in sorted(after.broken.items())
    ]  # fmt: skip


def foreign_key_lines(before: Contents, after: Contents) -> Iterator[str]:
    """Which rows point nowhere, and how many keys were looked at."""
    for found in _broken(before, after):
        yield (
            f"Rows of {found['table']} that point to no row of {found['refers_to']}: "
            f"{found['rows']} (before: {found['before']})."
        )
    held = sum(len(table["foreign_keys"]) for table in after.tables.values()) - after.checked
    others = f"; the database itself holds {held} more" if held > 0 else ""
    fine = "" if after.broken else ", none is broken"
    yield f"Foreign keys: {after.checked} checked{fine}{others}."
