"""The page of a check: whole, escaped, and as a browser shows it on a desk and on a phone."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.browser import BrowserMissingError, browser
from support.checks import HOSTILE, empty, green, odd, red
from support.legacy_projects import ONCE

from bridge.model.checks import Checked, Proof
from bridge.output.check_text import readable, summary, verdict
from bridge.output.html import page

VOID = {"meta"}
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
CHECKS: dict[str, Callable[[], Checked]] = {"green": green, "red": red, "odd": odd, "empty": empty}


class Element:
    """An element of a page that was read."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def all(self, *tags: str) -> Iterator[Element]:
        """The elements below, of these tags if any are named, as they stand on the page."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)


class Reader(HTMLParser):
    """Reads a page whose every element is closed where it must be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open = [Element("", {})]
        self.feed(text)
        self.close()
        assert len(self.open) == 1, f"<{self.open[-1].tag}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs]
        assert len(names) == len({*names}), (tag, names)
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(checked: Checked) -> Element:
    return Reader(page(checked)).open[0]


@pytest.fixture(params=CHECKS)
def checked(request: pytest.FixtureRequest) -> Checked:
    return CHECKS[request.param]()


def test_the_same_check_is_the_same_page(checked: Checked) -> None:
    assert page(checked) == page(replace(checked))


def test_a_page_says_the_verdict_first_and_when_it_was(checked: Checked) -> None:
    root = read(checked)
    (title,) = (element.text for element in root.all("h1"))
    (time,) = root.all("time")

    assert title == f"{'✗fails:' if not (checked.ok and checked.proofs) else '✓holds:'} " + verdict(
        checked
    )
    assert readable(summary(checked))[1:] in root.text
    assert time.attributes["datetime"] == checked.at.isoformat()
    assert str(checked.at.tzname()) in time.text


def test_every_proof_and_every_finding_is_on_the_page(checked: Checked) -> None:
    root = read(checked)
    rows = {row.children[0].text: row for row in root.all("tr")}  # type: ignore[union-attr]
    articles = [article.text for article in root.all("article")]

    for proof in checked.proofs:
        steps = "" if proof.steps is None else f"{proof.steps} step{'s' * (proof.steps != 1)}"
        assert ("✓" if proof.ok else "✗") in rows[readable(proof.name) + steps].text
        for finding in proof.findings:
            assert any(
                readable(finding.name) in text
                and readable(finding.message) in text
                and readable(finding.help) in text
                and all(
                    readable(value or "none") in text
                    for one in finding.differences
                    for value in (one.name, one.expected, one.found, one.meaning)
                )
                for text in articles
            )


def test_a_finding_on_many_paths_is_told_once() -> None:
    root = read(red())
    told = [article.text for article in root.all("article") if "media.license" in article.text]

    assert len(told) == 1
    assert "SQLite, PostgreSQL: from core 0..8" in told[0]


def test_a_page_loads_nothing_and_runs_nothing(checked: Checked) -> None:
    root = read(checked)
    elements = list(root.all())

    assert not {"script", "link", "img", "iframe", "object", "b"} & {e.tag for e in elements}
    for element in elements:
        assert not [name for name in element.attributes if name.startswith("on") or name == "src"]
    ids = [e.attributes["id"] for e in elements if "id" in e.attributes]
    assert len(ids) == len({*ids})
    assert {e.attributes["href"] for e in elements if "href" in e.attributes} <= {
        f"#{i}" for i in ids
    }
    (style,) = root.all("style")
    assert not re.search(r"@import|url\(", style.text)


def test_what_scripts_call_themselves_is_text_and_nothing_else() -> None:
    root = read(odd())

    assert [element.tag for element in root.all("h1")] == ["h1"]
    for name in HOSTILE:
        assert readable(name) in root.text
    assert r"\x1b[31mred\x00 \ud800 \u202eoverride" in root.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e]", page(odd()))
    # What may run from right to left must not turn round what stands beside it.
    assert all(one.attributes["dir"] == "auto" for one in root.all("code"))


