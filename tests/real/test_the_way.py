"""Old databases of real projects: over the last legacy version to the heads, on every dialect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest
from real.histories import FOREIGN_CODE, HISTORIES, OLD_WORLD, Load, Project, Rows, content, counts
from support.databases import Database, Document
from support.legacy_projects import LEGACY_SIDE, ONCE

from bridge.model.steps import RunLegacy, Stamp, Upgrade

pytestmark = [pytest.mark.real, *FOREIGN_CODE]

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

EVERYWHERE = ("sqlite", "postgresql", "mariadb")

# What the projects' own scripts can do; where they cannot, see test_where_it_ends.
WAYS: dict[str, dict[str, tuple[int, ...]]] = {
    "glance": dict.fromkeys(EVERYWHERE, (2, 20, 41, 42, 44, 45)),
    "masakari": dict.fromkeys(EVERYWHERE, (1, 4, 7, 8)),
    "masakari-taskflow": dict.fromkeys(EVERYWHERE, (5, 7, 8)),
    "trove": {"mariadb": (20, 37, 39, 47)},
    "trove-plain": {"sqlite": (1, 25, 47, 48), "mariadb": (1, 25, 47, 48)},
    "buildbot": {"sqlite": (40, 50, 57, 58), "postgresql": (40, 50, 57, 58)},
    "buildbot-fresh": dict.fromkeys(EVERYWHERE, (58,)),
}


def method(*, all_versions: Iterable[str]) -> pytest.MarkDecorator:
    """From every version of these histories, and from the oldest one of the others.

    The legacy side is the same process whatever SQLAlchemy we have: it is enough to go all the
    ways with one of them.
    """
    every = set(all_versions)
    return pytest.mark.parametrize(
        ("old", "version", "dialect"),
        [
            pytest.param(old, version, dialect, id=f"{old}-v{version:03}-{dialect}")
            for old, dialects in WAYS.items()
            for dialect, versions in dialects.items()
            for version in (versions if old in every else versions[:1])
        ],
    )


def legacy_version(database: Database) -> int:
    ((_repository, _path, version),) = database.rows()["migrate_version"]
    return int(version)


def without_today(found: tuple[Document, Rows]) -> tuple[Document, Rows]:
    """glance's 003_sqlite_upgrade.sql writes date('now'), and midnight may come between two runs.

    No other script takes a value from a clock that `standins/` does not hold still.
    """
    schema, rows = found
    return schema, {
        table: [
            tuple("today" if DATE.fullmatch(str(value)) else value for value in row)
            for row in lines
        ]
        if table == "image_properties"
        else lines
        for table, lines in rows.items()
    }


@LEGACY_SIDE
@method(all_versions=WAYS)
def test_hands_over_what_sqlalchemy_migrate_alone_builds(
    old: str, version: int, dialect: str, project: Callable[[str], Project], load: Load
) -> None:
    history = HISTORIES[old.partition("-")[0]]
    ours, theirs = (load(f"{old}/v{version:03}", dialect) for _ in range(2))
    before = counts(ours.rows())
    bridge = project(history.name).to_the_hand_over(ours)

    report = bridge.dbupdate()

    assert [step for step, _seconds in report.steps] == [
        *(RunLegacy(history.name, number) for number in range(version + 1, history.last + 1)),
        Stamp((history.base,)),
    ]
    assert report.current == (history.base,)
    project(history.name).migrate_alone(theirs)
    assert legacy_version(theirs) == history.last
    assert without_today(content(ours, (history.version_table,))) == without_today(content(theirs))
    if history.name == "glance":
        # No version of it removes a row: one that is gone is lost.
        after = counts(ours.rows())
        assert {table: after[table] for table in before if after[table] < before[table]} == {}


# Where they are handed over is tested above, with the other SQLAlchemy.
@ONCE
@method(all_versions=())
def test_reaches_the_heads_in_one_run_and_has_nothing_to_do_in_the_next(
    old: str, version: int, dialect: str, project: Callable[[str], Project], load: Load
) -> None:
    history = HISTORIES[old.partition("-")[0]]
    database = load(f"{old}/v{version:03}", dialect)
    foreign = database.rows().get("alembic_version") if "taskflow" in old else None
    bridge = project(history.name).bridge(database)

    report = bridge.dbupdate()

    assert report.outcome == "upgraded"
    assert report.current == bridge.status().targets == (history.head,)
    assert isinstance(report.steps[-1][0], Upgrade)
    assert report.steps[-1][0].revision == history.head
    assert legacy_version(database) == history.last
    assert database.rows()[history.version_table] == [(history.head,)]
    if foreign is not None:
        # The library's own table, of the same name as Alembic's default.
        assert database.rows()["alembic_version"] == foreign

    there = content(database)
    again = bridge.dbupdate()
    assert (again.outcome, again.steps, again.current) == ("nothing_to_do", (), (history.head,))
    assert content(database) == there


@ONCE
@pytest.mark.parametrize("dialect", EVERYWHERE)
def test_the_revisions_keep_the_rows_that_legacy_scripts_left(
    dialect: str, project: Callable[[str], Project], load: Load
) -> None:
    glance = project("glance")
    handed_over, database = (load("glance/v020", dialect) for _ in range(2))
    glance.to_the_hand_over(handed_over).dbupdate()
    before = handed_over.rows()
    glance.bridge(database).dbupdate()
    after = database.rows()

    assert len(before["images"]) == 3
    # On SQLite the revisions rebuild images, to which these point.
    for table in ("image_locations", "image_members", "image_properties", "image_tags"):
        assert after[table] == before[table], table
    assert {row[:4] for row in after["images"]} == {row[:4] for row in before["images"]}
    gone = {table for table in before if table not in after}
    # pike_contract01 drops the tables of a feature that is no more.
    assert {table.partition("_")[0] for table in gone} <= {"artifact", "artifacts"}
    assert bool(gone) == OLD_WORLD
