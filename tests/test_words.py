"""Words that messages, docstrings and pages do not say: the table in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.legacy_projects import ONCE

import bridge

pytestmark = ONCE

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(bridge.__file__).parent
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = sorted({ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")})


def words_not_said() -> list[str]:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    table = text.partition("| not | but |\n| --- | --- |\n")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [word for row in rows for word in row[0].split(", ")]


WORDS = re.compile(rf"\b(?:{'|'.join(map(re.escape, words_not_said()))})\b", re.IGNORECASE)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Every text in a module, docstrings and messages alike, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_the_table_is_read() -> None:
    assert {"mend", "cut short", "goes on in"} <= {*words_not_said()}
    assert WORDS.search("Nothing is cut  short") is None
    assert WORDS.search("It was Cut short.")


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_says_none_of_them(path: Path) -> None:
    said = [
        (line, match[0])
        for line, text in texts(path)
        for match in WORDS.finditer(" ".join(text.split()))
    ]
    assert said == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_none_of_them(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert WORDS.findall(text) == []
