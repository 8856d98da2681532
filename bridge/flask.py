"""A Flask extension: ``flask dbupdate``, and bridge's other commands as ``flask bridge ...``.

The database and the models are Flask-SQLAlchemy's. Needs the extra ``bridge[flask]``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

import bridge.click
from bridge.api import Bridge
from bridge.model.config_file import FILE_NAME, find
from bridge.model.errors import ConfigMissingError
from bridge.model.names import OWN_TABLES


class Migrations:
    """The extension for a Flask application.

    ::

        db = SQLAlchemy(app)
        Migrate(app, db)        # where there is one
        Migrations(app, db)

    The configuration is `config`, or the nearest ``bridge.toml`` at or above the application's
    folder, or the keyword arguments of `bridge.Bridge`. Without any of these it is the folder
    ``migrations`` of Flask-Migrate.

    :param db: the `SQLAlchemy` object of Flask-SQLAlchemy.
    """

    def __init__(
        self,
        app: Flask | None = None,
        db: Any = None,
        *,
        config: Path | str | None = None,
        **tables: Any,
    ) -> None:
        self._db, self._config, self._tables = db, config, tables
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, db: Any = None) -> None:
        """Give the application its commands.

        :param db: the `SQLAlchemy` object, where the constructor did not get it.
        """
        self._db = db if db is not None else self._db
        app.extensions["bridge"] = self
        # Outside of `flask`, a test's runner gives no context.
        commands = bridge.click.commands(with_appcontext(self.bridge))
        app.cli.add_command(commands["dbupdate"])
        app.cli.add_command(
            click.Group("bridge", commands=commands, help="All commands of bridge.")
        )

    def bridge(self) -> Bridge:
        """Return the `Bridge` of the application; call it inside the application's context.

        :raises ConfigMissingError: there is no configuration and no folder of Flask-Migrate's.
        """
        # The object itself: there may be no name for it.
        return self._configured().with_models(self._db.metadata)

    def _configured(self) -> Bridge:
        engine, root = self._db.engine, Path(current_app.root_path)
        if self._config is not None:
            return Bridge.from_config(root / self._config, url=engine)
        if self._tables:
            return Bridge(url=engine, root=root, **self._tables)
        try:
            return Bridge.from_config(find(root), url=engine)
        except ConfigMissingError:
            migrate = current_app.extensions.get("migrate")
            folder = Path(getattr(migrate, "directory", "migrations")).absolute()
            if not (folder / "env.py").is_file():
                raise ConfigMissingError(
                    f"There is no {FILE_NAME} in {root} or above it, and no {folder} of "
                    "Flask-Migrate's.",
                    help="Write one, or pass its tables to Migrations as arguments.",
                ) from None
            return Bridge(
                url=engine, root=folder.parent, alembic={"config": str(folder / "alembic.ini")}
            )


def include_object(_object: Any, name: str | None, kind: str, *_more: Any) -> bool:
    """For `Migrate(..., include_object=...)`: ``flask db migrate`` leaves bridge's table alone."""
    return not (kind == "table" and name in {*OWN_TABLES, "migrate_version"})
