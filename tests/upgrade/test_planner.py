"""From states to steps, without a database."""

from __future__ import annotations

from typing import Any

import pytest
from support.facts import REVIEWS, SHOP, config, facts, graph_of, repository, state_of

from bridge.model.config import Config
from bridge.model.errors import AheadError, ConfigError
from bridge.model.graph import Graph
from bridge.model.repository import Repository
from bridge.model.state import Facts
from bridge.model.steps import Plan, step_as_dict
from bridge.upgrade.planner import make_plan


def plan_of(
    found: Facts,
    *repositories: Repository,
    settings: Config | None = None,
    graph: Graph | None = None,
) -> Plan:
    repositories = repositories or (SHOP, REVIEWS)
    settings = settings or config(*repositories)
    off = [module.name for module in settings.modules.values() if not module.enabled]
    graph = graph or graph_of(off=off)
    state = state_of(found, *repositories, graph=graph, settings=settings)
    return make_plan(state, graph, settings)


def steps_of(*given: Any, **more: Any) -> list[str]:
    return [str(step) for step in plan_of(*given, **more).steps]


EVERY_REVISION = [
    "upgrade shop_base",
    "upgrade shop_notes",
    "upgrade shop_stock",
    "upgrade reviews_base",
    "upgrade reviews_text",
    "upgrade coupons_base",
]


def test_a_fresh_database_is_upgraded_from_base() -> None:
    assert steps_of(facts()) == EVERY_REVISION


def test_a_fresh_database_may_be_made_from_the_models() -> None:
    settings = config(SHOP, fresh="models", foundations="app:lay")
    assert steps_of(facts(), SHOP, settings=settings) == [
        "create the models' tables",
        "stamp coupons_base, reviews_text, shop_stock",
        "foundations app:lay",
    ]


def test_foundations_come_last_and_only_on_a_fresh_database() -> None:
    settings = config(SHOP, foundations="app:lay")
    assert steps_of(facts(), SHOP, settings=settings) == [*EVERY_REVISION, "foundations app:lay"]
    old = steps_of(facts("items", rows=[("Shop", 3)]), SHOP, settings=settings)
    assert "foundations app:lay" not in old


def test_legacy_then_one_stamp_then_alembic() -> None:
    assert steps_of(facts("items", rows=[("Shop", 1), ("Reviews", 0)])) == [
        "legacy shop 2",
        "legacy shop 3",
        "legacy reviews 1",
        "legacy reviews 2",
        "stamp reviews_base, shop_base",
        "upgrade shop_notes",
        "upgrade shop_stock",
        "upgrade reviews_text",
        "upgrade coupons_base",
    ]


def test_a_module_that_was_never_installed_comes_from_alembic() -> None:
    assert steps_of(facts("items", rows=[("Shop", 3)])) == [
        "stamp shop_base",
        "upgrade shop_notes",
        "upgrade shop_stock",
        "upgrade reviews_base",
        "upgrade reviews_text",
        "upgrade coupons_base",
    ]


def test_a_module_that_is_handed_over_stays_so() -> None:
    steps = steps_of(facts("i", rows=[("Shop", 3), ("Reviews", 1)], revisions=["shop_notes"]))
    assert steps == [
        "legacy reviews 2",
        "stamp reviews_base",
        "upgrade shop_stock",
        "upgrade reviews_text",
        "upgrade coupons_base",
    ]


@pytest.mark.parametrize("rows", [[], [("Reviews", 0)], [("Reviews", 2)]])
def test_a_module_that_is_off_is_left_alone(rows: list[Any]) -> None:
    off = config(SHOP, REVIEWS, off=["reviews"])
    assert steps_of(facts("items", rows=[("Shop", 3), *rows]), settings=off) == [
        "stamp shop_base",
        "upgrade shop_notes",
        "upgrade shop_stock",
        "upgrade coupons_base",
    ]


def test_dormant_rows_stay_while_every_other_branch_goes_on() -> None:
    off = config(SHOP, REVIEWS, off=["reviews"])
    found = facts("items", revisions=["reviews_base"])
    assert steps_of(found, settings=off) == [
        "upgrade shop_notes",
        "upgrade shop_stock",
        "upgrade coupons_base",
    ]


def test_at_the_heads_there_is_nothing_to_do() -> None:
    """Also where a head is not stored because another one depends on it."""
    graph = graph_of({"shop_base": (), "reviews_base": ("shop_base",)})
    plan = plan_of(facts("items", revisions=["reviews_base"]), graph=graph)
    assert plan.steps == ()


def test_rows_for_a_revision_and_what_it_depends_on_are_reduced_first() -> None:
    """Alembic stops at such rows ("overlaps"); careless programs stamp them."""
    found = facts("items", revisions=["shop_base", "coupons_base"])
    assert steps_of(found)[:2] == ["stamp coupons_base", "upgrade shop_notes"]
    graph = graph_of({"shop_base": (), "coupons_base": ("shop_base",)})
    assert steps_of(found, graph=graph) == []


MAP = repository(last=4, stamp={2: ("shop_base",), 4: ("shop_notes",)})


