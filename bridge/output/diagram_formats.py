"""Renderers of a drawing: Mermaid, DOT and SVG. The same drawing is the same text, to the byte."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from rich.cells import cell_len, set_cell_size

from bridge.model.diagram import Drawing, EdgeKind, Lane, Standing, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_DARK, _PALE = "#1c2733", "#4a5663"

_COLOURS: Mapping[Standing, tuple[str, str]] = {
    "applied": ("#dcf1e2", "#2b7a4b"),
    "here": ("#ffe9a8", "#8a5a00"),
    "pending": ("#ffffff", "#5f6b7a"),
    "": ("#f1f3f5", "#98a2ad"),
}
"""The fill and the line of a node. Its standing is always told by a word or a mark besides."""


def mermaid(drawing: Drawing) -> str:
    """Return a Mermaid flowchart: a subgraph for each lane, a dotted line to each dependent."""
    lines = ["flowchart LR"]
    for number, (lane, places) in enumerate(drawing.by_lane()):
        lines.append(f"  subgraph lane{number}[{_in_mermaid(lane.title, lane.note)}]")
        left, right = ("([", "])") if lane.kind == "legacy" else ("[", "]")
        for place in places:
            node = drawing.nodes[place]
            of_class = f":::{node.standing}" if node.standing else ""
            text = _in_mermaid(node.name, node.standing)
            lines.append(f"    n{place}{left}{text}{right}{of_class}")
        lines.append("  end")
    arrows = {"follows": "-->", "depends": "-.->", "stamps": "==>"}
    lines += (f"  n{edge.start} {arrows[edge.kind]} n{edge.end}" for edge in drawing.edges)
    lines += (
        f"  classDef {standing} fill:{fill},stroke:{line},color:{_DARK}"
        for standing, (fill, line) in _COLOURS.items()
        if standing and any(node.standing == standing for node in drawing.nodes)
    )
    return "\n".join(lines) + "\n"


def _in_mermaid(*lines: str) -> str:
    # Whatever could mean something becomes an entity.
    shown = (re.sub(r"[^\w :,/-]", lambda c: f"#{ord(c[0])};", plain(x)) for x in lines if x)
    return f'"{"<br/>".join(shown)}"'


def dot(drawing: Drawing) -> str:
    """Return a graph for Graphviz: a cluster for each lane, a dashed line to each dependent."""
    lines = [
        "digraph migrations {",
        f"  graph [rankdir=LR, label={_in_dot(drawing.title)}, labelloc=t];",
        f'  node [shape=box, style=filled, fontcolor="{_DARK}"];',
    ]
    for number, (lane, places) in enumerate(drawing.by_lane()):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f"    label={_in_dot(lane.title, lane.note)};")
        style = ', style="rounded,filled"' if lane.kind == "legacy" else ""
        for place in places:
            node = drawing.nodes[place]
            fill, line = _COLOURS[node.standing]
            text = f"label={_in_dot(node.name, node.standing)}"
            text += f", tooltip={_in_dot(node.doc)}" if node.doc else ""
            lines.append(f'    n{place} [{text}, fillcolor="{fill}", color="{line}"{style}];')
        lines.append("  }")
    styles = {"follows": "", "depends": " [style=dashed]", "stamps": " [style=bold]"}
    lines += (f"  n{edge.start} -> n{edge.end}{styles[edge.kind]};" for edge in drawing.edges)
    return "\n".join([*lines, "}"]) + "\n"


def _in_dot(*lines: str) -> str:
    # Graphviz knows HTML's entities in every text.
    shown = (
        plain(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
        for line in lines
        if line
    )
    return '"' + "\\n".join(shown) + '"'


# --- SVG ----------------------------------------------------------------------------------

# Pixels; _CHARACTER is the width of one in the monospaced font below.
_CHARACTER, _BOX, _ROW, _GAP, _MARGIN, _TOP = 7.3, 28, 48, 60, 24, 190

_MOST = 40
"""The most characters of a name that are shown; its title has them all."""

_SVG = "http://www.w3.org/2000/svg"


@dataclass(frozen=True)
class _Place:
    """Where a box is: its left edge, its middle line, its width."""

    left: float
    middle: float
    width: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def centre(self) -> float:
        return self.left + self.width / 2


def svg(drawing: Drawing) -> str:
    """Return an SVG image: a column for each lane, time goes down; shortened names have titles."""
    columns, rows = _columns(drawing), _rows(drawing)
    boxes = [
        _Place(columns[node.lane].left, _TOP + row * _ROW, columns[node.lane].width)
        for node, row in zip(drawing.nodes, rows, strict=True)
    ]
    width = max([740, *(column.right + _GAP / 2 + _MARGIN for column in columns)])
    bottom = _TOP + (max(rows, default=0) + 1) * _ROW - _ROW / 2
    root = ET.Element("svg", _numbers(width=width, height=bottom + _MARGIN), xmlns=_SVG, role="img")
    root.set("viewBox", f"0 0 {width:g} {bottom + _MARGIN:g}")
    root.set("font-family", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace")
    root.set("font-size", "12")
    ET.SubElement(root, "title").text = plain(drawing.title)
    arrow = ET.SubElement(ET.SubElement(root, "defs"), "marker", id="arrow", viewBox="0 0 8 8",
                          refX="7", refY="4", markerWidth="8", markerHeight="8", orient="auto",
                          markerUnits="userSpaceOnUse")  # fmt: skip
    ET.SubElement(arrow, "path", d="M0 0L8 4L0 8z", fill=_PALE)
    ET.SubElement(root, "rect", width="100%", height="100%", fill="#ffffff")
    _draw_legend(root, drawing, width)
    for lane, column in zip(drawing.lanes, columns, strict=True):
        _draw_lane(root, lane, column, bottom)
    before = {pair for _lane, places in drawing.by_lane() for pair in pairwise(places)}
    for edge in drawing.edges:
        names = f"{drawing.nodes[edge.start].name} → {drawing.nodes[edge.end].name}"
        way = _way(boxes[edge.start], boxes[edge.end], neighbours=(edge.start, edge.end) in before)
        _draw_edge(root, edge.kind, way, f"{names}: {edge.kind}")
    for node, box, remark in zip(drawing.nodes, boxes, drawing.remarks(), strict=True):
        said = filter(None, (node.name, node.standing, remark, node.doc))
        title = "\n".join(map(plain, said))
        kind = drawing.lanes[node.lane].kind
        _draw_box(root, _Box(box, node.name, node.standing, kind), title)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _columns(drawing: Drawing) -> list[_Place]:
    """Return the column of each lane: a legacy line stands before the branches of its component."""
    first: dict[str | None, int] = {}
    for number, lane in enumerate(drawing.lanes):
        if lane.kind == "branch":
            first.setdefault(lane.module, number)

    def order(number: int) -> tuple[int, bool, int]:
        lane = drawing.lanes[number]
        beside = number if lane.kind == "unknown" else first.get(lane.module, number)
        return beside, lane.kind != "legacy", number

    texts = [[lane.title, lane.note] for lane in drawing.lanes]
    for node in drawing.nodes:
        texts[node.lane].append(f"{node.name}    ")
    columns: dict[int, _Place] = {}
    left = float(_MARGIN + _GAP / 2)
    for number in sorted(range(len(drawing.lanes)), key=order):
        cells = max(min(cell_len(plain(text)), _MOST) for text in texts[number])
        columns[number] = _Place(left, _TOP, max(cells, 12) * _CHARACTER + 16)
        left = columns[number].right + _GAP
    return [columns[number] for number in range(len(drawing.lanes))]


def _rows(drawing: Drawing) -> list[int]:
    """Return the row of each node: below all that lead to it, and below the one before it."""
    above: dict[int, int] = defaultdict(lambda: -1)
    leading = defaultdict(list)
    for edge in drawing.edges:
        leading[edge.end].append(edge.start)
    rows: list[int] = []
    for place, node in enumerate(drawing.nodes):
        rows.append(1 + max([above[node.lane], *(rows[start] for start in leading[place])]))
        above[node.lane] = rows[-1]
    return rows


def _way(start: _Place, end: _Place, *, neighbours: bool) -> str:
    """Return the path of an edge: straight down to a neighbour, else a bow between two sides."""
    if neighbours:
        return f"M{start.centre:g} {start.middle + _BOX / 2:g}V{end.middle - _BOX / 2 - 2:g}"
    if start.left == end.left:
        x1, x2, bow1, bow2 = start.left, end.left - 2, -_GAP / 2, -_GAP / 2
    elif start.left < end.left:
        x1, x2, bow1, bow2 = start.right, end.left - 2, _GAP, -_GAP
    else:
        x1, x2, bow1, bow2 = start.left, end.right + 2, -_GAP, _GAP
    return (
        f"M{x1:g} {start.middle:g}C{x1 + bow1:g} {start.middle:g} "
        f"{x2 + bow2:g} {end.middle:g} {x2:g} {end.middle:g}"
    )


def _draw_legend(root: ET.Element, drawing: Drawing, width: float) -> None:
    most = int((width - 2 * _MARGIN) / 9.2)
    title = _text(root, _MARGIN, 36, _cut(drawing.title, most), bold=True)
    title.set("font-size", "15")
    standings: Sequence[Standing] = ("applied", "here", "pending") if drawing.database else ()
    samples: list[tuple[str, Standing, str]] = [(word, word, "branch") for word in standings]
    samples += [("legacy versions", "", "legacy"), ("revision", "", "branch")]
    left = float(_MARGIN)
    for word, standing, kind in samples:
        place = _Place(left, 68, cell_len(word) * _CHARACTER + 45)
        _draw_box(root, _Box(place, word, standing, kind))
        left = place.right + 16
    left = float(_MARGIN)
    for edge, word in _EDGES.items():
        _draw_edge(root, edge, f"M{left:g} 106h44", "")
        _text(root, left + 52, 110, word)
        left += 52 + cell_len(word) * _CHARACTER + 24


_EDGES: Mapping[EdgeKind, str] = {
    "follows": "is followed by",
    "depends": "is needed by",
    "stamps": "is handed over to",
}


def _draw_lane(root: ET.Element, lane: Lane, column: _Place, bottom: float) -> None:
    place = _numbers(
        x=column.left - 12, y=_TOP - 64, width=column.width + 24, height=bottom - _TOP + 64
    )
    dormant = lane.note not in ("", "handed over")
    strip = ET.SubElement(root, "rect", place, rx="8", fill="#f8f9fb", stroke="#d5dae0")
    if dormant:
        strip.set("stroke-dasharray", "5 4")
        strip.set("stroke", "#98a2ad")
    group = ET.SubElement(root, "g")
    ET.SubElement(group, "title").text = plain(" ".join(filter(None, (lane.title, lane.note))))
    _text(group, column.left, _TOP - 42, _cut(lane.title, _MOST), bold=True)
    if lane.note:
        _text(group, column.left, _TOP - 26, _cut(lane.note, _MOST)).set("fill", _PALE)


def _draw_edge(root: ET.Element, kind: EdgeKind, way: str, title: str) -> None:
    path = ET.SubElement(
        root, "path", {"d": way, "fill": "none", "stroke": _PALE, "marker-end": "url(#arrow)"}
    )
    path.set("stroke-width", "3.5" if kind == "stamps" else "1.5")
    if kind == "depends":
        path.set("stroke-dasharray", "5 4")
    if title:
        ET.SubElement(path, "title").text = plain(title)


_MARKS: Mapping[Standing, str] = {
    "applied": "M-5 0L-1.5 4L5 -4",
    "here": "M0 -6L6 0L0 6L-6 0z",
    "pending": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
}


@dataclass(frozen=True)
class _Box:
    """A node as it is drawn: where, its name and standing, and the kind of its lane."""

    place: _Place
    name: str
    standing: Standing
    kind: str


def _draw_box(root: ET.Element, box: _Box, title: str = "") -> None:
    place, standing = box.place, box.standing
    fill, line = _COLOURS[standing]
    group = ET.SubElement(root, "g")
    if title:
        ET.SubElement(group, "title").text = title
    edges = _numbers(x=place.left, y=place.middle - _BOX / 2, width=place.width, height=_BOX)
    shape = ET.SubElement(group, "rect", edges, fill=fill, stroke=line)
    shape.set("rx", str(_BOX // 2 if box.kind == "legacy" else 3))
    shape.set("stroke-width", "2.5" if standing == "here" else "1.2")
    if standing:
        mark = ET.SubElement(group, "path", d=_MARKS[standing], stroke=line)
        mark.set("transform", f"translate({place.left + 16:g} {place.middle:g})")
        mark.set("fill", line if standing == "here" else "none")
        mark.set("stroke-width", "2")
    text = _text(group, place.left + 30, place.middle + 4, _cut(box.name, _MOST - 4))
    if standing == "here":
        text.set("font-weight", "bold")


def _text(
    parent: ET.Element, left: float, bottom: float, text: str, *, bold: bool = False
) -> ET.Element:
    element = ET.SubElement(parent, "text", _numbers(x=left, y=bottom), fill=_DARK)
    element.text = text
    if bold:
        element.set("font-weight", "bold")
    return element


def _cut(text: str, most: int) -> str:
    text = plain(text)
    return text if cell_len(text) <= most else set_cell_size(text, most - 1) + "…"


def _numbers(**values: float) -> dict[str, str]:
    return {name: f"{value:g}" for name, value in values.items()}


RENDERERS: Mapping[str, Callable[[Drawing], str]] = {".mmd": mermaid, ".dot": dot, ".svg": svg}
"""What makes a file's text, by the end of its name."""
