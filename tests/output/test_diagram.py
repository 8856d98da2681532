"""The graph as a tree and as files: whole outputs of a small one, and of the sample."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.databases import Database
from support.projects import TOP, Project, write_revisions

from bridge.model.diagram import Drawing, Edge, Lane, Node, plain
from bridge.model.graph import Graph, Revision
from bridge.model.repository import Repository
from bridge.model.state import LegacyState, ModuleState, State
from bridge.output.console import Output
from bridge.output.diagram import draw
from bridge.output.diagram_formats import RENDERERS, dot, mermaid, svg
from bridge.output.diagram_tree import print_tree

# --- a small graph, whole -----------------------------------------------------------------

REPOSITORY = Repository("core", "Core", (1, 2, 3), {3: ("base",)})
GRAPH = Graph(
    [
        Revision("base", labels=("core",), doc="As version 3 left it."),
        Revision("next", ("base",), labels=("core",)),
        Revision("likes", depends=("base",), module="likes", doc='The "likes".'),
    ],
    order=["likes"],
)
SMALL = draw(
    GRAPH,
    {"core": REPOSITORY},
    State(
        "legacy",
        "sqlite:///a.db",
        "sqlite",
        legacy={"core": LegacyState(REPOSITORY, 2, "Core")},
        targets=GRAPH.targets(),
    ),
)


def tree(drawing: Drawing, capsys: pytest.CaptureFixture[str]) -> str:
    print_tree(Output(), drawing)
    return capsys.readouterr().out


def test_a_small_graph_as_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        tree(SMALL, capsys)
        == """\
sqlite:///a.db is legacy
├── legacy core
│   ├── applied  1
│   ├── here     2
│   └── pending  3 (stamps base)
├── core
│   ├── pending  base: As version 3 left it.
│   └── pending  next
└── likes
    └── pending  likes (needs base): The "likes".
"""
    )


def test_a_small_graph_as_mermaid() -> None:
    assert (
        mermaid(SMALL)
        == """\
flowchart LR
  subgraph lane0["legacy core"]
    n0(["1<br/>applied"]):::applied
    n1(["2<br/>here"]):::here
    n2(["3<br/>pending"]):::pending
  end
  subgraph lane1["core"]
    n3["base<br/>pending"]:::pending
    n4["next<br/>pending"]:::pending
  end
  subgraph lane2["likes"]
    n5["likes<br/>pending"]:::pending
  end
  n0 --> n1
  n1 --> n2
  n3 --> n4
  n3 -.-> n5
  n2 ==> n3
  classDef applied fill:#dcf1e2,stroke:#2b7a4b,color:#1c2733
  classDef here fill:#ffe9a8,stroke:#8a5a00,color:#1c2733
  classDef pending fill:#ffffff,stroke:#5f6b7a,color:#1c2733
"""
    )


def test_a_small_graph_for_graphviz() -> None:
    pending = 'fillcolor="#ffffff", color="#5f6b7a"'
    assert (
        dot(SMALL)
        == f"""\
digraph migrations {{
  graph [rankdir=LR, label="sqlite:///a.db is legacy", labelloc=t];
  node [shape=box, style=filled, fontcolor="#1c2733"];
  subgraph cluster_0 {{
    label="legacy core";
    n0 [label="1\\napplied", fillcolor="#dcf1e2", color="#2b7a4b", style="rounded,filled"];
    n1 [label="2\\nhere", fillcolor="#ffe9a8", color="#8a5a00", style="rounded,filled"];
    n2 [label="3\\npending", {pending}, style="rounded,filled"];
  }}
  subgraph cluster_1 {{
    label="core";
    n3 [label="base\\npending", tooltip="As version 3 left it.", {pending}];
    n4 [label="next\\npending", {pending}];
  }}
  subgraph cluster_2 {{
    label="likes";
    n5 [label="likes\\npending", tooltip="The \\"likes\\".", {pending}];
  }}
  n0 -> n1;
  n1 -> n2;
  n3 -> n4;
  n3 -> n5 [style=dashed];
  n2 -> n3 [style=bold];
}}
"""
    )


def titles(picture: str) -> list[str]:
    """What an SVG says of each of its parts, the picture's own title first."""
    return [e.text or "" for e in ET.fromstring(picture).iter() if e.tag.endswith("}title")]


