"""Little projects for tests, in a folder that a test may change, and bridge on them."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from click.testing import CliRunner, Result
from support.databases import Database

from bridge import Bridge
from bridge.cli.main import main

TOP = Path(__file__).resolve().parents[2]
COMPLETE = TOP / "tests/projects"
_CACHES = shutil.ignore_patterns("__pycache__")

# What a developer's shell or a CI may set, and what would change the output.
_CLEAN = dict.fromkeys(("BRIDGE_DATABASE_URL", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"))


class Project:
    """An application's migrations in a folder of the test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "bridge.toml"

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def replace(self, name: str, old: str, new: str) -> None:
        """Changes one place of a file; it must be there, else the test would test nothing."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def configure(self, table: str, *lines: str) -> None:
        """Adds lines to a table of bridge.toml, which it makes where it is not there."""
        text = self.file.read_text(encoding="utf-8")
        header = f"[{table}]\n"
        if header not in text:
            text = f"{text}\n{header}"
        self.write("bridge.toml", text.replace(header, header + "".join(f"{x}\n" for x in lines)))

    def number_from(self, first: int) -> None:
        """The shop's history without its beginning: squashed, its versions `first` and on."""
        for path in sorted((self.root / "legacy/shop/versions").glob("0*.py"), reverse=True):
            number = int(path.name[:3]) + first - 1
            path.rename(path.with_name(f"{number:03}{path.name[3:]}"))
        self.replace("bridge.toml", "stamp = { 3 =", f"stamp = {{ {first + 2} =")

    def forget(self) -> None:
        """Forgets the project's Python modules: its files may have changed, or go."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and self.root in Path(file).parents:
                del sys.modules[name]

    def bridge(self, database: Database | str | None = None) -> Bridge:
        url = database.url if isinstance(database, Database) else database
        return Bridge.from_config(self.file, url=url)

    def run(
        self, *arguments: str, url: str | Database | None = None, after: Iterable[str] = ()
    ) -> Result:
        """The command line, in this process, on this project; `after` goes to Alembic's own."""
        given = [*arguments, "--config", str(self.file)]
        if url is not None:
            given += ["--url", url.url if isinstance(url, Database) else url]
        return invoke(*given, *after)


def invoke(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    """bridge's command line in this process; never asks and shows no colours."""
    return CliRunner(env=_CLEAN | (environment or {})).invoke(main, arguments, prog_name="bridge")


def copy_project(name: str, root: Path) -> Project:
    """The complete project `name`, copied into the folder `root`."""
    shutil.copytree(COMPLETE / name, root, ignore=_CACHES)
    return Project(root)


def copy_sample(root: Path) -> Project:
    """The sample in the repository's root, copied into the folder `root`."""
    for folder in ("legacy_migrations", "alembic_migrations"):
        shutil.copytree(TOP / folder, root / folder, ignore=_CACHES)
    shutil.copy(TOP / "bridge.toml", root)
    return Project(root)


def timeless(text: str) -> str:
    """Output with times and sizes, and what they make of a backup's name, as ``#``."""
    found = (
        r"\b\d+\.\d+(?= s\b)|\b[\d.]+(?= [kM]B\b)|(?<=\"seconds\": )[\d.]+|(?<=\"size\": )[\d.]+"
    )
    return re.sub(rf"{found}|\d{{8}}T\d{{6}}\.\d{{6}}Z\.\w{{8}}(?=\.bridge-backup)", "#", text)


# --- states, written as SQL ---------------------------------------------------------------

VERSION_TABLE = (
    "CREATE TABLE {} (repository_id VARCHAR(250) NOT NULL PRIMARY KEY, repository_path TEXT,"
    " version INTEGER)"
)
# As the oldest releases of sqlalchemy-migrate and careless hands left it: rows can be duplicate.
LOOSE_VERSION_TABLE = (
    "CREATE TABLE {} (repository_id VARCHAR(250), repository_path TEXT, version INTEGER)"
)
# What the shop's versions do, in SQL that every database takes.
_SHOP = (
    (),
    ("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(40))",),
    ("ALTER TABLE items ADD COLUMN price INTEGER",),
    ("CREATE TABLE orders (id INTEGER PRIMARY KEY, item_id INTEGER)",),
)


def write_shop(database: Database, version: int) -> None:
    """Makes the shop's tables as its legacy version `version` left them, with a row."""
    database.execute(*(sql for step in _SHOP[: version + 1] for sql in step))
    if version:
        database.execute("INSERT INTO items (id, name) VALUES (1, 'A lamp, 100% brass')")


def write_versions(
    database: Database,
    *rows: tuple[str, int | None],
    table: str = "migrate_version",
    path: str | None = "/srv/gone/legacy",
    loose: bool = False,
) -> None:
    """Makes a version table of sqlalchemy-migrate with these rows."""
    stored = "NULL" if path is None else f"'{path}'"
    database.execute(
        (LOOSE_VERSION_TABLE if loose else VERSION_TABLE).format(table),
        *(
            f"INSERT INTO {table} VALUES ('{name}', {stored},"
            f" {'NULL' if version is None else version})"
            for name, version in rows
        ),
    )


def write_revisions(
    database: Database, revisions: Iterable[str], table: str = "alembic_version"
) -> None:
    """Makes a version table of Alembic with these rows."""
    database.execute(
        f"CREATE TABLE {table} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        *(f"INSERT INTO {table} VALUES ('{revision}')" for revision in revisions),
    )
