"""The Python interface: on a URL or an engine, with errors of one family, without a word."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import Database, SQLiteDatabase
from support.projects import Project, copy_project, write_shop, write_versions

import bridge
from bridge import Bridge, BridgeError
from bridge.model.errors import NotConfirmedError, StalePlanError
from bridge.model.progress import Progress
from bridge.model.steps import Plan, Step

HEADS = ("coupons_ends", "reviews_text", "shop_stock")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project("shop", tmp_path / "shop")


@pytest.fixture
def quiet(project: Project) -> Project:
    """A project whose own env.py prints nothing: what is printed then is bridge's."""
    text = "from bridge.revisions import run_environment\n\nrun_environment()\n"
    project.write("alembic/env.py", text)
    return project


@pytest.fixture
def old(database: Database) -> Database:
    write_shop(database, 1)
    write_versions(database, ("Shop", 1))
    return database


@pytest.fixture
def engine(old: Database) -> Iterator[sa.engine.Engine]:
    """An engine of the caller's, with SQLAlchemy's own defaults."""
    made = sa.create_engine(old.url)
    yield made
    made.dispose()


def arguments(project: Project) -> dict[str, Any]:
    """What the shop's bridge.toml says."""
    return {
        "alembic": {"script_location": "alembic"},
        "legacy": {
            "shop": {"repository": "legacy/shop", "stamp": {3: "shop_base"}},
            "reviews": {"repository": "legacy/reviews", "stamp": {2: ["reviews_base"]}},
        },
        "module": {
            "reviews": {"migrations": "alembic/reviews", "legacy": "reviews"},
            "coupons": {"migrations": project.root / "alembic/coupons"},
        },
    }


def test_what_the_package_hands_out() -> None:
    assert bridge.__all__ == [
        "Bridge",
        "BridgeError",
        "Module",
        "Plan",
        "Report",
        "State",
        "__version__",
    ]
    assert all(hasattr(bridge, name) for name in bridge.__all__)


