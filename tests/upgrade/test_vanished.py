"""What a run takes from tables besides rows is named, unless a step's own text names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.alembic_projects import bridge_of, write_env, write_revision
from support.databases import Database, account
from support.legacy_projects import LEGACY_SIDE, LegacyProject

from bridge import Bridge
from bridge.database.servers import server_named
from bridge.output.documents import report_document
from bridge.output.rows_text import vanished_lines
from bridge.upgrade.vanished import inventory_of

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


# --- comments and grants ------------------------------------------------------------------

ON_POSTGRESQL = [
    "CREATE VIEW seen AS SELECT id, a FROM notes",
    "COMMENT ON TABLE notes IS 'What people write'",
    "COMMENT ON COLUMN notes.a IS 'The author''s\n  number'",
    "COMMENT ON COLUMN notes.b IS 'A count'",
    "COMMENT ON VIEW seen IS 'For reports'",
    "COMMENT ON COLUMN seen.a IS 'Who'",
    "GRANT SELECT, INSERT ON notes TO reader",
    "GRANT UPDATE (a) ON notes TO reader",
    "GRANT SELECT ON notes TO PUBLIC",
    "GRANT SELECT ON seen TO reader",
]
ON_MARIADB = [
    "ALTER TABLE notes COMMENT 'What people write'",
    "ALTER TABLE notes MODIFY a VARCHAR(20) COMMENT 'The author''s\n  number'",
    "ALTER TABLE notes MODIFY b VARCHAR(20) COMMENT 'A count'",
    "CREATE VIEW seen AS SELECT id, a FROM notes",
]
NOTES = """
op.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, a VARCHAR(20), b VARCHAR(20))")
op.execute("CREATE TABLE other (id INTEGER PRIMARY KEY, a VARCHAR(20))")
"""
AGAIN = """
op.execute("CREATE TABLE again (id INTEGER PRIMARY KEY, a VARCHAR(20), b VARCHAR(20))")
op.execute("DROP TABLE notes{}")
op.rename_table("again", "notes")
"""
VIEW = 'op.execute("DROP VIEW seen")\nop.execute("CREATE VIEW seen AS SELECT id, a FROM notes")\n'


@pytest.fixture
def notes(scripts: Path) -> Path:
    write_revision(scripts, "tables", upgrade=NOTES)
    return scripts


@pytest.fixture
def postgresql(make_database: MakeDatabase) -> Iterator[Database]:
    """A database with the role `reader`; roles are the server's, so it is dropped afterwards."""
    database = make_database("postgresql")
    database.execute("CREATE ROLE reader")
    yield database
    database.execute("DROP OWNED BY reader", "DROP ROLE reader")


@pytest.mark.server
def test_comments_and_grants_go_with_a_rebuild_on_postgresql(
    notes: Path, postgresql: Database
) -> None:
    rebuild = AGAIN.format(" CASCADE") + VIEW.partition("\n")[2]
    assert ran(notes, postgresql, rebuild, *ON_POSTGRESQL) == (
        "comment of table notes (before: What people write)",
        "comment of column notes.a (before: The author's number)",
        "comment of column notes.b (before: A count)",
        "comment of view seen (before: For reports)",
        "comment of column seen.a (before: Who)",
        "grant SELECT on notes to PUBLIC",
        "grant INSERT, SELECT on notes to reader",
        "grant UPDATE on notes.a to reader",
        "grant SELECT on seen to reader",
    )


@pytest.mark.server
def test_comments_go_with_a_rebuild_on_mariadb(notes: Path, make_database: MakeDatabase) -> None:
    found = ran(notes, make_database("mariadb"), AGAIN.format(""), *ON_MARIADB)
    assert found == (
        "comment of table notes (before: What people write)",
        "comment of column notes.a (before: The author's number)",
        "comment of column notes.b (before: A count)",
    )


@pytest.mark.server
def test_a_changed_type_takes_the_comment_on_mariadb(
    notes: Path, make_database: MakeDatabase
) -> None:
    change = (
        'op.alter_column("notes", "a", existing_type=sa.String(20), type_=sa.String(30))\n'
        'op.alter_column("notes", "b", existing_type=sa.String(20), type_=sa.String(30),\n'
        '                existing_comment="A count")\n'
        'op.alter_column("other", "id", existing_type=sa.Integer, comment="A number")'
    )
    found = ran(notes, make_database("mariadb"), change, *ON_MARIADB)
    assert found == ("comment of column notes.a (before: The author's number)",)


@pytest.mark.server
def test_another_comment_on_postgresql(notes: Path, postgresql: Database) -> None:
    # Only who reads the parts of the script as the server does could find them in it.
    change = """
of = "COM" + "MENT ON "
op.execute(of + "COLUMN notes.a IS 'The writer'")
op.execute("REV" + "OKE SELECT ON notes FROM PUBLIC, reader")
"""
    assert ran(notes, postgresql, change, *ON_POSTGRESQL) == (
        "comment of column notes.a (before: The author's number, now: The writer)",
        "grant SELECT on notes to PUBLIC",
        "grant SELECT on notes to reader",
    )


