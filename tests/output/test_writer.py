"""Lines are what rich would make of them, without rich."""

from __future__ import annotations

import io
import os

import pytest
from rich.console import Console
from rich.text import Text

from bridge.output.writer import Part, Writer

LINES: list[tuple[Part, ...]] = [
    (),
    ("plain [red]and[/] :key: \\[x]",),
    (("green", "Done"), ": 3 steps"),
    (("bold", "State  "), "  ", ("yellow", "legacy")),
    (("red", "two\nlines"), " and\n\nmore\n"),
    ("a\rb\x07c",),
    (("", "no style"), ("cyan", "")),
    ("x" * 300,),
]


def by_rich(parts: tuple[Part, ...]) -> str:
    stream = io.StringIO()
    pairs = [("", part) if isinstance(part, str) else part for part in parts]
    console = Console(file=stream, soft_wrap=True, highlight=False)
    console.print(Text.assemble(*((text, style) for style, text in pairs)))
    return stream.getvalue()


def by_us(parts: tuple[Part, ...]) -> str:
    stream = io.StringIO()
    Writer(stream).line(*parts)
    return stream.getvalue()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
        {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1"},
        {"FORCE_COLOR": "1", "TERM": "dumb"},
        {"FORCE_COLOR": ""},
        {"TTY_COMPATIBLE": "1", "TERM": "xterm"},
        {"TTY_COMPATIBLE": "0", "FORCE_COLOR": "1"},
    ],
)
def test_a_line_is_the_one_that_rich_writes(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert [by_us(parts) for parts in LINES] == [by_rich(parts) for parts in LINES]


def test_tabs_are_as_wide_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    text = "a\tb\n\tc"
    assert by_us((text,)) == by_rich((text,)) == "a       b\n        c\n"


def test_a_character_that_the_stream_cannot_have() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with pytest.raises(UnicodeEncodeError, match="PYTHONIOENCODING=utf-8"):
        Writer(stream).line("é")


def test_nobody_reads_any_more() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        with pytest.raises(SystemExit) as caught:
            Writer(stream).line("one")
        assert caught.value.code == 1
        Writer(stream).line("two")


def test_a_stream_that_is_closed_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert not Writer(stream).is_terminal
