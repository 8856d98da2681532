"""Why a version cannot be replayed, as far as its two runs tell."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.freeze.replayable import reason_not_replayable
from bridge.legacy.client import Ran

INSERT = "INSERT INTO notes (text) VALUES ('one')"


def ran(
    statements: Sequence[str] = (),
    reads: Sequence[tuple[str, Sequence[str]]] = (),
    problems: Sequence[str] = (),
) -> Ran:
    captured = {"statements": [*statements], "reads": [*reads], "problems": [*problems]}
    return Ran(0.1, len(statements), captured)


@pytest.mark.parametrize(
    ("empty", "filled", "reason"),
    [
        (ran([INSERT]), ran([INSERT]), None),
        (
            ran(),
            ran(reads=[("SELECT name FROM sqlite_master WHERE name = 'notes'", ["sqlite_master"])]),
            None,
        ),
        (ran(), ran(reads=[("SELECT 'notes' FROM other", ["version"])]), None),
        (
            ran(),
            ran(reads=[("SELECT id FROM seen", ["other"])]),
            "it reads rows: SELECT id FROM seen",
        ),
        (
            ran(),
            ran(reads=[("SELECT 1 FROM sqlite_master, seen", ["sqlite_master", "other"])]),
            "it reads rows: SELECT 1 FROM sqlite_master, seen",
        ),
        (ran(), ran(reads=[("SELECT changes()", [])]), "it reads rows: SELECT changes()"),
        (ran(), "no such column", "it fails on generated rows: no such column"),
        (ran(problems=["it sleeps"]), ran(problems=["it asks"]), "it sleeps"),
        (ran(), ran(reads=[("SELECT  id\nFROM notes", [])]), "it reads rows: SELECT id FROM notes"),
        (
            ran(),
            ran([INSERT]),
            "it emits 0 statements where there are no rows, and 1 where there are some",
        ),
        (
            ran(["UPDATE notes SET id = 7, text = 'x'"]),
            ran(["UPDATE notes SET id = 8, text = 'y'"]),
            "statement 1 writes a value that is another each time: "
            "UPDATE notes SET id = 0, text = ''",
        ),
        (
            ran([INSERT, "DELETE FROM notes"]),
            ran([INSERT, f"DELETE FROM {'long_' * 25}"]),
            f"statement 2 is another one where there are rows: DELETE FROM {'long_' * 17}...",
        ),
    ],
)
def test_the_first_reason_is_given(empty: Ran, filled: Ran | str, reason: str | None) -> None:
    found = reason_not_replayable(
        empty, filled, {"notes"}, "sqlite", lambda names: {*names} - {"version"}
    )
    assert found == reason
