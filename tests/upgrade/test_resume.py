"""A step that was interrupted on a database that commits each change of the schema by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection
from support.alembic_projects import CLASSIC_ENV, OUR_ENV, bridge_of, write_env, write_revision
from support.databases import Database
from support.legacy_projects import CREATE_NOTES, LEGACY_SIDE, LegacyProject, versions

from bridge import Bridge
from bridge.database.journal.statements import expected
from bridge.database.journal.statements.kinds import kind_of
from bridge.database.journal.statements.proxy import Call, Cursor
from bridge.database.journal.statements.values import pack, unpack
from bridge.database.journal.table import Journal
from bridge.model.errors import BridgeError, InconsistentError, ResumeError, RevisionFailedError
from bridge.model.journal import JournalEntry

MakeDatabase = Callable[[str], Database]

STOP = """
from pathlib import Path
def at(number):
    if Path({file!r}).read_text() == str(number):
        raise RuntimeError(f"stopped at {{number}}")
"""
# What a script may do that a second run of it would do otherwise, or that goes wrong on purpose.
WAY = """
import datetime, uuid
engine = migrate_engine
meta = MetaData(bind=engine)
parents = Table(
    "parents", meta, Column("id", String(36), primary_key=True), Column("made", DateTime),
    Column("name", String(40)), Column("size", Integer), UniqueConstraint("size"),
    Column("b", Integer, index=True), Column("c", Integer, index=True), Column("d", Integer),
    Index("several", "b", "c"), Index("others", "c", "d"),
)
children = Table(
    "children", meta, Column("id", Integer, primary_key=True),
    Column("parent", String(36), ForeignKey("parents.id")), Column("made", DateTime),
    Column("note", String(80)),
)
meta.create_all()
at(1)
own, now = str(uuid.uuid4()), datetime.datetime.utcnow().replace(microsecond=0)
engine.execute(parents.insert().values(id=own, made=now, name="first", size=1))
at(2)
engine.execute(children.insert(), [dict(parent=own, made=now, note=str(n)) for n in range(3)])
at(3)
try:
    engine.execute("ALTER TABLE parents DROP COLUMN nowhere")
except Exception as error:
    at(4)
    engine.execute(children.insert().values(note=type(error).__name__))
try:
    engine.execute(parents.insert().values(id=own, name="twice", size=1))
except Exception as error:
    at(5)
    engine.execute(children.insert().values(note=str(error.orig.args[0])))
at(6)
with engine.begin() as connection:
    connection.execute(children.insert().values(id=50, note="in a transaction"))
    at(7)
    count = connection.execute(select(func.count()).select_from(children)).scalar()
    connection.execute(children.insert().values(note=f"{count} before"))
at(8)
with engine.connect() as connection:
    transaction = connection.begin()
    connection.execute(children.delete())
    transaction.rollback()
    transaction = connection.begin()
    connection.execute(children.insert().values(note="kept"))
    nested = connection.begin_nested()
    connection.execute(children.insert().values(note="given up"))
    nested.rollback()
    connection.execute(children.insert().values(note="behind the savepoint"))
    transaction.commit()
at(9)
engine.execute("CREATE INDEX notes ON children (note)")
at(10)
number = engine.execute(children.insert().values(note="numbered")).inserted_primary_key[0]
at(11)
engine.execute(children.insert().values(note=f"number {number}"))
with engine.connect() as connection:
    connection.execute(children.insert().values(note="the last one"))
    at(19)
    connection.execute(text("ALTER TABLE children COMMENT 'looked at'"))
    behind = "INSERT INTO children (note) SELECT CONCAT('behind ', LAST_INSERT_ID())"
    connection.execute(text(behind))
Column("more", String(40)).create(parents)
at(12)
names = {row.id: row.name for row in engine.execute(select(parents.c.id, parents.c.name))}
parents.c.name.drop()
at(13)
for key, name in sorted(names.items()):
    engine.execute(text("UPDATE parents SET more = :name WHERE id = :key"), name=name, key=key)
