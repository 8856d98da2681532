"""What the journal tells of runs: the API, and `bridge history`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from support.alembic_projects import create_table, write_env, write_revision
from support.databases import Database
from support.projects import TOP, Project

from bridge import Bridge
from bridge.cli.main import main
from bridge.database.schema.fingerprint import fingerprint
from bridge.model.errors import RevisionFailedError
from bridge.model.journal import PastRun


def test_every_step_of_a_run_is_there_with_its_ends(sample: Project, database: Database) -> None:
    database.load(TOP / "snapshots/core-v07")
    bridge = sample.bridge(database)
    report = bridge.dbupdate()
    (run,) = bridge.history()
    assert (run.status, run.error) == ("done", None)
    assert run.host
    assert run.process
    assert run.user
    assert run.ended
    assert [step.name for step in run.steps] == [str(step) for step, _seconds in report.steps]
    assert {step.status for step in run.steps} == {"done"}
    first, verify, stamp, upgrade = (run.steps[number] for number in (0, 7, 8, 9))
    assert (first.name, first.start, first.end) == ("legacy core 8", ("7",), ("8",))
    assert (first.method, first.atomic) == ("replay", database.dialect != "mariadb")
    assert (verify.kind, verify.end) == ("verify_schema", ("14",))
    assert (stamp.kind, stamp.end) == ("stamp", ("core_base",))
    assert (upgrade.start, upgrade.end) == (("core_base",), ("core_media_license",))
    # What a step leaves is what the next one finds.
    for one, next_one in zip(run.steps, run.steps[1:], strict=False):
        assert one.schema[1] == next_one.schema[0]
        assert one.ended is not None
        assert one.begun <= one.ended <= next_one.begun
    assert first.schema[0] != upgrade.schema[1]
    with database.engine().connect() as connection:
        assert run.steps[-1].schema[1] == fingerprint(connection)
    before = database.contents()
    assert bridge.dbupdate().outcome == "nothing_to_do"
    assert bridge.history() == (run,)
    assert database.contents() == before


CHANGES = {
    "a table": "CREATE TABLE more (id INTEGER)",
    "a column": "ALTER TABLE things ADD COLUMN size INTEGER",
    "an index": "CREATE INDEX names ON things (name)",
    "a view": "CREATE VIEW names AS SELECT name FROM things",
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_the_schema_shows_in_its_fingerprint(
    database: Database, change: str
) -> None:
    def look() -> str | None:
        with database.engine().connect() as connection:
            return fingerprint(connection)

    database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(20))")
    before = look()
    database.execute("INSERT INTO things VALUES (1, 'one')")
    assert look() == before
    database.execute(CHANGES[change])
    assert look() != before


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    return write_env(tmp_path / "scripts") / "versions"


def app(scripts: Path, database: Database) -> Bridge:
    location = {"script_location": str(scripts.parent)}
    return Bridge(url=database.url, root=scripts.parent.parent, alembic=location)


def test_a_run_that_failed_says_where_and_how(scripts: Path, database: Database) -> None:
    write_revision(scripts, "one", upgrade=create_table("first"))
    path = write_revision(scripts, "two", "one", upgrade="1 / 0")
    with pytest.raises(RevisionFailedError):
        app(scripts, database).dbupdate()
    (failed,) = app(scripts, database).history()
    assert (failed.status, failed.error) == ("failed", "revision-failed")
    assert [(step.name, step.status) for step in failed.steps] == [
        ("upgrade one", "done"),
        ("upgrade two", "failed"),
    ]
    path.write_text(path.read_text().replace("1 / 0", "pass"))
    app(scripts, database).dbupdate()
    assert [run.status for run in app(scripts, database).history()] == ["failed", "done"]


def test_what_alembic_ran_without_bridge_is_there_too(
    scripts: Path, sqlite_database: Database
) -> None:
    write_revision(scripts, "one", upgrade=create_table("first"))
    app(scripts, sqlite_database).alembic(["upgrade", "heads"])
    (run,) = app(scripts, sqlite_database).history()
    assert run.host is None
    assert [(step.name, step.status) for step in run.steps] == [("upgrade one", "done")]


# -- the command line -----------------------------------------------------------------------------


def shown(project: Path, database: Database, *options: str) -> str:
    (project / "bridge.toml").write_text('[alembic]\nscript_location = "scripts"\n')
    arguments = ["history", "--config", str(project / "bridge.toml"), "--url", database.url]
    result = CliRunner().invoke(main, [*arguments, *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_database_without_a_journal_has_no_history(
    scripts: Path, sqlite_database: Database, tmp_path: Path
) -> None:
    assert shown(tmp_path, sqlite_database) == "bridge has not changed this database yet.\n"
    assert json.loads(shown(tmp_path, sqlite_database, "--json")) == {"runs": []}
    assert not Path(sqlite_database.engine().url.database or "").exists()


def timed(run: PastRun, text: str) -> str:
    """The text with what is another one each time in words."""
    for past in (run, *run.steps):
        assert past.ended is not None
        seconds = f"{(past.ended - past.begun).total_seconds():.2f}"
        text = text.replace(seconds, "0.00")
    text = text.replace(f"{run.begun:%F %T}", "THEN")
    return text.replace(f"{run.user} on {run.host} (process {run.process})", "SOMEBODY")


def test_history_shows_the_newest_runs(
    scripts: Path, sqlite_database: Database, tmp_path: Path
) -> None:
    write_revision(scripts, "one", upgrade=create_table("first"))
    app(scripts, sqlite_database).dbupdate()
    path = write_revision(scripts, "two", "one", upgrade="1 / 0")
    with pytest.raises(RevisionFailedError):
        app(scripts, sqlite_database).dbupdate()
    path.write_text(path.read_text().replace("1 / 0", "pass"))
    _first, failed = app(scripts, sqlite_database).history()
    version = failed.bridge_version
    assert timed(failed, shown(tmp_path, sqlite_database, "--limit", "1")) == (
        f"THEN UTC, SOMEBODY, bridge {version}: failed [revision-failed] after 0.00 s\n"
        "upgrade two  one  two  failed  0.00\n"
    )
    document = json.loads(shown(tmp_path, sqlite_database, "--json"))
    assert [run["status"] for run in document["runs"]] == ["done", "failed"]
    assert document["runs"][1]["steps"][0]["name"] == "upgrade two"
    assert document["runs"][1]["begun"] == f"{failed.begun.isoformat()}Z"


def test_a_run_that_was_killed_never_ended(
    scripts: Path, sqlite_database: Database, tmp_path: Path
) -> None:
    write_revision(scripts, "one", upgrade=create_table("first"))
    app(scripts, sqlite_database).dbupdate()
    with sqlite_database.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM bridge_journal WHERE status <> 'begun'"))
    (run,) = app(scripts, sqlite_database).history()
    assert (run.status, run.steps[0].status) == ("begun", "begun")
    text = shown(tmp_path, sqlite_database)
    assert "never ended: it runs, or was killed" in text
    assert "upgrade one  -  one  never ended  -" in text
