"""What `bridge dbupdate --rehearse` prints: what a run makes of a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.output.documents import report_document
from bridge.output.rows_text import rows_table, vanished_lines
from bridge.output.text import print_report, steps_words

if TYPE_CHECKING:
    from bridge.model.rehearsal import Contents, Rehearsal
    from bridge.output.console import Output

Tables = Mapping[str, Mapping[str, Any]]


# --- tables -------------------------------------------------------------------------------


def changed_tables(before: Tables, after: Tables) -> dict[str, list[str]]:
    """Return the tables that exist before and after and differ, each with what differs.

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
    """Yield the changes of the tables, a line for each kind of change."""
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


def print_rehearsal(output: Output, rehearsal: Rehearsal) -> None:
    """Print what came of a run on a copy."""
    report, before, after = rehearsal.report, rehearsal.before, rehearsal.after
    if output.as_json:
        output.json({**report_document(report), **rehearsal_document(rehearsal)})
        return
    if report.rows is None or before is None or after is None:
        print_report(output, report)
        return
    output.line()
    output.table(("table", "before", "after", ""), rows_table(report.rows), has_header=True)
    output.line()
    output.lines(schema_lines(before.tables, after.tables))
    output.lines(foreign_key_lines(before, after))
    output.lines(vanished_lines(report.vanished))
    reached = ", ".join(report.current) or "no revision"
    output.line(
        ("green", "Rehearsed"),
        f": {steps_words(report)}, to {reached}. That was a copy; the database is unchanged.",
    )


def rehearsal_document(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return what a rehearsal reports beyond a run; empty if there was no copy."""
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
    """Yield which rows point nowhere, and how many keys were checked."""
    for found in _broken(before, after):
        yield (
            f"Rows of {found['table']} that point to no row of {found['refers_to']}: "
            f"{found['rows']} (before: {found['before']})."
        )
    held = sum(len(table["foreign_keys"]) for table in after.tables.values()) - after.checked
    others = f"; the database itself holds {held} more" if held > 0 else ""
    fine = "" if after.broken else ", none is broken"
    yield f"Foreign keys: {after.checked} checked{fine}{others}."