at(14)
raw = engine.raw_connection()
cursor = raw.cursor()
cursor.execute("SELECT COUNT(*) FROM children")
cursor.execute("INSERT INTO children (note) VALUES (%s)", (f"{cursor.fetchone()[0]} raw",))
raw.commit()
raw.close()
at(15)
connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
connection.execute(text("INSERT INTO children (note) VALUES ('by itself')"))
connection.close()
at(16)
engine.execute("RENAME TABLE children TO grandchildren")
with engine.begin() as connection:
    connection.execute(text("INSERT INTO grandchildren (note) VALUES ('before, committed after')"))
    engine.execute("ALTER TABLE notes ADD COLUMN other INTEGER")
at(20)
at(17)
engine.execute("DROP TABLE notes")
at(18)
"""
POINTS = (1, 3, 4, 5, 7, 8, 9, 11, 19, 12, 13, 15, 20, 17)


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    return LegacyProject(tmp_path)


def contents(database: Database) -> object:
    """Schema and rows; what is drawn by lot is checked for what hangs on it."""
    rows = database.rows(["alembic_version"])
    with database.engine().connect() as connection:
        joined = connection.execute(
            sa.text("SELECT COUNT(*) FROM grandchildren c JOIN parents p ON c.parent = p.id"
                    " AND c.made = p.made")
        ).scalar()  # fmt: skip
    children = [(row[0], row[-1]) for row in rows.pop("grandchildren")]
    parents = [row[2:] for row in rows.pop("parents")]
    return database.schema(), rows, children, parents, joined


@LEGACY_SIDE
def test_a_script_that_stops_again_and_again_ends_as_one_that_does_not(
    project: LegacyProject, make_database: MakeDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "stop"
    file.write_text("")
    stop = STOP.format(file=str(file))
    project.repository({"001_notes": CREATE_NOTES, "002_way": stop + WAY})
    whole, broken = make_database("mariadb"), make_database("mariadb")
    project.update(whole)
    for point in POINTS:
        file.write_text(str(point))
        error = project.refused(broken)
        assert f"RuntimeError: stopped at {point}" in error.message
        assert error.state_of_data.endswith("the next run resumes after it.")
        assert versions(broken) == {"app": 1}
    file.write_text("")
    project.update(broken)
    assert contents(broken) == contents(whole)
    assert journal_of_statements(broken) == []


ROLLED_BACK = """
engine = migrate_engine
engine.execute("CREATE TABLE log (text VARCHAR(40))")
seen = False
try:
    engine.execute("ALTER TABLE notes DROP COLUMN nowhere")
except Exception:
    seen = True
with engine.connect() as connection:
    transaction = connection.begin()
    connection.execute("INSERT INTO log VALUES ('rolled back')")
    try:
        connection.execute("ALTER TABLE log ADD")
    except Exception:
        pass
    transaction.rollback()
at(1)
engine.execute(f"INSERT INTO log VALUES ('seen: {seen}')")
"""


@LEGACY_SIDE
def test_an_error_is_known_though_what_came_behind_it_was_rolled_back(
    project: LegacyProject, make_database: MakeDatabase, tmp_path: Path
) -> None:
    database, file = make_database("mariadb"), tmp_path / "stop"
    file.write_text("1")
    stop = STOP.format(file=str(file))
    project.repository({"001_notes": CREATE_NOTES, "002_way": stop + ROLLED_BACK})
    assert "stopped at 1" in project.refused(database).message
    file.write_text("")
    project.update(database)
    assert database.rows()["log"] == [("seen: True",)]


def journal_of_statements(database: Database) -> list[tuple[str, str]]:
    with database.engine().connect() as connection:
        rows = connection.execute(
            sa.text("SELECT name, status FROM bridge_journal WHERE step = 'statement'")
        )
        return [tuple(row) for row in rows]


# -- revisions ------------------------------------------------------------------------------------

REVISION = """
from pathlib import Path
def at(number):
    if Path({file!r}).read_text() == str(number):
        raise RuntimeError(f"stopped at {{number}}")
