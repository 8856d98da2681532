"""The walk-throughs of the documentation, done as they are written, on copies of the apps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.legacy_projects import ONCE
from support.projects import copy_project
from test_docs import DOCS, blocks, run_line, timeless

pytestmark = ONCE

IDS = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])")


def apply(diff: str, root: Path) -> None:
    """The edit that a page shows: `+++ FILE`, then lines as in a unified diff, without numbers."""
    header, *lines = diff.splitlines()
    path = root / header.removeprefix("+++ ")
    before = [line[1:] for line in lines if line[:1] != "+"]
    after = [line[1:] for line in lines if line[:1] != "-"]
    if not before:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text("\n".join([*text.splitlines(), *after, ""]), encoding="utf-8")
        return
    old, new = "\n".join(before), "\n".join(after)
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{header} is not as the page shows it:\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def same(text: str, known: str) -> str:
    """Without what is different every time: seconds, dates, the ids that Alembic makes up.

    By these some lists are sorted, which are sorted anew here.
    """
    text = re.sub(r"Create Date: .*", "Create Date: #", timeless(text))
    text = re.sub(r"(?<=SQLite )\d[\d.]*|(?<=passed in )[\d.]+", "#", text)
    text = re.sub(r"(?<=\S) {2,}", "  ", text)  # columns are as wide as a version is long
    text = IDS.sub(lambda match: match[0] if match[0] in known else "#" * 12, text)
    text = re.sub(r"[\w#]+(, [\w#]+)+", lambda m: ", ".join(sorted(m[0].split(", "))), text)
    return re.sub(r"(?:.*head\)\n)+", lambda m: "".join(sorted(m[0].splitlines(True))), text)


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("beavy", "walkthrough-beavy.md"),
        ("goblin", "walkthrough-goblin.md"),
        ("notebook", "afternoon.md"),
    ],
)
def test_a_walk_through_does_what_it_shows(name: str, page: str, tmp_path: Path) -> None:
    project = copy_project(name, tmp_path / name)
    known = " ".join(str(path) for path in project.root.rglob("*.py"))
    shown, printed = "", ""
    for block in blocks(DOCS / page):
        if block.language == "diff":
            apply(block.text, project.root)
        elif block.language == "console":
            shown += block.text
            for command in re.findall(r"(?m)^\$ (.+)$", block.text):
                output = run_line(project.root, command)
                printed += f"$ {command}\n{output}"
    assert shown
    assert same(printed, known) == same(shown, known)