@pytest.mark.server
def test_mariadb_keeps_the_grants_of_a_table_that_is_created_again(
    notes: Path, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    grants = sa.text("SHOW GRANTS FOR reader")
    database.execute("CREATE USER reader IDENTIFIED BY 'secret'")
    try:
        more = ["GRANT SELECT, UPDATE (a) ON notes TO reader"]
        assert ran(notes, database, AGAIN.format(""), *more) == ()
        with database.engine().connect() as connection:
            assert any("`notes`" in row[0] for row in connection.execute(grants))
    finally:
        database.execute("DROP USER reader")


RENAMES = """
op.rename_table("notes", "texts")
op.execute("ALTER TABLE texts RENAME COLUMN b TO c")
"""


@pytest.mark.server
def test_what_moves_with_a_renamed_table_on_postgresql(notes: Path, postgresql: Database) -> None:
    renames = RENAMES + 'op.execute("ALTER VIEW seen RENAME TO shown")'
    found = [one for one in ran(notes, postgresql, renames, *ON_POSTGRESQL) if "view" not in one]
    assert found == []
    now = inventory_of(postgresql.engine())
    assert ("table", "texts", "", "What people write") in now.comments
    assert ("column", "texts", "c", "A count") in now.comments
    assert ("UPDATE", "texts", "a", "reader") in now.grants
    assert ("SELECT", "shown", "", "reader") in now.grants


@pytest.mark.server
def test_what_moves_with_a_renamed_table_on_mariadb(
    notes: Path, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    assert ran(notes, database, RENAMES, *ON_MARIADB[:-1]) == ()
    assert ("column", "texts", "c", "A count") in inventory_of(database.engine()).comments


COMMENT_NAMED = {
    "SQL": [
        'op.execute("""COMMENT ON TABLE\n  notes IS NULL""")',
        """op.execute("COMMENT ON COLUMN notes.a IS 'The author''s name'")""",
        """op.execute('COMMENT ON COLUMN notes.b ' "IS ''")""",
    ],
    "Alembic": [
        'op.drop_table_comment("notes")',
        'op.alter_column("notes", "a", comment="The author\'s name")',
        'op.alter_column(\n    "notes",\n    "b",\n    comment=None,\n)',
    ],
    "a loop": [
        'op.create_table_comment("notes", "Texts")',
        'for column in ("a", "b"):\n    op.alter_column("notes", column, comment=None)',
    ],
    "a batch": [
        'with op.batch_alter_table("notes") as batch:\n'
        "    batch.drop_table_comment()\n"
        '    batch.alter_column("a", comment="x")\n    batch.alter_column("b", comment="y")'
    ],
    "the text": [
        'op.drop_table_comment("notes")',
        'a, b = "a", "b"',
        'op.alter_column("notes", a, comment="The author\'s name")',
        'op.alter_column("notes", b, comment="The number; a count")',
    ],
    "a new column": [
        'op.drop_table_comment("notes")',
        'op.drop_column("notes", "a")',
        'op.alter_column("notes", "b", new_column_name="c")',
    ],
}


@pytest.mark.server
@pytest.mark.parametrize("how", COMMENT_NAMED)
def test_comments_that_a_step_names(notes: Path, make_database: MakeDatabase, how: str) -> None:
    change = "\n".join(COMMENT_NAMED[how])
    assert ran(notes, make_database("postgresql"), change, *ON_POSTGRESQL[1:4]) == ()


GRANT_NAMED = {
    "revoked": 'op.execute("revoke all on notes from reader")\nop.execute("REVOKE UPDATE (a) ON '
    'notes FROM reader")',
    "granted again": AGAIN.format("")
    + 'for table in ("notes", "other"):\n    op.execute(f"GRANT SELECT ON {table} TO Reader")',
    "dropped": 'op.execute("DROP OWNED BY reader")',
    "an owner": 'op.execute("ALTER TABLE notes OWNER TO reader")',
    "for everybody": AGAIN.format("") + 'op.execute("GRANT ALL ON notes TO PUBLIC")',
    "a whole table": AGAIN.format("")
    + 'role = "read" "er"\nop.execute(f"GRANT ALL ON notes TO {role}")',
    "with a column": 'op.drop_column("notes", "a")',
}


@pytest.mark.server
@pytest.mark.parametrize("how", GRANT_NAMED)
def test_grants_that_a_step_names_or_replaces(notes: Path, postgresql: Database, how: str) -> None:
    given = ["GRANT INSERT ON notes TO reader"] if how != "with a column" else []
    given.append("GRANT UPDATE (a) ON notes TO reader")
    assert ran(notes, postgresql, GRANT_NAMED[how], *given) == ()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_who_may_only_read_is_no_error(make_database: MakeDatabase, kind: str) -> None:
    database = make_database(kind)
    database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    with account(database, "secret", reader=True) as url:
        engine = sa.create_engine(url)
        found = inventory_of(engine)
        engine.dispose()
    assert found.comments == [("table", "notes", "", ""), ("column", "notes", "id", "")]
    assert found.grants == (
        [("OWNER", "notes", "", "bridge"), ("SELECT", "notes", "", "test account")]
        if kind == "postgresql"
        else []
    )


@pytest.mark.server
def test_what_cannot_be_read_is_not_named(
    notes: Path, postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_named("postgresql"), "grants_sql", "SELECT * FROM nowhere")
    assert ran(notes, postgresql, AGAIN.format(" CASCADE"), *ON_POSTGRESQL[1:4]) == ()


def test_sqlite_has_neither(sqlite_database: Database) -> None:
    sqlite_database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    found = inventory_of(sqlite_database.engine())
    assert [*found.comments, *found.grants] == []
    assert list(found.schema["tables"]) == ["notes"]


# --- legacy versions ----------------------------------------------------------------------


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
