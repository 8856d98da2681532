"""Errors lose passwords, and keep their commands as data."""

from __future__ import annotations

import pytest

from bridge.model.errors import DatabaseError
from bridge.model.remedy import Remedy
from bridge.output.redaction import redacted


def test_a_remedy_loses_a_password_and_stays_a_command() -> None:
    def hide(text: str) -> str:
        return text.replace("s3cret", "***")

    with pytest.raises(DatabaseError) as caught, redacted(hide):
        raise DatabaseError(
            "s3cret is refused.",
            help=Remedy("Change s3cret, then run", ("dbupdate", "--dump-option", "s3cret x")),
        )
    assert caught.value.as_dict("flask bridge") == {
        "code": "database-unreachable",
        "message": "*** is refused.",
        "help": "Change ***, then run: flask bridge dbupdate --dump-option '*** x'",
        "state_of_data": "The database is unchanged.",
    }
