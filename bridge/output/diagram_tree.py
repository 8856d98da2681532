"""The migrations as a tree of text, as `bridge graph` prints them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from bridge.model.diagram import Drawing, Node, plain

if TYPE_CHECKING:
    from bridge.output.console import Output

_UNBROKEN = 100_000
"""The width of a log: rich cuts what is longer off a tree."""

_MARK = 9
"""How wide the standing of a node is, with the gap behind it."""

_STANDINGS = {"applied": "green", "here": "bold yellow", "pending": "cyan", "": ""}


def print_tree(output: Output, drawing: Drawing) -> None:
    """Print the lanes of a drawing as a tree."""
    if output.as_json:
        output.json(asdict(drawing))
        return
    tree = Tree(Text(plain(drawing.title)))
    remarks = drawing.remarks()
    for lane, places in drawing.by_lane():
        title = Text(plain(lane.title), style="bold")
        if lane.note:
            title.append(f" ({lane.note})", style="not bold")
        branch = tree.add(title)
        for place in places:
            node = _node_text(drawing.nodes[place], remarks[place])
            branch.add(node if drawing.database else node[_MARK:])
    console = output.out.console
    if not output.out.is_terminal:
        console.width = _UNBROKEN
    console.print(tree, soft_wrap=False)


def _node_text(node: Node, remark: str) -> Text:
    """Return a line of the tree: standing, name, what it hangs on, what it does."""
    text = Text()
    text.append(f"{node.standing:<{_MARK}}", style=_STANDINGS[node.standing])
    text.append(plain(node.name), style="bold" if node.standing == "here" else "")
    text.append(f" ({plain(remark)})" if remark else "", style="dim")
    text.append(f": {plain(node.doc)}" if node.doc else "")
    return text
