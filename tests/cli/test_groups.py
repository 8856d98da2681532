"""The commands of a group are imported when they are asked for, and click notices nothing."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import bridge.click
from bridge.cli.groups import LazyCommands
from bridge.cli.main import COMMANDS, main

LOADED = (
    "print(sorted(name for name in sys.modules if name.startswith(('bridge.cli.commands.', "
    "'sqlalchemy.', 'rich.'))))"
)


def test_every_command_is_where_it_is_said_to_be() -> None:
    assert sorted(main.commands) == sorted(COMMANDS)
    assert {name: command.name for name, command in main.commands.items()} == {
        name: name for name in COMMANDS
    }


def test_a_command_is_imported_once() -> None:
    commands = LazyCommands(COMMANDS)
    assert commands["check"] is commands["check"]
    assert "deploy" not in commands
    with pytest.raises(KeyError):
        commands["deploy"]


def test_a_command_may_be_added_and_removed() -> None:
    commands = LazyCommands({})
    group = click.Group("app", commands=commands)
    added = click.Command("one", help="The first.")
    group.add_command(added)
    assert commands["one"] is added
    assert (len(commands), [*commands]) == (1, ["one"])
    del commands["one"]
    assert [*commands] == []


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["deploy"], prog_name="bridge")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Usage: bridge [OPTIONS] COMMAND [ARGS]...\nTry 'bridge --help' for help.\n\n"
        "Error: No such command 'deploy'.\n"
    )


@pytest.mark.process
@pytest.mark.parametrize(
    "program",
    [
        "import bridge",
        "import bridge.click; bridge.click.group('bridge.toml')",
        "from bridge.cli.main import main; main(['--version'], standalone_mode=False)",
    ],
)
def test_what_calls_no_command_imports_none(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}; {LOADED}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_apps_command_line_lists_them_all() -> None:
    group = bridge.click.group("bridge.toml")
    with click.Context(group) as context:
        assert group.list_commands(context) == sorted({*COMMANDS} - {"init"})
