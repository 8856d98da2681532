"""What `bridge snapshot` prints: old databases that are files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.model.results import size_words
from bridge.model.snapshots import Imported, Snapshot, standing
from bridge.output.difference_text import difference_document, difference_lines
from bridge.output.documents import snapshot_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.output.console import Output


def print_snapshots(output: Output, found: Sequence[Snapshot]) -> None:
    """Print which snapshots there are."""
    if output.as_json:
        output.json({"snapshots": [snapshot_document(snapshot) for snapshot in found]})
        return
    if not found:
        output.line("There are no snapshots.")
        return
    rows = [(s.path.name, where_words(s), s.kind, size_words(s.size)) for s in found]
    output.table(("snapshot", "at", "", "size"), rows)


def print_snapshot(output: Output, made: Snapshot) -> None:
    """Print where a snapshot was written."""
    if output.as_json:
        output.json(snapshot_document(made))
        return
    words = f"{where_words(made)}, {size_words(made.size)}"
    output.line(("green", "Written"), f": {made.path} ({words})")


def print_imported(output: Output, found: Imported) -> None:
    """Print what came of a database that was taken in."""
    if output.as_json:
        document = snapshot_document(found.snapshot)
        document["differences"] = difference_document(found.drift)
        if found.scrubbed is not None:
            document |= {"scrubbed": found.scrubbed, "kept": dict(found.kept)}
        output.json(document)
        return
    if found.drift:
        output.line("The schema is not the frozen one of its version:")
        output.lines(difference_lines(found.drift))
    if found.scrubbed is not None:
        output.line(f"{found.scrubbed} texts are scrubbed.")
    if found.kept:
        output.line("Kept as they were, for you to check:")
        output.lines(f"  {name}: {why}" for name, why in found.kept.items())
    print_snapshot(output, found.snapshot)


def where_words(snapshot: Snapshot) -> str:
    """Return at which versions and revisions a snapshot is."""
    if snapshot.versions is None:
        return "-"
    return standing(snapshot.versions, snapshot.revisions)
