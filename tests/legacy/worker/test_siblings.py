"""What scripts import."""

from __future__ import annotations

from collections.abc import Mapping

from support.databases import Database
from support.legacy_projects import (
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    notes,
    script,
    versions,
)

pytestmark = LEGACY_SIDE


def test_scripts_import_the_app_their_siblings_and_each_other(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.write("src/shop/__init__.py", "")
    project.write("src/shop/words.py", "def shout(text):\n    return text.upper()\n")
    insert = "migrate_engine.execute(text('INSERT INTO notes (text) VALUES (:t)'), t={})"
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_app.py": script(insert.format("shout('app')"), "from shop.words import shout\n"),
            "003_sibling.py": script(insert.format("helpers.NAME"), "import helpers\n"),
            "004_lazy": "from helpers import NAME\n" + insert.format("NAME + ', lazily'"),
            "005_other": "import importlib\nother = importlib.import_module('003_sibling')\n"
            + insert.format("other.helpers.NAME + ' of another'"),
            "006_by_path": "import os\nfrom migrate.versioning.util import import_path\n"
            "path = os.path.join(os.path.dirname(__file__), '002_app.py')\n"
            + insert.format("import_path(path).shout('path')"),
            "007_above": "import above\n" + insert.format("above.NAME"),
            "helpers.py": "NAME = 'sibling'\n",
            "../above.py": "NAME = 'above'\n",
        },
        pythonpath=["src"],
    )
    project.update(sqlite_database)
    assert notes(sqlite_database) == [
        "APP", "sibling", "sibling, lazily", "sibling of another", "PATH", "above",
    ]  # fmt: skip
    made = {path.name for path in project.root.rglob("__pycache__") if "alembic" not in str(path)}
    assert not made, "a migration leaves no files in the app's folders"


def test_two_repositories_may_have_files_of_the_same_names(
    project: LegacyProject, sqlite_database: Database
) -> None:
    def scripts(name: str) -> Mapping[str, str | bytes]:
        table = f"meta.bind = migrate_engine\nTable('{name}', meta, Column('id', Integer)).create()"
        insert = f"migrate_engine.execute(text('INSERT INTO {name} VALUES (:n)'), n=VALUE)"
        return {
            "001_make.py": script(table, "from sqlalchemy import MetaData\nmeta = MetaData()\n"),
            "002_fill.py": script(insert, "from helpers import VALUE\n"),
            "003_fill": "from helpers import VALUE\nimport helpers.more\n" + insert,
            "helpers/__init__.py": f"VALUE = {len(name)}\n",
            "helpers/more.py": "",
        }

    project.repository(scripts("core"), name="core")
    project.repository(scripts("plugin"), name="plugin", requires={2: {"core": 3}})
    project.tables["core"]["requires"] = {3: {"plugin": 1}}
    project.update(sqlite_database)
    assert versions(sqlite_database) == {"core": 3, "plugin": 3}
    rows = sqlite_database.rows()
    assert (rows["core"], rows["plugin"]) == ([(4,), (4,)], [(6,), (6,)])


def test_versions_may_share_one_metadata(project: LegacyProject, sqlite_database: Database) -> None:
    project.repository(
        {
            "common.py": "from sqlalchemy import MetaData\nmeta = MetaData()\n",
            "001_a.py": script(
                "meta.bind = migrate_engine\na.create()",
                "from sqlalchemy import *\nfrom common import meta\n"
                "a = Table('a', meta, Column('id', Integer, primary_key=True))\n",
            ),
            "002_b.py": script(
                "meta.bind = migrate_engine\nb.create()",
                "from sqlalchemy import *\nfrom common import meta\nb = Table('b', meta, "
                "Column('id', Integer), Column('a_id', Integer, ForeignKey('a.id')))\n",
            ),
            "003_c": "from common import meta\nmeta.bind = migrate_engine\n"
            "meta.tables['b'].c.id.alter(name='number')",
        }
    )
    project.update(sqlite_database)
    columns = sqlite_database.schema()["tables"]["b"]["columns"]
    assert [column["name"] for column in columns] == ["number", "a_id"]
