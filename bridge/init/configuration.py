"""The configuration that init writes: first with staged paths, finally as `bridge.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.init.staging import FOLDER, NOTHING_WRITTEN, Staging
from bridge.init.templates import configuration_text, fit_names
from bridge.legacy.repository import read_files, read_repository
from bridge.model.app_tables import app_tables
from bridge.model.config_file import FILE_NAME, parse
from bridge.model.errors import HookError, RepositoryInvalidError
from bridge.model.names import CORE, base_revision
from bridge.model.remedy import Remedy
from bridge.model.state import Facts
from bridge.revisions.hooks import load_models
from bridge.revisions.modules import find_modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.init.options import InitOptions
    from bridge.model.config import Config
    from bridge.model.repository import Repository

ALEMBIC_VERSION = "alembic_version"


class Configuration:
    """The configuration of an app, derived from the files of its legacy repositories.

    :param legacy: the folders of the repositories; the first is the app's own, the others become
        modules.
    :raises RepositoryInvalidError: a folder is not a repository.
    :raises InitError: a file that would be written exists.
    :raises HookError: the models cannot be loaded.
    """

    def __init__(self, staging: Staging, legacy: Sequence[Path], options: InitOptions) -> None:
        self.staging, self.models = staging, options.models
        self._shared = False
        try:
            files = [read_files(path) for path in legacy]
        except RepositoryInvalidError as error:
            error.remedies = (
                Remedy("Name the folder that has migrate.cfg and versions/ with --legacy."),
            )
            error.state_of_data = NOTHING_WRITTEN
            raise
        identities = [one["repository_id"] for one in files]
        self.names = fit_names(zip(identities, legacy, strict=True))
        """The names of the repositories, the app's own first."""
        lasts = [one["versions"][-1] for one in files]
        self._tables: dict[str, Any] = {
            "database": {},
            "alembic": self._alembic_table(),
            "legacy": {
                name: self._legacy_table(name, path, last, options)
                for name, path, last in zip(self.names, legacy, lasts, strict=True)
            },
        }
        self.modules = [] if staging.has_revisions else self.names[1:]
        """The names of the repositories that become modules."""
        for name in self.modules:
            (staging.folder / name).mkdir()
        if self.modules:
            self._tables["module"] = {name: self._module_table(name) for name in self.modules}
        staging.check_free(final for _, final in self.places())
        self.config = self._read()
        if self.models and not any(models.tables for models in load_models(self.config)):
            raise HookError(
                f"The models {self.models} have no tables.",
                help="Name them by a module that imports all models: a MetaData knows only the "
                "tables of what is imported.",
                state_of_data=NOTHING_WRITTEN,
            )
        self.repositories = self._read_repositories()
        """The repositories, by their names."""

    @property
    def core(self) -> str:
        """The name of the app's own repository."""
        return self.names[0]

    @property
    def legacy_folders(self) -> list[str]:
        """The folders of the repositories, relative to the folder of the app."""
        return [table["repository"] for table in self._tables["legacy"].values()]

    @property
    def stamps(self) -> dict[str, dict[int, tuple[str, ...]]]:
        """By repository, its last version with the revisions that equal it."""
        return {
            name: {int(version): tuple(revisions) for version, revisions in table["stamp"].items()}
            for name, table in self._tables["legacy"].items()
        }

    # --- the tables -----------------------------------------------------------------------

    def _alembic_table(self) -> dict[str, Any]:
        existing = self.staging.existing
        table: dict[str, Any] = {"script_location": FOLDER}
        if existing is not None:
            table = {"config": self.staging.relative(existing.config)}
        if not self.staging.has_revisions:
            table["label"] = self.core
        if self.models:
            table["models"] = [self.models]
        return table

    def _legacy_table(
        self, name: str, path: Path, last: int, options: InitOptions
    ) -> dict[str, Any]:
        given = (Path(folder).resolve() for folder in options.pythonpath)
        folders = dict.fromkeys([*given, *_import_roots(path)])
        values = {
            "repository": self.staging.relative(path),
            "stamp": {str(last): [base_revision(name)]},
            "pythonpath": [self.staging.relative(folder) for folder in folders],
            "requirements": list(options.requirements),
            "setup": options.setup,
        }
        return {key: value for key, value in values.items() if value}

    def _module_table(self, name: str) -> dict[str, Any]:
        migrations = self.staging.relative(self._home / name)
        return {"migrations": migrations, "legacy": name, "depends_on": [CORE]}

    @property
    def _home(self) -> Path:
        """The final folder of env.py."""
        existing = self.staging.existing
        return existing.home if existing else self.staging.root / FOLDER

    def places(self) -> list[tuple[Path, Path]]:
        """Return each file or folder to move at the end, and its final place."""
        staging, existing = self.staging, self.staging.existing
        toml = [(staging.top / FILE_NAME, staging.root / FILE_NAME)]
        if existing is None:
            return [(staging.folder, self._home), *toml]
        if staging.has_revisions:
            return toml
        base = f"{base_revision(self.core)}.py"
        modules = [(staging.folder / name, self._home / name) for name in self.modules]
        return [
            (staging.folder / "versions" / base, existing.locations[0] / base),
            *modules,
            *toml,
        ]

    # --- using it before it is written ----------------------------------------------------

    def staged_tables(self) -> dict[str, Any]:
        """Return the tables with the folders where the files are until everything is proved."""
        tables = {name: dict(table) for name, table in self._tables.items()}
        tables["alembic"].pop("config", None)
        tables["alembic"]["script_location"] = str(self.staging.folder)
        for name, module in tables.get("module", {}).items():
            migrations = str(self.staging.folder / name)
            tables["module"][name] = {**module, "migrations": migrations}
        return tables

    def _read(self) -> Config:
        tables = self.staged_tables()
        return find_modules(parse(tables, root=self.staging.root, source=FILE_NAME))

    def _read_repositories(self) -> dict[str, Repository]:
        settings = self.config.legacy.items()
        return {name: read_repository(one, self.config) for name, one in settings}

    def app_tables(self, tables: Iterable[str]) -> tuple[str, ...]:
        """Return those of these tables that are the app's."""
        names = frozenset(tables)
        own = app_tables(Facts("", "", tables=names), self.repositories.values(), self.config)
        return tuple(sorted({*own} | ({ALEMBIC_VERSION} & names if self._shared else set())))

    # --- what the history shows -----------------------------------------------------------

    def rename_version_table(self) -> None:
        """Give the app its own version table, because a library uses Alembic's default name."""
        self._shared = True
        self._tables["alembic"]["version_table"] = f"{self.core}_{ALEMBIC_VERSION}"
        self.config = self._read()

    def join(self, names: Iterable[str]) -> None:
        """Make repositories a part of the app, because they change tables of others.

        A database without a row for one of them runs it from its start; a module's would be taken
        for one that was never installed.
        """
        for name in names:
            self.modules.remove(name)
            (self.staging.folder / name).rmdir()
            del self._tables["module"][name]
            settings = self._tables["legacy"][name]
            settings["stamp"] = {last: [base_revision(self.core)] for last in settings["stamp"]}
        if not self.modules:
            self._tables.pop("module", None)
        self.config = self._read()
        self.repositories = self._read_repositories()

    def stamp_with(self, revisions: Sequence[str]) -> None:
        """Map the last version of each repository to these revisions."""
        for settings in self._tables["legacy"].values():
            settings["stamp"] = {version: list(revisions) for version in settings["stamp"]}

    # --- bridge.toml ----------------------------------------------------------------------

    def text(self) -> str:
        """Return the text of `bridge.toml`."""
        return configuration_text(self._tables, self._comments())

    def _comments(self) -> dict[str, list[str]]:
        """Return the comments above the tables and keys."""
        existing = self.staging.existing
        comments = {
            "": ["Written by bridge init. Paths are relative to this file."],
            "legacy": [],
        }
        if existing is None or not existing.url:
            comments["database.url"] = [
                "The database where neither --url nor BRIDGE_DATABASE_URL names one.",
                'url = "sqlite:///app.db"',
            ]
        if not self.models:
            comments["alembic.models"] = [
                "What autogenerate compares a database with.",
                'models = ["package.module:metadata"]',
            ]
        if self._shared:
            comments["alembic.version_table"] = [
                f"{ALEMBIC_VERSION} is another program's, with tables in the same database."
            ]
        for name, repository in self.repositories.items():
            comments[f"legacy.{name}"] = [
                f'The closed sqlalchemy-migrate history "{repository.repository_id}".'
            ]
            comments[f"legacy.{name}.stamp"] = [
                "A database at this version is stamped with these Alembic revisions."
            ]
            if repository.first > 1:
                comments[f"legacy.{name}.bring_up_with"] = [
                    f"The release of the app that brings older databases to version "
                    f"{repository.first}.",
                    'bring_up_with = "APP 2.x"',
                ]
        return comments


def _import_roots(repository: Path) -> Iterator[Path]:
    """Yield the folder from which the package around a repository is imported, if any."""
    folder = repository.parent
    if (folder / "__init__.py").is_file():
        while (folder / "__init__.py").is_file():
            folder = folder.parent
        yield folder
