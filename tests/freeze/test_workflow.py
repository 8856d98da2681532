"""What is recorded of legacy versions, which can be replayed, and that replaying is equal."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from support.databases import Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    ONCE,
    LegacyProject,
    add_note,
    notes,
    versions,
)
from support.projects import write_versions

from bridge import Bridge, BridgeError
from bridge.database.servers import family
from bridge.legacy.frozen.files import Frozen, read_frozen
from bridge.model.errors import DriftError, FreezeError, NotReplayableError, SealBrokenError
from bridge.model.steps import RunLegacy, VerifySchema

CREATE = """
meta = MetaData(bind=migrate_engine)
Table(
    "things", meta,
    Column("id", Integer, primary_key=True), Column("text", Text()), Column("data", LargeBinary()),
    Column("at", DateTime()), Column("day", String(40)), Column("seconds", Float()),
).create()
"""
THINGS = 'things = Table("things", MetaData(bind=migrate_engine), autoload=True)\n'
TRIGGER = r"""
bodies = {
    "sqlite": [
        "CREATE TRIGGER things_t AFTER INSERT ON things BEGIN "
        "UPDATE things SET day = 'a;b' WHERE id = NEW.id; DELETE FROM notes WHERE id = -1; END"
    ],
    "postgresql": [
        "CREATE FUNCTION things_f() RETURNS trigger AS $$ BEGIN NEW.day := 'a;b'; "
        "RAISE DEBUG '100%%%% of %%', NEW.id; RETURN NEW; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER things_t BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION things_f()",
    ],
    "mysql": [
        "CREATE TRIGGER things_t BEFORE INSERT ON things FOR EACH ROW "
        "BEGIN SET NEW.day = 'a;b'; SET @x = 1; END"
    ],
}
for body in bodies[migrate_engine.name]:
    migrate_engine.execute(body)
migrate_engine.execute(text("INSERT INTO things (id, text) VALUES (900, 'triggered')"))
"""
# What SQL, drivers and templates take for something else.
NASTY = "it''s 100%% \\:x ? %%s".replace("''", "'")
VALUES = [
    "100% of %s and %(x)s :name ?", "it's \"quoted\" `so` \\ back", "two\nlines;\r\n-- bridge: x",
    "ä中ß", "",
]  # fmt: skip
# The body of each version, how it can be run, and why not otherwise.
SCRIPTS: list[tuple[str, str, str | None]] = [
    (CREATE + CREATE_NOTES, "replay", None),
    (THINGS + f"for n, t in enumerate({VALUES!r}, 100):\n"
     "    things.insert().values(id=n, text=t, data=bytes(range(256))).execute()",
     "replay", None),
    (THINGS + "migrate_engine.execute(things.insert(), [dict(id=n, text=str(n)) for n in (1, 2)])",
     "replay", None),
    ("import datetime\n" + THINGS + "now = datetime.datetime.utcnow()\n"
     "things.insert().values(id=300, at=now, day=now.isoformat()).execute()",
     "replay", None),
    (TRIGGER, "replay", None),
    ('connection = migrate_engine.connect()\ntransaction = connection.begin()\n'
     'connection.execute(text("INSERT INTO notes (id, text) VALUES (500, \'lost\')"))\n'
     'transaction.rollback()\n'
     'nested = connection.begin()\ninner = connection.begin_nested()\n'
     'connection.execute(text("INSERT INTO notes (id, text) VALUES (501, \'lost too\')"))\n'
     'inner.rollback()\n'
     'connection.execute(text("INSERT INTO notes (id, text) VALUES (502, \'kept\')"))\n'
     'nested.commit()\nconnection.close()', "replay", None),
    ('migrate_engine.execute(text("INSERT INTO notes (text) SELECT text FROM notes"))',
     "replay", None),
    ("import uuid\n" + THINGS + "things.insert().values(id=800, text=str(uuid.uuid4())).execute()",
     "live", "statement 1 writes a value that is another each time"),
    ("import time\n" + THINGS
     + "things.insert().values(id=801, text=time.strftime('%d. %m. %Y')).execute()",
     "live", "statement 1 writes a value that is another each time"),
    (THINGS + "for row in things.select().execute().fetchall():\n"
     "    things.update().where(things.c.id == row.id).values(seconds=1).execute()",
     "live", "it reads rows: SELECT things.id"),
    ("connection = migrate_engine.raw_connection()\nconnection.cursor().execute('SELECT 1')\n"
     "connection.close()",
     "live", "it uses the driver's own connection"),
    ('Column("more", Integer, server_default="7").create(\n'
     '    Table("notes", MetaData(bind=migrate_engine), autoload=True))', "replay", None),
    # A second one behind those that run live.
    (add_note("last"), "replay", None),
]  # fmt: skip
NAMES = {f"{n:03}_script": body for n, (body, _how, _why) in enumerate(SCRIPTS, 1)}
LAST = len(SCRIPTS)


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    return LegacyProject(tmp_path / "app")


@pytest.fixture
def freeze(database: Database) -> Callable[..., dict[int, tuple[str, str | None]]]:
    """`freeze(project)`: how each version can be run on the database's kind, and why not."""

    def run(project: LegacyProject, **given: Any) -> dict[int, tuple[str, str | None]]:
        on_sqlite = database.dialect == "sqlite"
        urls = [] if on_sqlite else [database.url]
        project.bridge(database).freeze(urls, sqlite=on_sqlite, **given)
        history = history_of(project).on(family(database.dialect))
        assert history is not None
        return {n: (version.method, version.reason) for n, version in history.versions.items()}

    return run


