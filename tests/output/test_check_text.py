"""How the outcome of a check is told on a terminal, in a log and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.checks import AT, FAILURE, INDEX, LICENCE, empty, green, odd, red

from bridge.model.checks import Checked, Finding, Kind, Proof
from bridge.model.difference import Difference
from bridge.model.remedy import Remedy
from bridge.output.check_text import (
    CheckText,
    folded,
    lasting,
    print_checked,
    readable,
    scrubbed,
    verdict,
)
from bridge.output.console import Output


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a new install"], "a new install"),
        ([f"from core {n}" for n in range(9)], "from core 0..8"),
        (["from core 2", "from core 10", "from core 9"], "from core 2; core 9..10"),
        (
            [f"from core {m}, likes {n}" for m in range(3) for n in range(4)],
            "from core 0..2, likes 0..3",
        ),
        (["from core 14", "from core 14, likes 1"], "from core 14; core 14, likes 1"),
        (["core-v03", "core-v04"], "core-v03; core-v04"),
        (["from core 07", "from core 08"], "from core 07; core 08"),
    ],
)
def test_names_that_follow_one_another_are_told_as_one(names: list[str], words: str) -> None:
    assert folded(names) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.00 s"), (9.994, "9.99 s"), (9.996, "10.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"),
     (3725, "62 min 5 s")],
)  # fmt: skip
def test_times_as_people_read_them(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_what_a_terminal_would_obey_is_shown_as_an_escape() -> None:
    assert readable("a\r\nb\tc\x1b[31m\x00\x9b\u202e\ud800 שלום é 🎉") == (
        "a\nb\tc\\x1b[31m\\x00\\x9b\\u202e\\ud800 שלום é 🎉"
    )


def proofs(*outcomes: tuple[Kind, bool]) -> Checked:
    found = [Proof("sqlite", kind, f"{n}", findings=() if ok else (FAILURE,))
             for n, (kind, ok) in enumerate(outcomes)]  # fmt: skip
    return replace(green(), proofs=tuple(found))


@pytest.mark.parametrize(
    ("checked", "words"),
    [
        (empty(), "Nothing was checked"),
        (green(), "Every old database can be upgraded"),
        (proofs(("fresh", True)), "Everything holds"),
        (proofs(("fresh", False), ("models", True)), "1 of 2 proofs fails"),
        (
            proofs(("path", True), ("models", False)),
            "Every old database can be upgraded, but 1 of 1 other proof fails",
        ),
        (
            proofs(("path", False), ("snapshot", True), ("models", False), ("base", True)),
            "The upgrade of 1 of 2 old databases fails, and 1 of 2 other proofs fails",
        ),
    ],
)
def test_the_verdict_says_who_can_be_upgraded(checked: Checked, words: str) -> None:
    assert verdict(checked) == words


def shown(checked: Checked, capsys: pytest.CaptureFixture[str]) -> str:
    print_checked(Output(), checked)
    return capsys.readouterr().out


def test_a_check_that_holds_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        shown(green(), capsys)
        == """\
database         files  new installs  models  revisions  bases  paths  snapshots  time    one climb
no database      3/3    -             -       -          -      -      -          0.03 s  -
SQLite 3.40.1    -      1/1           1/1     3/3        2/2    19/19  4/4        3.94 s  1.42 s
PostgreSQL 15.8  -      1/1           1/1     3/3        2/2    19/19  4/4        8.71 s  3.05 s
MariaDB 10.11.6  -      1/1           1/1     3/3        2/2    19/19  4/4        7.06 s  2.61 s

Accepted:
  schema ix_media_created (MariaDB: from core 0..2)

Every old database can be upgraded: all 93 proofs hold, on SQLite, PostgreSQL and MariaDB; \
1 finding accepted.
"""
    )


def test_a_finding_on_many_paths_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    _table, _, told = shown(red(), capsys).partition("\n\n")

    assert (
        told
        == """\
