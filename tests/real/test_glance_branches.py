"""glance's own Alembic revisions: a stamp map, and a data step between two branches.

They are of the world of SQLAlchemy 1.4. From 42 on a database may be handed over at any version;
the expand branch then adds a column that the contract branch demands to be filled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from real.histories import FOREIGN_CODE, OLD_WORLD, Load, Project, content
from support.databases import Database

from bridge import Bridge
from bridge.model.errors import RevisionFailedError

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not OLD_WORLD, reason="glance's revisions need SQLAlchemy 1.4"),
    *FOREIGN_CODE,
]

MAP = {
    "42": ["liberty"],
    "43": ["mitaka01"],
    "44": ["mitaka02"],
    "45": ["ocata_contract01"],
}

# What the database itself says to a NULL in a column that may have none from now on.
COMPLAINTS = {
    "sqlite": "NOT NULL constraint failed: _alembic_tmp_images.visibility",
    "postgresql": 'column "visibility" of relation "images" contains null values',
    "mariadb": "Data truncated for column 'visibility'",
}


def mapped(project: Callable[[str], Project], database: Database) -> Bridge:
    return project("glance").bridge(database, legacy={"stamp": MAP, "hand_over": "nearest"})


def failed(bridge: Bridge) -> RevisionFailedError:
    with pytest.raises(RevisionFailedError) as caught:
        bridge.dbupdate()
    return caught.value


def past_what_sqlite_cannot_copy(bridge: Bridge, database: Database) -> Sequence[dict[str, Any]]:
    """Meets, and mends by hand, a table that SQLAlchemy 1.4 cannot copy on SQLite.

    It reads two CHECK constraints on one line, as sqlalchemy-migrate writes them, as one broken
    constraint. Returns the steps that were done before.
    """
    error = failed(bridge)
    assert "ocata_expand01" in error.message
    assert 'near ")": syntax error' in error.message
    assert "SQL: CREATE TABLE images" in error.message
    assert "ocata_expand01 had done is rolled back" in error.state_of_data
    columns = database.schema()["tables"]["images"]["columns"]
    assert "visibility" not in {column["name"] for column in columns}
    assert len(database.rows()["images"]) == 3
    check, end = "'), ' || char(10) || 'CHECK'", "'))' || char(10) || ')'"
    database.execute(
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_master SET sql = replace(replace(sql, '), CHECK', {check}), ')))', {end})"
        " WHERE name = 'images'",
        "PRAGMA writable_schema = OFF",
    )
    return error.steps


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.parametrize(
    ("version", "handed_over_at", "stamped"),
    [(20, 42, "liberty"), (42, 42, "liberty"), (44, 44, "mitaka02")],
)
def test_the_nearest_mapped_version_leads_to_the_data_step_and_after_it_to_the_heads(
    version: int,
    handed_over_at: int,
    stamped: str,
    dialect: str,
    project: Callable[[str], Project],
    load: Load,
) -> None:
    database = load(f"glance/v{version:03}", dialect)
    bridge = mapped(project, database)
    # The other two dialects have no such obstacle.
    steps = past_what_sqlite_cannot_copy(bridge, database) if dialect == "sqlite" else []

    error = failed(bridge)

    assert "ocata_contract01" in error.message
    assert COMPLAINTS[dialect] in error.message
    done = {
        kind: [step for step in (*steps, *error.steps) if step["kind"] == kind]
        for kind in ("run_legacy", "stamp", "upgrade")
    }
    assert [step["version"] for step in done["run_legacy"]] == list(
        range(version + 1, handed_over_at + 1)
    )
    assert [step["revisions"] for step in done["stamp"]] == [(stamped,)]
    assert done["upgrade"][-1]["revision"] == "ussuri_expand01"
    assert "up to 'upgrade ussuri_expand01'" in error.state_of_data
    rows = database.rows()
    assert rows["alembic_version"] == [("ussuri_expand01",)]
    assert rows["migrate_version"][0][2] == handed_over_at
    assert len(rows["images"]) == 3
    if dialect == "mariadb":
        # Every change of the schema is committed there by itself: is_public is gone by now, and
        # without it the step cannot be done. It is put back as from a backup.
        assert "stays" in error.state_of_data
        database.execute(
            "ALTER TABLE images ADD is_public BOOL",
            "CREATE INDEX ix_images_is_public ON images (is_public)",
        )
    else:
        assert "ocata_contract01 had done is rolled back" in error.state_of_data

    database.execute(
        "UPDATE images SET visibility = 'public' WHERE is_public",
        "UPDATE images SET visibility = 'shared' WHERE visibility IS NULL",
    )
    report = bridge.dbupdate()

    assert report.current == ("ussuri_contract01",)
    names = [step.revision for step, _seconds in report.steps]  # type: ignore[union-attr]
    assert "ocata_contract01" in names
    assert "ocata_expand01" not in names
    assert len(database.rows()["images"]) == 3
    there = content(database)
    assert bridge.dbupdate().outcome == "nothing_to_do"
    assert content(database) == there


def test_the_branches_run_through_where_no_row_needs_the_data_step(
    project: Callable[[str], Project], load: Load
) -> None:
    database = load("glance/v042", "postgresql")
    for table in ("image_locations", "image_members", "image_properties", "image_tags", "images"):
        database.execute(f"DELETE FROM {table}")

    report = mapped(project, database).dbupdate()

    assert report.current == ("ussuri_contract01",)
    # 43 to 45 were not run: their revisions were.
    assert database.rows()["migrate_version"][0][2] == 42
    upgraded = {getattr(step, "revision", None) for step, _seconds in report.steps}
    assert {"mitaka01", "mitaka02", "ocata_expand01", "ocata_contract01"} <= upgraded
