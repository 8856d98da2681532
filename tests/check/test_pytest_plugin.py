"""`pytest --bridge`: what check proves as tests, and old installs for an app's own."""

from __future__ import annotations

import pytest
from support.legacy_projects import ONCE
from support.projects import Project, copy_sample

# Pytester takes back what is imported during a test: a module that a later test still uses must
# have been there before.
import bridge.check.workflow  # noqa: F401

pytest_plugins = ["pytester"]

pytestmark = ONCE


@pytest.fixture
def app(pytester: pytest.Pytester) -> Project:
    """The sample, in the folder in which pytest runs."""
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider\n")
    return copy_sample(pytester.path / "app")


@pytest.fixture
def run(app: Project, pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(
        test_app="""
        import sqlalchemy as sa

        def versions(engine):
            with engine.connect() as connection:
                rows = connection.execute(sa.text("SELECT * FROM migrate_version"))
                return {row[0]: row[2] for row in rows}

        def count(engine, table):
            with engine.connect() as connection:
                return connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar()

        def test_an_old_install_has_its_rows(bridge_database):
            engine = bridge_database(at="core=7", rows=4)
            other = bridge_database(at="core=7", rows=4)
            assert engine.url != other.url
            assert list(versions(engine).values()) == [7]
            assert count(engine, "users") >= 4

        def test_a_new_one_is_at_the_heads(bridge_database):
            assert count(bridge_database(), "alembic_version") == 3
        """
    )
    return pytester


def test_nothing_is_collected_without_the_option(run: pytest.Pytester) -> None:
    result = run.runpytest("--collect-only", "-q")
    result.assert_outcomes()
    assert "from core 7" not in result.stdout.str()


@pytest.mark.process
@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["in one", "in two"])
def test_every_proof_is_a_test_beside_the_app_s_own(
    processes: tuple[str, ...], run: pytest.Pytester
) -> None:
    start = run.runpytest_subprocess if processes else run.runpytest_inprocess
    result = start("--bridge", "-v", "-o", "bridge_config=app/bridge.toml", *processes)
    outcomes = result.parseoutcomes()
    assert outcomes == {"passed": 40}
    for name in (
        "seal of core", "heads of likes", "sqlite: from nothing", "sqlite: revision likes_base",
        "sqlite: branch messages alone", "sqlite: from core 7, likes 0",
        "sqlite: core 14 is core_base",
    ):  # fmt: skip
        result.stdout.fnmatch_lines(f"*{name}*PASSED*" if not processes else f"*PASSED*{name}*")


def test_what_does_not_hold_is_told_without_a_traceback(run: pytest.Pytester, app: Project) -> None:
    app.replace("alembic_migrations/versions/core_base.py", ', server_default="processed"', "")
    result = run.runpytest("--bridge", "-o", "bridge_config=app/bridge.toml", "-k", "core_base")
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(
        ["*core 14 is core_base*", "base core 14: core_base does not make what core 14 is.*",
         "*media_entries.state*", "*What to do: Fix upgrade() of core_base*"]
    )  # fmt: skip
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_configuration_that_is_not_there_is_told(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--bridge", "-p", "no:cacheprovider")
    assert result.ret != 0
    result.stderr.fnmatch_lines("*bridge.toml*")