schema media.license: After the upgrade a column is not what it is in a new install.
  on SQLite, PostgreSQL: from core 0..8
  table media
    missing column media.license: VARCHAR(40), nullable
      the app would fail where it reads it
    other media.title: expected VARCHAR(255), found VARCHAR(200)
      longer titles would be refused
  What to do: Write a revision on the branch core that brings it: bridge revision --branch core \
-m licence

rows likes: Rows were lost: 3 of 40.
  on SQLite, PostgreSQL, MariaDB: from core 14, likes 2..3; core-v14-likes-v03
  What to do: See the revision likes_weight: what it deletes must be named in check.accept.

failed legacy core 6: The step legacy core 6 failed: column "state" does not exist
  SQL: UPDATE media SET state = 'public' WHERE state IS NULL
  on PostgreSQL: from core 5
  What to do: Fix legacy_migrations/core/versions/006_states.py, then: bridge freeze

Accepted:
  schema ix_media_created (MariaDB: from core 0..14; core 14, likes 0..3)

To accept one that is intended, add its name to check.accept in bridge.toml.

[check]
accept = [
    "rows likes",
]

The upgrade of 27 of 69 old databases fails: 66 of 93 proofs hold, on SQLite, PostgreSQL and \
MariaDB; 1 finding accepted.
"""
    )


def test_a_proof_is_a_line_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    progress = CheckText(Output().errors)

    progress.notify("climbing [core]")
    progress.proved(Proof("", "files", "core is sealed", 0.014))
    progress.proved(Proof("postgresql", "path", "from core 7", 0.5, 1, (INDEX,)))
    progress.proved(Proof("sqlite", "snapshot", "[old]\x1b", 70, 12, (LICENCE, FAILURE)))

    assert (
        capsys.readouterr().err
        == """\
climbing [core]
ok      -           files     core is sealed  0.01 s
ok      postgresql  path      from core 7  0.50 s, 1 step, 1 accepted
FAILED  sqlite      snapshot  [old]\\x1b  1 min 10 s, 12 steps: schema media.license, \
failed legacy core 6
"""
    )


def test_no_control_character_reaches_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(odd(), capsys)

    assert "<script>alert('1')</script>" in text
    assert not {c for c in text if not c.isprintable()} - {"\n"}


def test_a_password_is_taken_out_before_it_is_escaped() -> None:
    word = "p<a&s'\"s"
    said = [Difference(name, "other", name, word, word, word) for name in ("one", "two")]
    finding = Finding(f"failed {word}", word, word, tuple(said))
    checked = replace(
        green(), proofs=(Proof("sqlite", "path", "from core 1", findings=(finding,)),)
    )

    hidden = scrubbed(checked, lambda text: text.replace(word, "***"))

    assert hidden.proofs[0].findings == (
        Finding("failed ***", "***", (Remedy("***"),), tuple(
            Difference(name, "other", name, "***", "***", "***") for name in ("one", "two")
        )),
    )  # fmt: skip
    assert replace(hidden, proofs=checked.proofs) == checked


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    checked = red()
    print_checked(Output(as_json=True), checked)

    document = json.loads(capsys.readouterr().out)

    assert (document["ok"], document["verdict"]) == (False, verdict(checked))
    assert document["at"] == AT.isoformat()
    assert document["versions"] == dict(checked.versions)
    assert document["databases"][0] == {
        "name": "sqlite", "version": "3.40.1", "seconds": 3.94, "climb": 1.42
    }  # fmt: skip
    assert len(document["proofs"]) == len(checked.proofs)
    assert document["proofs"][0]["database"] is None
    path = next(p for p in document["proofs"] if not p["ok"])
    assert (path["database"], path["kind"], path["name"], path["steps"]) == (
        "sqlite", "path", "from core 0", 28
    )  # fmt: skip
    (finding,) = path["findings"]
    assert (finding["name"], finding["code"]) == ("schema media.license", "schema")
    assert (finding["message"], finding["help"]) == (LICENCE.message, LICENCE.help)
    assert [found["name"] for found in finding["differences"]] == ["media.license", "media.title"]
    assert not finding["accepted"]
    assert {node["name"] for node in document["graph"]["nodes"]} >= {"core_base", "likes_totals"}