def history_of(project: LegacyProject, name: str = "app") -> Frozen:
    frozen = read_frozen(Path(project.tables[name]["repository"]))
    assert frozen is not None
    return frozen


def methods(bridge: Bridge, **given: Any) -> list[str]:
    return [s.method for s in bridge.plan(**given).steps if isinstance(s, RunLegacy)]


def without_chance(database: Database) -> Any:
    """Schema and rows, without what a clock or chance has given."""
    rows = database.rows()
    for row in rows["things"]:
        if isinstance(row[3], dt.datetime):
            assert abs(row[3] - dt.datetime.utcnow()) < dt.timedelta(minutes=5)
    rows["things"] = [row for row in rows["things"] if row[0] not in (300, 800, 801)]
    return database.schema(), rows


@pytest.mark.process
@ONCE
def test_a_version_is_replayed_if_that_is_the_same(
    project: LegacyProject, database: Database, make_database: Callable[[str], Database],
    freeze: Callable[..., Any], recwarn: Any,
) -> None:  # fmt: skip
    project.repository(NAMES)
    found = freeze(project)
    for number, (_body, method, why) in enumerate(SCRIPTS, 1):
        assert found[number][0] == method, (number, found[number])
        assert (why or "") in (found[number][1] or ""), number

    other = make_database(database.dialect)
    for one, way in ((database, "auto"), (other, "live")):
        project.install(one)
        assert project.bridge(one).dbupdate(method=way).outcome == "upgraded"  # type: ignore[arg-type]
        assert versions(one) == {"app": LAST}
    assert without_chance(database) == without_chance(other)


@LEGACY_SIDE
def test_freezing_again_finds_the_same(
    project: LegacyProject, database: Database, freeze: Callable[..., Any]
) -> None:
    chance = 'import uuid\nmigrate_engine.execute(text("INSERT INTO notes (text) VALUES (:x)"), x='
    chance += "uuid.uuid4().hex + str(migrate_engine.url))"
    folder = project.repository({"001_a": CREATE_NOTES, "002_b": add_note("two"), "003_c": chance})
    freeze(project)
    before = {path: path.read_bytes() for path in folder.rglob("frozen/*")}
    assert before
    freeze(project, check=True)
    assert {path: path.read_bytes() for path in folder.rglob("frozen/*")} == before


