"""JUnit XML of a check: whole for a small one, and what viewers need of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from support.checks import INDEX, LICENCE, LOSS, empty, green, odd, red

from bridge.model.checks import Checked, Proof
from bridge.output.check_text import readable
from bridge.output.junit import junit


def test_a_small_check_whole() -> None:
    proofs = (
        Proof("", "files", "core is sealed", 0.01),
        Proof("sqlite", "path", "from core 7, likes 2", 0.25, 12, (LICENCE, LOSS, INDEX)),
    )
    checked = replace(green(), proofs=proofs, databases=green().databases[:1])

    assert (
        junit(checked)
        == """\
<?xml version="1.0" encoding="utf-8"?>
<testsuites name="bridge check" tests="2" failures="1" errors="0" skipped="0" time="3.950">
 <testsuite name="bridge" tests="1" failures="0" errors="0" skipped="0" time="0.010" \
timestamp="2026-11-21T19:04:05+00:00">
  <testcase classname="bridge" name="core is sealed" time="0.010" />
 </testsuite>
 <testsuite name="bridge sqlite" tests="1" failures="1" errors="0" skipped="0" time="3.940" \
timestamp="2026-11-21T19:04:05+00:00">
  <testcase classname="bridge.sqlite" name="from core 7, likes 2" time="0.250">
   <failure type="schema" message="schema media.license: After the upgrade a column is not what it \
is in a new install. (and 1 more)">schema media.license: After the upgrade a column is not what it \
is in a new install.
  table media
    missing column media.license: VARCHAR(40), nullable
      the app would fail where it reads it
    other media.title: expected VARCHAR(255), found VARCHAR(200)
      longer titles would be refused
  What to do: Write a revision on the branch core that brings it: bridge revision --branch core \
-m licence

rows likes: Rows were lost: 3 of 40.
  What to do: See the revision likes_weight: what it deletes must be named in check.accept.\
</failure>
   <system-out>Accepted:
schema ix_media_created: After the upgrade there is an index that a new install has not.
  table media
    extra ix_media_created: (created_at) (a warning)
      of no consequence for the app</system-out>
  </testcase>
 </testsuite>
</testsuites>
"""
    )


@pytest.mark.parametrize("make", [green, red, odd, empty])
def test_a_viewer_finds_every_proof_and_the_sums_are_right(make: Callable[[], Checked]) -> None:
    checked = make()

    root = ET.fromstring(junit(checked).encode())

    cases = {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}
    assert len(cases) == len(checked.proofs)
    for proof in checked.proofs:
        case = cases[readable(f"bridge.{proof.database}".rstrip(".")), readable(proof.name)]
        assert (case.find("failure") is None) == proof.ok
        told = "".join(case.itertext())
        lines = [line for one in proof.findings for line in one.message.splitlines()]
        assert all(readable(line) in told for line in lines)
    for element in (root, *root.iter("testsuite")):
        inside = Counter(child.tag for child in element.iter())
        assert element.get("tests") == str(inside["testcase"])
        assert element.get("failures") == str(inside["failure"])
