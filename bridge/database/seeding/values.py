"""Which value a column gets in which row: ordinary ones first, then edges, then what CHECKs name.

Pure: the same column, seed, row and attempt give the same value on every machine.
"""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

from bridge.database.seeding.domain import Make, Use, Value, written
from bridge.database.seeding.domains import domain_of
from bridge.database.sql.tokens import literals, masked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.database.seeding.limits import Limits
    from bridge.database.seeding.tables import Column

_ODD_TRIES = 7
"""So often a value that was refused may have another edge value for a successor."""

_LONGEST = 1000
"""Characters of the longest text that a CHECK is thought to speak of."""


def seeded(words: str) -> Random:
    """Return chance that is the same for the same words, on every machine."""
    return Random(words)  # noqa: S311


class Source:
    """The values of one column.

    :param seed: what makes them other than those of another column, table or variant.
    """

    def __init__(self, column: Column, limits: Limits, seed: str, use: Use) -> None:
        self._seed = seed
        self._nullable = column.nullable
        self._plain = use.plain
        self._text_only = limits.text_only
        self._domain = domain_of(column, limits, use)
        self._hints = _hints(self._domain.sort, use.conditions, limits.syntax)
        # Where a condition lists what is allowed, anything else is a waste of time.
        self._listed = bool(self._hints) and any(map(_lists, use.conditions))
        order: list[Make] = [] if self._listed else list(self._domain.edges)
        random = seeded(seed)
        random.shuffle(order)
        if self._nullable:
            order.insert(random.randrange(2), _null)
        self._order = order

    def value(self, row: int, attempt: int = 0) -> Value:
        """Return the value for a row; another attempt gives another one, if there is any."""
        value = self._value(seeded(f"{self._seed}/{row}/{attempt}"), row, attempt)
        return written(value) if self._text_only else value

    def _value(self, random: Random, row: int, attempt: int) -> Value:
        ordinary = not attempt and (self._plain or not row)
        if not attempt and not ordinary and row <= len(self._order):
            return self._order[row - 1](random)
        if not ordinary and self._nullable and random.random() < 0.25:
            return None
        if self._hints and (self._listed or attempt) and random.random() < (0.7 if attempt else 1):
            hint = random.choice(self._hints) if row or attempt else self._hints[0]
            # Of a range, its ends are known, and what is near to them.
            if isinstance(hint, int) and not self._listed and random.random() < 0.5:
                hint += random.randrange(100)
            return hint
        # After some refusals, ordinary values only.
        edges = () if ordinary or attempt > _ODD_TRIES else self._domain.edges
        if edges and random.random() < 0.4:
            return random.choice(edges)(random)
        # A value of its own for each attempt, where a row alone says which it is.
        return self._domain.plain(random, row + (random.randrange(1, 100) if attempt else 0))


def _null(_: Random) -> Value:
    return None


# -- what a CHECK speaks of -----------------------------------------------------------------------

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")


def _lists(condition: str) -> bool:
    """Return whether a condition names the values that it allows: IN, =, ANY."""
    return re.search(r"(?<![<>!])=|\bin\b", condition, re.IGNORECASE) is not None


def _hints(sort: str, conditions: Iterable[str], syntax: str) -> list[Value]:
    """Return values that a condition may be about; the database decides which it takes."""
    found: list[Value] = []
    for condition in conditions:
        texts = literals(condition, syntax)
        numbers = _NUMBER.findall(masked(condition, syntax))
        if sort == "number":
            for text in (*numbers, *filter(_NUMBER.fullmatch, texts)):
                found += [int(text)] if "." not in text else [text]
                if not _lists(condition):
                    found += [int(float(text)) + 1, int(float(text)) - 1]
            continue
        found += texts
        if sort == "text" and not (texts and _lists(condition)):
            # Of a length, or of a form: digits, small letters, capitals.
            sizes = [min(abs(int(float(text))), _LONGEST) for text in numbers]
            found += [c * (size + more) for size in sizes for more in (0, -1, 1) for c in "a1A"]
            found += [*numbers, "a", "A", "1", "a1", "a@example.com"]
    return list(dict.fromkeys(found))