things = op.create_table(
    "things", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(40)),
    sa.Column("a", sa.Integer, index=True), sa.Column("b", sa.Integer, index=True),
    sa.Index("both", "a", "b"),
)
at(1)
op.bulk_insert(things, [dict(id=1, name="one"), dict(id=2, name="two")])
at(2)
op.add_column("things", sa.Column("size", sa.Integer))
at(3)
bind = op.get_bind()
for row in bind.execute(sa.select(things.c.id, things.c.name)).all():
    update = sa.text("UPDATE things SET size = :n WHERE id = :i")
    bind.execute(update, dict(n=len(row[1]), i=row[0]))
at(4)
op.drop_column("things", "name")
at(5)
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    write_env(tmp_path / "scripts")
    return tmp_path / "scripts/versions"


def bridge(scripts: Path, database: Database) -> Bridge:
    return bridge_of(scripts.parent, database)


@pytest.mark.server
@pytest.mark.parametrize("env", [OUR_ENV, CLASSIC_ENV], ids=["ours", "its own engine"])
def test_a_revision_that_stops_again_and_again_ends_as_one_that_does_not(
    scripts: Path, make_database: MakeDatabase, tmp_path: Path, env: str
) -> None:
    (scripts.parent / "env.py").write_text(env)
    file = tmp_path / "stop"
    file.write_text("")
    write_revision(scripts, "things", upgrade=REVISION.format(file=str(file)))
    whole, broken = make_database("mariadb"), make_database("mariadb")
    bridge(scripts, whole).dbupdate()
    for point in range(1, 6):
        file.write_text(str(point))
        with pytest.raises(RevisionFailedError, match=f"stopped at {point}") as caught:
            bridge(scripts, broken).dbupdate()
        assert caught.value.state_of_data.endswith("the next run resumes after it.")
        status = bridge(scripts, broken).status()
        assert (status.interrupted, status.kind) == ("upgrade things", "fresh")
    file.write_text("")
    assert bridge(scripts, broken).dbupdate().current == ("things",)
    assert broken.schema() == whole.schema()
    assert broken.rows() == whole.rows()
    assert journal_of_statements(broken) == []
    assert bridge(scripts, broken).status().interrupted is None


# -- what stops it --------------------------------------------------------------------------------

HALF = """
op.create_table("first", sa.Column("id", sa.Integer, primary_key=True))
op.execute("INSERT INTO first VALUES (1)")
op.execute("CREATE TABLE second (id INTEGER)")
op.execute("{last}")
"""


def half(scripts: Path, database: Database, last: str = "INSERT INTO nowhere VALUES (1)") -> Path:
    """A revision that has failed at its fourth statement."""
    path = write_revision(scripts, "half", upgrade=HALF.format(last=last))
    with pytest.raises(RevisionFailedError):
        bridge(scripts, database).dbupdate()
    return path


def mend(path: Path) -> None:
    path.write_text(path.read_text().replace("INTO nowhere", "INTO second"))


CHANGES = {
    "a table that went": ("DROP TABLE first", "first is gone"),
    "a table that was changed": ("ALTER TABLE first ADD COLUMN x INT", "first was changed"),
}


@pytest.mark.server
@pytest.mark.parametrize("change", CHANGES)
def test_a_schema_that_has_changed_since_is_told(
    scripts: Path, make_database: MakeDatabase, change: str
) -> None:
    database = make_database("mariadb")
    path = half(scripts, database)
    statement, words = CHANGES[change]
    database.execute(statement)
    before = database.contents()[0]
    mend(path)
    with pytest.raises(ResumeError) as caught:
        bridge(scripts, database).dbupdate()
    message, found, expected = caught.value.message.splitlines()
    assert message == (
        "The step 'upgrade half' was interrupted at its statement 4, and cannot resume by itself."
    )
    assert found.startswith(f"Found: since the step was interrupted, {words}")
    assert expected == (
        "Expected: the tables as they were after statement 4, CREATE TABLE second (id INTEGER)."
    )
    assert caught.value.help == (
        "Restore a backup from before: bridge restore BACKUP\n"
        "Or look at the tables, and name the statement at which the step resumes; those before it "
        "count as done (5 if statement 4 is done too): bridge resume --from-statement 4"
    )
    assert database.contents()[0] == before


