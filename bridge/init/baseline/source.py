"""Python source that a person likes to read: literals, calls, and what SQL in it must hide. Pure.

The layout is that of the usual formatters, with lines of 100 characters.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH = 100


@dataclass(frozen=True)
class Call:
    """A call, or a list: what stands before the parentheses, and what in them.

    :param long: one argument a line, whatever the width.
    """

    head: str
    arguments: tuple[Any, ...]
    long: bool = False
    brackets: str = "()"

    def __str__(self) -> str:
        """On one line."""
        return self.head + self.brackets[0] + ", ".join(map(str, self.arguments)) + self.brackets[1]


Source = str | Call


def lines(source: Source, indent: int, after: str = "") -> Iterator[str]:
    """The lines of an expression that begins at a column, with what follows it."""
    margin = " " * indent
    text = f"{source}{after}"
    if isinstance(source, str) or (
        not source.long and "\n" not in text and indent + len(text) <= WIDTH
    ):
        if "\n" not in text and indent + len(text) > WIDTH and text.startswith(('"', "'")):
            yield from _pieces(str(source), indent, after)
            return
        first, *rest = text.split("\n")  # the lines of a string stand where they stand
        yield margin + first
        yield from rest
        return
    yield f"{margin}{source.head}{source.brackets[0]}"
    arguments = ", ".join(map(str, source.arguments))
    if not source.long and "\n" not in arguments and indent + 4 + len(arguments) <= WIDTH:
        yield f"{margin}    {arguments}"
    else:
        # A comma behind an only argument would say no more.
        for argument in source.arguments:
            multiline = len(source.arguments) == 1 and isinstance(argument, str)
            yield from lines(argument, indent + 4, "" if multiline else ",")
    yield f"{margin}{source.brackets[1]}{after}"


def _pieces(source: str, indent: int, after: str) -> Iterator[str]:
    """A long string as several that follow each other."""
    words = re.findall(r"\S+\s*|\s+", ast.literal_eval(source))
    found = [""]
    for word in words:
        if found[-1] and indent + len(literal(found[-1] + word)) + len(after) > WIDTH:
            found.append("")
        found[-1] += word
    for number, text in enumerate(found, 1):
        yield f"{' ' * indent}{literal(text)}{after if number == len(found) else ''}"


def parsed(source: str) -> Source:
    """A call that is given as text, as one that can be laid out on several lines."""
    tree = ast.parse(source, mode="eval").body
    if not isinstance(tree, ast.Call) or isinstance(tree.func, ast.Call):
        return source
    arguments = [*tree.args, *(keyword.value for keyword in tree.keywords)]
    names = [None] * len(tree.args) + [keyword.arg for keyword in tree.keywords]
    texts = [ast.get_source_segment(source, one) or "" for one in arguments]
    told = [f"{n}={t}" if n else t for n, t in zip(names, texts, strict=True)]
    return Call(ast.get_source_segment(source, tree.func) or "", tuple(told))


def literal(value: Any) -> str:
    """A value, strings in double quotes where that is as short."""
    if not isinstance(value, str):
        return repr(value)
    text = repr(value)
    if text.startswith("'") and '"' not in text:
        return f'"{text[1:-1]}"'
    return text


def listed(values: Sequence[Any]) -> Call:
    """A list of values."""
    return Call("", tuple(map(literal, values)), brackets="[]")


# What `sa.text` takes for a parameter, or for a backslash that hides one.
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)|\\:")


def clause(text: str) -> str:
    """SQL as an expression, taken as it is."""
    return f"sa.{'literal_column' if _BIND.search(text) else 'text'}({literal(text)})"


def expression(text: str) -> str:
    """The same where a plain string will do."""
    return clause(text) if _BIND.search(text) else literal(text)


def statement(text: str) -> Call:
    """`op.execute` of SQL that is taken as it is."""
    if _BIND.search(text):
        return Call("op.execute", (Call("sa.DDL", (_text(text.replace("%", "%%")),)),))
    return Call("op.execute", (_text(text),))


def _text(text: str) -> str:
    if "\n" not in text:
        return literal(text)
    if '"""' in text or text.endswith(('"', "\\")) or "\r" in text:
        return repr(text)
    return f'{"r" if chr(92) in text else ""}"""{text}"""'
