"""A version that may do something else beside other rows is not replayed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.databases import Database, MariaDBDatabase, PostgreSQLDatabase, SQLiteDatabase
from support.legacy_projects import LEGACY_SIDE, LegacyProject

from bridge.database.servers import family

pytestmark = [LEGACY_SIDE, pytest.mark.process]

KINDS = ("sqlite", "postgresql", "mariadb")
TABLE = """
Table(
    "notes", MetaData(bind=migrate_engine), Column("id", Integer, primary_key=True),
    Column("name", String(40), unique=True), Column("kind", String(40)),
).create()
execute = migrate_engine.execute
"""
FUNCTION = """
execute(
    "CREATE FUNCTION fn_mend() RETURNS integer AS $$ "
    "UPDATE notes SET kind = 'x' WHERE kind = 'y'; SELECT 1 $$ LANGUAGE sql"
)
execute(
    "CREATE FUNCTION fn_many() RETURNS bigint AS $$ SELECT count(*) FROM notes $$ LANGUAGE sql"
)
"""
ON_MARIADB = """
execute(
    "CREATE FUNCTION fn_many() RETURNS INTEGER READS SQL DATA RETURN (SELECT COUNT(*) FROM notes)"
)
"""
INSERT = "execute(\"INSERT INTO notes (name, kind) VALUES ('theme', 'a')\")\n"

# Its kinds of database, version 1 beside the table, version 2, and a part of the reason.
LIVE = {
    "a transaction in one text": (
        ["postgresql"],
        "",
        "execute(\"BEGIN; UPDATE notes SET kind = 'a' WHERE kind = 'b'; COMMIT;\")",
        "it begins or ends a transaction itself: BEGIN",
    ),
    "a function that writes": (
        ["postgresql"],
        FUNCTION,
        "execute('SELECT fn_mend()')",
        "a query of it may change rows: SELECT fn_mend()",
    ),
    "a function that reads": (
        ["postgresql"],
        FUNCTION,
        f"if not execute('SELECT fn_many()').scalar(): {INSERT}",
        "it reads rows: SELECT fn_many()",
    ),
    "a function of MariaDB's": (
        ["mariadb"],
        ON_MARIADB,
        f"if not execute('SELECT fn_many()').scalar(): {INSERT}",
        "SELECT fn_many()",
    ),
    "a count of rows": (
        KINDS,
        "",
        "if execute(\"UPDATE notes SET kind = 'a' WHERE name = 'theme'\").rowcount == 0:\n"
        f"    {INSERT}",
        "it looks at how many rows a statement changes: UPDATE notes",
    ),
    "a count of the ORM's": (
        KINDS,
        "",
        "from sqlalchemy.orm import sessionmaker\n"
        "notes = Table('notes', MetaData(bind=migrate_engine), autoload=True)\n"
        "session = sessionmaker(bind=migrate_engine)()\n"
        "found = session.query(notes).filter(notes.c.name == 'theme')\n"
        "changed = found.update({'kind': 'a'}, False)\n"
        f"session.commit()\nif not changed: {INSERT}",
        "it looks at how many rows a statement changes: UPDATE notes",
    ),
    "a count of the context's": (
        ["sqlite"],
        "",
        "found = execute(\"UPDATE notes SET kind = 'a' WHERE name = 'theme'\")\n"
        f"if found.context.rowcount == 0: {INSERT}",
        "it looks at how many rows a statement changes: UPDATE notes",
    ),
    "a count that is written": (
        KINDS,
        "",
        "count = execute(\"UPDATE notes SET kind = 'a' WHERE name = 'theme'\").rowcount\n"
        "notes = Table('notes', MetaData(bind=migrate_engine), autoload=True)\n"
        "execute(notes.insert().values(id=count))",
        "it looks at how many rows a statement changes: UPDATE notes",
    ),
    "a number of a row": (
        KINDS,
        "",
        "notes = Table('notes', MetaData(bind=migrate_engine), autoload=True)\n"
        "number = notes.insert().values(name='a').execute().inserted_primary_key[0]",
        "it looks at the number that a row got: INSERT INTO notes",
    ),
    "another spelling": (
        ["sqlite", "postgresql"],
        "",
        f"if execute(\"SELECT ID FROM NOTES WHERE NAME = 'theme'\").first() is None: {INSERT}",
        "it reads rows: SELECT ID FROM NOTES",
    ),
    "a view": (
        KINDS,
        "execute('CREATE VIEW seen AS SELECT * FROM notes')",
        f"if execute(\"SELECT id FROM seen WHERE name = 'theme'\").first() is None: {INSERT}",
        "SELECT id FROM seen",
    ),
    "a row that comes back": (
        ["postgresql"],
        "",
        "if execute(\"UPDATE notes SET kind = 'a' WHERE name = 'b' RETURNING id\").first() is None:"
        f" {INSERT}",
        "it reads rows: UPDATE notes SET kind = 'a' WHERE name = 'b' RETURNING id",
    ),
    "what a connection remembers": (
        ["sqlite"],
        "",
        "with migrate_engine.begin() as connection:\n"
        "    connection.execute(\"UPDATE notes SET kind = 'a' WHERE name = 'b'\")\n"
        "    if connection.execute('SELECT changes()').scalar() == 0:\n"
        "        connection.execute(\"INSERT INTO notes (name) VALUES ('theme')\")",
        "it reads rows: SELECT changes()",
    ),
    "a sequence": (
        ["postgresql"],
        "",
        f"if execute('SELECT last_value FROM notes_id_seq').scalar() == 1: {INSERT}",
        "it reads rows: SELECT last_value FROM notes_id_seq",
    ),
    "a catalog beside a table": (
        ["postgresql"],
        "",
        "if execute(\"SELECT 1 FROM pg_class JOIN notes ON true WHERE name = 'theme'\").first()"
        f" is None: {INSERT}",
        "it reads rows: SELECT 1 FROM pg_class",
    ),
    "a table of its session": (
        KINDS,
        "",
        "with migrate_engine.begin() as connection:\n"
        "    connection.execute('CREATE TEMPORARY TABLE copies AS SELECT * FROM notes')\n"
        "    if connection.execute('SELECT id FROM copies').first() is None:\n"
        "        connection.execute(\"INSERT INTO notes (name) VALUES ('theme')\")",
        "it reads rows: SELECT id FROM copies",
    ),
    "an error that did not come": (
        KINDS,
        "",
        f"try: {INSERT}except Exception: execute(\"UPDATE notes SET kind = 'a'\")",
        "it catches errors: INSERT INTO notes",
    ),
    "an error": (
        KINDS,
        "execute(\"INSERT INTO notes (name) VALUES ('theme')\")",
        f"import contextlib\nwith contextlib.suppress(Exception): {INSERT}",
        "it goes on after an error: INSERT INTO notes",
    ),
}
REPLAYED = {
    "what there is": (
        KINDS,
        "if 'notes' in migrate_engine.table_names(): execute('CREATE TABLE more (id INTEGER)')"
    ),
    "an error that is raised again": (
        KINDS,
        f"try: {INSERT}except Exception:\n    print('no')\n    raise",
    ),
    "a number that it gave": (
        KINDS,
        "notes = Table('notes', MetaData(bind=migrate_engine), autoload=True)\n"
        "assert notes.insert().values(id=900).execute().inserted_primary_key[0] == 900",
    ),
    "a count that is only logged": (
        KINDS,
        "import logging\n"
        "count = execute(\"UPDATE notes SET kind = 'a' WHERE kind = 'b'\").rowcount\n"
        "logging.getLogger('it').warning('%s rows', count)",
    ),
    "several statements": (
        ["postgresql"],
        "execute(\"INSERT INTO notes (name) VALUES ('a'); INSERT INTO notes (name) VALUES ('b')\")",
    ),
    "a query of settings": (
        ["postgresql"],
        "execute('SHOW server_version').scalar()\nexecute('SELECT version()').scalar()\n" + INSERT,
    ),
}  # fmt: skip


NAMES = ("notes", "seen", "fn_mend", "fn_many", "copies")


def numbered(text: str, number: int) -> str:
    """The text about things of its own."""
    for name in NAMES:
        text = re.sub(rf"(?i)\b({name})(?=\b|_id)", rf"\1_{number}", text)
    return text


def cases(given: dict[str, tuple[Any, ...]]) -> list[object]:
    return [
        pytest.param(name, dialect, marks=[] if dialect == "sqlite" else [pytest.mark.server])
        for name, (dialects, *_rest) in given.items()
        for dialect in dialects
    ]


class History:
    """All cases of one kind of database as the versions of one history, each with its own table."""

    def __init__(self, project: LegacyProject, database: Database) -> None:
        dialect = database.dialect
        given = {n: ("", case[1]) for n, case in REPLAYED.items() if dialect in case[0]}
        given |= {n: (case[1], case[2]) for n, case in LIVE.items() if dialect in case[0]}
        self._numbers = {name: number for number, name in enumerate(given, 2)}
        first = "".join(
            numbered(TABLE + given[name][0] + "\n", number)
            for name, number in self._numbers.items()
        )
        scripts = {
            f"{number:03}_it": "execute = migrate_engine.execute\n"
            + numbered(given[name][1], number)
            for name, number in self._numbers.items()
        }
        project.repository({"001_tables": first, **scripts})
        bridge, on_file = project.bridge(database), dialect == "sqlite"
        bridge.freeze([] if on_file else [database.url], sqlite=on_file)
        history = bridge.project.histories["app"].on(family(dialect))
        assert history is not None
        assert history.error is None
        self._versions = history.versions

    def method(self, name: str) -> tuple[str, str | None]:
        version = self._versions[self._numbers[name]]
        return version.method, version.reason

    def words(self, name: str, text: str) -> str:
        return numbered(text, self._numbers[name])


@pytest.fixture(scope="module")
def histories(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], History]]:
    """Freezes the history of a kind of database once."""
    found: dict[str, History] = {}
    databases: list[Database] = []

    def history(dialect: str) -> History:
        if dialect not in found:
            root = tmp_path_factory.mktemp(dialect)
            if dialect == "sqlite":
                databases.append(SQLiteDatabase(root / "scratch.sqlite"))
            else:
                server = request.getfixturevalue(f"{dialect}_server")
                kind = {"postgresql": PostgreSQLDatabase, "mariadb": MariaDBDatabase}[dialect]
                databases.append(kind(server, "rows_decide"))
            found[dialect] = History(LegacyProject(root / "app"), databases[-1])
        return found[dialect]

    yield history
    for database in databases:
        database.drop()


@pytest.mark.parametrize(("name", "dialect"), cases(LIVE))
def test_rows_decide(histories: Callable[[str], History], name: str, dialect: str) -> None:
    history = histories(dialect)
    method, reason = history.method(name)
    assert method == "live"
    assert reason is not None
    assert history.words(name, LIVE[name][3]) in reason


@pytest.mark.parametrize(("name", "dialect"), cases(REPLAYED))
def test_rows_do_not_decide(histories: Callable[[str], History], name: str, dialect: str) -> None:
    assert histories(dialect).method(name) == ("replay", None)