@pytest.mark.parametrize(
    ("hand_over", "version", "steps"),
    [
        ("last", 1, ["legacy shop 2", "legacy shop 3", "legacy shop 4", "stamp shop_notes"]),
        ("nearest", 1, ["legacy shop 2", "stamp shop_base"]),
        ("nearest", 2, ["stamp shop_base"]),
        ("nearest", 3, ["legacy shop 4", "stamp shop_notes"]),
    ],
)
def test_the_hand_over_is_at_the_last_or_at_the_nearest_mapped_version(
    hand_over: str, version: int, steps: list[str]
) -> None:
    shop = repository(last=4, stamp=MAP.stamp, hand_over=hand_over)
    found = steps_of(facts("items", rows=[("Shop", version)]), shop, graph=graph_of())
    assert found[: len(steps)] == steps
    assert all(step.startswith("upgrade") for step in found[len(steps) :])


def test_one_version_may_equal_revisions_of_several_branches() -> None:
    shop = repository(stamp={3: ("shop_base", "coupons_base")})
    steps = steps_of(facts("items", rows=[("Shop", 3)]), shop)
    assert steps[0] == "stamp coupons_base, shop_base"
    assert "upgrade coupons_base" not in steps


def test_a_number_without_a_script_is_no_step_where_versions_are_times() -> None:
    shop = repository(versions=(2012, 2015, 2019), gaps=True, stamp={2019: ("shop_base",)})
    assert steps_of(facts("items", rows=[("Shop", 2012)]), shop)[:2] == [
        "legacy shop 2015",
        "legacy shop 2019",
    ]


def test_a_squashed_history_begins_with_its_first_version() -> None:
    shop = repository(first=40, last=41)
    assert steps_of(facts(rows=[("Shop", 39)]), shop)[:3] == [
        "legacy shop 40",
        "legacy shop 41",
        "stamp shop_base",
    ]


# --- an order among repositories ----------------------------------------------------------


def legacy_steps(rows: list[tuple[str, int | None]], **requires: Any) -> list[str]:
    shop = repository(requires=requires.get("shop", {}))
    reviews = repository("reviews", 2, requires=requires.get("reviews", {}))
    steps = steps_of(facts("items", rows=rows), shop, reviews)
    return [step.removeprefix("legacy ") for step in steps if step.startswith("legacy")]


def test_versions_wait_for_those_that_they_require() -> None:
    order = {"shop": {3: {"reviews": 1}}, "reviews": {1: {"shop": 2}, 2: {"shop": 3}}}
    assert legacy_steps([("Shop", 1), ("Reviews", 0)], **order) == [
        "shop 2",
        "reviews 1",
        "shop 3",
        "reviews 2",
    ]


@pytest.mark.parametrize("rows", [[], [("Reviews", 1)]])
def test_a_requirement_holds_nobody_up_that_is_met_or_never_installed(rows: list[Any]) -> None:
    steps = legacy_steps([("Shop", 2), *rows], shop={3: {"reviews": 1}})
    assert steps[0] == "shop 3"


def test_a_repository_that_is_handed_over_holds_nobody_up() -> None:
    shop = repository(requires={3: {"reviews": 2}})
    graph = graph_of({"shop_base": (), "reviews_base": ()})
    found = facts("items", rows=[("Shop", 2)], revisions=["reviews_base"])
    assert steps_of(found, shop, REVIEWS, graph=graph)[0] == "legacy shop 3"


def test_an_order_that_cannot_be_is_told() -> None:
    shop = repository(requires={2: {"reviews": 2}})
    reviews = repository("reviews", 2, requires={1: {"shop": 3}})
    with pytest.raises(ConfigError) as caught:
        plan_of(facts("items", rows=[("Shop", 1), ("Reviews", 0)]), shop, reviews)
    assert (caught.value.message, caught.value.help) == (
        "legacy.NAME.requires in /app/bridge.toml asks for an impossible order: shop 2 requires "
        "reviews 2, and reviews 1 requires shop 3.",
        "Change legacy.NAME.requires in /app/bridge.toml.",
    )


# --- what a plan is -----------------------------------------------------------------------


def test_a_state_that_is_refused_has_no_plan() -> None:
    with pytest.raises(AheadError):
        plan_of(facts("items", rows=[("Shop", 99)]))


def test_the_same_facts_make_the_same_plan() -> None:
    found = facts("items", rows=[("Shop", 1)])
    assert plan_of(found) == plan_of(found)


def test_steps_as_json() -> None:
    plan = plan_of(facts("items", rows=[("Shop", 2)]), SHOP)
    assert [step_as_dict(step) for step in plan.steps[:3]] == [
        {"kind": "run_legacy", "repository": "shop", "version": 3, "how": "live"},
        {"kind": "stamp", "revisions": ("shop_base",)},
        {"kind": "upgrade", "revision": "shop_notes", "branch": "shop"},
    ]
    settings = config(SHOP, fresh="models", foundations="app:lay")
    plan = plan_of(facts(), SHOP, settings=settings)
    assert [step_as_dict(step) for step in plan.steps] == [
        {"kind": "create_models"},
        {"kind": "stamp", "revisions": ("coupons_base", "reviews_text", "shop_stock")},
        {"kind": "foundations", "component": "core", "hook": "app:lay"},
    ]
