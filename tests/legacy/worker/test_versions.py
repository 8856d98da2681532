"""What a version leaves, and its row."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest
from support.databases import MARIADB_LOCK, Database
from support.legacy_projects import (
    BASE,
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    add_note,
    notes,
    run_sqlalchemy_migrate,
    script,
    versions,
)
from support.projects import write_versions

pytestmark = LEGACY_SIDE
MakeDatabase = Callable[[str], Database]


STEPS = {
    "table": "Table('t{n}', meta, Column('id', Integer, primary_key=True), "
    "Column('name', String(40), nullable=False), Column('size', Integer)).create()",
    "rows": "for n in range(3):\n    migrate_engine.execute(t.insert(), name='row %d' % n, size=n)",
    "add": "Column('more{n}', String(20), default='x').create(t, populate_default=True)",
    "rename": "t.c.name.alter(name='title')",
    "back": "t.c.title.alter(name='name')",
    "widen": "t.c.name.alter(type=String(80), nullable=True)",
    "drop": "t.c.size.drop()",
    "size": "Column('size', Integer).create(t)",
    "index": "Index('ix{n}', t.c.name).create()",
    "unique": "UniqueConstraint('id', 'name', table=t, name='uq{n}').create()",
    "delete": "migrate_engine.execute(t.delete().where(t.c.id == 2))",
    "update": "for row in t.select().execute().fetchall():\n"
    "    migrate_engine.execute(t.update().where(t.c.id == row.id).values(name='new %d' % row.id))",
    "nothing": "pass",
    "other": "t.rename('other')\nTable('other', MetaData(bind=migrate_engine), autoload=True)"
    ".rename('t1')",
}
HISTORIES = [
    "table rows add index widen drop nothing rename",
    "table rows rename back unique update delete",
    "table index rows other rename nothing back add",
    "table nothing drop rows_less size update",
    "table rows drop size widen index update delete other unique add",
]


@pytest.mark.parametrize("history", HISTORIES)
def test_schema_and_rows_are_those_of_sqlalchemy_migrate_alone(
    project: LegacyProject, make_database: MakeDatabase, database: Database, history: str
) -> None:
    head = "meta = MetaData(bind=migrate_engine)\n"
    steps = STEPS | {"rows_less": "migrate_engine.execute(t.insert(), name='less')"}
    scripts = {}
    for number, name in enumerate(history.split(), 1):
        reflect = "" if number == 1 else "t = Table('t1', meta, autoload=True)\n"
        body = textwrap.dedent(steps[name]).replace("{n}", str(number))
        scripts[f"{number:03}_{name}"] = head + reflect + body
    repository = project.repository(scripts)
    other = make_database(database.dialect)
    run_sqlalchemy_migrate(other, repository, 0)
    write_versions(database, ("app", 0), path=str(repository))
    project.update(database)
    # The version table was made by each side's own hands.
    ignored = ("alembic_version", "migrate_version")
    assert database.schema(ignored) == other.schema(ignored)
    assert database.rows(["alembic_version"]) == other.rows()


@pytest.mark.parametrize("table", ["db_migrate_version", "MigrateVersion", "version table"])
def test_version_tables_of_other_names_and_aliases_are_written(
    project: LegacyProject, database: Database, table: str
) -> None:
    project.repository(
        {"001_notes": CREATE_NOTES, "002_note": add_note("x"), "003_end": add_note("y")},
        version_table=table,
        repository_id="New Name",
        aliases=["Old Name"],
    )
    quoted = f"`{table}`" if database.dialect == "mariadb" else f'"{table}"'
    database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text VARCHAR(80))")
    write_versions(database, ("Old Name", 2), ("another", 5), table=quoted)
    if database.dialect != "sqlite":
        database.execute("INSERT INTO notes VALUES (0, 'a')", "DELETE FROM notes")
    project.tables["app"]["stamp"] = {3: [BASE]}
    (project.root / "legacy/app/versions/003_end.py").write_text(
        script("migrate_engine.execute(text(\"INSERT INTO notes VALUES (1, 'y')\"))")
    )
    project.update(database)
    assert versions(database, table) == {"Old Name": 3, "another": 5}
    assert notes(database) == ["y"]


def test_a_version_row_that_a_script_moved_is_not_overwritten(
    project: LegacyProject, sqlite_database: Database
) -> None:
    move = "migrate_engine.execute(text('UPDATE migrate_version SET version = 7'))"
    project.repository({"001_notes": CREATE_NOTES, "002_moves": move})
    error = project.refused(sqlite_database)
    assert error.message.endswith("RuntimeError: the version row 'app' is not at 1 any more")
    assert versions(sqlite_database) == {"app": 1}


END_THE_OTHERS = f"""
    import sqlalchemy

    lock = "{MARIADB_LOCK}"

    other = sqlalchemy.create_engine(migrate_engine.url)
    here = "FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    with other.connect() as connection:
        for (number,) in connection.execute("SELECT id " + here + " AND id <> " + lock).fetchall():
            connection.execute("KILL %d" % number)
    other.dispose()
"""


def test_a_server_that_ends_idle_connections_stops_nothing(
    project: LegacyProject, make_database: MakeDatabase
) -> None:
    """Neither the worker's connection nor bridge's own need outlive a script that computes long."""
    database = make_database("mariadb")
    project.repository({"001_notes": CREATE_NOTES, "002_slow": END_THE_OTHERS})
    project.update(database)
    assert versions(database) == {"app": 2}