def test_a_small_graph_as_svg_names_every_lane_edge_and_node() -> None:
    assert titles(svg(SMALL)) == [
        "sqlite:///a.db is legacy",
        "legacy core",
        "core",
        "likes",
        "1 → 2: follows",
        "2 → 3: follows",
        "base → next: follows",
        "base → likes: depends",
        "3 → base: stamps",
        "1\napplied",
        "2\nhere",
        "3\npending\nstamps base",
        "base\npending\nAs version 3 left it.",
        "next\npending",
        'likes\npending\nneeds base\nThe "likes".',
    ]


def texts(picture: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(picture).iter() if e.tag.endswith("}text")]


def test_standings_are_in_the_legend_only_where_there_is_a_database() -> None:
    scripts = draw(GRAPH, {"core": REPOSITORY})
    lines = ["is followed by", "is needed by", "is handed over to"]
    kinds = ["legacy versions", "revision"]
    assert texts(svg(SMALL))[:9] == [SMALL.title, "applied", "here", "pending", *kinds, *lines]
    assert texts(svg(scripts))[:6] == ["The scripts alone", *kinds, *lines]
    assert {node.standing for node in scripts.nodes} == {""}


# --- where a database can stand -----------------------------------------------------------

# Branches and merges, two labels in the core, a module that is off, one that has gone.
WIDE = Graph(
    [
        Revision("a", labels=("core",)),
        Revision("b", ("a",), labels=("core",)),
        Revision("c", ("a",), labels=("core",)),
        Revision("d", ("b", "c"), labels=("core",)),
        Revision("late", depends=("c",), labels=("core",)),
        Revision("expand", labels=("expand",), doc="Grow."),
        Revision("off1", depends=("a",), module="off"),
        Revision("off2", ("off1",), module="off"),
        Revision("on", depends=("d",), module="on"),
    ],
    off=["off"],
    order=["on", "off"],
)
NEAREST = Repository(
    "core", "Core", tuple(range(1, 46)), {42: ("a",), 44: ("b",)}, hand_over="nearest"
)
BASES = Repository("on", "On", (), {0: ()}, module="on", registry="on:MIGRATIONS")
OFF = Repository("off", "Off", (1, 2), {2: ("off1",)}, module="off")


def test_every_standing_in_a_wide_graph(capsys: pytest.CaptureFixture[str]) -> None:
    state = State(
        "ahead",
        "shop",
        "postgresql",
        legacy={
            "core": LegacyState(NEAREST, 42, "Core", handed_over=True),
            "on": LegacyState(BASES, None),
            "off": LegacyState(OFF, 1, "Off", enabled=False),
        },
        current=("b", "gone1", "stranger"),
        targets=("d", "on"),
        modules=(
            ModuleState("on", "on"),
            ModuleState("off", "off"),
            ModuleState("gone", "not installed", ("gone1",)),
        ),
        revisions_without_files=(Revision("gone1", depends=("a",), module="gone", gone=True),),
    )
    repositories = {"core": NEAREST, "on": BASES, "off": OFF}
    assert (
        tree(draw(WIDE, repositories, state), capsys)
        == """\
shop is ahead
├── legacy core (handed over)
│   ├── applied  1 to 41
│   ├── applied  42 (stamps a)
│   ├──          43
│   ├──          44 (stamps b)
│   └──          45
├── legacy on (not installed here)
│   └──          0 (stamps on)
├── legacy off (off)
│   ├── here     1
│   └──          2 (stamps off1)
├── core
│   ├── applied  a
│   ├── here     b
│   ├── pending  c (after a)
│   ├── pending  d (after b, c)
│   └──          late (a base; needs c)
├── expand
│   └──          expand: Grow.
├── on
│   └── pending  on (needs d)
├── off (off)
│   ├──          off1 (needs a)
│   └──          off2
├── gone (dormant: not installed)
│   └── here     gone1 (needs a): its file is gone
└── unknown (in no script)
    └── here     stranger
"""
    )


