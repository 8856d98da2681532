"""The commands that `bridge init` ends with. Pure."""

from __future__ import annotations

import pytest

from bridge.database.url import SCRATCH_VARIABLE
from bridge.init.next_steps import next_commands
from bridge.init.options import InitOptions

SERVER = "mysql+pymysql://me@host/scratch"


@pytest.mark.parametrize(
    ("options", "differ", "commands"),
    [
        (InitOptions(), False, ["bridge freeze", "bridge check"]),
        (
            InitOptions(),
            True,
            [
                "bridge dbupdate --url sqlite:///new.db",
                "bridge revision --url sqlite:///new.db --branch core --autogenerate -m MESSAGE",
                "bridge freeze",
                "bridge check",
            ],
        ),
        (
            InitOptions(urls=[SERVER], sqlite=False, snapshots=["old.sql"]),
            False,
            [
                f"bridge freeze --scratch-url {SERVER} --no-sqlite --seed-from old.sql",
                f"bridge snapshot import old.sql --scratch-url {SERVER}",
                f"bridge check --scratch-url {SERVER}",
            ],
        ),
        (
            InitOptions(snapshots=["old dump.sql"]),
            False,
            [
                "bridge freeze --seed-from 'old dump.sql'",
                "bridge snapshot import 'old dump.sql'",
                "bridge check",
            ],
        ),
    ],
)
def test_the_next_commands_have_the_options_of_this_one(
    options: InitOptions, differ: bool, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SCRATCH_VARIABLE, raising=False)
    assert list(next_commands(options, models_differ=differ)) == commands


def test_a_server_of_the_environment_is_found_there_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCRATCH_VARIABLE, f"{SERVER} sqlite://")
    assert list(next_commands(InitOptions(urls=[SERVER]), models_differ=False)) == [
        "bridge freeze",
        "bridge check",
    ]
