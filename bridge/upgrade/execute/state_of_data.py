"""What state the data is in after a run has stopped."""

from __future__ import annotations

from bridge.model.errors import ResumeError


def cannot_resume(step: str, number: int, found: str, expected: str) -> ResumeError:
    """The error of a step that cannot go on by itself."""
    return ResumeError(
        f"The step '{step}' was cut short at its statement {number}, and cannot go on by itself.\n"
        f"Found: {found}.\n"
        f"Expected: {expected}.",
        help="Put back a backup from before: bridge restore BACKUP. Or look at what is there, and "
        "say with which statement the step is to go on, as those before it are done: bridge resume "
        f"--from-statement {number} (or {number + 1} if that one is done too)",
        state_of_data="This run has changed nothing more in that step; what it had done before it "
        "was cut short is still there.",
    )