CREATE_PAGES = (
    "CREATE TABLE pages (id INT AUTO_INCREMENT PRIMARY KEY, path VARCHAR(255))"
    " CHARACTER SET utf8mb4",
    "CREATE TABLE users (id INT)",
)
PAGES = "".join(f"op.execute({text!r})\n" for text in CREATE_PAGES)

# What an administrator may do about a statement that was refused, so that it can run.
MENDS = {
    "a stray column": (
        "ALTER TABLE pages ADD lang INT", "ALTER TABLE pages ADD lang INT",
        ["ALTER TABLE pages DROP lang"],
    ),
    "a stray table": (
        "CREATE TABLE extra (id INT)", "CREATE TABLE extra (id INT)", ["DROP TABLE extra"],
    ),
    "a stray table renamed": (
        "CREATE TABLE extra (id INT)", "CREATE TABLE extra (id INT)",
        ["RENAME TABLE extra TO kept"],
    ),
    "a key too long": (
        "ALTER TABLE pages ROW_FORMAT=COMPACT, MODIFY path VARCHAR(255) CHARACTER SET utf8mb4",
        "CREATE INDEX paths ON pages (path)", ["ALTER TABLE pages ROW_FORMAT=DYNAMIC"],
    ),
    "a character set": (
        "ALTER TABLE pages CONVERT TO CHARACTER SET latin1",
        "ALTER TABLE pages ADD note VARCHAR(9) CHARACTER SET utf8mb4 DEFAULT '\u6771' CHECK (lang)",
        ["ALTER TABLE pages ADD lang INT", "ALTER TABLE pages CONVERT TO CHARACTER SET utf8mb4"],
    ),
    "rows that are there twice": (
        "INSERT INTO pages (path) VALUES ('a'), ('a')",
        "CREATE UNIQUE INDEX paths ON pages (path)", ["DELETE FROM pages WHERE path = 'a'"],
    ),
    "a parent without a key": (
        "CREATE TABLE authors (name VARCHAR(40))",
        "ALTER TABLE pages ADD FOREIGN KEY (path) REFERENCES authors (name)",
        ["ALTER TABLE authors MODIFY name VARCHAR(255) PRIMARY KEY"],
    ),
    "another table too": (
        "ALTER TABLE pages ADD lang INT", "ALTER TABLE pages ADD lang INT",
        ["ALTER TABLE pages DROP lang", "CREATE TABLE notes (id INT)",
         "ALTER TABLE users ADD age INT"],
    ),
    "a column too narrow": (
        "ALTER TABLE pages MODIFY path VARCHAR(2)",
        "INSERT INTO pages (path) VALUES ('long')", ["ALTER TABLE pages MODIFY path VARCHAR(255)"],
    ),
}  # fmt: skip


@pytest.mark.server
@pytest.mark.parametrize("first", ["", 'op.execute("CREATE TABLE own (id INT)")'], ids=["", "two"])
@pytest.mark.parametrize("mend", MENDS)
def test_a_statement_that_was_refused_runs_again(
    scripts: Path, make_database: MakeDatabase, mend: str, first: str
) -> None:
    cause, statement, fix = MENDS[mend]
    database, whole = make_database("mariadb"), make_database("mariadb")
    write_revision(scripts, "pages", upgrade=PAGES)
    for each in (database, whole):
        bridge(scripts, each).dbupdate()
        each.execute(cause)
    write_revision(scripts, "step", "pages", upgrade=f'{first}\nop.execute("{statement}")')
    with pytest.raises(RevisionFailedError) as caught:
        bridge(scripts, database).dbupdate()
    done = "resumes after it." if first else "has changed nothing."
    assert caught.value.state_of_data.endswith(done)
    for each in (database, whole):
        each.execute(*fix)
    for each in (database, whole):
        assert bridge(scripts, each).dbupdate().current == ("step",)
    assert database.schema() == whole.schema()
    assert database.rows() == whole.rows()
    assert journal_of_statements(database) == []