@pytest.mark.parametrize(
    ("legacy", "expected"),
    [
        (LegacyState(NEAREST, 0, "Core"), ["0 here", "1 to 41 pending", "42 pending"]),
        (LegacyState(NEAREST, 43, "Core"), ["42 applied", "43 here", "44 pending", "45 "]),
        (LegacyState(NEAREST, 46, "Core"), ["45 applied", "46 here"]),
        (LegacyState(NEAREST, None, begins=True), ["1 to 41 pending", "42 pending", "43 "]),
        (LegacyState(NEAREST, None, handed_over=True), ["1 to 41 ", "42 ", "43 "]),
    ],
    ids=["before the first", "between", "beyond the last", "begins", "never was there"],
)
def test_the_standing_of_legacy_versions(legacy: LegacyState, expected: list[str]) -> None:
    drawing = draw(WIDE, {"core": NEAREST}, State("legacy", "shop", "", {"core": legacy}))
    found = [f"{node.name} {node.standing}" for node in drawing.nodes if node.lane == 0]
    assert [line for line in found if line in expected] == expected


def test_the_same_graph_in_another_order_is_the_same_to_the_byte() -> None:
    revisions = list(WIDE.revisions.values())
    again = Graph(reversed(revisions), off=["off"], order=["on", "off"])
    one, other = draw(WIDE, {"core": NEAREST}), draw(again, {"core": NEAREST})
    assert [render(one) for render in RENDERERS.values()] == [
        render(other) for render in RENDERERS.values()
    ]


def test_a_legacy_line_stands_beside_the_branch_of_its_module() -> None:
    drawing = draw(WIDE, {"off": OFF, "core": NEAREST, "on": BASES})
    shown = texts(svg(drawing))
    assert [lane.title for lane in drawing.lanes][:3] == ["legacy off", "legacy core", "legacy on"]
    elements = [e for e in ET.fromstring(svg(drawing)).iter() if e.tag.endswith("}text")]
    left = {e.text: float(e.get("x", "")) for e in elements if e.text in shown}
    titles = [lane.title for lane in drawing.lanes]
    assert sorted(titles, key=left.__getitem__) == [
        "legacy core", "core", "expand", "legacy on", "on", "legacy off", "off",
    ]  # fmt: skip


def test_a_thousand_revisions_are_one_valid_svg() -> None:
    graph = Graph(
        Revision(
            f"m{b}r{n}", (f"m{b}r{n - 1}",) if n else (), ("m0r0",) if b and not n else (), f"m{b}"
        )
        for b in range(20)
        for n in range(50)
    )
    drawing = draw(graph, {})
    assert len(titles(svg(drawing))) == 1 + 20 + len(drawing.edges) + 1000


# --- names of strangers -------------------------------------------------------------------


def named(name: str) -> Drawing:
    """Two lanes, three nodes and an edge, each of that name wherever it can be."""
    return Drawing(
        (Lane(name, "legacy"), Lane(name, "branch", note=name)),
        (Node(0, name), Node(1, name, "here", name), Node(1, name, doc=name)),
        (Edge(1, 2, "follows"), Edge(0, 1, "stamps")),
        database=name,
        state="legacy",
    )


def in_mermaid(text: str) -> list[str]:
    """The labels as Mermaid shows them; everything else must be Mermaid's own."""
    strange = re.sub(r'"[^"\n]*"', '""', text)
    assert re.fullmatch(r'[\w\s()\[\]":;,#<>=-]*', strange)
    labels = re.findall(r'"([^"\n]*)"', text)
    return [re.sub(r"#(\d+);", lambda m: chr(int(m[1])), label) for label in labels]


