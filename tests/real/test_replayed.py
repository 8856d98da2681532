"""glance's frozen history and its ported versions end where its own scripts end.

`make replays` begins at every version, on every database.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from real.frozen import PORTED, freeze
from real.histories import Load, Project
from support.databases import Database, ServerDatabase, SQLiteDatabase
from support.projects import write_versions

import bridge
import bridge.upgrade.execute.executor  # takes uuid4 while it is imported
from bridge.database.schema import only, read_schema
from bridge.database.schema.compare import compare
from bridge.model.steps import RunLegacy

pytestmark = pytest.mark.real

EVERY = os.environ.get("REPLAY_EVERY") == "1"
# The time of glance_setup.py, and of the replay.
TODAY = {"2020-02-02", *(str(date.today() + timedelta(days=days)) for days in (-1, 0, 1))}

# {"a": [1, "é"]} and {}, as old Pythons wrote them.
DATA, NOTHING = "80027d710058010000006171015d7102284b015802000000c3a9710365732e", "80027d71002e"
REPOSITORY = "Glance Migrations"
Copy = Callable[[Database], Database]
HEX = {"sqlite": "x'{}'", "mariadb": "x'{}'", "postgresql": "'\\x{}'"}


def more_rows(version: int, dialect: str) -> Iterator[str]:
    """What the snapshot has not, and scripts behind this version look for."""
    if version == 2:
        for number, location in (
            (2, "swift://account:user%:k y@auth.example.org/v1/box/one"),
            (3, "swift+https://user:k:y:z@auth.example.org/box/three"),
        ):
            yield f"UPDATE images SET location = '{location}' WHERE id = {number}"
    elif version == 28:
        twice, nothing = (HEX[dialect].format(pickled) for pickled in (DATA, NOTHING))
        no = "false" if dialect == "postgresql" else "0"
        for data in (twice, twice, twice, nothing, "NULL"):
            yield (
                "INSERT INTO image_locations (image_id, value, created_at, deleted, meta_data)"
                f" SELECT id, 'file:///twice', created_at, {no}, {data} FROM images"
            )
    elif version == 41 and dialect != "sqlite":  # where they must be unique already
        for number in range(3):
            yield (
                "INSERT INTO metadef_namespaces (namespace, display_name, owner, created_at)"
                f" VALUES ('twice', '{number}', 'me', '2016-05-01')"
            )
        for number in range(3):
            yield (
                "INSERT INTO metadef_tags (namespace_id, name, created_at)"
                f" VALUES (1, '{'twice' if number else 'once'}', '2016-05-01')"
            )


@pytest.fixture
def frozen(
    project: Callable[[str], Project],
    cached: Callable[[str, Callable[[Path], None]], Path],
    request: pytest.FixtureRequest,
) -> Project:
    """glance, frozen on SQLite; on the servers too where every version is tried."""
    glance = project("glance")
    files = [*Path(bridge.__file__).parent.rglob("*.py"), *PORTED.rglob("*.py")]
    content = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files)))
    urls = []
    if EVERY:
        make = request.getfixturevalue("make_database")
        urls = [empty(make, dialect).url for dialect in ("postgresql", "mariadb")]
    name = f"frozen-glance-{content.hexdigest()[:12]}{'-every' * EVERY}"
    return Project(glance.history, cached(name, partial(freeze, glance, urls=urls)))


def empty(make_database: Callable[[str], Database], dialect: str) -> Database:
    database = make_database(dialect)
    if dialect == "mariadb":
        database.execute("ALTER DATABASE CHARACTER SET = utf8mb3")
    return database


@pytest.fixture
def copy(make_database: Callable[[str], Database], tmp_path: Path) -> Copy:
    """`copy(database)`: another one with the same content."""

    def make(source: Database) -> Database:
        target = empty(make_database, source.dialect)
        if isinstance(source, SQLiteDatabase) and isinstance(target, SQLiteDatabase):
            shutil.copy(source.path, target.path)
        elif isinstance(source, ServerDatabase) and isinstance(target, ServerDatabase):
            dump = tmp_path / "dump.sql"
            dump.write_text(source.dump(), encoding="utf-8", errors="surrogateescape")
            target.server.run_dump(target.name, dump)
        return target

    return make


@contextmanager
def no_process() -> Iterator[None]:
    """While it lasts, whoever starts a process fails; and what is random is counted, as live."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a process is started")

    numbers = itertools.count(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=next(numbers)))
        yield


def schema(database: Database) -> Any:
    with database.engine().connect() as connection:
        found = read_schema(connection)
    return only(found, {*found["tables"]} - {"alembic_version", "bridge_journal"})


def rows(database: Database) -> Any:
    return {
        table: sorted(
            (tuple("today" if str(v)[:10] in TODAY else v for v in row) for row in found), key=repr
        )
        for table, found in database.rows(("alembic_version",)).items()
    }


def replay_beside_the_scripts(frozen: Project, ours: Database, theirs: Database) -> None:
    """Take both to the hand-over, each in its way, and compare."""
    frozen.migrate_alone(theirs)

    with no_process():
        report = frozen.to_the_hand_over(ours).dbupdate(method="replay")

    assert report.current == (frozen.history.base,)
    assert {s.method for s, _ in report.steps if isinstance(s, RunLegacy)} <= {"replay", "ported"}
    assert list(compare(schema(theirs), schema(ours))) == []
    assert rows(ours) == rows(theirs)


def test_a_replay_ends_as_the_scripts_do_and_starts_no_process(
    frozen: Project, load: Load, copy: Copy
) -> None:
    database = load("glance/v002", "sqlite")
    database.execute(*more_rows(2, "sqlite"))
    replay_beside_the_scripts(frozen, copy(database), database)


@pytest.mark.skipif(not EVERY, reason="long: make replays")
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
def test_so_it_is_from_every_version(
    dialect: str,
    project: Callable[[str], Project],
    frozen: Project,
    load: Load,
    copy: Copy,
    make_database: Callable[[str], Database],
) -> None:
    wrong = {}
    new = empty(make_database, dialect)
    write_versions(new, (REPOSITORY, 0))
    for start, database in itertools.chain([(0, new)], old(project("glance"), load, new)):
        ours, theirs = copy(database), copy(database)
        try:
            replay_beside_the_scripts(frozen, ours, theirs)
        except Exception as error:  # noqa: BLE001 - the other starts are tried, too
            wrong[start] = f"{type(error).__name__}: {error}"
        ours.drop()
        theirs.drop()
        print(f"glance from {start} on {dialect}: {wrong.get(start, 'equal')}")
    assert wrong == {}


def old(glance: Project, load: Load, new: Database) -> Iterator[tuple[int, Database]]:
    """Databases at each version, as its scripts leave them: at 1 without rows, then with."""
    glance.migrate_alone(new, 1)
    yield 1, new
    database = load("glance/v002", new.dialect)
    for version in range(2, 45):
        if version > 2:
            glance.migrate_alone(database, version)
        database.execute(*more_rows(version, database.dialect))
        yield version, database
