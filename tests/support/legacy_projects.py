"""Writes little sqlalchemy-migrate repositories for tests, and bridge on them."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.alembic_projects import write_env, write_revision
from support.databases import Database
from support.projects import write_versions
from support.warm import LegacyPopen

from bridge import Bridge, BridgeError
from bridge.legacy.runtime import ready_runtime
from bridge.legacy.urls import legacy_url
from bridge.model.config_file import parse
from bridge.model.errors import LegacyPreflightError

LEGACY_SIDE = pytest.mark.skipif(
    not sa.__version__.startswith("1.4"),
    reason="about the legacy side only, which is one process in both worlds: runs in the 1.4 one",
)
ONCE = pytest.mark.skipif(
    sa.__version__.startswith("1.4"),
    reason="long, and not about SQLAlchemy: it runs in the 2.1 world only",
)
BASE = "successor"
"""The Alembic revision that equals the last version of every repository here; it does nothing."""

HEAD = """\
from sqlalchemy import *
from migrate import *


def upgrade(migrate_engine):
"""

CFG = """\
[db_settings]
repository_id = {repository_id}
version_table = {version_table}
required_dbs = []
"""

CREATE_NOTES = """
meta = MetaData(bind=migrate_engine)
Table("notes", meta, Column("id", Integer, primary_key=True), Column("text", String(80))).create()
"""


def add_note(text: str) -> str:
    """A body of upgrade() that adds a row to the table of `CREATE_NOTES`."""
    return f"migrate_engine.execute(text(\"INSERT INTO notes (text) VALUES ('{text}')\"))\n"


def script(body: str, head: str = "") -> str:
    """A script whose upgrade() has this body; `head` stands before it."""
    return head + HEAD + textwrap.indent(textwrap.dedent(body).strip() or "pass", "    ") + "\n"


def write_repository(
    folder: Path,
    scripts: Mapping[str, str | bytes],
    *,
    repository_id: str = "app",
    version_table: str = "migrate_version",
    cfg: str | bytes | None = None,
) -> Path:
    """A repository; a script's name without an ending stands for the body of its upgrade()."""
    if cfg is None:
        cfg = CFG.format(repository_id=repository_id, version_table=version_table)
    files: dict[str, str | bytes] = {"migrate.cfg": cfg, "__init__.py": ""}
    for name, text in scripts.items():
        if "." not in name and isinstance(text, str):
            files[f"versions/{name}.py"] = script(text)
        else:
            files[f"versions/{name}"] = text
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


class LegacyProject:
    """An application in a folder: repositories, and an Alembic revision that equals their ends."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tables: dict[str, Any] = {}
        write_env(root / "alembic")
        write_revision(root / "alembic/versions", BASE)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def repository(
        self,
        scripts: Mapping[str, str | bytes],
        *,
        name: str = "app",
        at: Path | str | None = None,
        **given: Any,
    ) -> Path:
        """Adds `legacy.NAME`; `given` has keys of its table, or arguments of `write_repository`."""
        own = {
            key: given.pop(key) for key in ("repository_id", "version_table", "cfg") if key in given
        }
        own.setdefault("repository_id", name)
        folder = write_repository(self.root / (at or f"legacy/{name}"), scripts, **own)
        last = max(int(x[:3]) for x in scripts if x[:3].isdigit())
        self.tables[name] = {"repository": str(folder), "stamp": {last: [BASE]}, **given}
        return folder

    def bridge(self, database: Database | str, **tables: Any) -> Bridge:
        url = database.url if isinstance(database, Database) else database
        return Bridge(
            url=url,
            root=self.root,
            alembic={"script_location": "alembic"},
            legacy=self.tables,
            **tables,
        )

    def update(self, database: Database, **tables: Any) -> None:
        """Upgrades, from version 0 of the repository `app` where nothing else was written."""
        self.install(database)
        report = self.bridge(database, **tables).dbupdate()
        assert report.outcome == "upgraded"
        assert report.current == (BASE,)

    def refused(self, database: Database, **tables: Any) -> BridgeError:
        """The error of an upgrade that must not succeed."""
        self.install(database)
        with pytest.raises(BridgeError) as caught:
            self.bridge(database, **tables).dbupdate()
        return caught.value

    def problems(self, database: Database) -> list[str]:
        """What preflight says of scripts that cannot run; proves that nothing was written."""
        self.install(database)
        before = database.contents()
        error = self.refused(database)
        assert isinstance(error, LegacyPreflightError), error
        assert error.state_of_data == "The database is unchanged."
        assert database.contents() == before
        first, *rest = self.message(error).splitlines()
        many = "s" if len(rest) > 1 else ""
        needs = "the legacy scripts that this database needs"
        assert first == f"{len(rest)} problem{many} with {needs}:"
        return [line.removeprefix("- ROOT/legacy/app/versions/") for line in rest]

    def install(self, database: Database) -> None:
        """Writes the version rows at 0, unless the test has written some."""
        if not database.rows():
            write_versions(database, *((name, 0) for name in self.tables))

    def message(self, error: BridgeError) -> str:
        """The whole message, with this project's folder as ``ROOT``."""
        return error.message.replace(str(self.root), "ROOT")


def versions(database: Database, table: str = "migrate_version") -> dict[str, int]:
    """The version of each repository, as its row says."""
    return {row[0]: row[2] for row in database.rows()[table]}


def notes(database: Database) -> list[str]:
    """The texts in the table of `CREATE_NOTES`, in their order."""
    return [row[1] for row in sorted(database.rows()["notes"], key=lambda row: int(row[0]))]


def legacy_python() -> Path:
    """The interpreter of the legacy runtime, which is made when it is not there."""
    config = parse({"alembic": {"script_location": "."}}, root=Path.cwd(), source="the tests")
    return ready_runtime(config).python


def run_sqlalchemy_migrate(
    database: Database, repository: Path, start: int, last: int | None = None
) -> None:
    """What sqlalchemy-migrate's own API does, without any bridge: the judge of our worker."""
    code = """
import sys
from migrate.versioning import api
url, repository, start, last = sys.argv[1:]
api.version_control(url, repository, int(start))
api.upgrade(url, repository, int(last) if last != "-" else None)
"""
    # The password in the arguments is a test's own.
    url = legacy_url(database.engine().url)
    with LegacyPopen(
        [legacy_python(), "-Wignore", "-c", code, url, repository, str(start), str(last or "-")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
