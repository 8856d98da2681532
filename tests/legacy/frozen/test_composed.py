"""Repositories that change the same tables: each table is as the last of them has left it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.databases import Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    run_sqlalchemy_migrate,
    versions,
)
from support.projects import write_versions

from bridge.model.errors import DriftError

pytestmark = [LEGACY_SIDE, pytest.mark.process]

BODY = """
notes = Table("notes", MetaData(bind=migrate_engine), autoload=True)
Column("body", String(40)).create(notes)
"""
TAGS = (
    'Table("tags", MetaData(bind=migrate_engine), Column("id", Integer, primary_key=True)).create()'
)

ROW = "INSERT INTO migrate_version (repository_id, version) VALUES ('{}', {})"


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> LegacyProject:
    """The second repository adds a column to the table of the first."""
    project = LegacyProject(tmp_path_factory.mktemp("shop"))
    project.repository(
        {"001_notes": CREATE_NOTES, "002_nothing": "", "003_tags": TAGS}, name="core"
    )
    project.repository({"001_body": BODY}, name="more")
    return project


def old(project: LegacyProject, database: Database, **at: int) -> None:
    """A database that sqlalchemy-migrate has taken to these versions."""
    for name, version in at.items():
        if version:
            run_sqlalchemy_migrate(database, project.root / "legacy" / name, 0, version)
        else:
            database.execute(ROW.format(name, 0))


def tables(database: Database) -> dict[str, Any]:
    """The app's; sqlalchemy-migrate makes its own in other words."""
    return {n: t for n, t in database.schema()["tables"].items() if n != "migrate_version"}


def frozen(project: LegacyProject, database: Database) -> None:
    on_file = database.dialect == "sqlite"
    project.bridge(database).freeze([] if on_file else [database.url], sqlite=on_file)


def test_a_frozen_history_is_that_of_all_repositories(
    project: LegacyProject, make_database: Callable[[str], Database], database: Database
) -> None:
    frozen(project, make_database(database.dialect))
    ends_as_from_nothing(project, database, make_database(database.dialect), core=2, more=1)
    assert project.bridge(database).verify().differences == ()


def test_a_repository_without_a_row_begins(
    project: LegacyProject, make_database: Callable[[str], Database]
) -> None:
    frozen(project, make_database("sqlite"))
    ends_as_from_nothing(project, make_database("sqlite"), make_database("sqlite"), core=1)


@pytest.mark.parametrize("at", [{"core": 1}, {"core": 1, "more": 0}, {"core": 3}])
def test_each_start_of_live_scripts_ends_at_the_same(
    project: LegacyProject, make_database: Callable[[str], Database], at: dict[str, int]
) -> None:
    ends_as_from_nothing(project, make_database("sqlite"), make_database("sqlite"), **at)


def ends_as_from_nothing(
    project: LegacyProject, database: Database, whole: Database, **at: int
) -> None:
    write_versions(whole, ("core", 0), ("more", 0))
    assert project.bridge(whole).dbupdate().outcome == "upgraded"
    assert "body" in str(tables(whole)["notes"])
    old(project, database, **at)
    assert project.bridge(database).dbupdate().outcome == "upgraded"
    assert tables(database) == tables(whole)
    assert versions(database) == {"core": 3, "more": 1}


def test_what_is_missing_is_drift_all_the_same(
    project: LegacyProject, make_database: Callable[[str], Database]
) -> None:
    database = make_database("sqlite")
    frozen(project, make_database("sqlite"))
    old(project, database, core=3)
    database.execute(ROW.format("more", 1))  # which it never ran
    with pytest.raises(DriftError, match=r"missing column notes\.body"):
        project.bridge(database).dbupdate()
