"""What `bridge init` prints: what it found, proved and wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.output.difference_text import difference_document, difference_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.model.init_result import InitResult, LegacyRows, Tried
    from bridge.output.console import Output


def print_init(output: Output, found: InitResult) -> None:
    """Print what was written and proved, and what is left to do."""
    if output.as_json:
        output.json(init_document(found))
    else:
        output.lines(init_lines(found, output.command("check")))


def init_lines(found: InitResult, check: str) -> Iterator[str]:
    """Yield what came of it, for people."""
    for tried in found.tried:
        yield from _tried_lines(tried)
    scripts = [name for name in found.files if name.endswith("_base.py")]
    if not found.proved:
        yield f"Fix by hand: {', '.join(scripts)}. Then see: {check}"
    yield "Written:"
    yield from (f"  {name}" for name in found.files)
    for name, stamp in found.stamps.items():
        for version, revisions in stamp.items():
            yield f"Version {version} of {name} is stamped as {', '.join(revisions)}."
    if found.carried:
        yield "As SQL in the base revisions, look at it:"
        yield from (f"  {name} ({', '.join(where)})" for name, where in found.carried.items())
    if found.rows:
        yield "Rows that the history itself inserts:"
        yield from (f"  {_rows_words(rows)}" for rows in found.rows)
    if found.models:
        yield (
            "The models differ from what the base revisions create; the next revision is yours to "
            "write:"
        )
        yield from (f"  {text}" for text in found.models)
    elif found.models is not None:
        yield "The models are what the base revisions create."
    yield "Left for you to write:"
    yield from (f"  {text}" for text in found.todo)
    yield "Next:"
    yield from (f"  {command}" for command in found.next)


def _tried_lines(tried: Tried) -> Iterator[str]:
    if tried.error is not None:
        yield f"{tried.dialect}: left out, since the history does not run there."
        yield from (f"  {line}" for line in tried.error.splitlines())
        return
    ran = f"{tried.dialect}: the history runs in {tried.seconds:.1f} s"
    if tried.proved and not tried.drafted:
        yield f"{ran}; the revisions that are there make the same schema."
        return
    if tried.proved:
        yield f"{ran}; the base revisions make the same schema, and a hand-over leaves it as it is."
        return
    yield f"{ran}; the base revisions are wrong there:"
    if tried.failure is not None:
        yield from (f"  {line}" for line in tried.failure.splitlines())
    yield from (f"  {line}" for line in difference_lines(tried.differences))
    if tried.rows:
        yield f"  Rows differ in: {', '.join(tried.rows)}."
    if tried.elsewhere:
        yield f"  Not made, in other schemas: {', '.join(tried.elsewhere)}. Write it yourself."
    if tried.left:
        yield f"  A downgrade leaves: {', '.join(tried.left)}."
    if tried.stamped:
        yield "  A hand-over changes the schema:"
        yield from (f"  {line}" for line in difference_lines(tried.stamped))


def _rows_words(rows: LegacyRows) -> str:
    counts = [*rows.counts.values()]
    told = str(counts[0])
    if len({*counts}) > 1:
        told = ", ".join(f"{count} on {dialect}" for dialect, count in rows.counts.items())
    if rows.why is None:
        return f"{rows.table}: {told}; the base revision inserts them too"
    return (
        f"{rows.table}: {told}; a new install has none of them, since {rows.why}: add them to the "
        "base revision, or to database.foundations"
    )


def init_document(found: InitResult) -> dict[str, Any]:
    """Return the same for JSON."""
    return {
        "files": list(found.files),
        "databases": [
            {
                "database": tried.dialect,
                "seconds": round(tried.seconds, 3),
                "error": tried.error,
                "proved": tried.proved,
                "differences": difference_document(tried.differences),
                "changed_by_hand_over": difference_document(tried.stamped),
                "left_by_downgrade": list(tried.left),
                "other_rows": list(tried.rows),
                "in_other_schemas": list(tried.elsewhere),
                "failure": tried.failure,
            }
            for tried in found.tried
        ],
        "proved": found.proved,
        "stamps": {
            name: {str(version): list(revisions) for version, revisions in stamp.items()}
            for name, stamp in found.stamps.items()
        },
        "as_sql": {name: list(where) for name, where in found.carried.items()},
        "rows": [
            {"table": rows.table, "counts": dict(rows.counts), "left_out": rows.why}
            for rows in found.rows
        ],
        "models": None if found.models is None else list(found.models),
        "todo": list(found.todo),
        "next": list(found.next),
    }
