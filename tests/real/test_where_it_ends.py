"""Old databases of real projects that cannot go on: what is said, and what is left."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from real.histories import FOREIGN_CODE, HERE, Load, Project, content
from support.databases import Database
from support.legacy_projects import LEGACY_SIDE

from bridge import Bridge
from bridge.model.errors import (
    AheadError,
    BridgeError,
    LegacyError,
    LegacyPreflightError,
    TooOldError,
)

pytestmark = [pytest.mark.real, LEGACY_SIDE, *FOREIGN_CODE]


def refused(bridge: Bridge, database: Database, kind: type[BridgeError]) -> BridgeError:
    """The error of a run that must not change anything."""
    before = content(database)
    with pytest.raises(BridgeError) as caught:
        bridge.dbupdate()
    assert type(caught.value) is kind
    assert caught.value.state_of_data == "The database is unchanged."
    assert content(database) == before
    return caught.value


@pytest.mark.parametrize(
    ("old", "dialect"),
    [("trove", "mariadb"), ("trove-plain", "sqlite"), ("trove-plain", "mariadb")],
)
def test_a_version_of_a_later_release_is_refused(
    old: str, dialect: str, project: Callable[[str], Project], load: Load
) -> None:
    database = load(f"{old}/v049", dialect)
    bridge = project("trove").bridge(database)
    error = refused(bridge, database, AheadError)
    assert "trove is at version 49" in error.message
    assert "1 to 48" in error.message
    assert bridge.status().kind == "ahead"


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("version", [1, 20])
def test_a_version_before_a_squashed_history_is_refused_with_the_release_that_brings_it_up(
    version: int, dialect: str, project: Callable[[str], Project], load: Load
) -> None:
    database = load(f"buildbot/v{version:03}", dialect)
    error = refused(project("buildbot").bridge(database), database, TooOldError)
    assert f"buildbot is at version {version} " in error.message
    assert "begins at 40" in error.message
    assert "with buildbot 2.x" in error.help


@pytest.mark.parametrize(("version", "dialect"), [(7, "sqlite"), (8, "postgresql"), (8, "mariadb")])
def test_an_alembic_version_of_a_library_is_not_taken_for_the_apps(
    version: int, dialect: str, project: Callable[[str], Project], load: Load
) -> None:
    database = load(f"masakari-taskflow/v{version:03}", dialect)
    bridge = project("masakari").bridge(database, alembic={"version_table": "alembic_version"})
    error = refused(bridge, database, AheadError)
    assert "40fc8c914bd2" in error.message
    assert "alembic.version_table" in error.help


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
def test_a_library_that_takes_alembics_table_while_scripts_run_stops_the_stamp(
    dialect: str, project: Callable[[str], Project], load: Load
) -> None:
    masakari = project("masakari")
    # Version 6 sets the library up, so nothing is wrong before.
    database = load("masakari/v004", dialect)
    with pytest.raises(AheadError) as caught:
        masakari.bridge(database, alembic={"version_table": "alembic_version"}).dbupdate()
    assert "40fc8c914bd2" in caught.value.message
    assert "alembic.version_table" in caught.value.help
    assert "nothing is stamped" in caught.value.state_of_data
    assert [step["version"] for step in caught.value.steps] == [5, 6, 7, 8]
    assert database.rows()["alembic_version"] == [("40fc8c914bd2",)]

    assert masakari.bridge(database).dbupdate().current == ("masakari_009",)
    assert database.rows()["alembic_version"] == [("40fc8c914bd2",)]


def test_scripts_whose_imports_are_missing_are_all_named_before_anything_runs(
    project: Callable[[str], Project], load: Load
) -> None:
    glance = project("glance")
    database = load("glance/v020", "sqlite")
    bridge = glance.bridge(database, legacy={"pythonpath": [str(glance.wheel)], "setup": None})
    error = refused(bridge, database, LegacyPreflightError)
    versions = glance.wheel / glance.history.repository / "versions"
    # Two of those that import glance's own code, which imports what is not there.
    for script in ("022_image_member_index.py", "041_add_artifact_tables.py"):
        assert str(versions / script) in error.message
    assert "it imports oslo_" in error.message


def failed(bridge: Bridge) -> LegacyError:
    """The error of a script that failed while it ran."""
    with pytest.raises(LegacyError) as caught:
        bridge.dbupdate()
    assert type(caught.value) is LegacyError
    return caught.value


@pytest.mark.parametrize(
    ("old", "version", "dialect", "charset", "script", "complaint", "statement", "state"),
    [
        *(
            pytest.param(
                *(old, version, "postgresql", "", "040_module_priority.py, line 49"),
                "operator does not exist: boolean = integer",
                "UPDATE modules SET is_admin=",
                ("at version 39 of trove", "version 40 has changed nothing"),
                id=f"a comparison that PostgreSQL does not know, from {version}",
            )
            for old, version in (("trove-plain", 1), ("trove", 20), ("trove-plain", 25))
        ),
        *(
            pytest.param(
                *("trove", version, "postgresql", "", "040_module_priority.py, line 39"),
                'column "priority_apply" of relation "modules" contains null values',
                "ALTER TABLE modules ADD priority_apply BOOLEAN NOT NULL",
                ("at version 39 of trove", "version 40 has changed nothing"),
                id=f"a new column that rows have no value for, from {version}",
            )
            for version in (37, 39)
        ),
        pytest.param(
            *("trove", 37, "mariadb", "utf8mb4", "038_instance_faults.py, line 50"),
            "Foreign key constraint is incorrectly formed",
            "CREATE TABLE instance_faults",
            ("at version 37 of trove", "version 38 has changed nothing"),
            id="a default character set that is not that of the old tables",
        ),
    ],
)
def test_a_script_that_cannot_run_is_named_with_its_statement_and_what_it_left(
    old: str,
    version: int,
    dialect: str,
    charset: str,
    script: str,
    complaint: str,
    statement: str,
    state: tuple[str, ...],
    project: Callable[[str], Project],
    load: Load,
) -> None:
    trove = project("trove")
    snapshot = f"{old}/v{version:03}"
    ours, theirs = (load(snapshot, dialect, charset or "utf8mb3") for _ in range(2))

    error = failed(trove.bridge(ours))

    assert str(trove.wheel / trove.history.repository / "versions" / script) in error.message
    assert complaint in error.message
    assert f"SQL: {statement}" in error.message
    assert all(words in error.state_of_data for words in state), error.state_of_data
    last_done = int(script[:3]) - 1
    assert [step["version"] for step in error.steps] == list(range(version + 1, last_done + 1))
    assert ours.rows()["migrate_version"][0][2] == last_done
    # It is the script: sqlalchemy-migrate alone gets no further, and leaves the same or more.
    if dialect == "postgresql":
        trove.migrate_alone(theirs, last_done)
        assert content(ours) == content(theirs)
    with pytest.raises(AssertionError, match=re.escape(complaint)):
        trove.migrate_alone(theirs)
    if dialect != "postgresql":
        assert content(ours) == content(theirs)


def test_a_version_that_failed_fails_again_in_the_same_way(
    project: Callable[[str], Project], load: Load
) -> None:
    """And not at its own first statement, whose change of the schema would have stayed."""
    database = load("trove-plain/v025", "postgresql")
    bridge = project("trove").bridge(database)
    first = failed(bridge)
    left = content(database)

    again = failed(bridge)

    assert again.message == first.message
    assert content(database) == left


def test_scripts_that_lock_themselves_out_through_a_second_connection_succeed(
    project: Callable[[str], Project], load: Load
) -> None:
    """trove 19 and 48 write on one connection while another still reads."""
    ours, theirs = (load("damaged/trove-v018-locked", "sqlite") for _ in range(2))
    for database in (ours, theirs):
        database.execute(
            "INSERT INTO datastores (id, name) VALUES ('d', 'MySQL')",
            *(
                "INSERT INTO datastore_versions (id, datastore_id, name, image_id, packages, "
                f"active, manager) VALUES ('{n}', 'd', '5.{n}', 'i', '', 1, 'mysql')"
                for n in (5, 6, 7)
            ),
        )
    trove = project("trove")
    with pytest.raises(AssertionError, match="database is locked"):
        trove.migrate_alone(theirs)

    report = trove.to_the_hand_over(ours).dbupdate()

    assert report.current == (trove.history.base,)
    assert ours.rows()["migrate_version"][0][2] == trove.history.last == 48
    with ours.engine().connect() as connection:
        names = "SELECT name, version FROM datastore_versions ORDER BY name"
        # 19 gives the instances of old a datastore, 48 gives each its version.
        assert [tuple(row) for row in connection.execute(sa.text(names))] == [
            *((f"5.{n}", f"5.{n}") for n in (5, 6, 7)),
            ("Unknown Legacy Version", "Unknown Legacy Version"),
        ]
        given = "SELECT DISTINCT datastore_version_id FROM instances"
        assert len(connection.execute(sa.text(given)).fetchall()) == 1


# The wheel of that project is not needed to see what happens to its database: any version that
# rebuilds a table on SQLite meets the copy that another one has left behind.
ALTER_SCRIPT = """
from sqlalchemy import MetaData, Table


