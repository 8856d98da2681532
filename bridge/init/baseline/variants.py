"""Source code that is the same on every database, or depends on it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.init.baseline.source import Call, Source, lines, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ON = '''\
def on(*names):
    """Whether the database is one of these; MariaDB counts as MySQL."""
    name = op.get_context().dialect.name
    return ("mysql" if name == "mariadb" else name) in names
'''

ONLY = '''\
def only(names, *items):
    """The items on these databases, none on others."""
    return items if on(*names.split()) else ()
'''


@dataclass(frozen=True)
class Statement:
    """A statement of `upgrade` or `downgrade`, and the dialects on which it runs."""

    source: Source
    dialects: frozenset[str]


class Variants:
    """The conditions and constants of one script that runs on several databases.

    :param dialects: those that it is written for.
    """

    def __init__(self, dialects: Iterable[str]) -> None:
        self.dialects = frozenset(dialects)
        self._constants: dict[str, str] = {}

    @property
    def constants(self) -> tuple[str, ...]:
        """The lines that define the constants, in the order of their definition."""
        return tuple(self._constants.values())

    def on(self, dialects: Iterable[str]) -> str:
        """Return the condition that holds on these dialects."""
        names, others = sorted(dialects), sorted(self.dialects - {*dialects})
        if len(others) == 1 and len(names) > 1:
            return f"not on({literal(others[0])})"
        return f"on({', '.join(map(literal, names))})"

    def by_dialect(self, values: Mapping[str, str]) -> str:
        """Return an expression with the value of the dialect; `values` are source code."""
        if len({*values.values()}) == 1:
            return next(iter(values.values()))
        if {*values.values()} == {"True", "False"}:
            return self.on(d for d, value in values.items() if value == "True")
        usual, _ = max(Counter(values.values()).items(), key=lambda one: (one[1], one[0] == "None"))
        text = ""
        for value in dict.fromkeys(v for v in values.values() if v != usual):
            text += f"{value} if {self.on(d for d, v in values.items() if v == value)} else "
        return text + usual

    def constant(self, name: str, source: Source) -> str:
        """Define a constant, and return its name, with a number where the name is taken."""
        number, wanted = 1, name
        while True:
            head = (
                f"{wanted} = {source.head}" if isinstance(source, Call) else f"{wanted} = {source}"
            )
            line = (
                "\n".join(lines(replace(source, head=head), 0))
                if isinstance(source, Call)
                else head
            )
            if self._constants.setdefault(wanted, line) == line:
                return wanted
            number += 1
            wanted = f"{name}_{number}"
