"""What state the data is in after a run has stopped, in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from bridge.model.steps import CreateModels, RunLegacy, Stamp, Step, Upgrade
from bridge.upgrade.execute.state_of_data import StateOfData, cannot_resume

LEGACY, STAMP, REVISION, MODELS = (
    RunLegacy("app", 3), Stamp(("base",)), Upgrade("r1"), CreateModels(),
)  # fmt: skip
UNCHANGED = "The database is unchanged."
RESUMES = (
    "What 'upgrade r1' had changed before stays and is recorded: the next run resumes after it."
)


def state(dialect: str, *finished: Step, recorder: Any = None) -> StateOfData:
    engine: Any = SimpleNamespace(dialect=SimpleNamespace(name=dialect), url=URL.create("x"))
    made = StateOfData(engine)
    made.finished = [(step, 0.1) for step in finished]
    made.recorder = recorder
    return made


def recorder(kept: int = 0, untracked: str | None = None) -> Any:
    return SimpleNamespace(kept=kept, untracked=untracked)


def test_the_steps_before_stay() -> None:
    assert state("sqlite").so_far() == UNCHANGED
    assert state("sqlite", STAMP).so_far() == ("The step before it stays done, up to 'stamp base'.")
    assert state("sqlite", LEGACY, STAMP).so_far() == (
        "The 2 steps before it stay done, up to 'stamp base'."
    )


def test_what_is_not_committed_is_forgotten() -> None:
    made = state("sqlite", LEGACY)
    made.settled()
    made.finished.append((STAMP, 0.1))
    made.forget_unsettled()
    assert made.finished == [(LEGACY, 0.1)]


@pytest.mark.parametrize(
    ("made", "step", "words"),
    [
        (state("postgresql"), MODELS, UNCHANGED),
        (state("mariadb"), STAMP, UNCHANGED),
        (state("mariadb", recorder=recorder()), LEGACY, "'legacy app 3' has changed nothing."),
        (
            state("mariadb", STAMP, recorder=recorder(2)),
            LEGACY,
            "The step before it stays done, up to 'stamp base'. What 'legacy app 3' had changed "
            "before stays and is recorded: the next run resumes after it.",
        ),
        (
            state("mysql", recorder=recorder(2, "it calls a procedure")),
            LEGACY,
            "What 'legacy app 3' had changed before may have stayed, and bridge cannot resume in "
            "the middle of it, because it calls a procedure: restore a backup before you run it "
            "again, or undo it by hand.",
        ),
    ],
)
def test_after_a_refusal(made: StateOfData, step: Step, words: str) -> None:
    assert made.after_refusal(step) == words


@pytest.mark.parametrize(
    ("dialect", "transactional", "words"),
    [
        ("sqlite", True, f"{UNCHANGED} What the revision r1 had done is rolled back."),
        (
            "sqlite",
            False,
            "The revision r1 is not recorded as done, but what it had changed before it "
            "failed may have stayed: the app's own env.py decides what it commits.",
        ),
        ("mariadb", True, RESUMES),
    ],
)
def test_after_a_revision(dialect: str, transactional: bool, words: str) -> None:
    assert state(dialect).after_revision(REVISION, transactional=transactional) == words
    assert state(dialect).after_interruption(REVISION, transactional=transactional) == words


@pytest.mark.parametrize(
    ("made", "step", "transactional", "words"),
    [
        (
            state("sqlite"),
            LEGACY,
            True,
            f"{UNCHANGED} What 'legacy app 3' had done is rolled back.",
        ),
        (
            state("postgresql", STAMP),
            LEGACY,
            False,
            "The step before it stays done, up to 'stamp base'. Statements of 'legacy app 3' that "
            "had run may have stayed: restore a backup before you run it again, or undo them by "
            "hand.",
        ),
        (
            state("mariadb"),
            LEGACY,
            True,
            "What 'legacy app 3' had changed before stays and is recorded: the next run "
            "resumes after it.",
        ),
        (
            state("mariadb"),
            STAMP,
            True,
            f"{UNCHANGED} The step 'stamp base' is rolled back where the database can.",
        ),
    ],
)
def test_after_an_interruption(
    made: StateOfData, step: Step, transactional: bool, words: str
) -> None:
    assert made.after_interruption(step, transactional=transactional) == words


def test_the_errors() -> None:
    refused = OperationalError("INSERT", {}, Exception("disk full"))
    error = state("sqlite", STAMP).cannot_be_written(refused)
    assert (error.code, error.message, error.state_of_data) == (
        "database-refused",
        "The database cannot be written to: disk full",
        "The step before it stays done, up to 'stamp base'.",
    )
    stopped = cannot_resume("upgrade r1", 4, "a table", "no table")
    assert stopped.code == "cannot-resume"
    assert stopped.message == (
        "The step 'upgrade r1' was interrupted at its statement 4, and cannot resume by itself.\n"
        "Found: a table.\n"
        "Expected: no table."
    )
