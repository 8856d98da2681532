"""`bridge init` on histories that nobody here wrote: their base revisions are their ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from real.histories import STANDINS, Project, UnavailableError, snapshots_folder
from support.databases import Database
from support.legacy_projects import LEGACY_SIDE, ONCE
from support.projects import write_versions

from bridge import Bridge
from bridge.database.schema import only, read_schema
from bridge.init.options import InitOptions
from bridge.init.workflow import init
from bridge.model.init_result import InitResult

pytestmark = pytest.mark.real

MakeDatabase = Callable[[str], Database]


def begin(project: Project, root: Path, *servers: Database, **given: list[str]) -> InitResult:
    options = InitOptions(
        root=root,
        urls=[server.url for server in servers],
        pythonpath=[STANDINS],
        requirements=project.history.requirements,
        **given,
    )
    return init([project.wheel / project.history.repository], options)


@pytest.mark.server
@ONCE
def test_the_base_of_glance_is_its_end_on_every_database(
    project: Callable[[str], Project], make_database: MakeDatabase, tmp_path: Path
) -> None:
    glance = project("glance")
    servers = [make_database(dialect) for dialect in ("postgresql", "mariadb")]
    begun = begin(glance, tmp_path, *servers)
    assert [tried.proved for tried in begun.tried] == [True] * 3
    assert begun.carried == {"type image_visibility": ("postgresql",)}
    assert [(rows.table, rows.why) for rows in begun.rows] == [("metadef_resource_types", None)]
    assert begun.stamps == {"glance": {45: ("glance_base",)}}

    # Of what sqlalchemy-migrate alone has made, the document is the same to the byte.
    new, old = make_database("postgresql"), make_database("postgresql")
    Bridge.from_config(tmp_path / "bridge.toml", url=new.url).dbupdate()
    write_versions(old, ("Glance Migrations", 0))
    glance.migrate_alone(old)
    assert document(new) == document(old)
    types, wanted = (d.rows()["metadef_resource_types"] for d in (new, old))
    assert [row[:3] for row in types] == [row[:3] for row in wanted]


def document(database: Database) -> str:
    with database.engine().connect() as connection:
        found = read_schema(connection)
    kept = {*found["tables"]} - {"alembic_version", "migrate_version", "bridge_journal"}
    return json.dumps(only(found, kept))


@LEGACY_SIDE
def test_buildbot_begins_with_old_databases(
    project: Callable[[str], Project], make_database: MakeDatabase, tmp_path: Path
) -> None:
    """Its first version needs tables that no version makes."""
    try:
        old = snapshots_folder(Path(__file__).resolve().parents[2]) / "buildbot"
    except UnavailableError as error:
        pytest.skip(str(error))
    files = [str(old / f"v057.{kind}.sql") for kind in ("sqlite", "pg")]
    servers = [make_database(dialect) for dialect in ("postgresql", "mariadb")]
    begun = begin(project("buildbot"), tmp_path, *servers, snapshots=files)
    assert begun.proved
    errors = {tried.dialect: tried.error for tried in begun.tried}
    assert "builders" in str(errors.pop("mysql"))
    assert set(errors.values()) == {None}
    assert begun.rows == ()
