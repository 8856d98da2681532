"""What each kind of database keeps in its columns, and how values are written for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a kind of database keeps in its columns.

    :param syntax: as `Server` has it.
    :param integers: the smallest and the largest integer of all; None where the types say it.
    :param digits: of a number whose type does not say how many: all, and after the point.
    :param exact_digits: how many are kept; None where all are.
    :param any_type: any name is a type.
    :param one_letter: CHAR without a length has one character.
    :param days: the first and the last one.
    :param timestamp_days: the same for TIMESTAMP, None where it has no others.
    :param fraction: the part of a second that each time is written with.
    :param places: how many digits of a second are kept where the type does not say it.
    :param zones: times can have a time zone.
    :param text_only: values go to the driver as text.
    :param bits_as_text: so do bits.
    :param binary_points: a point is given as bytes.
    """

    syntax: str
    integers: tuple[int, int] | None = None
    digits: tuple[int, int] = (10, 0)
    exact_digits: int | None = None
    any_type: bool = False
    one_letter: bool = True
    days: tuple[str, str] = ("0001-01-01", "9999-12-31")
    timestamp_days: tuple[str, str] | None = None
    fraction: str = ""
    places: int = 0
    zones: bool = True
    text_only: bool = False
    bits_as_text: bool = False
    binary_points: bool = False


LIMITS = {
    "sqlite": Limits(
        "sqlite",
        integers=(-(2**63), 2**63 - 1),
        digits=(15, 0),
        exact_digits=15,
        any_type=True,
        one_letter=False,
        fraction=".000000",  # as SQLAlchemy writes it there, and reads it
        zones=False,
    ),
    "postgresql": Limits("postgresql", digits=(39, 9), places=6, text_only=True, bits_as_text=True),
    "mysql": Limits(
        "mysql",
        days=("1000-01-01", "9999-12-31"),
        timestamp_days=("1970-01-02", "2037-12-31"),
        binary_points=True,
    ),
}
"""By `Server.syntax`."""
