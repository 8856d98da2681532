"""What is seen of what scripts do to the database."""

from __future__ import annotations

from collections.abc import Callable

from support.databases import Database
from support.legacy_projects import CREATE_NOTES, LEGACY_SIDE, LegacyProject, notes

pytestmark = LEGACY_SIDE


def test_what_a_script_does_on_the_drivers_connection_is_not_denied(
    project: LegacyProject, database: Database
) -> None:
    raw = """
        raw = migrate_engine.raw_connection()
        raw.cursor().execute("INSERT INTO notes (text) VALUES ('raw')")
        raw.commit()
        raw.close()
        raise ValueError("later")
    """
    project.repository({"001_notes": CREATE_NOTES, "002_raw": raw})
    error = project.refused(database)
    assert notes(database) == ["raw"]
    if database.dialect == "mariadb":
        # What goes to the server is seen wherever it comes from.
        assert "; 1 statement of version 2 had run before." in error.state_of_data
        return
    assert error.state_of_data == (
        "The database is at version 1 of app, as its row says, but version 2 used the driver's own "
        "connection, where bridge cannot see what it changed. Restore a backup before you run it "
        "again, or undo its changes by hand."
    )


def test_many_statements_are_counted(
    project: LegacyProject, make_database: Callable[[str], Database]
) -> None:
    many = (
        "with migrate_engine.begin() as c:\n    for n in range(3000):\n        c.execute("
        "text('INSERT INTO notes (text) VALUES (:n)'), n=str(n))\nraise ValueError('enough')"
    )
    project.repository({"001_notes": CREATE_NOTES, "002_many": many})
    error = project.refused(make_database("mariadb"))
    assert "; 3000 statements of version 2 had run before." in error.state_of_data
