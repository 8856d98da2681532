"""Domains of values: numbers, and what all domains share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.database.seeding.limits import Limits
    from bridge.database.seeding.tables import Column

Value = int | float | str | bytes | None

Make = Callable[[Random], Value]

LONGEST = 4096
"""Characters of the longest text, and the longest bytes, that a column is given."""

LONG = 1000
"""The same where the column has no limit."""

WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "juniper"),
    *("kelp", "linden", "maple", "nettle", "olive", "poplar", "quartz", "rowan", "sorrel"),
    *("thistle", "umber", "violet", "willow", "yarrow"),
)


@dataclass(frozen=True)
class Domain:
    """The values of a column.

    `plain` makes an ordinary one for a row; `edges` make those that programs stumble over. `sort`
    is "number", "text" or "" for anything else.
    """

    plain: Callable[[Random, int], Value]
    edges: Sequence[Make] = ()
    sort: str = ""


@dataclass(frozen=True)
class Use:
    """What the values of a column are for.

    :param plain: ordinary values only, as long as the database takes them.
    :param keyed: rows are known by it: it gets small positive numbers, and no empty text.
    :param conditions: the CHECKs that speak of it.
    """

    plain: bool = False
    keyed: bool = False
    conditions: Sequence[str] = ()


@dataclass(frozen=True)
class Spec:
    """A type as it is written, taken apart: `decimal(10,2) unsigned` and the like."""

    column: Column
    limits: Limits
    base: str
    arguments: tuple[int, ...]
    unsigned: bool
    keyed: bool
    plain: bool

    @property
    def name(self) -> str:
        """The column's name in lower case."""
        return self.column.name.lower()


def written(value: Value) -> str | None:
    """Return a value as PostgreSQL reads it for a column of any type, whatever the driver."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return None if value is None else str(value)


def constant(value: Value) -> Make:
    """Make one value, whatever the chance."""
    return lambda _: value


def choice_domain(values: Sequence[Value], sort: str = "") -> Domain:
    """Return the domain of some values, the first one first."""
    return Domain(lambda random, row: random.choice(values) if row else values[0], (), sort)


def form_domain(plain: str, *edges: str) -> Domain:
    """Return a domain of texts that the database reads; `#` and `@` are two digits each."""

    def filled(form: str) -> Make:
        def make(random: Random) -> Value:
            one, two = (str(random.randrange(10, 100)) for _ in range(2))
            return form.replace("#", one).replace("@", two)

        return make

    make = filled(plain)
    return Domain(lambda random, _: make(random), tuple(map(filled, edges)))


# Numbers


def integer_domain(bits: int) -> Callable[[Spec], Domain]:
    """Return what makes the domain of integers of so many bits."""

    def make(spec: Spec) -> Domain:
        low, high = (0, 2**bits - 1) if spec.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if spec.limits.integers:
            low, high = max(low, spec.limits.integers[0]), min(high, spec.limits.integers[1])
        if bits == 8 and (spec.arguments == (1,) or _FLAG.search(spec.name)):
            return choice_domain((0, 1), "number")
        if spec.keyed or spec.name.endswith("id"):
            # Numbers that are those of rows, even where no foreign key says so.
            return Domain(lambda _, row: min(row + 1, high), (), "number")
        first, count = (10**9, 10**9) if bits >= 32 and _TIME.search(spec.name) else (1, 99)
        edges = [low, high, *((0,) if spec.unsigned else (0, -1))]
        return Domain(
            lambda random, _: first + random.randrange(count),
            tuple(map(constant, dict.fromkeys(edges))),
            "number",
        )

    return make


_FLAG = re.compile(r"^(is|has|can|was)_|deleted|abled|active|complete|visible|public|locked")

_TIME = re.compile(r"_(at|on|time|date)$|^(time|date)|timestamp")


def decimal_domain(spec: Spec) -> Domain:
    """Return the domain of exact numbers: at the edges, the largest of the precision."""
    limits = spec.limits
    precision, scale = (*spec.arguments, 0)[:2] if spec.arguments else limits.digits
    if limits.exact_digits:
        precision, scale = min(precision, limits.exact_digits), min(scale, limits.exact_digits)
    whole = max(precision - scale, 0)

    def number(digits: str, rest: str) -> str:
        # With more places than digits, the first ones are zeros.
        rest = rest[:precision].rjust(scale, "0")
        return f"{digits or '0'}.{rest}" if scale > 0 else digits or "0"

    def plain(random: Random, row: int) -> Value:
        digits = str(row + 1 if spec.keyed else random.randrange(1, 100))[:whole]
        return number(
            digits, f"{random.randrange(100) if not spec.keyed else 0:02}".ljust(scale, "0")[:scale]
        )

    largest = number("9" * whole, "9" * scale)
    smallest = number("", "1".rjust(scale, "0")) if scale > 0 else "0"
    signed = () if spec.unsigned else (f"-{largest}", "-1" if whole else f"-{smallest}")
    edges = () if spec.keyed else ("0", largest, smallest, *signed)
    return Domain(plain, tuple(map(constant, edges)), "number")


def float_domain(largest: float) -> Callable[[Spec], Domain]:
    """Return what makes the domain of floats up to the largest that the type has."""

    def make(spec: Spec) -> Domain:
        if len(spec.arguments) == 2:
            return decimal_domain(spec)
        signed = () if spec.unsigned else (-1.5, -largest)
        edges = (0.0, largest, 1 / largest, *signed)
        # Quarters: every kind of float has them exactly.
        return Domain(
            lambda random, row: float(row + 1) if spec.keyed else random.randrange(1, 400) / 4,
            () if spec.keyed else tuple(map(constant, edges)),
            "number",
        )

    return make