@LEGACY_SIDE
def test_freezing_other_scripts_finds_something_else(
    project: LegacyProject, sqlite_database: Database
) -> None:
    folder = project.repository({"001_a": CREATE_NOTES, "002_b": add_note("two")})
    bridge = project.bridge(sqlite_database)
    bridge.freeze()
    before = {path: path.read_bytes() for path in folder.rglob("frozen/*")}
    bridge.freeze()
    assert {path: path.read_bytes() for path in folder.rglob("frozen/*")} == before

    script = folder / "versions/002_b.py"
    script.write_text(script.read_text(encoding="utf-8").replace("two", "deux"), encoding="utf-8")
    bridge = project.bridge(sqlite_database)
    with pytest.raises(SealBrokenError, match=r"versions/002_b\.py was changed"):
        bridge.freeze()
    bridge.freeze(update=["app"])
    sealed = history_of(project).on("sqlite")
    assert sealed is not None
    assert "deux" in sealed.versions[2].statements[0]


ONE = {"001_a": CREATE_NOTES}


class Sealed(NamedTuple):
    """A history that several tests begin with: its folder `frozen`, and how it was made."""

    folder: Path
    result: Any


def seal(root: Path, scripts: dict[str, str]) -> Sealed:
    project = LegacyProject(root)
    folder = project.repository(scripts)
    return Sealed(folder / "frozen", project.bridge("sqlite://").freeze())


@pytest.fixture(scope="module")
def sealed_one(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return seal(tmp_path_factory.mktemp("one"), ONE)


@pytest.mark.process
@pytest.mark.parametrize("harm", ["001_a.py", "../frozen/sqlite.sql"])
def test_nothing_is_written_when_a_seal_is_broken(
    project: LegacyProject, sealed_one: Sealed, sqlite_database: Database, harm: str
) -> None:
    folder = project.repository(ONE)
    shutil.copytree(sealed_one.folder, folder / "frozen")
    project.install(sqlite_database)
    path = folder / "versions" / harm
    path.write_bytes(path.read_bytes().replace(b"notes", b"n0tes"))
    before = sqlite_database.contents()
    with pytest.raises(SealBrokenError, match=path.name):
        project.bridge(sqlite_database).dbupdate()
    assert sqlite_database.contents() == before


@LEGACY_SIDE
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("{}")],
                         ids=["gone", "damaged"])  # fmt: skip
def test_a_seal_without_a_manifest_is_broken_until_it_is_sealed_again(
    project: LegacyProject,
    sealed_one: Sealed,
    sqlite_database: Database,
    harm: Callable[[Path], object],
) -> None:
    folder = project.repository(ONE)
    shutil.copytree(sealed_one.folder, folder / "frozen")
    project.install(sqlite_database)
    harm(folder / "frozen/manifest.json")
    for call in (Bridge.dbupdate, Bridge.freeze):
        with pytest.raises(SealBrokenError, match=r"manifest\.json (is missing|was changed)"):
            call(project.bridge(sqlite_database))
    project.bridge(sqlite_database).freeze(update=["app"])
    project.update(sqlite_database)


@LEGACY_SIDE
def test_a_history_ends_where_its_scripts_do(
    project: LegacyProject, database: Database, freeze: Callable[..., Any]
) -> None:
    project.repository(
        {"001_a": CREATE_NOTES, "002_b": "raise ValueError('not here')", "003_c": add_note("c")}
    )
    assert freeze(project) == {1: ("replay", None)}
    history = history_of(project).on(database.dialect)
    assert history is not None
    assert history.error is not None
    assert "versions/002_b.py" in history.error
    assert "not here" in history.error
    assert str(project.root) not in history.error


@LEGACY_SIDE
def test_a_version_that_fails_on_made_up_rows_runs_live(
    project: LegacyProject, sqlite_database: Database
) -> None:
    gate = (
        'if migrate_engine.execute(text("SELECT count(*) FROM notes")).scalar():\n'
        "    raise ValueError('move them first')"
    )
    project.repository({"001_a": CREATE_NOTES, "002_b": gate, "003_c": add_note("three")})
    project.bridge(sqlite_database).freeze()
    history = history_of(project).on("sqlite")
    assert history is not None
    assert [version.method for version in history.versions.values()] == ["replay", "live", "replay"]
    assert "it fails on generated rows: " in (history.versions[2].reason or "")
    # Live, it still refuses.
    write_versions(sqlite_database, ("app", 1))
    sqlite_database.execute(
        "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, text VARCHAR(80))",
        "INSERT INTO notes (text) VALUES ('in the way')",
    )
    with pytest.raises(BridgeError, match="move them first"):
        project.bridge(sqlite_database).dbupdate()
    assert versions(sqlite_database) == {"app": 1}


