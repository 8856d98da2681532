"""Readable Python source code: literals, calls, and quoted SQL. Pure.

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
    """A call or a list: the text before the parentheses, and the arguments.

    :param long: whether each argument has a line, whatever the width.
    """

    head: str
    arguments: tuple[Any, ...]
    long: bool = False
    brackets: str = "()"

    def __str__(self) -> str:
        """Return the call on one line."""
        return self.head + self.brackets[0] + ", ".join(map(str, self.arguments)) + self.brackets[1]


Source = str | Call


def lines(source: Source, indent: int, after: str = "") -> Iterator[str]:
    """Yield the lines of an expression.

    :param indent: the column where it begins.
    :param after: the text that follows it.
    """
    margin = " " * indent
    text = f"{source}{after}"
    if isinstance(source, str) or (
        not source.long and "\n" not in text and indent + len(text) <= WIDTH
    ):
        if "\n" not in text and indent + len(text) > WIDTH and text.startswith(('"', "'")):
            yield from _pieces(str(source), indent, after)
            return
        first, *rest = text.split("\n")  # a string's further lines must not be indented
        yield margin + first
        yield from rest
        return
    yield f"{margin}{source.head}{source.brackets[0]}"
    arguments = ", ".join(map(str, source.arguments))
    if not source.long and "\n" not in arguments and indent + 4 + len(arguments) <= WIDTH:
        yield f"{margin}    {arguments}"
    else:
        # Formatters put no comma behind a single argument.
        for argument in source.arguments:
            multiline = len(source.arguments) == 1 and isinstance(argument, str)
            yield from lines(argument, indent + 4, "" if multiline else ",")
    yield f"{margin}{source.brackets[1]}{after}"


def _pieces(source: str, indent: int, after: str) -> Iterator[str]:
    """Yield a long string as several adjacent ones."""
    words = re.findall(r"\S+\s*|\s+", ast.literal_eval(source))
    found = [""]
    for word in words:
        if found[-1] and indent + len(literal(found[-1] + word)) + len(after) > WIDTH:
            found.append("")
        found[-1] += word
    for number, text in enumerate(found, 1):
        yield f"{' ' * indent}{literal(text)}{after if number == len(found) else ''}"


def parsed(source: str) -> Source:
    """Return a call in text form as a `Call`, which can span several lines."""
    tree = ast.parse(source, mode="eval").body
    if not isinstance(tree, ast.Call) or isinstance(tree.func, ast.Call):
        return source
    arguments = [*tree.args, *(keyword.value for keyword in tree.keywords)]
    names = [None] * len(tree.args) + [keyword.arg for keyword in tree.keywords]
    texts = [ast.get_source_segment(source, one) or "" for one in arguments]
    written = [f"{n}={t}" if n else t for n, t in zip(names, texts, strict=True)]
    return Call(ast.get_source_segment(source, tree.func) or "", tuple(written))


def literal(value: Any) -> str:
    """Return a value as a literal; strings have double quotes where that is as short."""
    if not isinstance(value, str):
        return repr(value)
    text = repr(value)
    if text.startswith("'") and '"' not in text:
        return f'"{text[1:-1]}"'
    return text


def listed(values: Sequence[Any]) -> Call:
    """Return a list of values."""
    return Call("", tuple(map(literal, values)), brackets="[]")


# What `sa.text` reads as a parameter, or as a backslash that escapes one.
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)|\\:")


def clause(text: str) -> str:
    """Return an expression for literal SQL."""
    return f"sa.{'literal_column' if _BIND.search(text) else 'text'}({literal(text)})"


def expression(text: str) -> str:
    """Return an expression for literal SQL where a plain string is allowed too."""
    return clause(text) if _BIND.search(text) else literal(text)


def statement(text: str) -> Call:
    """Return an `op.execute` of literal SQL."""
    if _BIND.search(text):
        return Call("op.execute", (Call("sa.DDL", (_text(text.replace("%", "%%")),)),))
    return Call("op.execute", (_text(text),))


def _text(text: str) -> str:
    if "\n" not in text:
        return literal(text)
    if '"""' in text or text.endswith(('"', "\\")) or "\r" in text:
        return repr(text)
    return f'{"r" if chr(92) in text else ""}"""{text}"""'
