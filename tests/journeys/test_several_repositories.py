"""Several legacy repositories in one version table: split, interleaved, with shared settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.databases import Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    add_note,
    notes,
    versions,
)
from support.projects import write_versions

pytestmark = LEGACY_SIDE


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    """One history that was split into three: expand, move data, contract."""
    project = LegacyProject(tmp_path)
    project.repository({"001_notes": CREATE_NOTES, "002_more": add_note("app 2")}, name="app")
    project.repository(
        {"001_expand": add_note("expand 1"), "002_expand": add_note("expand 2")}, name="expand"
    )
    project.repository(
        {"001_contract": add_note("contract 1"), "002_contract": add_note("contract 2")},
        name="contract",
    )
    return project


def test_repositories_that_came_later_begin_after_the_first_one(
    project: LegacyProject, database: Database
) -> None:
    """A database older than the split has a row for the first repository only."""
    write_versions(database, ("app", 0))
    state = project.bridge(database).status()
    assert {name: legacy.version for name, legacy in state.legacy.items()} == {
        "app": 0,
        "expand": None,
        "contract": None,
    }
    project.update(database)
    assert versions(database) == {"app": 2, "expand": 2, "contract": 2}
    assert notes(database) == ["app 2", "expand 1", "expand 2", "contract 1", "contract 2"]
    assert project.bridge(database).dbupdate().outcome == "nothing_to_do"


def test_a_module_that_was_never_installed_does_not_begin(
    project: LegacyProject, database: Database
) -> None:
    write_versions(database, ("app", 1), ("expand", 2))
    database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text VARCHAR(80))")
    modules = {"contract": {"migrations": "alembic/contract", "legacy": "contract"}}
    (project.root / "alembic/contract").mkdir()
    steps = project.bridge(database, module=modules).plan().steps
    assert [str(step) for step in steps] == ["legacy app 2", "stamp successor"]


def test_a_failure_in_the_first_version_leaves_no_row(
    project: LegacyProject, database: Database
) -> None:
    project.repository(
        {"001_expand": "raise Exception('not yet')", "002_expand": ""}, name="expand"
    )
    write_versions(database, ("app", 2))
    error = project.refused(database)
    assert error.message.endswith("Exception: not yet")
    assert error.state_of_data == (
        "The database has no version of expand yet; version 1 has changed nothing."
    )
    assert versions(database) == {"app": 2}


def test_versions_interleave_where_they_require_one_another(
    project: LegacyProject, database: Database
) -> None:
    project.tables["expand"]["requires"] = {2: {"contract": 1}}
    project.tables["contract"]["requires"] = {1: {"expand": 1}, 2: {"expand": 2}}
    project.update(database)
    assert notes(database) == ["app 2", "expand 1", "contract 1", "expand 2", "contract 2"]


def test_two_tables_with_one_repository_are_refused(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.tables["again"] = project.tables["expand"]
    error = project.refused(sqlite_database)
    assert error.message == (
        "legacy.expand and legacy.again in the arguments have one version row, 'expand' in "
        "migrate_version: their repositories are the same."
    )


def test_the_alembic_command_works_before_the_stamped_revision_is_made(
    project: LegacyProject, sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """The map may be written before the base revision, which this command then makes."""
    project.tables["app"]["stamp"] = {2: ["not_made_yet"]}
    project.bridge(sqlite_database).alembic(["heads"])
    assert "successor (head)" in capsys.readouterr().out


def test_a_setup_hook_that_repositories_share_is_called_once(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.write(
        "src/settings.py",
        "calls = []\n\n\ndef register(engine):\n    assert not calls, 'registered twice'\n"
        "    calls.append(engine)\n",
    )
    for table in project.tables.values():
        table.update(setup="settings:register", pythonpath=["src"])
    project.update(sqlite_database)
    assert versions(sqlite_database) == {"app": 2, "expand": 2, "contract": 2}
