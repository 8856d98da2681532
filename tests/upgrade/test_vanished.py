"""What a run takes from tables besides rows is named, unless a step's own text names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.alembic_projects import bridge_of, write_env, write_revision
from support.databases import Database
from support.legacy_projects import LEGACY_SIDE, LegacyProject

from bridge import Bridge
from bridge.output.documents import report_document
from bridge.output.rows_text import vanished_lines

MakeDatabase = Callable[[str], Database]

TABLES = """
op.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)")
op.execute("CREATE TABLE log (id INTEGER)")
op.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(120) UNIQUE, age INTEGER"
           " CHECK (age > 17), b INTEGER REFERENCES p (id) ON DELETE CASCADE)")
op.execute("CREATE INDEX ages ON users (age)")
"""
TRIGGER = "CREATE TRIGGER watch AFTER INSERT ON users BEGIN INSERT INTO log VALUES (NEW.id); END"
REBUILD = """
with op.batch_alter_table("users", recreate="always") as batch:
    batch.add_column(sa.Column("name", sa.String(40)))
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    write_env(tmp_path / "scripts")
    write_revision(tmp_path / "scripts/versions", "tables", upgrade=TABLES)
    return tmp_path / "scripts/versions"


def bridge(scripts: Path, database: Database) -> Bridge:
    return bridge_of(scripts.parent, database)


def ran(scripts: Path, database: Database, upgrade: str, *more: str) -> tuple[str, ...]:
    """What a run and its rehearsal name when that revision runs after these statements."""
    ours = bridge(scripts, database)
    ours.dbupdate()
    database.execute(*more)
    write_revision(scripts, "step", "tables", upgrade=upgrade)
    ours = bridge(scripts, database)
    rehearsed, report = ours.rehearse().report, ours.dbupdate()
    assert rehearsed.vanished == report.vanished
    assert report_document(report).get("vanished", []) == list(report.vanished)
    return report.vanished


@pytest.mark.filterwarnings("ignore:Unnamed CHECK constraint")
def test_a_rebuild_on_sqlite(scripts: Path, sqlite_database: Database) -> None:
    found = ran(scripts, sqlite_database, REBUILD, TRIGGER)
    assert found == (
        "users check (age > 17)",
        "users foreign key (b) -> p (before: (b) -> p (id) ON DELETE CASCADE, now: (b) -> p (id))",
        "users trigger watch",
        "users unique (email)",
    )
    assert list(vanished_lines(found)) == [
        f"Gone or weaker, though no step names it: {'; '.join(found)}."
    ]


NAMED = {
    "a trigger": ('op.execute("DROP TRIGGER watch")', [TRIGGER]),
    "an index": ('op.drop_index("ages", "users")', []),
    "a column": ('with op.batch_alter_table("p") as batch:\n    batch.drop_column("x")',
                 ["ALTER TABLE p ADD COLUMN x INTEGER REFERENCES log (id)"]),
    "a table": ('op.drop_table("users")', [TRIGGER]),
    "nothing": ('op.execute("UPDATE users SET age = 18")', [TRIGGER]),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMED)
def test_what_a_step_names_or_takes_with_it(
    scripts: Path, sqlite_database: Database, what: str
) -> None:
    upgrade, more = NAMED[what]
    assert ran(scripts, sqlite_database, upgrade, *more) == ()


@pytest.mark.server
def test_what_goes_with_a_cascade_on_postgresql(scripts: Path, make_database: MakeDatabase) -> None:
    found = ran(
        scripts,
        make_database("postgresql"),
        'op.execute("ALTER TABLE p ADD COLUMN n INTEGER")\n'
        'op.execute("DROP TABLE log CASCADE")\n'
        'op.execute("ALTER TABLE p DROP CONSTRAINT p_pkey CASCADE")',
        "CREATE VIEW seen AS SELECT id FROM log",
    )
    assert found == ("view seen", "users foreign key (b) -> p")


@pytest.mark.server
def test_a_foreign_key_that_is_weaker_on_mariadb(
    scripts: Path, make_database: MakeDatabase
) -> None:
    found = ran(
        scripts,
        make_database("mariadb"),
        'op.execute("CREATE TABLE copy LIKE users")\n'
        'op.execute("DROP TABLE users")\nop.execute("RENAME TABLE copy TO users")',
        TRIGGER.replace("BEGIN", "FOR EACH ROW").replace("; END", ""),
    )
    assert found == ("users foreign key (b) -> p", "users trigger watch")


@LEGACY_SIDE
def test_a_live_legacy_version(project: LegacyProject, make_database: MakeDatabase) -> None:
    notes = "migrate_engine.execute('CREATE TABLE notes (id INTEGER PRIMARY KEY, a INT UNIQUE)')\n"
    rebuild = (
        "migrate_engine.execute('CREATE TABLE new (id INTEGER PRIMARY KEY, a INT)')\n"
        "migrate_engine.execute('DROP TABLE notes')\n"
        "migrate_engine.execute('ALTER TABLE new RENAME TO notes')\n"
    )
    database = make_database("sqlite")
    project.repository({"001_notes": notes})
    project.update(database)
    database.execute("DELETE FROM alembic_version")
    project.repository({"001_notes": notes, "002_rebuild": rebuild})
    assert project.bridge(database).dbupdate().vanished == ("notes unique (a)",)


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    return LegacyProject(tmp_path)
