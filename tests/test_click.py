"""bridge's commands inside an application's own command line, and inside Flask's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from support.alembic_projects import create_table, write_env, write_revision
from support.databases import Database
from support.projects import Project, copy_project, write_versions

import bridge.click
from bridge import Bridge
from bridge.flask import Migrations


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    return copy_project("shop", tmp_path / "shop")


def app_of(*commands: click.Command) -> click.Group:
    return click.Group("gmg", commands={str(command.name): command for command in commands})


def invoke(app: click.Group, *arguments: str) -> Any:
    return CliRunner().invoke(app, arguments, prog_name="gmg")


def test_an_app_has_the_commands_in_its_own_command_line(shop: Project, database: Database) -> None:
    write_versions(database, ("Shop", 1))
    database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(80))")
    app = app_of(bridge.click.group(shop.file, url=lambda: database.url))
    result = invoke(app, "db", "status")
    assert result.exit_code == 0, result.output
    assert "run: gmg db dbupdate" in result.output


@pytest.mark.parametrize("kind", ["path", "bridge", "function"])
def test_the_configuration_may_be_given_in_many_ways(
    shop: Project, sqlite_database: Database, kind: str
) -> None:
    made = shop.bridge(sqlite_database)
    config: Any = {"path": shop.file, "bridge": made, "function": lambda: made}[kind]
    app = app_of(bridge.click.commands(config, url=sqlite_database.url)["dbupdate"])
    result = invoke(app, "dbupdate")
    assert result.exit_code == 0, result.output
    assert made.dbupdate().outcome == "nothing_to_do"
    # Said by the app, hence not asked of its users.
    help_text = invoke(app, "dbupdate", "--help").output
    assert "--config" not in help_text
    assert "--url" not in help_text


def test_a_group_has_every_command(shop: Project) -> None:
    app = app_of(bridge.click.group(shop.file))
    listed = invoke(app, "db", "--help").output
    for name in ("status", "plan", "dbupdate", "revision", "alembic", "graph", "modules"):
        assert f"\n  {name} " in listed
    assert "Usage: gmg db modules remove" in invoke(app, "db", "modules", "remove", "--help").output


def test_errors_are_told_with_the_apps_own_commands(
    shop: Project, sqlite_database: Database
) -> None:
    sqlite_database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)")
    app = app_of(bridge.click.group(shop.file, url=sqlite_database.url))
    result = invoke(app, "db", "dbupdate")
    assert (result.exit_code, type(result.exception)) == (5, SystemExit)
    assert "gmg db alembic stamp" in result.stderr
    assert "bridge alembic" not in result.stderr
    document = json.loads(invoke(app, "db", "dbupdate", "--json").stdout)
    assert "gmg db alembic stamp" in document["error"]["help"]
    # A group's own command, and one inside a group.
    result = invoke(app, "db", "modules")
    assert "reviews" in result.output
    result = invoke(app, "db", "modules", "remove", "reviews")
    assert "Run it again with --yes: gmg db modules remove reviews --yes" in result.stderr
    result = invoke(app, "db", "alembic", "--with-plugins", "heads")
    assert "shop_stock" in result.output


def test_data_is_not_taken_for_a_command(shop: Project, sqlite_database: Database) -> None:
    """What somebody has written stays as it is, also where it reads like a command."""
    shop.replace("alembic/versions/shop_notes.py", "A note", "The bridge status column: a note")
    app = app_of(bridge.click.group(shop.file, url=sqlite_database.url))
    for arguments in (["graph"], ["graph", "--json"], ["plan"], ["alembic", "history"]):
        found = invoke(app, "db", *arguments)
        assert found.exit_code == 0, found.output
        assert "gmg db status" not in found.output
    assert "The bridge status column" in invoke(app, "db", "graph").output


# --- Flask ------------------------------------------------------------------------------------


class Site:
    """A Flask application with Flask-SQLAlchemy."""

    def __init__(self, root: Path, url: str) -> None:
        self.app = Flask("site", root_path=str(root))
        self.app.config["SQLALCHEMY_DATABASE_URI"] = url
        self.db = SQLAlchemy(self.app)
        sa.Table("users", self.db.metadata, sa.Column("id", sa.Integer, primary_key=True))

    def flask(self, *arguments: str) -> str:
        result = self.app.test_cli_runner().invoke(args=list(arguments))
        assert result.exit_code == 0, result.output
        return str(result.output)


def test_flask_dbupdate_takes_an_old_database_to_the_heads(
    shop: Project, make_database: Callable[[str], Database]
) -> None:
    database = make_database("sqlite")
    site = Site(shop.root, database.url)
    Migrations(site.app, site.db)
    assert "run: site bridge dbupdate" in site.flask("bridge", "status")
    assert "Done" in site.flask("dbupdate")
    assert Bridge.from_config(shop.file, url=database.url).dbupdate().outcome == "nothing_to_do"


def test_the_tables_may_be_arguments_and_the_models_are_flask_sqlalchemys(
    tmp_path: Path, sqlite_database: Database
) -> None:
    scripts = write_env(tmp_path / "alembic")
    write_revision(scripts / "versions", "one", upgrade=create_table("users"))
    site = Site(tmp_path, sqlite_database.url)
    Migrations(db=site.db, alembic={"script_location": "alembic"}).init_app(site.app)
    site.flask("dbupdate")
    assert "No new upgrade operations" in site.flask("bridge", "alembic", "check")


# Flask-Migrate's env.py asks for it first.
@pytest.mark.filterwarnings("ignore:'get_engine' is deprecated:DeprecationWarning")
def test_it_works_beside_flask_migrate(
    tmp_path: Path, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own env.py, folder and alembic.ini, as `flask db init` makes them."""
    monkeypatch.chdir(tmp_path)
    site = Site(tmp_path, sqlite_database.url)
    Migrate(site.app, site.db, include_object=bridge.flask.include_object)
    Migrations(site.app, site.db)
    site.flask("db", "init")
    site.flask("db", "migrate", "-m", "users")
    assert "Done: 1 step" in site.flask("dbupdate")
    assert "Nothing to do" in site.flask("dbupdate")
    sa.Table("posts", site.db.metadata, sa.Column("id", sa.Integer, primary_key=True))
    site.flask("db", "migrate", "-m", "posts")
    (path,) = (tmp_path / "migrations/versions").glob("*_posts.py")
    assert "bridge_journal" not in path.read_text(encoding="utf-8")
    site.flask("db", "upgrade")
    assert "Nothing to do" in site.flask("dbupdate")
    assert sqlite_database.rows()["posts"] == []
