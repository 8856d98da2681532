"""A check as one page of HTML, which needs no other file. The same check is the same text."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from bridge.model.remedy import render
from bridge.output.check_text import (
    ACCEPTING,
    KINDS,
    WAYS,
    Told,
    by_database,
    counted,
    lasting,
    proof_table,
    readable,
    summary,
    title_of,
    told,
    verdict,
)
from bridge.output.diagram_formats import svg
from bridge.output.html_style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bridge.model.checks import Checked, Finding, Kind, Proof
    from bridge.model.difference import Difference

_LONG = 30
"""A list of more entries than this is folded, if nothing in it fails."""

_ZOOM = 1.2
"""Makes the graph's letters as large as the page's smallest."""


def page(checked: Checked) -> str:
    """Return an HTML document with the verdict, findings, proofs, times, the graph and versions.

    It runs no script, loads nothing, and escapes whatever comes from scripts and databases.
    """
    root = ET.Element("html", lang="en")
    head, body = ET.SubElement(root, "head"), ET.SubElement(root, "body")
    ET.SubElement(head, "meta", charset="utf-8")
    width = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    ET.SubElement(head, "meta", width)
    nothing = "default-src 'none'; style-src 'unsafe-inline'"
    ET.SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": nothing})
    _put(head, "title", f"bridge check: {verdict(checked)}")
    ET.SubElement(head, "style").text = STYLE
    anchors = _anchors(checked)
    header, main = _put(body, "header"), ET.Element("main")
    _add_verdict(header, checked)
    _add_findings(main, checked, anchors)
    method = [proof for proof in checked.proofs if proof.kind in WAYS]
    others = [proof for proof in checked.proofs if proof.kind not in WAYS]
    _add_proofs(main, ("paths", "Upgrade paths"), method, checked, anchors)
    _add_proofs(main, ("proofs", "Other proofs"), others, checked, anchors)
    _add_times(main, checked)
    _add_graph(main, checked)
    _add_accepted(main, checked, anchors)
    _add_versions(main, checked)
    _add_navigation(header, main)
    body.append(main)
    _put(_put(body, "footer", class_="pale"), "p", "Made by bridge check.")
    return "<!DOCTYPE html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"


def _anchors(checked: Checked) -> Mapping[Finding, str]:
    """Return the id of the part of the page about each finding."""
    found = [*told(checked.proofs, accepted=False), *told(checked.proofs, accepted=True)]
    return {one.finding: f"finding-{number}" for number, one in enumerate(found, 1)}


def _put(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    """Add a new last child; ``class_`` and ``aria_label`` are ``class`` and ``aria-label``."""
    named = {k.rstrip("_").replace("_", "-"): readable(v) for k, v in attributes.items()}
    element = ET.SubElement(parent, tag, named)
    element.text = readable(text)
    return element


def _foreign(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    """Add a text of scripts or databases, whose direction does not affect the text beside it."""
    return _put(parent, tag, text, dir="auto", **attributes)


def _section(main: ET.Element, name: str, title: str) -> ET.Element:
    section = _put(main, "section", id=name, aria_labelledby=f"{name}-title")
    _put(section, "h2", title, id=f"{name}-title")
    return section


def _scrolling(parent: ET.Element, label: str, more: str = "") -> ET.Element:
    """Add a box that scrolls by itself, also with the keyboard."""
    class_ = f"scroll {more}".strip()
    return _put(parent, "div", class_=class_, tabindex="0", role="region", aria_label=label)


# --- verdict ------------------------------------------------------------------------------


def _add_verdict(header: ET.Element, checked: Checked) -> None:
    good = checked.ok and bool(checked.proofs)
    box = _put(header, "div", class_=f"verdict {'good' if good else 'bad'}")
    title = _put(box, "h1", id="verdict")
    _mark(title, good=good)
    title[-1].tail = f" {verdict(checked)}"
    words = summary(checked)
    _put(box, "p", words[:1].upper() + words[1:])
    at = f"{checked.at:%Y-%m-%d %H:%M:%S %Z}".strip()
    line = _put(header, "p", "bridge check, begun ", class_="pale")
    _put(line, "time", at, datetime=checked.at.isoformat())
    seconds = sum(database.seconds for database in checked.databases)
    line[-1].tail = f"; all proofs together took {lasting(seconds)}."


def _mark(parent: ET.Element, *, good: bool) -> None:
    """Add a sign, with a word for those who do not see it."""
    class_ = "good" if good else "bad"
    _put(parent, "span", "✓" if good else "✗", class_=class_, aria_hidden="true")
    _put(parent, "span", "holds:" if good else "fails:", class_="unseen")


def _add_navigation(header: ET.Element, main: ET.Element) -> None:
    links = _put(_put(header, "nav", aria_label="Parts of this page"), "ul")
    for section in main:
        title = section[0].text or ""
        _put(_put(links, "li"), "a", title, href=f"#{section.get('id')}")


# --- findings -----------------------------------------------------------------------------


def _add_findings(main: ET.Element, checked: Checked, anchors: Mapping[Finding, str]) -> None:
    found = told(checked.proofs, accepted=False)
    if not found:
        return
    section = _section(main, "findings", "Findings")
    for one in found:
        _add_finding(section, one, anchors)
    _put(section, "p", ACCEPTING, class_="pale")


def _add_accepted(main: ET.Element, checked: Checked, anchors: Mapping[Finding, str]) -> None:
    found = told(checked.proofs, accepted=True)
    if not found:
        return
    section = _section(main, "accepted", "Accepted findings")
    words = f"{counted(len(found), 'finding')}, accepted in the configuration"
    folded = _folding(section, words, opened=len(found) <= 3)
    for one in found:
        _add_finding(folded, one, anchors)


def _add_finding(parent: ET.Element, one: Told, anchors: Mapping[Finding, str]) -> None:
    finding = one.finding
    article = _put(parent, "article", id=anchors[finding])
    if finding.accepted:
        article.set("class", "accepted")
    _foreign(_put(article, "h3"), "code", finding.name)
    _foreign(article, "p", finding.message, class_="told")
    places = _put(article, "ul", aria_label="Where it was found")
    for place in one.where():
        _foreign(places, "li", place)
    if finding.differences:
        words = counted(len(finding.differences), "difference")
        _add_differences(_folding(article, words, opened=len(finding.differences) <= 10), finding)
    if finding.help:
        _foreign(article, "p", f"What to do: {render(finding.remedies)}", class_="told")


def _add_differences(parent: ET.Element, finding: Finding) -> None:
    for difference in sorted(finding.differences, key=lambda one: one.table):
        box = _put(parent, "div", class_="difference")
        table = difference.table and f" in table {difference.table}"
        kind = "different" if difference.kind == "other" else difference.kind
        _foreign(_put(box, "div"), "code", f"{difference.name}")
        own = ", a warning" if difference.own else ""
        _foreign(box, "div", f"{kind} {difference.what}{table}{own}", class_="small")
        values = _put(box, "dl")
        for word, value in _sides(difference):
            _put(values, "dt", word)
            _foreign(_put(values, "dd"), "code", value)
        if difference.meaning:
            _foreign(box, "div", difference.meaning, class_="small told")


def _sides(difference: Difference) -> Iterable[tuple[str, str]]:
    yield "expected", difference.expected or "none"
    yield "found", difference.found or "none"


def _folding(parent: ET.Element, title: str, *, opened: bool) -> ET.Element:
    details = _put(parent, "details", **({"open": ""} if opened else {}))
    _put(details, "summary", title)
    return details


# --- proofs -------------------------------------------------------------------------------


def _add_proofs(
    main: ET.Element,
    heading: tuple[str, str],
    proofs: Sequence[Proof],
    checked: Checked,
    anchors: Mapping[Finding, str],
) -> None:
    """Add a table for each kind: a line for each name, a column for each database.

    :param heading: the section's anchor and its title.
    """
    if not proofs:
        return
    section = _section(main, *heading)
    for kind, (_words, sentence) in KINDS.items():
        alike = [proof for proof in proofs if proof.kind == kind]
        if not alike:
            continue
        _put(section, "h3", sentence)
        names = dict.fromkeys(proof.name for proof in alike)
        held = sum(proof.ok for proof in alike)
        words, box = f"{held} of {len(alike)} hold", section
        if len(names) > _LONG:
            box = _folding(section, words, opened=held < len(alike))
        else:
            _put(section, "p", words)
        _add_matrix(_scrolling(box, sentence), kind, alike, checked, anchors)


def _add_matrix(
    box: ET.Element,
    kind: Kind,
    proofs: Sequence[Proof],
    checked: Checked,
    anchors: Mapping[Finding, str],
) -> None:
    by_place = {(proof.name, proof.database): proof for proof in proofs}
    used = {proof.database for proof in proofs}
    databases = [database for database, _proofs in by_database(checked) if database in used]
    table = _put(box, "table")
    row = _put(_put(table, "thead"), "tr")
    _put(row, "th", "start" if kind in WAYS else "proof", scope="col")
    for database in databases:
        _put(row, "th", title_of(database), scope="col")
    body = _put(table, "tbody")
    for name in dict.fromkeys(proof.name for proof in proofs):
        row = _put(body, "tr")
        title = _foreign(row, "th", name, scope="row")
        found = [by_place.get((name, database)) for database in databases]
        steps = {proof.steps for proof in found if proof and proof.steps is not None}
        if len(steps) == 1:
            _put(title, "span", counted(steps.pop(), "step"), class_="small pale")
        for proof in found:
            _add_cell(_put(row, "td"), proof, anchors)


def _add_cell(cell: ET.Element, proof: Proof | None, anchors: Mapping[Finding, str]) -> None:
    if proof is None:
        cell.text = "-"
        return
    _mark(cell, good=proof.ok)
    cell[-1].tail = f" {lasting(proof.seconds)} "
    failed = [finding for finding in proof.findings if not finding.accepted]
    accepted = [finding for finding in proof.findings if finding.accepted]
    for findings, words in ((failed, counted(len(failed), "finding")),
                            (accepted, f"{len(accepted)} accepted")):  # fmt: skip
        if findings:
            mark = f"#{anchors[findings[0]]}"
            _put(cell, "a", words, href=mark, class_="small").tail = " "


# --- times, graph, versions ---------------------------------------------------------------


def _add_times(main: ET.Element, checked: Checked) -> None:
    if not checked.databases:
        return
    section = _section(main, "times", "Proofs and times")
    header, rows = proof_table(checked)
    body = _put(_scrolling(section, "Proofs and times by database"), "table")
    line = _put(_put(body, "thead"), "tr")
    for word in header:
        _put(line, "th", word, scope="col")
    body = _put(body, "tbody")
    for first, *rest in rows:
        line = _put(body, "tr")
        _put(line, "th", first, scope="row")
        for text in rest:
            _put(line, "td", text)
    climbs = [database for database in checked.databases if database.climb]
    if not climbs:
        return
    _put(section, "h3", "All proofs (first bar) and one climb to the heads (second bar)")
    longest = max(max(database.seconds, database.climb or 0) for database in climbs)
    for database in climbs:
        climb = database.climb or 0
        words = f"{title_of(database.name)}: {lasting(database.seconds)} and {lasting(climb)}"
        _foreign(section, "p", f"{words}, {database.seconds / climb:.1f} times as long")
        for class_, seconds in (("bar", database.seconds), ("bar climb", climb)):
            style = f"width: {100 * seconds / longest:.1f}%"
            _put(section, "span", class_=class_, style=style, aria_hidden="true")


def _add_graph(main: ET.Element, checked: Checked) -> None:
    section = _section(main, "graph", "Graph of the migrations")
    picture = ET.fromstring(svg(checked.drawing))  # noqa: S314 (our own)
    for element in picture.iter():
        # HTML knows SVG without prefixes.
        element.tag = element.tag.rpartition("}")[2]
    for side in ("width", "height"):
        picture.set(side, f"{float(picture.get(side, 0)) * _ZOOM:g}")
    _scrolling(section, "Graph, from the legacy versions to the heads", "graph").append(picture)


def _add_versions(main: ET.Element, checked: Checked) -> None:
    section = _section(main, "versions", "Versions")
    values = _put(section, "dl")
    databases = [(title_of(database.name), database.version) for database in checked.databases]
    for name, version in (*checked.versions, *databases):
        _put(values, "dt", name)
        _foreign(values, "dd", version)
