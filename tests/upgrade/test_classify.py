"""From facts to states, without a database: every kind, and the whole text of every refusal."""

from __future__ import annotations

from typing import Any

import pytest
from support.facts import REVIEWS, SHOP, config, facts, graph_of, repository, state_of

from bridge.model.errors import (
    UNCHANGED,
    AheadError,
    AtSquashError,
    BridgeError,
    InconsistentError,
    LegacyScriptMissingError,
    TooOldError,
    UnmanagedError,
)
from bridge.model.state import Facts, StateKind
from bridge.upgrade.classify import classify

# --- states from which an upgrade may go on -----------------------------------------------

SQUASHED = repository(last=42, first=40)

GOOD: dict[str, tuple[StateKind, Facts, tuple[Any, ...]]] = {
    "nothing at all": ("fresh", facts(), ()),
    "an empty version table": ("fresh", facts(rows=[]), ()),
    "an empty Alembic version table": ("fresh", facts(revisions=[]), ()),
    "both version tables, empty": ("fresh", facts(rows=[], revisions=[]), ()),
    "bridge's own table": ("fresh", facts("bridge_journal"), ()),
    "another program's row, and no tables": ("fresh", facts(rows=[("Other", 7)]), ()),
    "legacy, behind": ("legacy", facts("items", rows=[("Shop", 1)]), ()),
    "legacy, not begun": ("legacy", facts(rows=[("Shop", 0)]), ()),
    "legacy, one behind and one at the last": (
        "legacy",
        facts("items", rows=[("Shop", 3), ("Reviews", 1)]),
        (),
    ),
    "legacy, with a row of another program": (
        "legacy",
        facts("items", rows=[("Shop", 2), ("Other", 7)]),
        (),
    ),
    "legacy, under an older name": (
        "legacy",
        facts("items", rows=[("Store", 2)]),
        (repository(aliases=("Store",)),),
    ),
    "legacy, a second repository that begins": (
        "legacy",
        facts("items", rows=[("Shop", 3)]),
        (SHOP, repository("reviews", 2, module=None)),
    ),
    "legacy, one that is handed over and one that is not": (
        "legacy",
        facts("items", rows=[("Shop", 3), ("Reviews", 1)], revisions=["shop_base"]),
        (),
    ),
    "at the last, nothing stamped": ("handing over", facts("items", rows=[("Shop", 3)]), ()),
    "at the last, an empty Alembic version table": (
        "handing over",
        facts("items", rows=[("Shop", 3)], revisions=[]),
        (),
    ),
    "at the nearest mapped version": (
        "handing over",
        facts("items", rows=[("Shop", 2)]),
        (repository(hand_over="nearest", stamp={2: ("shop_base",), 3: ("shop_notes",)}),),
    ),
    "behind the nearest mapped version": (
        "legacy",
        facts("items", rows=[("Shop", 1)]),
        (repository(hand_over="nearest", stamp={2: ("shop_base",), 3: ("shop_notes",)}),),
    ),
    "handed over, behind the heads": (
        "alembic",
        facts("items", rows=[("Shop", 3)], revisions=["shop_base"]),
        (),
    ),
    "handed over, at the heads": (
        "alembic",
        facts("items", revisions=["shop_stock", "reviews_text", "coupons_base"]),
        (),
    ),
    "handed over early, and upgraded since": (
        "alembic",
        facts("items", rows=[("Shop", 2)], revisions=["shop_stock"]),
        (repository(hand_over="nearest", stamp={2: ("shop_base",), 3: ("shop_notes",)}),),
    ),
    "never legacy": ("alembic", facts("items", revisions=["shop_notes"]), ()),
    "rows for a revision and what it depends on": (
        "alembic",
        facts("items", revisions=["shop_base", "reviews_base"]),
        (),
    ),
    "squashed, before the first version, and no tables": (
        "legacy",
        facts(rows=[("Shop", 39)]),
        (SQUASHED,),
    ),
    "before a first version that is an ordinary step": (
        "legacy",
        facts("items", rows=[("Shop", 39)]),
        (repository(last=42, first=40, squashed=False),),
    ),
    "squashed, at the first version": (
        "legacy",
        facts("items", rows=[("Shop", 40)]),
        (SQUASHED,),
    ),
    "numbered by time": (
        "legacy",
        facts("items", rows=[("Shop", 20120101)]),
        (repository(versions=(20120101, 20150101), gaps=True, stamp={20150101: ("shop_base",)}),),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_state_from_which_an_upgrade_goes_on(name: str) -> None:
    kind, found, repositories = GOOD[name]
    state = state_of(found, *repositories)
    assert (state.kind, state.problem) == (kind, None)


def test_a_state_says_what_was_found() -> None:
    state = state_of(
        facts("items", rows=[("Store", 2), ("Reviews", 1)]), repository(aliases=("Store",)), REVIEWS
    )
    shop, reviews = state.legacy["shop"], state.legacy["reviews"]
    assert (state.database, state.dialect) == ("sqlite:///x.db", "sqlite")
    assert (shop.version, shop.row_id, shop.handed_over, shop.waiting) == (2, "Store", False, True)
    assert (reviews.version, reviews.row_id) == (1, "Reviews")
    assert state.current == ()
    assert state.targets == ("coupons_base", "reviews_text", "shop_stock")


def test_rows_of_a_module_that_is_off_are_dormant() -> None:
    found = facts("items", rows=[("Shop", 3)], revisions=["shop_stock", "reviews_base"])
    state = state_of(found, settings=config(SHOP, REVIEWS, off=["reviews"]))
    assert (state.kind, state.problem) == ("dormant", None)
    assert state.dormant == {"reviews": ("reviews_base",)}
    assert state.targets == ("coupons_base", "shop_stock")


@pytest.mark.parametrize("rows", [[("Reviews", 1)], [("Reviews", None)], [("Reviews", 99)]])
def test_legacy_rows_of_a_module_that_is_off_do_not_count(rows: list[Any]) -> None:
    off = config(SHOP, REVIEWS, off=["reviews"])
    found = facts("items", "reviews", rows=[("Shop", 3), *rows], revisions=["shop_base"])
    state = state_of(found, settings=off)
    assert (state.kind, state.problem) == ("alembic", None)


@pytest.mark.parametrize("pattern", ["spatial_*", "*ref_sys"])
def test_foreign_tables_leave_a_database_fresh(pattern: str) -> None:
    settings = config(SHOP, ignore_tables=(pattern,))
    assert state_of(facts("spatial_ref_sys"), SHOP, settings=settings).kind == "fresh"
    assert state_of(facts("spatial_ref_sys", "x"), SHOP, settings=settings).kind == "unmanaged"


def test_another_program_may_have_the_usual_alembic_table() -> None:
    own = config(SHOP, version_table="shop_alembic_version")
    tables = {"alembic_version", "migrate_version"}
    assert state_of(Facts("d", "sqlite", frozenset(tables)), SHOP, settings=own).kind == "fresh"


# --- states that are refused --------------------------------------------------------------

INSERT = (
    "INSERT INTO migrate_version (repository_id, repository_path, version) "
    "VALUES ('Shop', '', VERSION);"
)
MAPPED = repository(stamp={2: ("shop_base",), 3: ("shop_notes",)})

# For each name: the facts, repositories and kind, then the error, its message and its help.
BAD: dict[str, tuple[Facts, tuple[Any, ...], StateKind, type[BridgeError], str, str]] = {
    "an unknown revision": (
        facts("items", revisions=["zzz9"]),
        (),
        "ahead",
        AheadError,
        "The table alembic_version holds the revision zzz9, which this code does not have: a newer "
        "release of the app wrote it, or another program that keeps its versions in the same "
        "table.",
        "Use the newer release. If another program owns that table, name the app's own in "
        "alembic.version_table of /app/bridge.toml.",
    ),
    "unknown revisions beside known ones": (
        facts("items", revisions=["shop_base", "zzz9", "aaa1"]),
        (),
        "ahead",
        AheadError,
        "The table alembic_version holds the revisions aaa1, zzz9, which this code does not have: "
        "a newer release of the app wrote it, or another program that keeps its versions in the "
        "same table.",
        "Use the newer release. If another program owns that table, name the app's own in "
        "alembic.version_table of /app/bridge.toml.",
    ),
    "a version above the last": (
        facts("items", rows=[("Shop", 4)]),
        (),
        "ahead",
        AheadError,
        "The legacy repository shop is at version 4 in this database; this code knows 1 to 3: a "
        "newer release of the app wrote it.",
        "Use that release of the app, or a later one.",
    ),
    "a version above the last, handed over": (
        facts("items", rows=[("Shop", 4)], revisions=["shop_base"]),
        (),
        "ahead",
        AheadError,
        "The legacy repository shop is at version 4 in this database; this code knows 1 to 3: a "
        "newer release of the app wrote it.",
        "Use that release of the app, or a later one.",
    ),
    "two rows, one of an alias": (
        facts("items", rows=[("Shop", 3), ("Store", 2)]),
        (repository(aliases=("Store",)),),
        "inconsistent",
        InconsistentError,
        "The table migrate_version holds 2 rows for the legacy repository shop: 'Shop' at 3, "
        "'Store' at 2. It should hold one.",
        "Find out which version the schema really has, and write one row with it: "
        "DELETE FROM migrate_version WHERE repository_id IN ('Shop', 'Store'); " + INSERT,
    ),
    "the same row twice, and one without a version": (
        facts("items", rows=[("Shop", 3), ("Shop", 3), ("Shop", None)]),
        (),
        "inconsistent",
        InconsistentError,
        "The table migrate_version holds 3 rows for the legacy repository shop: 'Shop' at 3, "
        "'Shop' at 3, 'Shop' at no version (NULL). It should hold one.",
        "Find out which version the schema really has, and write one row with it: "
        "DELETE FROM migrate_version WHERE repository_id IN ('Shop'); " + INSERT,
    ),
    "no version in the row": (
        facts("items", rows=[("Shop", None)]),
        (),
        "inconsistent",
        InconsistentError,
        "The row 'Shop' of the table migrate_version has no version (NULL). It should be a number "
        "from 0 to 3.",
        "Find out which version the schema really has, and write it: "
        "UPDATE migrate_version SET version = VERSION WHERE repository_id = 'Shop';",
    ),
    "no version in the row of a name with a quote": (
        facts("items", rows=[("Bob's", None)]),
        (repository(repository_id="Bob's"),),
        "inconsistent",
        InconsistentError,
        "The row 'Bob''s' of the table migrate_version has no version (NULL). It should be a "
        "number from 0 to 3.",
        "Find out which version the schema really has, and write it: "
        "UPDATE migrate_version SET version = VERSION WHERE repository_id = 'Bob''s';",
    ),
    "a row of an unknown name instead": (
        facts("items", rows=[("Store", 2)]),
        (),
        "inconsistent",
        InconsistentError,
        "The table migrate_version has no row for the legacy repository shop: expected one with "
        "repository_id 'Shop', found 'Store', although there are tables (items).",
        "If 'Store' is its older name, add it: legacy.shop.aliases = [\"Store\"]. If it belongs to "
        "another program, and the tables do too, name them in database.ignore_tables.",
    ),
    "tables beside an empty version table": (
        facts("a", "b", "c", "d", "e", rows=[]),
        (),
        "inconsistent",
        InconsistentError,
        "The table migrate_version is empty, although there are tables of the app (a, b, c and 2 "
        "more). It should hold one with repository_id 'Shop'.",
        "Find out which version the schema really has, and write it: " + INSERT,
    ),
    "a legacy version table of another shape": (
        facts(
            "items", "migrate_version", not_version_tables={"migrate_version": ("id", "version")}
        ),
        (),
        "inconsistent",
        InconsistentError,
        "The table migrate_version is not a version table: it has the columns id, version, and "
        "should have repository_id and version.",
        "If another program owns it, name the app's own version table: version_table in "
        "/app/shop/migrate.cfg and /app/reviews/migrate.cfg",
    ),
    "an Alembic version table of another shape": (
        facts("items", rows=[("Shop", 3)], not_version_tables={"alembic_version": ("version",)}),
        (),
        "inconsistent",
        InconsistentError,
        "The table alembic_version is not a version table: it has the columns version, and should "
        "have version_num.",
        "If another program owns it, name the app's own version table: alembic.version_table of "
        "/app/bridge.toml",
    ),
    "older than a squashed history": (
        facts("items", rows=[("Shop", 12)]),
        (repository(last=42, first=40, bring_up_with="release 7"),),
        "legacy",
        TooOldError,
        "The legacy repository shop is at version 12 in this database; the history begins at 40, "
        "and the versions before it were removed.",
        "Bring the database to version 40 or later with release 7, then run: bridge dbupdate",
    ),
    "older than a squashed history, without a table": (
        facts(rows=[("Shop", 0)]),
        (SQUASHED,),
        "legacy",
        TooOldError,
        "The legacy repository shop is at version 0 in this database; the history begins at 40, "
        "and the versions before it were removed.",
        "The database has none of the app's tables, so nothing would be lost: DELETE FROM "
        "migrate_version "
        "WHERE repository_id = 'Shop'; then run: bridge dbupdate",
    ),
    "just before a squashed history": (
        facts("items", "orders", rows=[("Shop", 39)]),
        (SQUASHED,),
        "legacy",
        AtSquashError,
        "The legacy repository shop is at version 39 in this database, just before 40, the first "
        "of the history. A squashed first version creates tables that already exist (items, "
        "orders).",
        "Bring the database to version 40 or later with an older release of the app that still has "
        "it. If version 40 is an ordinary step that changes existing tables, set "
        "legacy.shop.squashed = false",
    ),
    "a script that is gone": (
        facts("items", rows=[("Shop", 1)]),
        (repository(last=5, versions=(1, 2, 4, 5)),),
        "legacy",
        LegacyScriptMissingError,
        "Version 3 of the legacy repository shop has no script in /app/shop/versions; the database "
        "is at 1.",
        "Restore the files from the app's version control.",
    ),
    "scripts that are gone": (
        facts("items", rows=[("Shop", 1)]),
        (repository(last=5, versions=(1, 5)),),
        "legacy",
        LegacyScriptMissingError,
        "Versions 2, 3, 4 of the legacy repository shop have no script in /app/shop/versions; the "
        "database is at 1.",
        "Restore the files from the app's version control.",
    ),
    "legacy behind its stamp": (
        facts("items", rows=[("Shop", 2)], revisions=["shop_base"]),
        (),
        "inconsistent",
        InconsistentError,
        "The legacy repository shop is at version 2 in the table migrate_version, but the database "
        "is stamped with shop_base, which equals version 3. The row should say 3 before that "
        "revision is stamped.",
        "Find out which of the two is true. If the schema is that of version 3 or newer, correct "
        "the row: UPDATE migrate_version SET version = 3 WHERE repository_id = 'Shop';\n"
        "If it is that of version 2, and no revision from shop_base on has really run, "
        "remove the stamp: bridge alembic stamp --purge base\nThen run: bridge dbupdate",
    ),
    "legacy behind the stamps of all branches": (
        facts("items", rows=[("Store", 1)], revisions=["shop_stock", "reviews_base"]),
        (repository(aliases=("Store",)), REVIEWS),
        "inconsistent",
        InconsistentError,
        "The legacy repository shop is at version 1 in the table migrate_version, but the database "
        "is stamped with shop_base, which equals version 3 (its rows: reviews_base, shop_stock). "
        "The row should say 3 before that revision is stamped.",
        "Find out which of the two is true. If the schema is that of version 3 or newer, correct "
        "the row: UPDATE migrate_version SET version = 3 WHERE repository_id = 'Store';\n"
        "If it is that of version 1, and no revision from shop_base on has really run, "
        "remove the stamp: bridge alembic stamp --purge base\nThen run: bridge dbupdate",
    ),
    # Taking out everything would let the revisions of the shop run a second time.
    "a module behind its stamp": (
        facts("items", rows=[("Shop", 3), ("Reviews", 1)], revisions=["reviews_text"]),
        (),
        "inconsistent",
        InconsistentError,
        "The legacy repository reviews is at version 1 in the table migrate_version, but the "
        "database is stamped with reviews_base, which equals version 2 (its rows: reviews_text). "
        "The row should say 2 before that revision is stamped.",
        "Find out which of the two is true. If the schema is that of version 2 or newer, correct "
        "the row: UPDATE migrate_version SET version = 2 WHERE repository_id = 'Reviews';\n"
        "If it is that of version 1, and no revision from reviews_base on has really run, "
        "remove the stamp: bridge alembic stamp --purge shop_notes\nThen run: bridge dbupdate",
    ),
    "legacy behind the second of its stamps": (
        facts("items", rows=[("Shop", 3)], revisions=["shop_notes"]),
        (repository(last=4, stamp={2: ("shop_base",), 4: ("shop_notes",)}),),
        "inconsistent",
        InconsistentError,
        "The legacy repository shop is at version 3 in the table migrate_version, but the database "
        "is stamped with shop_notes, which equals version 4. The row should say 4 before that "
        "revision is stamped.",
        "Find out which of the two is true. If the schema is that of version 4 or newer, correct "
        "the row: UPDATE migrate_version SET version = 4 WHERE repository_id = 'Shop';\n"
        "If it is that of version 3, and no revision from shop_notes on has really run, "
        "remove the stamp: bridge alembic stamp --purge shop_base\nThen run: bridge dbupdate",
    ),
    "legacy ran on to a mapped version": (
        facts("items", rows=[("Shop", 3)], revisions=["shop_base"]),
        (MAPPED,),
        "inconsistent",
        InconsistentError,
        "The legacy repository shop is at version 3 in the table migrate_version, which equals "
        "shop_notes, but the database is stamped only with shop_base, which equals version 2: "
        "legacy scripts ran after the hand-over.",
        "If the schema has the changes of those versions, stamp them: bridge alembic stamp "
        "shop_notes",
    ),
    "legacy ran on between two mapped versions": (
        facts("items", rows=[("Shop", 3)], revisions=["shop_base", "coupons_base"]),
        (repository(last=4, stamp={2: ("shop_base",), 4: ("shop_notes",)}),),
        "inconsistent",
        InconsistentError,
        "The legacy repository shop is at version 3 in the table migrate_version, but the database "
        "is stamped with shop_base, which equals version 2 (its rows: coupons_base, shop_base): "
        "legacy scripts ran after the hand-over.",
        "If the schema is that of version 2, correct the row: UPDATE migrate_version SET version = "
        "2 WHERE repository_id = 'Shop';\n"
        "If it is that of version 3, and no revision from shop_base on has really run, "
        "remove the stamp: bridge alembic stamp --purge base\nThen run: bridge dbupdate",
    ),
    "tables and nothing else": (
        facts("items"),
        (),
        "unmanaged",
        UnmanagedError,
        "There are tables (items), but no version is recorded: there is no row in "
        "migrate_version or alembic_version. bridge cannot know which version they are at.",
        "If these tables are another program's, name them in database.ignore_tables of "
        "/app/bridge.toml.\nIf they are the app's at an older legacy version, record it for each "
        "repository: CREATE TABLE migrate_version (repository_id VARCHAR(250) NOT NULL "
        f"PRIMARY KEY, repository_path TEXT, version INTEGER); {INSERT}\n"
        "If they are at the newest version: bridge alembic stamp reviews_base\n"
        "If they are at a newer revision: bridge alembic stamp REVISION",
    ),
    # What a failed stamp leaves on SQLite.
    "tables and an empty Alembic version table": (
        facts("a", "b", "c", "d", revisions=[]),
        (repository(version_table="versions"),),
        "unmanaged",
        UnmanagedError,
        "There are tables (a, b, c and 1 more), but no version is recorded: there is no row in "
        "versions or alembic_version. bridge cannot know which version they are at.",
        "If these tables are another program's, name them in database.ignore_tables of "
        "/app/bridge.toml.\nIf they are the app's at an older legacy version, record it for each "
        "repository: CREATE TABLE versions (repository_id VARCHAR(250) NOT NULL PRIMARY KEY, "
        "repository_path TEXT, version INTEGER); INSERT INTO versions (repository_id, "
        "repository_path, version) VALUES ('Shop', '', VERSION);\n"
        "If they are at the newest version: bridge alembic stamp shop_base\n"
        "If they are at a newer revision: bridge alembic stamp REVISION",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_refused_state_has_a_reason_and_a_fix(name: str) -> None:
    found, repositories, kind, error, message, advice = BAD[name]
    state = state_of(found, *repositories)
    assert state.kind == kind
    assert type(state.problem) is error
    assert (state.problem.message, state.problem.help) == (message, advice)
    assert state.problem.state_of_data == UNCHANGED


def test_without_a_legacy_history_only_alembic_is_named() -> None:
    state = classify(facts("items"), {}, graph_of(), config())
    assert state.problem is not None
    assert (state.problem.message, state.problem.help) == (
        "There are tables (items), but no version is recorded: there is no row in "
        "alembic_version. bridge cannot know which version they are at.",
        "If these tables are another program's, name them in database.ignore_tables of "
        "/app/bridge.toml.\nIf they are the app's, stamp the revision that they equal: "
        "bridge alembic stamp REVISION",
    )


def test_an_unknown_revision_may_be_of_a_module_whose_folder_is_gone() -> None:
    state = state_of(
        facts("items", revisions=["shop_base", "zzz9"]),
        settings=config(SHOP, REVIEWS, off=["coupons"], absent=["coupons"]),
    )
    assert state.kind == "ahead"
    assert state.problem is not None
    assert state.problem.help == (
        "Use the newer release. If another program owns that table, name the app's own in "
        "alembic.version_table of /app/bridge.toml. If it belongs to the module coupons, which is "
        "switched off, restore its folder /app/modules/coupons; the module may stay switched off."
    )


def test_the_name_of_a_module_that_is_off_is_not_taken_for_an_older_name_of_the_core() -> None:
    off = config(SHOP, REVIEWS, off=["reviews"])
    state = state_of(facts("reviews", rows=[("Reviews", 2)]), settings=off)
    assert state.kind == "unmanaged"


def test_the_most_telling_problem_comes_first() -> None:
    """An unknown revision says more than a row that cannot be."""
    found = facts("items", rows=[("Shop", None)], revisions=["zzz9"])
    assert state_of(found).kind == "ahead"
