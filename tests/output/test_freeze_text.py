"""What is printed of a recording."""

from __future__ import annotations

from bridge.model.freeze import Recorded, Recording
from bridge.model.frozen import FrozenVersion
from bridge.output.freeze_text import freeze_lines


def recorded(number: int, *, replay: bool) -> Recorded:
    reason = None if replay else "it reads rows: SELECT 1"
    version = FrozenVersion(replay, reason, ported=False, statements=(), count=1, schema="")
    return Recorded("sqlite", "core", number, version, 0.1)


def test_methods_are_counted() -> None:
    recording = Recording("sqlite", [recorded(1, replay=True), recorded(2, replay=False)])
    recording.errors["core"] = "Version 3 failed"
    assert [*freeze_lines(recording)] == [
        "core on sqlite: 2 versions, 1 replayed; 1 needs the legacy runtime.",
        "It ends there: Version 3 failed",
    ]


def test_a_database_on_which_no_version_runs_has_no_old_ones() -> None:
    recording = Recording("postgresql", errors={"core": "Version 1 failed"})
    assert [*freeze_lines(recording)] == [
        "core on postgresql: no version runs there, so there are no old databases of this kind: "
        "Version 1 failed"
    ]
