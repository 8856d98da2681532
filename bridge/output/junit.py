"""A check as JUnit XML, which GitLab, GitHub and others show. The same check is the same text."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from bridge.output.check_text import Told, by_database, finding_lines, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.model.checks import Checked, Finding, Proof


def junit(checked: Checked) -> str:
    """Return a document: a suite for each kind of database, a case for each proof; in seconds.

    What is accepted is no failure: it stands in the case's output.
    """
    known = {database.name: database.seconds for database in checked.databases}
    root = ET.Element("testsuites", name="bridge check")
    for name, proofs in by_database(checked):
        suite = ET.SubElement(root, "testsuite", name=f"bridge {name}".strip())
        _count(suite, proofs, known.get(name))
        suite.set("timestamp", checked.at.isoformat(timespec="seconds"))
        for proof in proofs:
            _add_case(suite, proof)
    _count(root, checked.proofs, sum(float(suite.get("time", 0)) for suite in root))
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _count(element: ET.Element, proofs: Sequence[Proof], seconds: float | None) -> None:
    if seconds is None:
        seconds = sum(proof.seconds for proof in proofs)
    element.set("tests", str(len(proofs)))
    element.set("failures", str(sum(not proof.ok for proof in proofs)))
    element.set("errors", "0")
    element.set("skipped", "0")
    element.set("time", f"{seconds:.3f}")


def _add_case(suite: ET.Element, proof: Proof) -> None:
    # A dot before each part: viewers make folders of them.
    classname = f"bridge.{proof.database}".strip(".")
    name, time = readable(proof.name), f"{proof.seconds:.3f}"
    case = ET.SubElement(suite, "testcase", classname=classname, name=name, time=time)
    failed = [finding for finding in proof.findings if not finding.accepted]
    if failed:
        first = readable(f"{failed[0].name}: {failed[0].message}".partition("\n")[0])
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        # One: viewers show no second failure of a case.
        failure = ET.SubElement(case, "failure", type=readable(failed[0].code))
        failure.set("message", f"{first}{more}")
        failure.text = _text(failed)
    accepted = [finding for finding in proof.findings if finding.accepted]
    if accepted:
        ET.SubElement(case, "system-out").text = f"Accepted:\n{_text(accepted)}"


def _text(findings: Sequence[Finding]) -> str:
    return "\n\n".join(
        readable("\n".join(finding_lines(Told(finding, ())))) for finding in findings
    )
