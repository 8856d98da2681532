"""Legacy histories of real projects: where they are, how they are configured, what they become.

Their code is fetched from PyPI into the cache of the tests; `standins/` has what it imports
besides. Their successors in Alembic are our own, in `successors/`, but for glance's: its wheel has
them, and with SQLAlchemy 1.4 they can run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import Database

from bridge import Bridge
from bridge.legacy.runtime import ready_runtime
from bridge.legacy.urls import legacy_url

HERE = Path(__file__).resolve().parent
STANDINS = HERE / "standins"
OLD_WORLD = sa.__version__.startswith("1.")

Rows = dict[str, list[tuple[Any, ...]]]
Load = Callable[..., Database]

# Where revisions of glance run in this process: its code, old SQLAlchemy and sqlalchemy-migrate are
# not ours to mend.
FOREIGN_CODE = [
    pytest.mark.filterwarnings(f"ignore{what}")
    for what in (("::DeprecationWarning", "::SyntaxWarning", ":pkg_resources") if OLD_WORLD else ())
]


class UnavailableError(Exception):
    """What a test needs cannot be had; the text says what and why."""


@dataclass(frozen=True)
class History:
    """A legacy repository in a wheel, and what bridge is told of it."""

    name: str
    wheel: str
    repository: str
    last: int
    base: str
    head: str
    requirements: tuple[str, ...] = ()
    setup: str | None = None
    version_table: str = "alembic_version"
    bring_up_with: str | None = None


HISTORIES = {
    history.name: history
    for history in (
        History(
            "glance",
            "glance==21.0.0",
            "glance/db/sqlalchemy/migrate_repo",
            45,
            "ocata_contract01",
            "ussuri_contract01" if OLD_WORLD else "next02",
            # iso8601 is not in bridge's locked runtime: this makes another one, with it.
            requirements=("cryptography", "iso8601", "six"),
            setup="glance_setup:setup",
        ),
        History(
            "trove",
            "trove==21.0.0",
            "trove/db/sqlalchemy/migrate_repo",
            48,
            "trove_048",
            "trove_049",
        ),
        History(
            "masakari",
            "masakari==16.0.0",
            "masakari/db/sqlalchemy/migrate_repo",
            8,
            "masakari_008",
            "masakari_009",
            setup="masakari_setup:setup",
            version_table="masakari_alembic_version",
        ),
        History(
            "buildbot",
            "buildbot==3.3.0",
            "buildbot/db/migrate",
            58,
            "058",
            "059",
            bring_up_with="buildbot 2.x",
        ),
    )
}


def fetch(wheel: str, folder: Path) -> None:
    """Downloads a wheel, without what it depends on, and unpacks it into the folder."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    # The wheels say for which Python versions the *app* is; its migrations are older.
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [*command, "--dest", str(folder), wheel],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found = list(folder.glob("*.whl"))
    if done.returncode or len(found) != 1:
        said = (done.stderr.strip() or done.stdout.strip() or "pip said nothing").splitlines()
        raise UnavailableError(f"{wheel} cannot be fetched: {said[-1]}")
    with zipfile.ZipFile(found[0]) as archive:
        archive.extractall(folder)
    found[0].unlink()


def snapshots_folder(checkout: Path) -> Path:
    """The folder of the old databases.

    :raises UnavailableError: it is not there.
    """
    named = os.environ.get("BRIDGE_SNAPSHOTS")
    folder = Path(named) if named else checkout.parent / "shared" / "snapshots"
    if not folder.is_dir():
        raise UnavailableError(f"{folder} is not there; BRIDGE_SNAPSHOTS names the old databases")
    return folder


@dataclass(frozen=True)
class Project:
    """A history with its code at hand."""

    history: History
    wheel: Path

    def tables(
        self, *, legacy: Mapping[str, Any] | None = None, alembic: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The configuration, shaped as ``bridge.toml``, with some keys of its tables replaced.

        A key of `legacy` that is None is left out.
        """
        history = self.history
        described = {
            "repository": str(self.wheel / history.repository),
            "pythonpath": [str(STANDINS), str(self.wheel)],
            "requirements": list(history.requirements),
            "setup": history.setup,
            "bring_up_with": history.bring_up_with,
            "stamp": {str(history.last): [history.base]},
            **(legacy or {}),
        }
        successor = {**self._successor(), "version_table": history.version_table}
        return {
            "alembic": {**successor, **(alembic or {})},
            "legacy": {
                history.name: {key: value for key, value in described.items() if value is not None}
            },
        }

    def _successor(self) -> dict[str, Any]:
        if self.history.name == "glance" and OLD_WORLD:
            versions = self.wheel / "glance/db/sqlalchemy/alembic_migrations/versions"
            folders = [HERE / "successors/standins", STANDINS, self.wheel]
            return {
                "script_location": str(HERE / "successors/env_glance"),
                "version_locations": [str(versions)],
                "pythonpath": [str(folder) for folder in folders],
            }
        return {
            "script_location": str(HERE / "successors/env"),
            "version_locations": [str(HERE / "successors" / self.history.name)],
        }

    def bridge(self, database: Database, **replaced: Mapping[str, Any]) -> Bridge:
        """bridge on a database; `legacy` and `alembic` replace keys."""
        return Bridge(url=database.url, root=HERE, **self.tables(**replaced))

    def to_the_hand_over(self, database: Database) -> Bridge:
        """bridge that stops where Alembic begins."""
        return self.bridge(database, alembic={"targets": [self.history.base]})

    def migrate_alone(
        self, database: Database, version: int | None = None, *, warm: bool = False
    ) -> float:
        """Takes the database to a version, else the last, with sqlalchemy-migrate's own API.

        :param warm: what the scripts import has been imported before.
        :returns: the seconds.
        """
        bridge = self.bridge(database)
        request = {
            "url": legacy_url(database.engine().url),
            "pythonpath": [str(STANDINS), str(self.wheel)],
            "setup": self.history.setup,
            "repository": str(self.wheel / self.history.repository),
            "version": version,
            "warm": warm,
        }
        done = subprocess.run(
            [str(ready_runtime(bridge.config).python), str(HERE / "reference.py")],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return float(done.stdout.split()[-1])

    def write_toml(self, path: Path) -> Path:
        """The configuration as a file, for the command line."""
        lines = []
        for name, values in self._flat():
            lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def _flat(self) -> list[tuple[str, Mapping[str, Any]]]:
        tables = self.tables()
        name = self.history.name
        return [("alembic", tables["alembic"]), (f"legacy.{name}", tables["legacy"][name])]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    # Strings and lists of strings are written alike in JSON.
    return json.dumps(value)


def content(database: Database, ignore: tuple[str, ...] = ()) -> tuple[dict[str, Any], Rows]:
    """Schema and rows: equal for equal databases."""
    return database.schema(ignore), database.rows(ignore)


def counts(rows: Rows) -> dict[str, int]:
    """How many rows each table has."""
    return {table: len(found) for table, found in rows.items()}