@LEGACY_SIDE
@pytest.mark.parametrize("mend", MENDS)
def test_a_statement_of_a_script_that_was_refused_runs_again(
    project: LegacyProject, make_database: MakeDatabase, mend: str
) -> None:
    cause, statement, fix = MENDS[mend]
    pages = "".join(f"migrate_engine.execute({text!r})\n" for text in CREATE_PAGES)
    project.repository({"001_pages": pages})
    database, whole = make_database("mariadb"), make_database("mariadb")
    for each in (database, whole):
        project.update(each)
        each.execute("DELETE FROM alembic_version", cause)
    statements = ("CREATE TABLE own (id INT)", statement)
    step = "".join(f"migrate_engine.execute({text!r})\n" for text in statements)
    project.repository({"001_pages": pages, "002_step": step})
    error = project.refused(database)
    assert error.state_of_data.endswith("the next run resumes after it.")
    for each in (database, whole):
        each.execute(*fix)
        project.update(each)
    assert versions(database) == {"app": 2}
    assert database.schema() == whole.schema()
    assert journal_of_statements(database) == []


@pytest.mark.server
def test_a_statement_that_fails_after_a_part_of_its_work_does_not_run_again(
    scripts: Path, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    write_revision(scripts, "pages", upgrade=PAGES)
    write_revision(scripts, "step", "pages", upgrade='op.execute("DROP TABLE users, nowhere")')
    with pytest.raises(RevisionFailedError, match="nowhere"):
        bridge(scripts, database).dbupdate()
    with pytest.raises(
        ResumeError, match="DROP TABLE users, nowhere had failed, and had changed users before"
    ):
        bridge(scripts, database).dbupdate()


LANG = "ALTER TABLE pages ADD lang INT, ADD CHECK (lang > 0)"

# What happened after a statement whose outcome did not come back: whether it took effect, what the
# administrator has done; and whether the next run knows where it stands.
UNKNOWN = {
    "it never ran": (False, [], True),
    "it took effect": (True, [], True),
    "a rebuild": (False, ["ALTER TABLE pages FORCE"], True),
    "another type": (False, ["ALTER TABLE pages ADD lang BIGINT, ADD CHECK (lang > 0)"], False),
    "a part of it": (False, ["ALTER TABLE pages ADD lang INT"], False),
    "a row format": (False, ["ALTER TABLE pages ROW_FORMAT=COMPACT"], False),
    "a character set": (False, ["ALTER TABLE pages CONVERT TO CHARACTER SET latin1"], False),
    "more than it": (True, ["ALTER TABLE pages ADD more INT"], False),
    "the table went": (False, ["DROP TABLE pages"], False),
    "another table": (False, ["ALTER TABLE users ADD age INT"], False),
}


def interrupt(monkeypatch: pytest.MonkeyPatch, part: str, *, after: bool) -> None:
    """Let the outcome of a statement with that part not come back."""
    original = Cursor.try_really

    def interrupted(cursor: Cursor, call: Call) -> object:
        if part not in call.sql:
            return original(cursor, call)
        if after:
            original(cursor, call)
        raise KeyboardInterrupt

    monkeypatch.setattr(Cursor, "try_really", interrupted)


@pytest.mark.server
@pytest.mark.parametrize("what", UNKNOWN)
def test_an_outcome_that_is_not_known_is_found_out_or_refused(
    scripts: Path, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    ran, changes, known = UNKNOWN[what]
    database, whole = make_database("mariadb"), make_database("mariadb")
    write_revision(scripts, "pages", upgrade=PAGES)
    write_revision(scripts, "step", "pages", upgrade=f'op.execute("{LANG}")')
    bridge(scripts, whole).dbupdate()
    with monkeypatch.context() as patch:
        interrupt(patch, "ADD lang", after=ran)
        with pytest.raises(KeyboardInterrupt):
            bridge(scripts, database).dbupdate()
    database.execute(*changes)
    before = database.schema()
    if not known:
        with pytest.raises(ResumeError) as caught:
            bridge(scripts, database).dbupdate()
        assert "bridge resume --from-statement 1" in caught.value.help
        assert database.schema() == before
        return
    assert bridge(scripts, database).dbupdate().current == ("step",)
    assert database.schema() == whole.schema()
    assert journal_of_statements(database) == []


# What the step itself has made before the statement whose outcome does not come back.
IN_A_ROW = {
    "an index of a table": ["CREATE TABLE own (id INT)", "CREATE INDEX ids ON own (id)"],
    "a name after a name": ["RENAME TABLE pages TO leaves", "RENAME TABLE leaves TO sheets"],
    "an index that a foreign key had made": [
        "CREATE TABLE own (id INT, page INT, FOREIGN KEY (page) REFERENCES pages (id))",
        "CREATE INDEX of_pages ON own (page)",
    ],
    "an index that a named foreign key had made": [
        "CREATE TABLE own (id INT, page INT, "
        "CONSTRAINT fk_page FOREIGN KEY (page) REFERENCES pages (id))",
        "ALTER TABLE own ADD CONSTRAINT once UNIQUE (page, id)",
    ],
    "an index that stays": [
        "CREATE TABLE own (id INT, page INT, KEY page (page), "
        "CONSTRAINT fk_page FOREIGN KEY (page) REFERENCES pages (id))",
        "CREATE INDEX of_pages ON own (page)",
    ],
    "a change after a change": [
        "ALTER TABLE pages ADD lang INT",
        "ALTER TABLE pages MODIFY lang BIGINT NOT NULL",
    ],
}


@pytest.mark.server
@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("what", IN_A_ROW)
def test_what_the_step_has_made_before_is_known(
    scripts: Path,
    make_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    after: bool,
) -> None:
    database, whole = make_database("mariadb"), make_database("mariadb")
    write_revision(scripts, "pages", upgrade=PAGES)
    step = "".join(f"op.execute({text!r})\n" for text in IN_A_ROW[what])
    write_revision(scripts, "step", "pages", upgrade=step)
    bridge(scripts, whole).dbupdate()
    with monkeypatch.context() as patch:
        interrupt(patch, IN_A_ROW[what][-1], after=after)
        with pytest.raises(KeyboardInterrupt):
            bridge(scripts, database).dbupdate()
    assert bridge(scripts, database).dbupdate().current == ("step",)
    assert database.schema() == whole.schema()
    assert journal_of_statements(database) == []


@pytest.mark.server
def test_a_step_whose_own_row_could_not_be_written_is_known_to_be_done(
    scripts: Path, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make_database("mariadb")
    write_revision(scripts, "pages", upgrade=PAGES)
    write_revision(scripts, "step", "pages", upgrade=f'op.execute("{LANG}")')
    original = Journal.write

    def refused(journal: Journal, connection: Connection, entries: Iterable[JournalEntry]) -> None:
        if "step" in [entry.name for entry in entries if entry.step == "upgrade"]:
            connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
        original(journal, connection, entries)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", refused)
        with pytest.raises(BridgeError, match="nowhere"):
            bridge(scripts, database).dbupdate()
    # Nothing is to be found out: this user may create no database.
    monkeypatch.setattr(expected, "PREFIX", "no database/")
    assert bridge(scripts, database).dbupdate().current == ("step",)
    assert journal_of_statements(database) == []


@pytest.mark.server
def test_an_error_is_that_of_its_own_statement(scripts: Path, make_database: MakeDatabase) -> None:
    """What is wrong as SQL commits nothing: its record was rolled back, and its error was not."""
    database = make_database("mariadb")
    write_revision(scripts, "pages", upgrade=PAGES)
    text = (
        "op.execute(\"INSERT INTO pages (path) VALUES ('a')\")\n"
        'op.execute("ALTER TABLE pages ADD")\n'
        'op.execute("INSERT INTO nowhere VALUES (1)")\n'
    )
    path = write_revision(scripts, "step", "pages", upgrade=text)
    for what in ("syntax", "nowhere"):
        with pytest.raises(RevisionFailedError, match=what):
            bridge(scripts, database).dbupdate()
        path.write_text(path.read_text().replace('pages ADD"', 'pages ADD lang INT"'))
    path.write_text(path.read_text().replace("nowhere VALUES", "users VALUES"))
    assert bridge(scripts, database).dbupdate().current == ("step",)
    rows = database.rows(["alembic_version"])
    assert [len(rows[name]) for name in ("pages", "users")] == [1, 1]


@pytest.mark.server
def test_an_outcome_that_cannot_be_tried_is_refused(
    scripts: Path, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make_database("mariadb")
    write_revision(scripts, "pages", upgrade=PAGES)
    write_revision(scripts, "step", "pages", upgrade=f'op.execute("{LANG}")')
    with monkeypatch.context() as patch:
        interrupt(patch, "ADD lang", after=True)
        with pytest.raises(KeyboardInterrupt):
            bridge(scripts, database).dbupdate()
    monkeypatch.setattr(expected, "PREFIX", "no database/")
    with pytest.raises(ResumeError, match="this user may not create databases"):
        bridge(scripts, database).dbupdate()


@pytest.mark.server
def test_the_administrator_may_say_where_it_stands(
    scripts: Path, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    path = half(scripts, database)
    database.execute("DROP TABLE first", "DROP TABLE second")
    mend(path)
    with pytest.raises(ResumeError):
        bridge(scripts, database).dbupdate()
    bridge(scripts, database).dbupdate(from_statement=2)
    assert bridge(scripts, database).status().current == ("half",)
    rows = database.rows(["alembic_version"])
    assert {name: [(int(value),) for (value,) in found] for name, found in rows.items()} == {
        "first": [(1,)],
        "second": [(1,)],
    }


@pytest.mark.server
def test_a_script_that_does_something_else_now_is_told(
    scripts: Path, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    path = half(scripts, database)
    path.write_text(path.read_text().replace("first VALUES (1)", "first VALUES (2)"))
    with pytest.raises(ResumeError) as caught:
        bridge(scripts, database).dbupdate()
    assert caught.value.message.splitlines()[1:] == [
        "Found: now the script asks for INSERT INTO first VALUES (2).",
        "Expected: INSERT INTO first VALUES (1).",
    ]
    assert database.rows()["first"] in ([(1,)], [("1",)])


@pytest.mark.server
def test_a_script_that_does_less_now_is_told(scripts: Path, make_database: MakeDatabase) -> None:
    database = make_database("mariadb")
    path = half(scripts, database)
    text = path.read_text()
    path.write_text(text[: text.index('op.execute("CREATE')] + "\n\ndef downgrade():\n    pass\n")
    with pytest.raises(ResumeError, match="asks for INSERT INTO alembic_version"):
        bridge(scripts, database).dbupdate()
    assert bridge(scripts, database).status().current == ()


BLIND = {
    "a temporary table": ("CREATE TEMPORARY TABLE t (id INT)", "it uses temporary tables"),
    "locked tables": ("LOCK TABLES first WRITE", "it locks tables"),
}


@pytest.mark.server
@pytest.mark.parametrize("what", BLIND)
def test_what_cannot_be_written_down_is_told(
    scripts: Path, make_database: MakeDatabase, what: str
) -> None:
    database = make_database("mariadb")
    statement, why = BLIND[what]
    text = HALF.format(last="INSERT INTO nowhere VALUES (1)")
    first, rest = text.split("\nop.execute(", 1)
    unlocked = "op.execute('UNLOCK TABLES')"
    write_revision(
        scripts,
        "half",
        upgrade=f"{first}\nop.execute({statement!r})\n{unlocked}\nop.execute({rest}",
    )
    with pytest.raises(RevisionFailedError) as caught:
        bridge(scripts, database).dbupdate()
    assert f"cannot resume in the middle of it, because {why}: restore a backup" in (
        caught.value.state_of_data
    )
    with pytest.raises(ResumeError, match=f"how far it came is not known, because {why}"):
        bridge(scripts, database).dbupdate()


@pytest.mark.server
def test_rows_of_an_engine_without_transactions_are_not_taken_for_granted(
    scripts: Path, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    create = "CREATE TABLE plain (id INTEGER PRIMARY KEY) ENGINE=MyISAM"
    upgrade = f'op.execute("{create}")\nop.execute("INSERT INTO plain VALUES (1)")\n1 / 0'
    path = write_revision(scripts, "half", upgrade=upgrade)
    with pytest.raises(RevisionFailedError):
        bridge(scripts, database).dbupdate()
    twice = 'op.execute("INSERT INTO plain VALUES (2), (2)")'
    path.write_text(path.read_text().replace("1 / 0", twice))
    with pytest.raises(RevisionFailedError, match="Duplicate entry"):
        bridge(scripts, database).dbupdate()
    assert database.rows()["plain"] in ([(1,), (2,)], [("1",), ("2",)])
    path.write_text(path.read_text().replace("(2), (2)", "(2), (3)"))
    with pytest.raises(
        ResumeError, match=r"\(2\), \(2\) had failed, and may have changed rows before"
    ):
        bridge(scripts, database).dbupdate()


def test_where_nothing_was_cut_short_there_is_nothing_to_go_on_with(
    scripts: Path, database: Database
) -> None:
    write_revision(scripts, "one")
    with pytest.raises(
        ResumeError, match="No step of this database is known to have been interrupted"
    ):
        bridge(scripts, database).dbupdate(from_statement=2)
    assert database.rows() == {}


@pytest.mark.server
def test_a_module_that_was_removed_by_halves_is_not_upgraded(
    scripts: Path, make_database: MakeDatabase
) -> None:
    database = make_database("mariadb")
    write_revision(scripts, "core_base", label="core")
    write_revision(
        scripts.parent / "shop",
        "shop_base",
        label="shop",
        upgrade="op.execute('CREATE TABLE a (id INT)')\nop.execute('CREATE TABLE b (id INT)')",
        downgrade="op.execute('DROP TABLE a')\nop.execute('DROP TABLE IF EXISTS c')\nsa.no_such",
    )

    def app() -> Bridge:
        return Bridge(
            url=database.url,
            root=scripts.parent.parent,
            alembic={"script_location": str(scripts.parent)},
            module={"shop": {"migrations": str(scripts.parent / "shop")}},
        )

    app().dbupdate()
    with pytest.raises(RevisionFailedError):
        app().remove_module("shop")
    with pytest.raises(InconsistentError, match="in the middle of the step 'downgrade shop_base'"):
        app().dbupdate()
    path = scripts.parent / "shop/shop_base.py"
    path.write_text(path.read_text().replace("sa.no_such", "op.execute('DROP TABLE b')"))
    assert app().remove_module("shop").outcome == "removed"
    assert database.rows(["alembic_version"]) == {}


# -- words and values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", "read"),
        ("  -- why\n/* and */ select 1", "read"),
        ("(SELECT 1) UNION (SELECT 2)", "read"),
        ("INSERT INTO a VALUES ('x; y')", "rows"),
        ("INSERT INTO a VALUES (1); DROP TABLE b", "other"),
        ("CREATE TABLE a (b INT)", "schema"),
        ("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.b = 1; END;", "schema"),
        ("CREATE TEMPORARY TABLE a (b INT)", "untracked"),
        ("SET foreign_key_checks = 0", "session"),
        ("CALL anything()", "other"),
        ("USE elsewhere", "untracked"),
        ("SET @number = (SELECT MAX(id) FROM a)", "untracked"),
        ("SET @@session.sql_mode = ''", "session"),
        ("SELECT id INTO @number FROM a", "untracked"),
        ("SELECT 'into @number :='", "read"),
        ("", "other"),
    ],
)
def test_what_a_statement_does(sql: str, kind: str) -> None:
    assert kind_of(sql) == kind


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
        | st.binary() | st.decimals(allow_nan=False) | st.datetimes() | st.dates() | st.times()
        | st.timedeltas(),
        lambda inner: st.lists(inner) | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)  # fmt: skip
def test_values_come_back_as_they_were(value: object) -> None:
    found = unpack(json.loads(json.dumps(pack(value))))
    assert found == value
    assert type(found) is type(value)
