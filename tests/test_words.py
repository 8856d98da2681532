"""Words that pages do not say: the table in CONTRIBUTING.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.legacy_projects import ONCE

pytestmark = ONCE

ROOT = Path(__file__).resolve().parent.parent
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
# CONTRIBUTING.md names the words, so it says them. docs/cli.md is made from the code.
PAGES = sorted(
    {ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")}
    - {ROOT / "docs" / "cli.md"}
)


def words_not_said() -> list[str]:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    table = text.partition("| not | but |\n| --- | --- |\n")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [word for row in rows for word in row[0].split(", ")]


WORDS = re.compile(rf"\b(?:{'|'.join(map(re.escape, words_not_said()))})\b", re.IGNORECASE)


def test_the_table_is_read() -> None:
    assert {"mend", "cut short", "goes on in"} <= {*words_not_said()}
    assert WORDS.search("Nothing is cut  short") is None
    assert WORDS.search("It was Cut short.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_none_of_them(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert WORDS.findall(text) == []