def in_dot(text: str) -> list[str]:
    """The quoted texts as Graphviz shows them, in which HTML's entities count."""
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    assert re.sub(r'"((?:[^"\\]|\\.)*)"', "", text).count('"') == 0
    return [
        html.unescape(re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], q)) for q in quoted
    ]


@settings(max_examples=60, deadline=None, derandomize="CI" in os.environ)
@given(st.text(min_size=1))
@pytest.mark.parametrize(
    ("render", "read"), [(svg, titles), (mermaid, in_mermaid), (dot, in_dot)],
    ids=["svg", "mermaid", "dot"],
)  # fmt: skip
def test_a_name_survives_whatever_is_in_it(
    render: Callable[[Drawing], str], read: Callable[[str], list[str]], name: str
) -> None:
    shown = read(render(named(name)))
    break_ = "<br/>" if render is mermaid else "\n"
    assert [text for text in shown if text.split(break_)[:2] == [plain(name), "here"]]


ODD = 'a"b\\ <c> &amp; `1. #x\n[red]\x1b[31m {é}'


def test_an_odd_name_in_each_format(capsys: pytest.CaptureFixture[str]) -> None:
    drawing = named(ODD)
    assert r'label="a\"b\\ <c> &amp;amp; `1. #x [red] [31m {é}\nhere"' in dot(drawing)
    entities = "a#34;b#92; #60;c#62; #38;amp#59; #96;1#46; #35;x #91;red#93; #91;31m #123;é#125;"
    assert f'"{entities}<br/>here"' in mermaid(drawing)
    assert f"{plain(ODD)}\nhere\n{plain(ODD)}" in titles(svg(drawing))
    assert f"here     {plain(ODD)}: {plain(ODD)}\n" in tree(drawing, capsys)


def test_a_long_name_is_cut_and_its_title_is_not() -> None:
    long = "漢字" * 30
    picture = svg(named(long))
    assert long not in texts(picture)
    assert any(text.startswith("漢字") and text.endswith("…") for text in texts(picture))
    assert any(title.startswith(f"{long}\nhere") for title in titles(picture))


# --- the sample, through the command line -------------------------------------------------

SCRIPTS = """\
The scripts alone
├── legacy core
│   ├── 1 to 13
│   └── 14 (stamps core_base)
├── legacy likes
│   ├── 1 to 2
│   └── 3 (stamps likes_base)
├── core
│   ├── core_base: The gallery as version 14 of the closed repository "core" left it.
│   ├── core_media_license: A licence for each entry; none means that nobody has said.
│   ├── core_media_visibility: Who may see an entry becomes a column of its own; it used to be one of the states.
│   └── core_tag_slugs: Tags get readable addresses as well.
├── likes
│   ├── likes_base (needs core_base): Likes as version 3 of the closed repository "likes" left them.
│   ├── likes_weight: A like can count for more than one: love counts twice.
│   └── likes_totals (needs core_media_visibility): Count the likes of public entries once, instead of on every page view.
└── messages
    ├── messages_base (needs core_base): Private messages: a module younger than the move to Alembic, hence without a legacy history.
    ├── messages_read_at: When a message was read; none while it is not.
    └── messages_threads: An answer knows the message that it answers.
"""  # noqa: E501


def graph(project: Project, *arguments: str, url: Database | str | None = None) -> str:
    result = project.run("graph", *arguments, url=url)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def marks(shown: str) -> list[tuple[str, str]]:
    """Each name with its standing, of a tree of the sample."""
    return re.findall(r"── (applied|here|pending|) +(\w[\w ]*?)(?=[:\n]| \()", shown)


def test_the_sample_without_a_database(sample: Project) -> None:
    sample.replace("bridge.toml", 'url = "sqlite:///media.db"', "")
    assert graph(sample) == SCRIPTS
    assert graph(sample, "--no-database", url="postgresql://nobody@127.0.0.1:1/x") == SCRIPTS


