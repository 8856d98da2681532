"""How a base revision tells databases apart. Pure."""

from __future__ import annotations

import pytest

from bridge.init.baseline.variants import Variants


@pytest.fixture
def variants() -> Variants:
    return Variants(["sqlite", "postgresql", "mysql"])


@pytest.mark.parametrize(
    ("dialects", "condition"),
    [
        (["sqlite"], 'on("sqlite")'),
        (["sqlite", "mysql"], 'not on("postgresql")'),
        (["sqlite", "postgresql", "mysql"], 'on("mysql", "postgresql", "sqlite")'),
    ],
)
def test_a_condition_is_as_short_as_it_can_be(
    variants: Variants, dialects: list[str], condition: str
) -> None:
    assert variants.on(dialects) == condition


@pytest.mark.parametrize(
    ("values", "expression"),
    [
        (["1", "1", "1"], "1"),
        (["True", "False", "False"], 'on("sqlite")'),
        (["1", "2", "1"], '2 if on("postgresql") else 1'),
        (["1", "None", "2"], '1 if on("sqlite") else 2 if on("mysql") else None'),
    ],
)
def test_the_usual_value_is_what_is_left(
    variants: Variants, values: list[str], expression: str
) -> None:
    found = zip(["sqlite", "postgresql", "mysql"], values, strict=True)
    assert variants.by_dialect(dict(found)) == expression


def test_a_constant_is_defined_once(variants: Variants) -> None:
    asked = [("TEXT", "sa.Text(9)"), ("TEXT", "sa.Text(10)"), ("TEXT", "sa.Text(9)")]
    assert [variants.constant(*one) for one in asked] == ["TEXT", "TEXT_2", "TEXT"]
    assert variants.constants == ("TEXT = sa.Text(9)", "TEXT_2 = sa.Text(10)")
