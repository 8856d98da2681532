"""What `bridge freeze` prints: versions as they are recorded, and what was sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.model.progress import Progress
from bridge.output.documents import freeze_document
from bridge.output.progress import place_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.model.freeze import Freeze, Recorded, Recording
    from bridge.output.console import Output
    from bridge.output.writer import Writer


class FreezeText(Progress):
    """How a freeze goes, as plain lines on standard error."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def notify(self, text: str) -> None:
        """Print a line."""
        self._writer.line(text)

    def recorded(self, version: Recorded, number: int, total: int) -> None:
        """Print the version and what became of it."""
        self._writer.line(f"{place_words(number, total)}  {recorded_words(version)}")


def print_freeze(output: Output, freeze: Freeze) -> None:
    """Print what was recorded and sealed."""
    if output.as_json:
        output.json(freeze_document(freeze))
        return
    for recording in freeze.recordings:
        output.lines(freeze_lines(recording))
    for sealed in freeze.sealed:
        words = {"new": "is sealed", "changed": "is sealed again", "unchanged": "is as sealed"}
        more = f": {', '.join(sealed.changes)}" if sealed.outcome == "changed" else ""
        output.line(f"{sealed.repository} {words[sealed.outcome]}{more}.")


def recorded_words(found: Recorded) -> str:
    """Return a recorded version: what, how it runs from now on, its times, and why so."""
    history = found.history
    count = history.count
    words = f"{found.repository} {found.version}  {history.method}"
    words += f"  {count} statement{'' if count == 1 else 's'}, live {found.live:.3f} s"
    if found.seconds is not None:
        words += f", {'ported' if history.ported else 'replayed'} {found.seconds:.3f} s"
    return f"{words}: {history.reason}" if history.reason else words


def freeze_lines(recording: Recording) -> Iterator[str]:
    """Yield what became of each repository on a kind of database, and what is not filled."""
    for name in dict.fromkeys([*(v.repository for v in recording.versions), *recording.errors]):
        methods = [v.history.method for v in recording.versions if v.repository == name]
        if not methods:
            yield (
                f"{name} on {recording.dialect}: no version runs there, so there are no old "
                f"databases of this kind: {recording.errors[name]}"
            )
            continue
        counts = {method: methods.count(method) for method in ("replay", "ported", "live")}
        words = (
            f"{name} on {recording.dialect}: {len(methods)} versions, {counts['replay']} replayed"
        )
        if counts["ported"]:
            words += f", {counts['ported']} ported"
        needs = "none needs the legacy runtime"
        if counts["live"]:
            many = counts["live"] > 1
            needs = f"{counts['live']} need{'' if many else 's'} the legacy runtime"
        yield f"{words}; {needs}."
        if name in recording.errors:
            yield f"It ends there: {recording.errors[name]}"
    for table, why in recording.unfilled.items():
        yield f"No rows could be made for {table}: {why}"