def test_a_page_can_be_heard(checked: Checked) -> None:
    root = read(checked)
    (html,) = root.all("html")
    levels = [HEADINGS.index(heading.tag) for heading in root.all(*HEADINGS)]

    assert html.attributes["lang"] == "en"
    assert next(root.all("title")).text.startswith("bridge check: ")
    assert [len(list(root.all(tag))) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    assert levels[0] == 0
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    for head in root.all("thead"):
        assert {cell.attributes["scope"] for cell in head.all("th")} == {"col"}
    for body in root.all("tbody"):
        assert {cell.attributes["scope"] for cell in body.all("th")} == {"row"}
    assert [svg.attributes["role"] for svg in root.all("svg")] == ["img"]


# --- in a browser -------------------------------------------------------------------------

SIZES = {"phone": (390, 844), "desk": (1280, 900)}
LOOKS = """
() => {
  const shown = e => e.checkVisibility() && e.getClientRects().length;
  const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  const parts = c => {
    const numbers = c.match(/[\\d.]+/g).map(Number);
    return numbers.length < 4 ? [...numbers, 1] : numbers;
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parts(getComputedStyle(e).backgroundColor);
      if (c[3] === 1) return c;
    }
    return [255, 255, 255, 1];
  };
  const light = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = e => {
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const told = e => `${e.tagName} ${e.textContent.slice(0, 40)}`;
  const texts = [...document.querySelectorAll("body *")]
    .filter(e => !e.closest("svg") && !e.closest(".unseen") && shown(e) && own(e));
  const taps = [...document.querySelectorAll("a, summary")].filter(shown);
  return {
    small: texts.filter(e => parseFloat(getComputedStyle(e).fontSize) < 14).map(told),
    pale: texts.filter(e => contrast(e) < 4.5).map(told),
    narrow: taps.filter(e => { const r = e.getBoundingClientRect();
                               return r.width < 44 || r.height < 44 }).map(told),
    ground: getComputedStyle(document.body).backgroundColor, texts: texts.length, taps: taps.length,
  };
}
"""
# Rows that cannot be brought into the window, up and down and sideways.
UNREACHABLE = """
() => [...document.querySelectorAll("tbody tr > *, article")].filter(cell => {
  if (!cell.checkVisibility()) return true;
  cell.scrollIntoView({block: "nearest", inline: "nearest"});
  const r = cell.getBoundingClientRect();
  return r.left > innerWidth - 20 || r.right < 20 || r.top > innerHeight || r.bottom < 0;
}).map(cell => cell.textContent)
"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
WIDE = (
    "() => { const e = document.createElement('div'); e.style.width = '2000px'; "
    "document.querySelector('main').append(e); e.textContent = 'wide' }"
)


def long() -> Checked:
    """So many starts that their list is folded."""
    proofs = tuple(Proof("sqlite", "path", f"from core {n}", 0.1, 46 - n) for n in range(46))
    return replace(green(), proofs=proofs)


SHOWN = {"red": red, "odd": odd, "empty": empty, "long": long}
GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 23, 29)"}


def running_browser() -> Iterator[Any]:
    """A Chromium; where there is none the test is skipped, on CI it fails."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(browser())
        except BrowserMissingError as missing:
            advice = f"{missing}; make test installs it"
            # On CI a skip would look like a pass.
            if os.environ.get("CI") == "true":
                pytest.fail(advice)
            pytest.skip(advice)
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    yield from running_browser()


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail), ("", pytest.skip)])
def test_without_a_browser_a_test_is_skipped_and_on_ci_it_fails(
    ci: str, outcome: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome.Exception, match="Chromium is not installed; make test installs it"):
        next(running_browser())


@ONCE
@pytest.mark.parametrize("size", SIZES)
def test_a_browser_shows_the_page(chromium: Any, size: str, tmp_path: Path) -> None:
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height}, has_touch=size == "phone"
    )
    context.set_default_timeout(5_000)
    window = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    window.on("console", lambda message: said.append(message.text))
    window.on("pageerror", lambda error: said.append(str(error)))
    for name, make in SHOWN.items():
        file = tmp_path / f"{name}.html"
        file.write_text(page(make()), encoding="utf-8")
        window.goto(file.as_uri())

        verdict_box = window.locator("#verdict").bounding_box()
        assert verdict_box["y"] + verdict_box["height"] < height
        assert window.evaluate(OVERFLOW) == 0, name
        for details in window.locator("details").all()[:2]:
            opened = details.get_attribute("open") is not None
            for now in (not opened, opened):
                details.locator("> summary").click()
                assert (details.get_attribute("open") is not None) == now
        window.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
        assert window.evaluate(OVERFLOW) == 0, name
        assert window.evaluate(UNREACHABLE) == [], name
        for scheme, ground in GROUNDS.items():
            window.emulate_media(color_scheme=scheme)
            looks = window.evaluate(LOOKS)
            assert looks["ground"] == ground
            assert (looks["small"], looks["pale"], looks["narrow"]) == ([], [], []), (name, scheme)
            assert looks["texts"] > 10
            assert looks["taps"] >= 2
        assert asked == [file.as_uri()]
        asked.clear()
    assert said == []
    context.close()


@ONCE
def test_printed_it_is_light_and_whole(chromium: Any, tmp_path: Path) -> None:
    context = chromium.new_context(viewport={"width": 720, "height": 900}, color_scheme="dark")
    window = context.new_page()
    window.emulate_media(media="print")
    for name, make in SHOWN.items():
        file = tmp_path / f"{name}.html"
        file.write_text(page(make()), encoding="utf-8")
        window.goto(file.as_uri())

        assert window.evaluate(OVERFLOW) == 0, name
        assert window.evaluate(LOOKS)["ground"] == GROUNDS["light"]
    assert window.locator("details:not([open]) tbody tr").count() == 46
    assert window.locator("details:not([open]) tbody tr").last.is_visible()
    context.close()


@ONCE
def test_what_the_browser_test_looks_for_is_seen(chromium: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(red()), encoding="utf-8")
    window = chromium.new_page(viewport={"width": 390, "height": 844})
    window.goto(file.as_uri())
    assert window.evaluate(OVERFLOW) == 0

    window.evaluate(WIDE)
    window.evaluate("() => { document.querySelector('h2').style.color = '#cccccc' }")
    window.evaluate("() => { document.querySelector('h3').style.fontSize = '10px' }")
    window.evaluate("() => { document.querySelector('nav a').style.minHeight = '10px' }")
    window.evaluate("() => { document.querySelector('tbody tr').style.display = 'none' }")

    assert window.evaluate(OVERFLOW) > 1000
    looks = window.evaluate(LOOKS)
    assert looks["pale"] == ["H2 Findings"]
    assert looks["small"] != []
    assert looks["narrow"] == ["A Findings"]
    assert len(window.evaluate(UNREACHABLE)) == 4
    window.close()