# --- which way is taken -------------------------------------------------------------------

READING = (
    'for row in migrate_engine.execute(text("SELECT id FROM notes")).fetchall():\n'
    "    migrate_engine.execute(text(\"UPDATE notes SET text = 'seen' WHERE id = %d\" % row[0]))"
)


THREE = {"001_a": CREATE_NOTES, "002_b": READING, "003_c": add_note("three")}


@pytest.fixture(scope="module")
def sealed_three(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return seal(tmp_path_factory.mktemp("three"), THREE)


@pytest.fixture
def three(project: LegacyProject, sealed_three: Sealed, sqlite_database: Database) -> LegacyProject:
    """Three frozen versions, the second of which reads rows; the database is before the first."""
    shutil.copytree(sealed_three.folder, project.repository(THREE) / "frozen")
    project.install(sqlite_database)
    return project


@pytest.mark.process
def test_the_plan_says_how_and_why(three: LegacyProject, sqlite_database: Database) -> None:
    bridge = three.bridge(sqlite_database)
    steps = bridge.plan().steps
    assert [(s.method, s.why) for s in steps if isinstance(s, RunLegacy)] == [
        ("replay", None),
        ("live", "it reads rows: SELECT id FROM notes"),
        ("replay", None),
    ]
    assert steps[3] == VerifySchema((("app", 3),))
    assert methods(bridge, method="live") == ["live"] * 3
    with pytest.raises(NotReplayableError) as error:
        bridge.plan(method="replay")
    assert "1 of the legacy versions cannot be replayed" in error.value.message
    assert "legacy app 2: it reads rows: SELECT id FROM notes" in error.value.message
    bridge.dbupdate()
    assert notes(sqlite_database) == ["three"]


@pytest.mark.process
def test_another_schema_than_the_recorded_one_is_left_to_the_scripts(
    three: LegacyProject, sqlite_database: Database
) -> None:
    sqlite_database.execute(
        "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, text VARCHAR(80), own INTEGER)",
        "UPDATE migrate_version SET version = 1",
    )
    bridge = three.bridge(sqlite_database)
    why = "the schema is not that of version 1: notes.own"
    legacy = [s for s in bridge.plan().steps if isinstance(s, RunLegacy)]
    assert [(s.method, s.why) for s in legacy] == [("live", why)] * 2
    with pytest.raises(DriftError) as error:
        bridge.dbupdate()
    assert "extra column notes.own" in error.value.message
    assert "--accept-drift notes.own" in error.value.help
    assert versions(sqlite_database) == {"app": 3}
    assert "alembic_version" not in sqlite_database.rows()

    before = sqlite_database.contents()
    with pytest.raises(DriftError) as error:
        bridge.dbupdate()
    # Now there is nothing to run before: so nothing at all is written.
    assert error.value.state_of_data == "The database is unchanged."
    assert sqlite_database.contents() == before
    bridge.dbupdate(accept_drift=["notes.o*"])
    journal = sqlite_database.rows(journal=True)["bridge_journal"]
    assert any('{"accepted": ["notes.own"]}' in map(str, row) for row in journal)


@pytest.mark.process
def test_an_index_of_ones_own_does_not_stop_a_stamp(
    three: LegacyProject, sqlite_database: Database
) -> None:
    three.bridge(sqlite_database).dbupdate()
    sqlite_database.execute(
        "CREATE INDEX ix_mine ON notes (text)", "CREATE TABLE mine (x INTEGER)",
        "DELETE FROM alembic_version",
    )  # fmt: skip
    assert three.bridge(sqlite_database).dbupdate().outcome == "upgraded"
    found = three.bridge(sqlite_database).verify()
    assert found.stops == ()
    assert sorted(d.name for d in found.differences) == ["notes index ix_mine", "table mine"]


# What a version sets, and what the next one sees of it if nothing of it has stayed.
SETTINGS = {
    "sqlite": ("PRAGMA recursive_triggers = ON", "SELECT * FROM pragma_recursive_triggers", "0"),
    "postgresql": ("SET statement_timeout = 77000", "SELECT current_setting('statement_timeout')",
                   "0"),
    "mariadb": ("SET foreign_key_checks = 0", "SELECT @@foreign_key_checks", "1"),
}  # fmt: skip


@pytest.mark.process
def test_a_replay_starts_no_legacy_runtime_and_what_a_version_sets_ends_with_it(
    project: LegacyProject, database: Database, freeze: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    setting, seen, before = SETTINGS[database.dialect]
    run = "migrate_engine.execute({!r})"
    scripts = {
        "001_a": CREATE_NOTES,
        "002_b": run.format(setting),
        "003_c": run.format(f"INSERT INTO notes (text) {seen}"),
        "004_d": add_note("four"),
    }
    project.repository(scripts)
    assert {method for method, _why in freeze(project).values()} == {"replay"}
    monkeypatch.setattr("bridge.legacy.runner.LegacyClient", None)
    monkeypatch.setattr("bridge.legacy.runner.ready_runtime", None)
    project.update(database)
    assert notes(database) == [before, "four"]


@pytest.mark.server
def test_a_replay_that_is_cut_short_goes_on(
    project: LegacyProject, make_database: Callable[[str], Database]
) -> None:
    """Where each change of the schema commits by itself: its middle is no version's schema."""
    database = make_database("mariadb")
    body = "".join(f'migrate_engine.execute("CREATE TABLE t{n} (x INTEGER)")\n' for n in range(4))
    project.repository(
        {"001_a": CREATE_NOTES, "002_b": body + "migrate_engine.execute('DROP TABLE notes')"}
    )
    bridge = project.bridge(database)
    bridge.freeze([database.url], sqlite=False)
    project.install(database)

    def refuse(_connection: Any, _cursor: Any, sql: str, *_more: Any) -> None:
        if sql.startswith("CREATE TABLE t2"):
            raise OSError("no")

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", refuse)
    try:
        with pytest.raises(BridgeError, match=r"Version 2 .*no"):
            bridge.dbupdate()
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", refuse)
    assert {"t0", "t1", "notes"} <= {*database.rows()}
    assert methods(bridge) == ["replay"]
    assert bridge.dbupdate().outcome == "upgraded"
    assert {*database.rows()} - {"migrate_version", "alembic_version"} == {"t0", "t1", "t2", "t3"}


# --- ported versions ----------------------------------------------------------------------

PORT = """
import sqlalchemy as sa

def upgrade(connection):
    notes = sa.table("notes", sa.column("id"), sa.column("text"))
    for row in connection.execute(sa.select(notes.c.id)).fetchall():
        connection.execute(notes.update().where(notes.c.id == row.id).values(text={text!r}))
"""


@LEGACY_SIDE
def test_a_port_is_taken_if_it_does_the_same(
    project: LegacyProject, database: Database, freeze: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder = project.repository({"001_a": CREATE_NOTES + add_note("one"), "002_b": READING})
    path = project.write("legacy/app/frozen/ported/002.py", PORT.format(text="unseen"))
    with pytest.raises(FreezeError) as error:
        freeze(project)
    assert f"legacy app 2 on {family(database.dialect)}" in error.value.message.replace(
        "mariadb", "mysql"
    )
    assert "other rows in notes" in error.value.message
    assert not (folder / "frozen/manifest.json").exists()

    path.write_text(PORT.format(text="seen"), encoding="utf-8")
    assert freeze(project)[2][0] == "ported"
    monkeypatch.setattr("bridge.legacy.runner.LegacyClient", None)
    project.update(database)
    assert notes(database) == ["seen"]
    assert versions(database) == {"app": 2}


@pytest.mark.process
def test_a_port_that_fails_leaves_nothing(
    project: LegacyProject, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.repository({"001_a": CREATE_NOTES + add_note("one"), "002_b": READING})
    project.write("legacy/app/frozen/ported/002.py", PORT.format(text="seen"))
    bridge = project.bridge(sqlite_database)
    bridge.freeze()

    def ported(connection: Any) -> None:
        connection.exec_driver_sql("DELETE FROM notes")
        raise RuntimeError("no")

    monkeypatch.setattr("bridge.legacy.runner.load_ported", lambda _path: ported)
    project.install(sqlite_database)
    with pytest.raises(BridgeError, match=r"Version 2 .* failed \(ported\): RuntimeError: no"):
        bridge.dbupdate()
    assert (notes(sqlite_database), versions(sqlite_database)) == (["one"], {"app": 1})


# --- beginnings ---------------------------------------------------------------------------


@pytest.fixture
def squashed(project: LegacyProject) -> LegacyProject:
    """A history whose first version needs a table that no version makes."""
    project.repository(
        {
            "007_a": 'Column("more", Integer).create('
            'Table("notes", MetaData(bind=migrate_engine), autoload=True))',
            "008_b": 'migrate_engine.execute("INSERT INTO notes (id, more) VALUES (800, 8)")',
        },
        squashed=False,
    )
    return project


@LEGACY_SIDE
def test_a_squashed_history_begins_with_an_old_database(
    squashed: LegacyProject, database: Database, make_database: Callable[[str], Database],
    freeze: Callable[..., Any], tmp_path: Path,
) -> None:  # fmt: skip
    assert freeze(squashed) == {}
    old = make_database(database.dialect)
    old.execute(
        "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, text VARCHAR(80), more INTEGER)",
        "INSERT INTO notes (id, text) VALUES (70, 'real')",
    )
    write_versions(old, ("app", 7))
    if database.dialect == "sqlite":
        file = tmp_path / "old.db"
        shutil.copy(old.url.removeprefix("sqlite:///"), file)
    else:
        file = tmp_path / "old.sql"
        file.write_text(old.dump(), encoding="utf-8")  # type: ignore[attr-defined]
    found = freeze(squashed, update=["app"], snapshots=[file])
    assert found[7] == ("live", "the recording begins after it, with an old database")
    assert found[8] == ("replay", None)
    project = squashed.bridge(old)
    assert methods(project) == ["replay"]
    assert project.dbupdate().outcome == "upgraded"


# --- adopting -----------------------------------------------------------------------------


def test_a_database_without_a_version_is_adopted(
    three: LegacyProject, sqlite_database: Database
) -> None:
    sqlite_database.execute("DROP TABLE migrate_version")
    sqlite_database.execute(
        "CREATE TABLE notes (id INTEGER NOT NULL, text VARCHAR(80), PRIMARY KEY (id))"
    )
    bridge = three.bridge(sqlite_database)
    state = bridge.status()
    assert state.kind == "unmanaged"
    assert [(n.repository, n.version, n.differences) for n in state.nearest] == [("app", 3, ())]
    assert state.problem is not None
    assert "bridge adopt --legacy app=3" in state.problem.help

    assert bridge.adopt({"app": 2}).outcome == "adopted"
    assert versions(sqlite_database) == {"app": 2}
    with pytest.raises(BridgeError, match="already has a version of app"):
        bridge.adopt({"app": 3})
    assert bridge.dbupdate().outcome == "upgraded"
    assert notes(sqlite_database) == ["three"]


def test_a_database_of_another_schema_is_not_adopted(
    three: LegacyProject, sqlite_database: Database
) -> None:
    sqlite_database.execute("DROP TABLE migrate_version", "CREATE TABLE notes (text INTEGER)")
    before = sqlite_database.contents()
    bridge = three.bridge(sqlite_database)
    with pytest.raises(DriftError, match=r"missing column notes\.id") as error:
        bridge.adopt({"app": 3})
    assert "bridge adopt --legacy app=3 --accept-drift " in error.value.help
    assert "--accept-drift notes.id" in error.value.help
    for versions_given, said in (({"app": 9}, "Version 9 of app is not frozen"),
                                 ({"other": 1}, "no legacy repository other")):  # fmt: skip
        with pytest.raises(BridgeError, match=said):
            bridge.adopt(versions_given)
    assert sqlite_database.contents() == before


@pytest.mark.process
def test_json_of_a_freeze(sealed_one: Sealed) -> None:
    from bridge.output.documents import freeze_document

    document = freeze_document(sealed_one.result)
    (recording,), (sealed,) = document["recordings"], document["sealed"]
    assert sealed == {"repository": "app", "outcome": "new", "changes": []}
    assert recording["database"] == "sqlite"
    assert recording["versions"][0]["how"] == "replay"
    json.dumps(document)