@pytest.mark.process
def test_status_plan_and_dbupdate_with_keyword_arguments_and_a_url(
    quiet: Project, old: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    app = Bridge(url=old.url, root=quiet.root, **arguments(quiet))
    state = app.status()
    assert (state.kind, state.legacy["shop"].version, state.problem) == ("legacy", 1, None)
    plan = app.plan()
    assert [str(step) for step in plan.steps[:3]] == [
        "legacy shop 2",
        "legacy shop 3",
        "stamp shop_base",
    ]
    report = app.dbupdate()
    assert (report.outcome, report.current) == ("upgraded", HEADS)
    assert tuple(step for step, _seconds in report.steps) == plan.steps
    assert app.dbupdate().outcome == "nothing_to_do"
    assert capfd.readouterr() == ("", "")


@pytest.mark.process
def test_an_engine_of_the_callers(
    quiet: Project, engine: sa.engine.Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    app = Bridge.from_config(quiet.file)
    assert app.status(engine).kind == "legacy"
    assert app.plan(engine).steps
    assert app.dbupdate(engine).current == HEADS
    assert app.dbupdate(engine).outcome == "nothing_to_do"
    # It is the caller's: still open, and it writes.
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE items SET stock = 3"))
    with engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(sa.text("SELECT * FROM items"))] == [
            (1, "A lamp, 100% brass", None, 3)
        ]
    assert capfd.readouterr() == ("", "")


@pytest.mark.process
def test_the_engine_may_be_given_once(quiet: Project, engine: sa.engine.Engine) -> None:
    app = Bridge.from_config(quiet.file, url=engine)
    assert app.dbupdate().outcome == "upgraded"
    assert app.status().kind == "alembic"


def test_a_url_object(quiet: Project, old: Database) -> None:
    assert Bridge.from_config(quiet.file).status(sa.engine.make_url(old.url)).kind == "legacy"


def test_one_bridge_serves_several_databases(quiet: Project, tmp_path: Path) -> None:
    app = Bridge.from_config(quiet.file)
    for name in ("a", "b"):
        assert app.dbupdate(f"sqlite:///{tmp_path}/{name}.db").outcome == "upgraded"
    assert app.status(f"sqlite:///{tmp_path}/c.db").kind == "fresh"


def test_the_url_is_read_when_it_is_needed(
    quiet: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Bridge.from_config(quiet.file)
    url = f"sqlite:///{tmp_path}/x.db"
    monkeypatch.setenv("BRIDGE_DATABASE_URL", url)
    assert app.status().database == url


def test_from_config_finds_the_file_upward(quiet: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(quiet.root / "legacy")
    assert Bridge.from_config().config.source == str(quiet.file)


@pytest.mark.process
def test_errors_are_raised_and_nothing_is_printed(
    quiet: Project, old: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    quiet.replace("alembic/versions/shop_stock.py", "items ADD", "no_such_table ADD")
    app = Bridge.from_config(quiet.file, url=old.url)
    with pytest.raises(BridgeError) as caught:
        app.dbupdate()
    error = caught.value
    assert (error.code, error.exit_status) == ("revision-failed", 8)
    assert {step["status"] for step in error.steps} == {"done"}
    assert set(error.as_dict()) == {"code", "message", "help", "state_of_data", "steps"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.process
def test_a_script_that_ends_the_program_does_not_end_the_caller(
    quiet: Project, old: Database
) -> None:
    quiet.write(
        "legacy/shop/versions/002_prices.py",
        "import sys\n\n\ndef upgrade(migrate_engine):\n    sys.exit('gone for lunch')\n",
    )
    with pytest.raises(BridgeError, match="gone for lunch") as caught:
        Bridge.from_config(quiet.file).dbupdate(old.url)
    assert caught.value.code == "legacy-failed"


@pytest.mark.process
def test_logging_is_left_as_it_was(quiet: Project, old: Database) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    Bridge.from_config(quiet.file).dbupdate(old.url)
    assert (root.level, list(root.handlers)) == before


# --- the run, watched ---------------------------------------------------------------------


def test_confirm_sees_the_plan_and_may_stop_the_run(quiet: Project, old: Database) -> None:
    seen: list[Plan] = []

    def no(plan: Plan) -> bool:
        seen.append(plan)
        return False

    app = Bridge.from_config(quiet.file, url=old.url)
    before = old.contents()
    with pytest.raises(NotConfirmedError) as caught:
        app.dbupdate(confirm=no)
    assert seen == [app.plan()]
    assert caught.value.as_dict() == {
        "code": "not-confirmed",
        "message": "The plan was not confirmed.",
        "help": "Run it again: bridge dbupdate",
        "state_of_data": "The database is unchanged.",
    }
    assert old.contents() == before


@pytest.mark.process
def test_confirm_is_not_asked_when_there_is_nothing_to_do(quiet: Project, old: Database) -> None:
    app = Bridge.from_config(quiet.file, url=old.url)
    app.dbupdate()
    assert app.dbupdate(confirm=lambda _plan: False).outcome == "nothing_to_do"


def test_a_plan_that_is_stale_is_not_run(quiet: Project, old: Database) -> None:
    """Somebody writes while the administrator reads the plan, the one made under the lock too."""
    versions = iter((2, 3))

    def slow(_plan: Plan) -> bool:
        old.execute(f"UPDATE migrate_version SET version = {next(versions)}")
        return True

    with pytest.raises(StalePlanError) as caught:
        Bridge.from_config(quiet.file, url=old.url).dbupdate(confirm=slow)
    assert caught.value.as_dict() == {
        "code": "plan-stale",
        "message": "The database changed after the plan was made: another process is writing to "
        "it.",
        "help": "Stop the application, then run: bridge dbupdate",
        "state_of_data": "bridge has changed nothing.",
    }
    assert not sa.inspect(old.engine()).has_table("alembic_version")


def test_progress_is_told_of_every_step(quiet: Project, sqlite_database: Database) -> None:
    told: list[tuple[str, Any]] = []

    class Watch(Progress):
        def notify(self, text: str) -> None:
            told.append(("note", text))

        def begin(self, step: Step, number: int, total: int) -> None:
            told.append(("begin", (str(step), number, total)))

        def done(self, step: Step, seconds: float) -> None:
            assert seconds >= 0
            told.append(("done", str(step)))

    report = Bridge.from_config(quiet.file, url=sqlite_database.url).dbupdate(progress=Watch())
    names = [str(step) for step, _seconds in report.steps]
    assert [what for kind, what in told if kind == "begin"] == [
        (name, number, len(names)) for number, name in enumerate(names, 1)
    ]
    assert [what for kind, what in told if kind == "done"] == names


def test_threads_wait_for_one_another(quiet: Project, tmp_path: Path) -> None:
    """Alembic's context is one for a process: each thread works alone, on whatever it is asked."""
    databases = [SQLiteDatabase(tmp_path / f"{number}.db") for number in range(4)]
    for database in databases:
        write_shop(database, 1)
        write_versions(database, ("Shop", 1))
    start = threading.Barrier(4)

    def work(database: Database) -> tuple[str, ...]:
        ours = Bridge(url=database.url, root=quiet.root, **arguments(quiet))
        start.wait()
        ours.rehearse()
        assert ours.plan().steps
        report = ours.dbupdate()
        assert ours.verify() is not None
        return report.current

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, databases)) == [HEADS] * 4
    schemas = [database.schema() for database in databases]
    assert schemas.count(schemas[0]) == 4


def test_a_callback_may_call_again(quiet: Project, old: Database) -> None:
    ours = Bridge(url=old.url, root=quiet.root, **arguments(quiet))
    seen = []

    def confirm(plan: Plan) -> bool:
        seen.append(ours.status().kind)
        return False

    with pytest.raises(NotConfirmedError):
        ours.dbupdate(confirm=confirm)
    assert seen == ["legacy"]


def test_a_url_object_is_read_as_its_text_is(quiet: Project, tmp_path: Path) -> None:
    url = sa.engine.make_url(f"sqlite+aiosqlite:///{tmp_path}/new.db")
    assert Bridge.from_config(quiet.file, url=url).dbupdate().outcome == "upgraded"


@pytest.mark.skipif(not sa.__version__.startswith("1."), reason="SQLAlchemy 2 has the dialect")
def test_a_driver_that_this_sqlalchemy_cannot_use_is_not_advised(project: Project) -> None:
    with pytest.raises(BridgeError) as caught:
        project.bridge("postgresql+psycopg://u:secret@localhost/x").status()
    assert caught.value.help == (
        "Write the URL without a driver, as postgresql://..., and install one that it knows: "
        "pip install 'psycopg2-binary'"
    )