def test_the_sample_at_an_old_version(sample: Project, sqlite_database: Database) -> None:
    sqlite_database.load(TOP / "snapshots" / "core-v10-likes-v01")
    shown = graph(sample, url=sqlite_database)
    assert shown.splitlines()[0] == f"{sqlite_database.url} is legacy"
    assert marks(shown)[:7] == [
        ("applied", "1 to 9"),
        ("here", "10"),
        ("pending", "11 to 13"),
        ("pending", "14"),
        ("here", "1"),
        ("pending", "2"),
        ("pending", "3"),
    ]
    assert {standing for standing, _name in marks(shown)[7:]} == {"pending"}
    assert len(marks(shown)) == 7 + 10


def test_the_sample_at_the_heads_with_a_module_off(
    sample: Project, sqlite_database: Database
) -> None:
    sqlite_database.load(TOP / "snapshots" / "core-v14-likes-v03")
    write_revisions(sqlite_database, ["core_tag_slugs", "likes_weight", "messages_threads"])
    assert "└── pending  likes_totals" in graph(sample, url=sqlite_database)

    sample.replace("bridge.toml", 'legacy = "likes"\ndepends_on = ["core"]\nenabled = true',
                   'legacy = "likes"\ndepends_on = ["core"]\nenabled = false')  # fmt: skip
    shown = graph(sample, url=sqlite_database)
    assert shown.splitlines()[0].endswith(" is dormant")
    assert "├── legacy core (handed over)\n" in shown
    assert "├── legacy likes (off)\n" in shown
    assert "├── likes (dormant: off)\n" in shown
    here = [name for standing, name in marks(shown) if standing == "here"]
    assert here == ["core_tag_slugs", "likes_weight", "messages_threads"]
    assert [name for standing, name in marks(shown) if not standing] == ["likes_totals"]


def test_a_line_on_a_terminal_goes_on_under_its_beginning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "30", "TERM": "xterm"}
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    shown = re.sub(r"\x1b\[\d*m| +$", "", tree(SMALL, capsys), flags=re.MULTILINE)
    assert "│   ├── pending  base: As\n│   │   version 3 left it.\n" in shown


def test_json_has_lanes_nodes_and_edges(sample: Project) -> None:
    document = json.loads(graph(sample, "--no-database", "--json"))
    assert (document["database"], document["state"]) == (None, None)
    names = [node["name"] for node in document["nodes"]]
    lanes = [lane["name"] for lane in document["lanes"]]
    assert lanes == ["core", "likes", "core", "likes", "messages"]
    assert lanes[document["nodes"][names.index("likes_totals")]["lane"]] == "likes"
    assert {
        (names[edge["start"]], names[edge["end"]])
        for edge in document["edges"]
        if edge["kind"] == "depends"
    } == {
        ("core_base", "likes_base"),
        ("core_base", "messages_base"),
        ("core_media_visibility", "likes_totals"),
    }


# --- files --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mmd", ".dot", ".SVG"])
def test_a_picture_is_written(sample: Project, sqlite_database: Database, suffix: str) -> None:
    file = sample.root / f"graph{suffix}"
    shown = graph(sample, "--output", str(file), url=sqlite_database)
    assert shown == f"Written  {file}\n"
    drawing = sample.bridge(sqlite_database).drawing()
    assert (drawing.state, len(drawing.nodes)) == ("fresh", 14)
    assert file.read_bytes() == RENDERERS[suffix.lower()](drawing).encode()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("graph.png", "graph.png must end in .mmd, .dot, .svg"),
        ("graph", "graph must end in .mmd, .dot, .svg"),
        ("gone/graph.svg", "gone/graph.svg cannot be written: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_is_a_mistake_of_usage(
    sample: Project, name: str, message: str
) -> None:
    path = sample.root / name
    result = sample.run("graph", "--no-database", "--output", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Invalid value for '--output': {sample.root}/{message}" in result.stderr
    assert not path.exists()
