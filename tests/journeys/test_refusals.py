"""What a refusal tells an administrator to type is typed here; then the upgrade goes through."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.databases import Database
from support.legacy_projects import ONCE
from support.projects import Project, copy_project, write_revisions, write_shop, write_versions

from bridge.model.state import State

pytestmark = ONCE

Make = Callable[[Project, Database], None]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project("shop", tmp_path / "shop")


def refusal(project: Project, database: Database) -> State:
    state = project.bridge(database).status()
    assert state.problem is not None
    return state


def type_sql(database: Database, advice: str, version: int | None = None) -> None:
    """Runs the SQL statements of a help text; VERSION is what the administrator found out."""
    statements = re.findall(r"\b(?:CREATE|DELETE|INSERT|UPDATE) [^;]*;", advice)
    assert statements
    database.execute(*(sql.replace("VERSION", str(version)) for sql in statements))


def type_command(project: Project, database: Database, advice: str, nth: int = 0) -> None:
    """Runs the nth `bridge alembic` command of a help text."""
    found = re.findall(r"bridge (alembic stamp(?: --?\w+| \w+)+)", advice)[nth].split()
    result = project.run(found[0], url=database, after=found[1:])
    assert (result.exit_code, result.output) == (0, "The words of an env.py.\n")


def upgraded(project: Project, database: Database) -> list[str]:
    """Upgrades to the heads; returns the legacy steps and stamps that it takes.

    Really on SQLite only, to save time: on the servers the plan shows that nothing is refused, and
    the other tests that plans run there.
    """
    steps = project.bridge(database).plan().steps
    if database.dialect == "sqlite":
        report = project.bridge(database).dbupdate()
        assert report.current == ("coupons_ends", "reviews_text", "shop_stock")
        assert tuple(step for step, _seconds in report.steps) == steps
        assert database.rows()["items"] == [(1, "A lamp, 100% brass", None, None)]
    return [str(step) for step in steps if step.kind != "upgrade"]


# --- rows that cannot be ------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.parametrize(
    "rows", [[("Shop", 2), ("Store", 3)], [("Shop", 2), ("Shop", 2)], [("Shop", None)], []]
)
def test_one_row_is_written_anew(
    project: Project, database: Database, rows: list[tuple[str, int | None]]
) -> None:
    project.configure("legacy.shop", 'aliases = ["Store"]')
    write_shop(database, 2)
    write_versions(database, *rows, loose=True)
    type_sql(database, refusal(project, database).problem.help, 2)  # type: ignore[union-attr]
    assert upgraded(project, database) == ["legacy shop 3", "stamp shop_base"]


@pytest.mark.process
def test_an_older_name_is_configured(project: Project, database: Database) -> None:
    write_shop(database, 2)
    write_versions(database, ("Store", 2))
    problem = refusal(project, database).problem
    assert problem is not None
    found = re.search(r"legacy\.shop\.(aliases = \[.*?\])", problem.help)
    assert found is not None
    project.configure("legacy.shop", found[1])
    assert upgraded(project, database) == ["legacy shop 3", "stamp shop_base"]
    if database.dialect == "sqlite":
        assert database.rows()["migrate_version"] == [("Store", "/srv/gone/legacy", 3)]


def test_the_row_of_a_squashed_history_is_deleted_where_there_is_nothing(
    project: Project, database: Database
) -> None:
    project.number_from(40)
    write_versions(database, ("Shop", 3))
    problem = refusal(project, database).problem
    assert problem is not None
    type_sql(database, problem.help)
    assert project.bridge(database).status().kind == "fresh"


@pytest.mark.process
def test_an_ordinary_first_version_is_configured(project: Project, database: Database) -> None:
    project.number_from(40)
    (project.root / "legacy/shop/versions/040_items.py").unlink()  # begins at 41: prices
    write_shop(database, 1)
    write_versions(database, ("Shop", 40))
    problem = refusal(project, database).problem
    assert problem is not None
    found = re.search(r"legacy\.shop\.(squashed = false)", problem.help)
    assert found is not None
    project.configure("legacy.shop", found[1])
    assert upgraded(project, database) == ["legacy shop 41", "legacy shop 42", "stamp shop_base"]


# --- tables without a version -------------------------------------------------------------


@pytest.mark.process
def test_the_version_of_an_unmanaged_database_is_written(
    project: Project, database: Database
) -> None:
    write_shop(database, 2)
    type_sql(database, refusal(project, database).problem.help, 2)  # type: ignore[union-attr]
    assert upgraded(project, database) == ["legacy shop 3", "stamp shop_base"]


def test_an_unmanaged_database_at_the_newest_version_is_stamped(
    project: Project, database: Database
) -> None:
    write_shop(database, 3)
    database.execute(
        "CREATE TABLE reviews (id INTEGER PRIMARY KEY, item_id INTEGER, stars INTEGER)"
    )
    problem = refusal(project, database).problem
    assert problem is not None
    type_command(project, database, problem.help)
    assert upgraded(project, database) == []


def test_foreign_tables_are_configured(project: Project, sqlite_database: Database) -> None:
    sqlite_database.execute("CREATE TABLE kombu_message (id INTEGER PRIMARY KEY)")
    problem = refusal(project, sqlite_database).problem
    assert problem is not None
    assert "database.ignore_tables" in problem.help
    project.configure("database", 'ignore_tables = ["kombu_*"]')
    assert project.bridge(sqlite_database).status().kind == "fresh"


# --- rows against stamps ------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.parametrize("stamps", [["shop_base"], ["shop_stock", "reviews_text", "coupons_ends"]])
def test_a_stamp_that_came_too_early_is_taken_out(
    project: Project, database: Database, stamps: list[str]
) -> None:
    """Also one of all heads, as blind applications write it."""
    write_shop(database, 1)
    write_versions(database, ("Shop", 1))
    write_revisions(database, stamps)
    problem = refusal(project, database).problem
    assert problem is not None
    type_command(project, database, problem.help)
    assert upgraded(project, database) == ["legacy shop 2", "legacy shop 3", "stamp shop_base"]


def test_a_stale_row_is_corrected(project: Project, database: Database) -> None:
    write_shop(database, 3)
    write_versions(database, ("Shop", 2))
    write_revisions(database, ["shop_base"])
    type_sql(database, refusal(project, database).problem.help)  # type: ignore[union-attr]
    assert upgraded(project, database) == []


@pytest.mark.process
def test_a_module_loses_its_stamp_and_the_core_keeps_its_own(
    project: Project, database: Database
) -> None:
    write_shop(database, 3)
    database.execute("CREATE TABLE reviews (id INTEGER PRIMARY KEY, item_id INTEGER)")
    write_versions(database, ("Shop", 3), ("Reviews", 1))
    database.execute("ALTER TABLE orders ADD COLUMN note VARCHAR(200)")  # shop_notes has run
    write_revisions(database, ["shop_notes", "reviews_base"])
    problem = refusal(project, database).problem
    assert problem is not None
    type_command(project, database, problem.help)
    assert upgraded(project, database) == ["legacy reviews 2", "stamp reviews_base"]


def test_what_legacy_did_after_the_hand_over_is_stamped(
    project: Project, database: Database
) -> None:
    project.replace("bridge.toml", "{ 3 =", '{ 2 = ["shop_base"], 3 =')
    project.replace("bridge.toml", '3 = ["shop_base"]', '3 = ["shop_notes"]')
    write_shop(database, 3)
    database.execute("ALTER TABLE orders ADD COLUMN note VARCHAR(200)")
    write_versions(database, ("Shop", 3))
    write_revisions(database, ["shop_base"])
    problem = refusal(project, database).problem
    assert problem is not None
    type_command(project, database, problem.help)
    assert upgraded(project, database) == []


@pytest.mark.process
def test_a_stamp_before_an_unmapped_version_is_taken_out(
    project: Project, database: Database
) -> None:
    project.replace("bridge.toml", "{ 3 =", '{ 1 = ["shop_base"], 3 =')
    project.replace("bridge.toml", '3 = ["shop_base"]', '3 = ["shop_notes"]')
    project.write("legacy/shop/versions/003_orders.py", ORDERS_WITH_NOTES)
    write_shop(database, 2)
    write_versions(database, ("Shop", 2))
    write_revisions(database, ["shop_base"])
    problem = refusal(project, database).problem
    assert problem is not None
    type_command(project, database, problem.help)
    assert upgraded(project, database) == ["legacy shop 3", "stamp shop_notes"]


ORDERS_WITH_NOTES = """
def upgrade(migrate_engine):
    migrate_engine.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, item_id INTEGER, note VARCHAR(200))"
    )
"""


@pytest.mark.parametrize("rows", [["coupons_base"], ["coupons_base", "shop_base"]])
def test_a_module_whose_folder_is_gone_is_put_back_and_stays_off(
    project: Project, database: Database, rows: list[str]
) -> None:
    project.replace("bridge.toml", '"alembic/coupons"', '"alembic/coupons"\nenabled = false')
    folder = project.root / "alembic/coupons"
    folder.rename(project.root / "elsewhere")
    write_shop(database, 3)
    write_revisions(database, rows)
    problem = refusal(project, database).problem
    assert problem is not None
    assert f"restore its folder {folder};" in problem.help
    (project.root / "elsewhere").rename(folder)
    report = project.bridge(database).dbupdate()
    assert report.current == ("coupons_base", "reviews_text", "shop_stock")
    assert report.dormant == {"coupons": ("coupons_base",)}
    with database.engine().connect() as connection:
        assert not sa.inspect(connection).has_table("coupons")
