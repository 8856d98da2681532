"""What an app's files say: configuration, revisions, legacy repositories, frozen histories."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL, Engine

from bridge.database.engine import make_engine
from bridge.database.secrets import scrub, shown
from bridge.database.servers import server_of
from bridge.database.url import environment_url, parse_url, relative_to
from bridge.legacy.frozen.files import Frozen, read_frozen
from bridge.legacy.repository import read_repository, version_table_of
from bridge.model.app_tables import app_tables
from bridge.model.config_file import load, parse
from bridge.model.errors import BridgeError, ConfigError, DatabaseError
from bridge.model.names import CORE
from bridge.model.remedy import Remedy
from bridge.model.state import Facts
from bridge.output.redaction import redacted
from bridge.revisions.graph_cache import GraphCache, look
from bridge.revisions.modules import find_modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.legacy.frozen.composed import ComposedHistories
    from bridge.model.config import Config, ModuleConfig
    from bridge.model.graph import Graph
    from bridge.model.repository import Repository
    from bridge.revisions.commands import Commands
    from bridge.revisions.scripts import Revisions

Database = str | URL | Engine
"""What names a database: a URL, or an engine of the caller's."""


class Project:
    """What an app's files say, each read once, when it is first asked for.

    :param config: the configuration, without the modules of installed packages.
    :param url: the database; wins over ``BRIDGE_DATABASE_URL`` and over the configuration.
    """

    def __init__(self, config: Config, url: Database | None = None) -> None:
        self.config = find_modules(config)
        self._given = url
        self._cached = True
        self._add_problems({m.name: m.problem for m in self.config.modules.values()})

    @classmethod
    def from_arguments(
        cls, tables: Mapping[str, Any], *, url: Database | None = None, root: Path | str | None
    ) -> Project:
        """Take the configuration from arguments with the shape of the tables in ``bridge.toml``.

        :param root: the folder that relative paths are relative to; the working directory if None.
        :raises ConfigError: a key is unknown or has a value that is not allowed.
        """
        return cls(parse(tables, root=Path(root or ".").resolve(), source="the arguments"), url)

    @classmethod
    def from_config(cls, path: Path | str | None = None, *, url: Database | None = None) -> Project:
        """Read ``bridge.toml`` or ``pyproject.toml``: `path`, or the nearest one above here.

        :raises ConfigMissingError: there is no such file.
        :raises ConfigError: it has a mistake.
        """
        return cls(load(None if path is None else Path(path)), url)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs, which reads the files itself."""
        return {"config": self.config, "_given": self._given, "_cached": self._cached}

    # --- what the files say ---------------------------------------------------------------

    @cached_property
    def revisions(self) -> Revisions:
        """The Alembic scripts of every branch."""
        # Alembic is slow to import, and many a command does without.
        from bridge.revisions.scripts import Revisions

        return Revisions(self.config)

    @cached_property
    def graph(self) -> Graph:
        """The Alembic revisions of every branch, and what they need of each other.

        :raises RevisionsError: the scripts cannot be read or do not fit together.
        """
        cache = GraphCache(self.config)
        known = cache.read() if self._cached else None
        if known is not None:
            return known
        self._cached = False
        with redacted(self.scrub):
            files = look(self.revisions.files())
            graph = self.revisions.graph
        if files and not self.revisions.broken:
            cache.write(graph, files)
        self._add_problems(self.revisions.broken)
        return graph

    @cached_property
    def repositories(self) -> Mapping[str, Repository]:
        """The legacy repositories, read from their files and checked against the scripts.

        :raises ConfigError: a repository or its stamp map is not in order.
        """
        found = {
            name: read_repository(settings, self.config)
            for name, settings in self.config.legacy.items()
        }
        self._check_version_rows(found.values())
        for repository in found.values():
            self._check_stamp(repository)
        return found

    def _check_version_rows(self, repositories: Iterable[Repository]) -> None:
        rows: dict[tuple[str, str], str] = {}
        stores: dict[str, Repository] = {}
        for repository in repositories:
            row = (repository.version_table, repository.repository_id)
            if row in rows:
                raise ConfigError(
                    f"legacy.{rows[row]} and legacy.{repository.name} in {self.config.source} have "
                    f"one version row, '{row[1]}' in {row[0]}: their repositories are the same.",
                    help=f"Take one of the two out of {self.config.source}.",
                )
            rows[row] = repository.name
            other = stores.setdefault(repository.version_table, repository)
            if other.store != repository.store:
                raise ConfigError(
                    f"legacy.{other.name} and legacy.{repository.name} in {self.config.source} "
                    f"share the version table {repository.version_table}, but not its columns.",
                    help="Let both name the columns that the table has.",
                )

    def _check_stamp(self, repository: Repository) -> None:
        if not self.config.enabled(repository.name):
            return
        for version, revisions in repository.stamp.items():
            for revision in revisions:
                if not self.graph.known(revision):
                    raise ConfigError(
                        f"legacy.{repository.name}.stamp.{version} in {self.config.source} "
                        f"names the Alembic revision {revision}, which no script has.",
                        help=Remedy("See which there are", ("alembic", "history")),
                    )

    @cached_property
    def histories(self) -> Mapping[str, Frozen]:
        """The frozen histories, by the names of their repositories.

        :raises SealBrokenError: a manifest is damaged.
        """
        found = {name: read_frozen(r.path) for name, r in self.repositories.items()}
        return {name: frozen for name, frozen in found.items() if frozen is not None}

    def composed(self, dialect: str) -> ComposedHistories:
        """Return the frozen histories of a kind of database, for what several of them change.

        :raises ConfigError: `requires` asks for an impossible order.
        """
        # 1 ms, and most databases are at the heads.
        from bridge.legacy.frozen.composed import ComposedHistories
        from bridge.legacy.sequence import every_version

        found = {name: frozen.on(dialect) for name, frozen in self.histories.items()}
        known = {name: history for name, history in found.items() if history is not None}
        order = every_version(self.repositories, self.config) if len(known) > 1 else ()
        return ComposedHistories(known, order)

    @property
    def has_models(self) -> bool:
        """Whether there are models to compare a schema with."""
        modules = self.config.modules.values()
        return bool(self.config.alembic.models) or any(m.enabled and m.models for m in modules)

    def app_tables(self, tables: Iterable[str]) -> tuple[str, ...]:
        """Return those of these tables that are neither bridge's, Alembic's nor foreign."""
        facts = Facts("", "", tables=frozenset(tables))
        return app_tables(facts, self.repositories.values(), self.config)

    def module(self, name: str) -> ModuleConfig:
        """Return a module, with what keeps its scripts from being read.

        :raises ConfigError: there is no such module.
        """
        if name not in self.config.modules:
            names = ", ".join(self.config.modules) or "none"
            raise ConfigError(
                f"There is no module {name}; there are: {names}.", help=Remedy("See", ("modules",))
            )
        _ = self.graph
        return self.config.modules[name]

    def component_of(self, branch: str) -> str:
        """Return the component that a branch belongs to: ``core``, or a module's name.

        :param branch: ``core``, a module's name, or the branch label of either.
        :raises ConfigError: there is no such branch.
        """
        config = self.config
        if branch in (CORE, config.alembic.label):
            return CORE
        if branch in config.modules:
            return branch
        labels = {module.label: name for name, module in config.modules.items()}
        if branch in labels:
            return labels[branch]
        for revision in self.graph.revisions.values():
            if branch in revision.labels:
                return revision.module or CORE
        names = ", ".join([CORE, *config.modules])
        raise ConfigError(
            f"There is no branch {branch}; there are: {names}.", help=Remedy("See", ("modules",))
        )

    def check_repositories(self, names: Iterable[str]) -> None:
        """Refuse the name of a legacy repository that does not exist.

        :raises ConfigError: there is no such repository.
        """
        for name in names:
            if name not in self.repositories:
                known = ", ".join(self.repositories) or "none"
                raise ConfigError(
                    f"There is no legacy repository {name}; there are: {known}.",
                    help=Remedy("See", ("status",)),
                )

    def add_folder_of(self, name: str) -> None:
        """Make the version location of a new module, which comes with its first revision."""
        module = self.config.modules[name]
        if module.migrations is None or module.present:
            return
        module.migrations.mkdir(parents=True)
        modules = {**self.config.modules, name: replace(module, present=True, problem=None)}
        self.config = replace(self.config, modules=modules)
        self.forget()

    def _add_problems(self, problems: Mapping[str, str | None]) -> None:
        """Say of modules why they cannot be used: apps' own words, which may have a password."""
        modules = dict(self.config.modules)
        for name, problem in problems.items():
            if problem:
                modules[name] = replace(modules[name], problem=self.scrub(problem))
        self.config = replace(self.config, modules=modules)

    # --- reading again --------------------------------------------------------------------

    @property
    def is_cached(self) -> bool:
        """Whether the graph may be one that an earlier command has read."""
        return self._cached

    def read_scripts(self) -> None:
        """Read the scripts themselves from now on: what writes does not go by the cache."""
        self._cached = False
        self.forget()

    def forget(self) -> None:
        """Read the files again when they are needed next."""
        for read in ("revisions", "graph", "repositories", "histories"):
            self.__dict__.pop(read, None)

    # --- the database ---------------------------------------------------------------------

    @contextmanager
    def engine(self, database: Database | None = None) -> Iterator[Engine]:
        """Yield the engine to work with: the caller's own, or one that is disposed of afterwards.

        :raises DatabaseError: no database is named anywhere, or the URL is not one.
        """
        urls: list[URL | str] = []
        with redacted(lambda text: scrub(self.scrub(text), *urls)):
            database = self._named(database)
            if isinstance(database, Engine):
                urls.append(database.url)
                yield database
                return
            urls.append(database)
            url = parse_url(database)
            engine = make_engine(url, pooled=server_of(url).is_server)
            try:
                yield engine
            finally:
                engine.dispose()

    @property
    def database(self) -> Database | None:
        """The database that is named by the caller, the environment or the configuration."""
        if self._given or environment_url():
            return self._given or environment_url()
        text = self.config.database.url or self.revisions.url
        return relative_to(parse_url(text), self.config.root) if text else None

    def url(self, database: Database | None = None) -> URL:
        """Return the URL of a database that is not opened.

        :raises DatabaseError: no database is named anywhere, or the URL is not one.
        """
        with redacted(self.scrub):
            database = self._named(database)
            return database.url if isinstance(database, Engine) else parse_url(database)

    def _named(self, database: Database | None) -> Database:
        database = database or self.database
        if database is None:
            raise DatabaseError(
                f"No database is named: there is no database.url in {self.config.source}.",
                help="Give one: --url URL, BRIDGE_DATABASE_URL, or database.url",
            )
        return database

    def shown(self, database: Database | None = None) -> str:
        """Return the database's URL as it may be printed."""
        with self.engine(database) as engine:
            return shown(engine.url)

    def scrub(self, text: str) -> str:
        """Return `text` without the passwords of the database that this project knows of."""
        urls = [self._given, environment_url(), self.config.database.url]
        if "revisions" in self.__dict__:
            with suppress(BridgeError):
                urls.append(self.revisions.url)
        return scrub(text, *(url.url if isinstance(url, Engine) else url for url in urls if url))

    @contextmanager
    def alembic_commands(
        self, database: Database | None = None, *, modules: bool
    ) -> Iterator[Commands]:
        """Yield Alembic's commands, on the database where one is named.

        :param modules: load the models of every module that is on, too.
        :raises HookError: the models cannot be loaded.
        """
        # Alembic, 0.1 s, and what loads models: most commands do without.
        from bridge.revisions.commands import Commands
        from bridge.revisions.hooks import load_models

        with redacted(self.scrub):
            models = load_models(self.config, modules=modules)
        # Not self.repositories: their stamps may name revisions that this command is to make.
        tables = {version_table_of(settings) for settings in self.config.legacy.values()}
        if database is None and self.database is None:
            yield Commands(self.revisions, None, models, tables)
            return
        with self.engine(database) as engine:
            yield Commands(self.revisions, engine, models, tables)
