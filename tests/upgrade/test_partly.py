"""A revision that commits a part of its work itself, where one is a transaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.alembic_projects import CLASSIC_ENV, OUR_ENV, bridge_of, write_env, write_revision
from support.databases import Database

from bridge import Bridge
from bridge.model.errors import ResumeError, RevisionFailedError
from bridge.model.steps import step_as_dict
from bridge.output.text import step_words

MakeDatabase = Callable[[str], Database]

ORDERS = """
op.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, code INTEGER, total INTEGER)")
op.execute("INSERT INTO orders VALUES (1, 7, 1)")
op.execute("INSERT INTO orders VALUES (2, 7, 2)")
"""
MULTIPLY = 'op.execute("UPDATE orders SET total = total * 100")\n'
INDEX = 'op.execute("CREATE UNIQUE INDEX {word} codes ON orders (code)")\n'

# How a revision commits what it has done before.
COMMITS = {
    "a block": 'with op.get_context().autocommit_block():\n    op.execute("SELECT 1")\n',
    "a statement": 'op.execute("COMMIT")\n',
    "the driver": "op.get_bind().connection.dbapi_connection.commit()\n",
}
if not sa.__version__.startswith("1."):  # whose connections have no such method
    COMMITS["the connection"] = "op.get_bind().commit()\n"

EACH_WAY = pytest.mark.parametrize("how", COMMITS)
EACH_DIALECT = pytest.mark.parametrize(
    "dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)]
)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    write_env(tmp_path / "scripts")
    write_revision(tmp_path / "scripts/versions", "orders", upgrade=ORDERS)
    return tmp_path / "scripts/versions"


def bridge(scripts: Path, database: Database) -> Bridge:
    return bridge_of(scripts.parent, database)


def marks(database: Database) -> int:
    with database.engine().connect() as connection:
        query = sa.text("SELECT count(*) FROM bridge_journal WHERE step = 'partly'")
        return int(connection.execute(query).scalar() or 0)


def totals(database: Database) -> list[int]:
    return sorted(int(row[2]) for row in database.rows()["orders"])


@EACH_DIALECT
@EACH_WAY
def test_what_is_committed_is_not_done_again(
    scripts: Path, make_database: MakeDatabase, how: str, dialect: str
) -> None:
    database = make_database(dialect)
    bridge(scripts, database).dbupdate()
    path = write_revision(
        scripts, "step", "orders", upgrade=MULTIPLY + COMMITS[how] + INDEX.format(word="")
    )
    with pytest.raises(RevisionFailedError) as caught:
        bridge(scripts, database).dbupdate()
    assert caught.value.state_of_data == (
        "The revision step is not recorded as done, but it has committed a part of its work itself,"
        " which stays."
    )
    assert "bridge resume --from-statement 1" in caught.value.help
    assert totals(database) == [100, 200]
    database.execute("DELETE FROM orders WHERE id = 2")
    with pytest.raises(ResumeError) as refused:
        bridge(scripts, database).dbupdate()
    assert "had committed a part" in refused.value.message
    assert "bridge alembic stamp step" in refused.value.help
    assert totals(database) == [100]
    assert path.exists()
    database.execute("UPDATE orders SET total = 1")
    report = bridge(scripts, database).dbupdate(from_statement=1)
    assert (report.current, totals(database)) == (("step",), [100])
    assert bridge(scripts, database).dbupdate().steps == ()
    assert marks(database) == 1  # of the run that failed


@pytest.mark.server
@pytest.mark.parametrize("env", [OUR_ENV, CLASSIC_ENV], ids=["ours", "its own engine"])
def test_an_index_that_is_left_invalid_is_named(
    scripts: Path, make_database: MakeDatabase, env: str
) -> None:
    (scripts.parent / "env.py").write_text(env)
    database = make_database("postgresql")
    bridge(scripts, database).dbupdate()
    block = "with op.get_context().autocommit_block():\n    " + INDEX.format(word="CONCURRENTLY")
    write_revision(scripts, "step", "orders", upgrade=MULTIPLY + block)
    with pytest.raises(RevisionFailedError) as caught:
        bridge(scripts, database).dbupdate()
    assert caught.value.state_of_data.endswith("The index codes is not valid: DROP INDEX codes;")
    with pytest.raises(ResumeError):
        bridge(scripts, database).dbupdate()
    database.execute("DROP INDEX codes", "UPDATE orders SET code = id, total = id")
    bridge(scripts, database).dbupdate(from_statement=1)
    assert totals(database) == [100, 200]


@EACH_DIALECT
@EACH_WAY
def test_a_revision_that_commits_and_ends_is_done(
    scripts: Path, make_database: MakeDatabase, how: str, dialect: str
) -> None:
    database = make_database(dialect)
    write_revision(scripts, "step", "orders", upgrade=MULTIPLY + COMMITS[how] + MULTIPLY)
    write_revision(scripts, "last", "step")
    assert bridge(scripts, database).dbupdate().current == ("last",)
    assert totals(database) == [10000, 20000]
    assert marks(database) == 0


def test_what_is_not_committed_runs_again(scripts: Path, make_database: MakeDatabase) -> None:
    database = make_database("sqlite")
    bridge(scripts, database).dbupdate()
    write_revision(scripts, "step", "orders", upgrade=MULTIPLY + INDEX.format(word=""))
    with pytest.raises(RevisionFailedError, match="UNIQUE") as caught:
        bridge(scripts, database).dbupdate()
    assert caught.value.state_of_data.endswith("What the revision step had done is rolled back.")
    database.execute("DELETE FROM orders WHERE id = 2")
    assert bridge(scripts, database).dbupdate().current == ("step",)
    assert totals(database) == [100]


SHOWN = {
    "with op.get_context().autocommit_block():\n    pass": "autocommit_block()",
    "op.get_bind().commit()": "commit()",
    'op.execute("UPDATE a SET b = 1; COMMIT")': "COMMIT",
    'op.execute(sa.text("commit"))': "COMMIT",
    "op.execute(\"UPDATE a SET b = 'COMMIT'\")  # commit()": None,
    "op.execute(\"COMMIT PREPARED 'x'\")": None,
    "pass": None,
}


@pytest.mark.parametrize("body", SHOWN)
def test_the_plan_shows_what_the_text_shows(scripts: Path, body: str, database: Database) -> None:
    write_revision(scripts, "step", "orders", upgrade=body)
    step = bridge(scripts, database).plan().steps[-1]
    wanted = None if database.dialect == "mariadb" else SHOWN[body]
    assert (step_as_dict(step).get("apart"), str(step)) == (wanted, "upgrade step")
    remark = step_words(step)[2]
    assert ("statement by statement" in remark) is (wanted is not None)
