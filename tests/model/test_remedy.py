"""What an error advises is data: a sentence and a command, which can be typed as it stands."""

from __future__ import annotations

import shlex

import pytest

from bridge.model.errors import DriftError
from bridge.model.remedy import Remedy, render, retry_with

ACCEPT = Remedy("Accept it", ("dbupdate", "--accept-drift", "users.name type"))


def test_a_command_is_typed_as_it_stands() -> None:
    assert ACCEPT.render() == "Accept it: bridge dbupdate --accept-drift 'users.name type'"
    assert shlex.split(ACCEPT.render("flask bridge"))[2:] == ["flask", "bridge", *ACCEPT.command]


@pytest.mark.parametrize("program", ["bridge", "flask bridge"])
def test_remedies_stand_on_lines_of_their_own(program: str) -> None:
    found = render([Remedy("Make room."), ACCEPT], program)
    assert found == f"Make room.\nAccept it: {program} dbupdate --accept-drift 'users.name type'"


def test_data_in_a_sentence_is_never_taken_for_a_command() -> None:
    remedy = Remedy("See what 'bridge status' in the docstring says", ("verify",))
    assert remedy.render("gmg") == "See what 'bridge status' in the docstring says: gmg verify"


def test_another_command_takes_the_place_of_dbupdate_and_keeps_its_options() -> None:
    found = retry_with([ACCEPT, Remedy("See", ("status",))], ("adopt", "--legacy", "core=3"))
    assert [remedy.command for remedy in found] == [
        ("adopt", "--legacy", "core=3", "--accept-drift", "users.name type"),
        ("status",),
    ]


def test_an_error_as_json_has_the_command_of_the_program_that_was_typed() -> None:
    error = DriftError("It differs.", help=ACCEPT)
    assert error.as_dict("flask bridge") == {
        "code": "schema-drift",
        "message": "It differs.",
        "help": "Accept it: flask bridge dbupdate --accept-drift 'users.name type'",
        "state_of_data": "The database is unchanged.",
        "differences": [],
    }