def upgrade(migrate_engine):
    table = Table("base_transfer_action", MetaData(bind=migrate_engine), autoload=True)
    table.c.origin_endpoint_id.alter(nullable=True)
"""


def test_a_copy_of_a_table_that_a_failed_version_left_behind_is_not_lost(
    tmp_path: Path, load: Load
) -> None:
    versions = tmp_path / "repository" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "migrate.cfg").write_text(
        "[db_settings]\nrepository_id = coriolis\nversion_table = migrate_version\n"
        "required_dbs = []\n"
    )
    (versions / "001_first.py").write_text("def upgrade(migrate_engine):\n    pass\n")
    (versions / "002_alter.py").write_text(ALTER_SCRIPT)
    database = load("damaged/coriolis-v001-migration_tmp-left", "sqlite")
    before = database.rows()
    bridge = Bridge(
        url=database.url,
        alembic={
            "script_location": str(HERE / "successors/env"),
            "version_locations": [str(HERE / "successors/masakari")],
        },
        legacy={"old": {"repository": str(versions.parent), "stamp": {"2": "masakari_008"}}},
    )

    error = failed(bridge)

    assert f"{versions / '002_alter.py'}, line 7" in error.message
    assert "there is already another table or index with this name: migration_tmp" in error.message
    assert "SQL: ALTER TABLE base_transfer_action RENAME TO migration_tmp" in error.message
    assert "at version 1 of old" in error.state_of_data
    assert len(before["migration_tmp"]) == 2
    assert database.rows() == before
