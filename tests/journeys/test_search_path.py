"""PostgreSQL: the app's tables are found where its connection finds them, by every command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import Database, PostgreSQLDatabase
from support.projects import TOP, Project, copy_sample
from support.servers import PostgreSQL

from bridge.model.errors import BackupError, ConfigError

OTHERS = "CREATE TABLE public.others (id INTEGER PRIMARY KEY); INSERT INTO public.others VALUES (1)"

MOVED = "ALTER SCHEMA public RENAME TO app; CREATE SCHEMA public;" + OTHERS


@pytest.fixture
def old(make_database: Callable[[str], Database]) -> Database:
    database = make_database("postgresql")
    database.load(TOP / "snapshots/core-v03")
    return database


def with_path(database: Database, path: str) -> sa.engine.URL:
    url = sa.engine.make_url(database.url)
    return url.update_query_dict({"options": f"-csearch_path={path}"})


def own_schema(database: Database) -> str:
    """Creates a schema named like the user: the default search path has it first."""
    user = str(sa.engine.make_url(database.url).username)
    database.execute(f'CREATE SCHEMA "{user}"')
    return user


def tables(database: Database, schema: str) -> dict[str, int]:
    """The rows of each table in a schema."""
    with database.engine().connect() as connection:
        names = sa.inspect(connection).get_table_names(schema)
        counted = sa.select(sa.func.count())
        return {
            name: connection.execute(
                counted.select_from(sa.table(name, schema=schema))
            ).scalar_one()
            for name in names
        }


def outcome(sample: Project, url: Any) -> tuple[Any, ...]:
    """What every command says of a database, on its whole way."""
    bridge = sample.bridge()
    before = bridge.status(url)
    rehearsal = bridge.rehearse(url)
    report = bridge.dbupdate(url)
    verified = bridge.verify(url)
    return (
        {name: state.version for name, state in before.legacy.items()},
        rehearsal.report.rows,
        report.outcome,
        report.rows,
        report.vanished,
        verified.compared,
        verified.differences,
        bridge.status(url).kind,
        bridge.dbupdate(url).outcome,
        len(bridge.history(url)),
    )


@pytest.fixture(scope="module")
def plain(
    postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, ...]]:
    """The same of a database with its tables in the one schema."""
    database = PostgreSQLDatabase(postgresql_server, "plain")
    database.load(TOP / "snapshots/core-v03")
    yield outcome(copy_sample(tmp_path_factory.mktemp("plain") / "sample"), database.url)
    database.drop()


def test_the_first_schema_of_the_search_path_is_empty(
    sample: Project, old: Database, plain: tuple[Any, ...]
) -> None:
    own_schema(old)
    assert plain[1].before["users"] > 0
    assert outcome(sample, old.url) == plain


def test_a_part_of_the_tables_is_in_the_first_schema(
    sample: Project, old: Database, plain: tuple[Any, ...]
) -> None:
    own = own_schema(old)
    name = min(set(tables(old, "public")) - {"migrate_version"})
    old.execute(f'ALTER TABLE {name} SET SCHEMA "{own}"')
    assert outcome(sample, old.url) == plain


@pytest.mark.parametrize("path", ["app", "app,public"])
def test_the_search_path_is_in_the_url(
    sample: Project, old: Database, plain: tuple[Any, ...], path: str
) -> None:
    old.execute(*MOVED.split(";"))
    if path != "app":
        sample.configure("database", 'ignore_tables = ["others"]')
    assert outcome(sample, with_path(old, path)) == plain
    assert tables(old, "public") == {"others": 1}
    assert "alembic_version" in tables(old, "app")


def test_a_backup_is_one_of_the_schemas_of_the_search_path(sample: Project, old: Database) -> None:
    old.execute(*MOVED.split(";"))
    url = with_path(old, "app")
    before = tables(old, "app")
    report = sample.bridge().dbupdate(url, backup=True)
    assert report.backup is not None
    assert f"{sa.engine.make_url(old.url).database}.app." in report.backup.path.name
    old.execute("INSERT INTO public.others VALUES (2)")

    sample.bridge().restore(report.backup.path, url, backup=False)

    assert tables(old, "app") == before
    assert tables(old, "public") == {"others": 2}
    assert sample.bridge().dbupdate(url).outcome == "upgraded"
    with pytest.raises(BackupError, match="is a backup of another database"):
        sample.bridge().restore(report.backup.path, old.url, backup=False)


def test_a_restore_takes_nothing_from_other_schemas(sample: Project, old: Database) -> None:
    old.execute(*MOVED.split(";"), "CREATE VIEW public.names AS SELECT * FROM app.users")
    url = with_path(old, "app")
    backup = sample.bridge().dbupdate(url, backup=True).backup
    assert backup is not None
    after = tables(old, "app")
    with pytest.raises(BackupError, match=r"take something from public\.names"):
        sample.bridge().restore(backup.path, url, backup=False)
    assert tables(old, "app") == after


def test_the_version_table_may_have_a_schema_of_its_own(
    sample: Project, old: Database, plain: tuple[Any, ...]
) -> None:
    sample.configure("alembic", 'version_table_schema = "versions"')
    assert outcome(sample, old.url) == plain
    assert tables(old, "versions") == {"alembic_version": 3}
    assert "alembic_version" not in tables(old, "public")


def test_a_version_table_of_another_program_is_not_looked_at(
    sample: Project, old: Database, plain: tuple[Any, ...]
) -> None:
    sample.configure("alembic", 'version_table_schema = "versions"')
    old.execute(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('of another program')",
    )
    assert outcome(sample, old.url) == plain
    assert tables(old, "public")["alembic_version"] == 1


def test_a_script_has_the_schema_of_the_version_table(sample: Project, old: Database) -> None:
    sample.configure("alembic", 'version_table_schema = "versions"')
    sample.bridge().dbupdate(old.url)
    old.execute("DELETE FROM versions.alembic_version WHERE version_num LIKE 'messages%'")
    assert "INTO versions.alembic_version" in sample.bridge().sql(old.url)


def test_only_postgresql_has_schemas(sample: Project, tmp_path: Path) -> None:
    sample.configure("alembic", 'version_table_schema = "versions"')
    (tmp_path / "x.db").touch()
    with pytest.raises(ConfigError, match="is for PostgreSQL alone"):
        sample.bridge(f"sqlite:///{tmp_path / 'x.db'}").status()
