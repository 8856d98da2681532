"""`bridge init`: from legacy repositories to a configuration and base revisions that are proved.

Everything is written into a folder beside the app's files first, and moved when it is complete.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from bridge.database.engine import connect
from bridge.database.schema.compare import compare
from bridge.database.scratch import scratch
from bridge.database.secrets import scrub, shown
from bridge.database.url import SCRATCH_VARIABLE, parse_url
from bridge.init.baseline import (
    Observed,
    Part,
    Row,
    Rows,
    decide,
    observe,
    of_a_virtual_table,
    read_rows,
    why_not_inserted,
    write_script,
)
from bridge.init.configuration import FOLDER, NOTHING, files_exist_error, import_roots
from bridge.init.existing import candidates, find_existing, pyproject
from bridge.init.history import End, History, names_in, schema_of
from bridge.init.templates import ENV, TEMPLATE, configuration_text, fit_names
from bridge.legacy.repository import read_files, read_repository
from bridge.legacy.runtime import ready_runtime
from bridge.legacy.sequence import every_version
from bridge.model.app_tables import app_tables
from bridge.model.config_file import FILE_NAME, parse
from bridge.model.errors import BridgeError, InitError, LegacyPreflightError, RepositoryInvalidError
from bridge.model.init_result import InitResult, LegacyRows, Tried
from bridge.model.names import CORE
from bridge.model.progress import FreezeProgress, Quiet
from bridge.model.state import Facts
from bridge.output.difference_text import difference_lines
from bridge.output.redaction import redacted
from bridge.project import Project
from bridge.revisions.hooks import load_models
from bridge.revisions.modules import find_modules
from bridge.upgrade.run import RunOptions, dbupdate

ALEMBIC_VERSION = "alembic_version"

_DIALECTS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL or MariaDB"}

_HELP = (
    "Folders with what the scripts import: --pythonpath DIR. Packages: --requirement PACKAGE. What "
    "must be done before they run: --setup MODULE:FUNCTION. Mend other mistakes in the scripts."
)


def init(
    legacy: Sequence[Path | str],
    *,
    root: Path | str | None = None,
    models: str | None = None,
    urls: Sequence[URL | str] = (),
    sqlite: bool = True,
    snapshots: Sequence[Path | str] = (),
    pythonpath: Sequence[Path | str] = (),
    requirements: Sequence[str] = (),
    setup: str | None = None,
    progress: FreezeProgress | None = None,
) -> InitResult:
    """Write `bridge.toml` and the base revisions of an app that has legacy repositories.

    What is written is tried on new databases. If it is not right there, it is written all the
    same, for the developer to mend: `Beginning.proved` says so.

    :param legacy: the folders of the repositories; the first is the app's own, the others become
        modules.
    :param root: the folder of the app; the working directory if None.
    :param models: ``package.module:NAME`` of the app's `MetaData`.
    :param urls: servers on which databases may be made and dropped.
    :param sqlite: whether the history is run on SQLite.
    :param snapshots: old databases: where the first version needs tables that no version makes,
        the oldest is begun with.
    :param pythonpath: folders with what the scripts import.
    :param requirements: packages that the scripts import.
    :param setup: ``module:function`` that prepares the legacy scripts' process.
    :raises InitError: something is there already, the history runs on no database, or no revision
        that is there equals its end.
    :raises RepositoryInvalidError: a folder is no repository.
    :raises LegacyPreflightError: the scripts cannot be loaded.
    :raises HookError: the models cannot be loaded.
    """
    with redacted(lambda text: scrub(text, *urls)), ExitStack() as stack:
        start = Initializer(Path(root or ".").resolve(), stack, progress or Quiet())
        folders = [Path(folder).resolve() for folder in pythonpath]
        start.describe([Path(path).resolve() for path in legacy], models, folders,
                       list(requirements), setup)  # fmt: skip
        servers = [parse_url(url) for url in urls]
        start.run(servers, sqlite, [Path(path) for path in snapshots])
        if start.has_revisions:
            start.match()
        else:
            start.draft()
            start.prove()
        return start.finish()


class Initializer:
    """One run of `bridge init`."""

    def __init__(self, root: Path, stack: ExitStack, progress: FreezeProgress) -> None:
        self._root, self._stack, self._progress = root, stack, progress
        if "bridge" in pyproject(root).get("tool", {}):
            raise files_exist_error(root, ["[tool.bridge] in pyproject.toml"])
        self._existing = find_existing(root)
        self._check_free([root / FILE_NAME, *([] if self._existing else [root / FOLDER])])
        # Beside the app's files, so that what is complete can be moved into place.
        self._top = Path(tempfile.mkdtemp(prefix=".bridge-init-", dir=root))
        stack.callback(shutil.rmtree, self._top, ignore_errors=True)
        self._stage = self._top / FOLDER
        (self._stage / "versions").mkdir(parents=True)
        (self._stage / "env.py").write_text(ENV, encoding="utf-8")
        (self._stage / "script.py.mako").write_text(TEMPLATE, encoding="utf-8")
        self._ends: list[End] = []
        self._seen: dict[int, Observed] = {}  # by the place of an end in that list
        self._tried: list[Tried] = []
        self._rows: dict[str, LegacyRows] = {}
        self._inserted: dict[str, Rows] = {}
        self._as_sql: set[tuple[str, str]] = set()
        self._differing: tuple[str, ...] | None = None
        # Whether a library keeps its versions in Alembic's usual table, in the same database.
        self._shared = False

    @property
    def has_revisions(self) -> bool:
        """Whether the app has an Alembic history with revisions."""
        return self._existing is not None and bool(self._existing.revisions)

    def _check_free(self, paths: Iterable[Path]) -> None:
        there = [self._relative(path) for path in paths if path.exists()]
        if there:
            raise files_exist_error(self._root, there)

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path, self._root)).as_posix()

    # --- the configuration ----------------------------------------------------------------

    def describe(
        self,
        paths: Sequence[Path],
        models: str | None,
        pythonpath: Sequence[Path],
        requirements: list[str],
        setup: str | None,
    ) -> None:
        """Read the repositories' files, and put the configuration together."""
        try:
            found = [read_files(path) for path in paths]
        except RepositoryInvalidError as error:
            error.help = "Let --legacy name the folder that holds migrate.cfg and versions/."
            error.state_of_data = NOTHING
            raise
        self._names = fit_names(
            (files["repository_id"], path) for files, path in zip(found, paths, strict=True)
        )
        self._models = models
        alembic: dict[str, Any] = {"script_location": FOLDER}
        if self._existing is not None:
            alembic = {"config": self._relative(self._existing.config)}
        if not self.has_revisions:
            alembic["label"] = self._names[0]
        if models:
            alembic["models"] = [models]
        self._tables: dict[str, Any] = {"database": {}, "alembic": alembic, "legacy": {}}
        for name, files, path in zip(self._names, found, paths, strict=True):
            folders = dict.fromkeys([*pythonpath, *import_roots(path)])
            values = {
                "repository": self._relative(path),
                "stamp": {str(files["versions"][-1]): [f"{name}_base"]},
                "pythonpath": [self._relative(folder) for folder in folders],
                "requirements": requirements,
                "setup": setup,
            }
            self._tables["legacy"][name] = {key: value for key, value in values.items() if value}
        home = self._existing.home if self._existing else self._root / FOLDER
        for name in self._names[1:] if not self.has_revisions else ():
            (self._stage / name).mkdir()
            self._tables.setdefault("module", {})[name] = {
                "migrations": self._relative(home / name),
                "legacy": name,
                "depends_on": [CORE],
            }
        self._places = self._where(home)
        self._check_free(final for _, final in self._places)
        self._read_config()
        load_models(self._config)
        self._repositories = {
            name: read_repository(settings, self._config)
            for name, settings in self._config.legacy.items()
        }

    def _where(self, home: Path) -> list[tuple[Path, Path]]:
        """Each file or folder that is moved at the end, and where it goes."""
        toml = [(self._top / FILE_NAME, self._root / FILE_NAME)]
        if self._existing is None:
            return [(self._stage, home), *toml]
        if self.has_revisions:
            return toml
        base = f"{self._names[0]}_base.py"
        modules = [(self._stage / name, home / name) for name in self._names[1:]]
        own = (self._stage / "versions" / base, self._existing.locations[0] / base)
        return [own, *modules, *toml]

    def _read_config(self) -> None:
        self._config = find_modules(parse(self._staged(), root=self._root, source=FILE_NAME))

    def _staged(self) -> dict[str, Any]:
        """The configuration with the folders in which the files are until all is proved."""
        tables = {name: dict(table) for name, table in self._tables.items()}
        tables["alembic"].pop("config", None)
        tables["alembic"]["script_location"] = str(self._stage)
        for name, module in tables.get("module", {}).items():
            tables["module"][name] = {**module, "migrations": str(self._stage / name)}
        return tables

    def _app_tables(self, tables: Iterable[str]) -> tuple[str, ...]:
        there = frozenset(tables)
        facts = Facts("", "", tables=there)
        own = app_tables(facts, self._repositories.values(), self._config)
        return tuple(sorted({*own} | ({ALEMBIC_VERSION} & there if self._shared else set())))

    # --- the history ----------------------------------------------------------------------

    def run(self, servers: Sequence[URL], sqlite: bool, snapshots: Sequence[Path]) -> None:
        """Run every version on each kind of database.

        :raises LegacyPreflightError: scripts cannot be loaded.
        :raises InitError: the history runs on no database.
        """
        # Not those that the next command finds where this one has found them.
        known = {parse_url(text) for text in os.environ.get(SCRATCH_VARIABLE, "").split()}
        self._options = [f"--scratch-url {shown(url)}" for url in servers if url not in known]
        self._options += [] if sqlite else ["--no-sqlite"]
        self._options += [f"--seed-from {path}" for path in snapshots]
        history = History(
            python=ready_runtime(self._config, notify=self._progress.notify).python,
            repositories=self._repositories,
            steps=every_version(self._repositories, self._config),
            config=self._config,
            app_tables=self._app_tables,
            snapshots=snapshots,
        )
        for url in [*([None] if sqlite else []), *servers]:
            place = self._stack.enter_context(scratch(url))
            self._progress.notify(f"Running {len(history.steps)} versions on {place.name}.")
            try:
                end = history.run(place)
            except LegacyPreflightError as error:
                error.help = _HELP
                error.state_of_data = NOTHING
                raise
            self._ends.append(end)
            if end.error:
                self._progress.notify(f"The history does not run on {place.name}.")
        if not any(end.engine for end in self._ends):
            told = "".join(f"\n{end.place.name}: {end.error}" for end in self._ends)
            raise InitError(
                f"The history runs on none of the databases that were given.{told}",
                help=f"{_HELP} Give servers as --scratch-url URL. If its first version needs "
                "tables that no version makes, begin with an old database: --seed-from FILE",
                state_of_data=NOTHING,
            )
        self._shared = any(
            sa.inspect(end.engine).has_table(ALEMBIC_VERSION) for end in self._ends if end.engine
        )
        if self._shared:
            self._tables["alembic"]["version_table"] = f"{self._names[0]}_{ALEMBIC_VERSION}"
            self._read_config()

    # --- the scripts ----------------------------------------------------------------------

    def draft(self) -> None:
        """Write the base revisions, from what the history has left."""
        with ExitStack() as stack:
            connections: dict[str, Connection] = {}
            for number, end in enumerate(self._ends):
                if end.engine is None:
                    continue
                connection = stack.enter_context(connect(end.engine))
                stack.enter_context(connection.begin())
                self._seen[number] = observe(connection, end.dialect, self._app_tables)
                connections.setdefault(end.dialect, connection)
            self._words = decide(self._observed, connections)
        tables = {name for seen in self._observed.values() for name in seen.schema["tables"]}
        for table in sorted(tables):
            self._read_rows(table)
        self._write()

    @property
    def _observed(self) -> dict[str, Observed]:
        """What was seen, by dialect: of two servers of one kind, on the first."""
        found: dict[str, Observed] = {}
        for seen in self._seen.values():
            found.setdefault(seen.dialect, seen)
        return found

    def _write(self) -> None:
        before: set[str] = set()
        for name in self._names:
            part = self._part(name, before)
            before |= part.tables
            text = write_script(part, self._observed, self._words)
            folder = self._stage / ("versions" if name == self._names[0] else name)
            (folder / f"{part.revision}.py").write_text(text, encoding="utf-8")

    def _part(self, name: str, before: set[str]) -> Part:
        """What came with a repository; what came with none of them is the first one's."""
        core, own = self._names[0], set()
        for number, seen in self._seen.items():
            owners = self._ends[number].owners
            things = names_in(seen.schema)
            things += [f"{one.kind} {one.name}" for one in seen.carried if one.part is None]
            own |= {thing for thing in things if owners.get(thing, core) == name}
        tables = {thing.partition(" ")[2] for thing in own if thing.startswith("table ")}
        repository = self._repositories[name]
        doc = (
            "A database from those days is stamped with this revision and never runs it; a new one "
            "starts here. bridge init has written it from what the history leaves on "
            f"{', '.join(_DIALECTS[dialect] for dialect in self._observed)}."
        )
        return Part(
            revision=f"{name}_base",
            label=name,
            doc=f"The schema of version {repository.last} of the legacy repository "
            f'"{repository.repository_id}".\n\n' + "\n".join(textwrap.wrap(doc, 99)),
            tables=frozenset(tables),
            names=frozenset(own),
            before=frozenset(before),
            depends_on=() if name == core else (f"{core}_base",),
            rows={table: rows for table, rows in self._inserted.items() if table in tables},
            as_sql=frozenset(self._as_sql),
        )

    def _read_rows(self, table: str) -> None:
        """The rows that the history inserts, and whether the revision can do that too."""
        found = {
            seen.dialect: self._values(number, table)
            for number, seen in self._seen.items()
            if seen.schema["tables"].get(table, {}).get("columns")
            and not of_a_virtual_table(table, seen.schema["tables"])
        }
        if not any(found.values()):
            return
        why = why_not_inserted(found)
        counts = {dialect: len(values) for dialect, values in found.items()}
        self._rows[table] = LegacyRows(table, counts, why)
        if why is None:
            types = {
                name: next(iter(words.types.values()))
                for (of, name), words in self._words.items()
                if of == table
            }
            self._inserted[table] = Rows(types, tuple(next(iter(found.values()))))

    def _values(self, number: int, table: str, engine: Engine | None = None) -> list[Row]:
        """The rows at the end of the history, or of a database that should be like it."""
        engine = engine or self._ends[number].engine
        assert engine is not None
        return read_rows(engine, self._seen[number], table, self._words)

    # --- the proof ------------------------------------------------------------------------

    def prove(self) -> None:
        """Apply what is written to new databases; tables that differ there are written as SQL."""
        self._tried = self._proofs()
        again = {
            (seen.dialect, one.table)
            for number, seen in self._seen.items()
            for one in self._tried[number].differences
            if one.table in seen.tables
        }
        if again:
            self._as_sql |= again
            self._write()
            self._tried = self._proofs()

    def _proofs(self) -> list[Tried]:
        return [self._proof(number) for number in range(len(self._ends))]

    def _proof(self, number: int) -> Tried:
        end = self._ends[number]
        tried = Tried(end.place.name, end.seconds, end.error)
        if end.engine is None:
            return tried
        seen = self._seen[number]
        self._progress.notify(f"Trying the base revisions on {end.place.name}.")
        engine = end.place.create()
        try:
            project = Project.from_arguments(self._staged(), url=engine, root=self._root)
            dbupdate(project, options=RunOptions(backup=False))
            made = schema_of(engine, self._app_tables)
            rows = {
                table
                for table, inserted in self._inserted.items()
                if table in made["tables"]
                and self._values(number, table, engine) != [*inserted.values]
            }
            differences = compare(seen.schema, made)
            tried = replace(tried, differences=differences, rows=tuple(sorted(rows)))
            if self._models:
                with project.alembic_commands(modules=True) as commands:
                    self._differing = commands.differences()
            with (
                redirect_stdout(StringIO()),
                project.alembic_commands(modules=False) as commands,
            ):
                commands.run(["downgrade", "base"])
            left = names_in(schema_of(engine, self._app_tables))
            project = Project.from_arguments(self._staged(), url=end.engine, root=self._root)
            dbupdate(project, options=RunOptions(backup=False))
            stamped = compare(seen.schema, schema_of(end.engine, self._app_tables))
            return replace(tried, left=tuple(sorted(left)), stamped=stamped)
        except BridgeError as error:
            return replace(tried, failure=error.message.replace(f"{self._top}{os.sep}", ""))
        finally:
            end.place.drop(engine)

    # --- an Alembic history that is there already -----------------------------------------

    def match(self) -> None:
        """Find the revisions that the end of the legacy history equals.

        :raises InitError: there are none.
        """
        assert self._existing is not None
        tables = self._staged()
        del tables["legacy"]
        tables["alembic"]["version_locations"] = [str(place) for place in self._existing.locations]
        equal: list[tuple[str, ...]] | None = None
        told = ""
        for end in self._ends:
            self._tried.append(Tried(end.place.name, end.seconds, end.error, drafted=False))
            if end.engine is None:
                continue
            self._progress.notify(f"Trying the revisions that are there on {end.place.name}.")
            schema = schema_of(end.engine, self._app_tables)
            engine = end.place.create()
            try:
                found = candidates(engine, self._root, tables, schema, self._app_tables)
            finally:
                end.place.drop(engine)
            fits = [c.revisions for c in found if all(one.own for one in c.differences)]
            equal = fits if equal is None else [one for one in equal if one in fits]
            nearest = min(found, key=lambda one: sum(not d.own for d in one.differences))
            lines = difference_lines(d for d in nearest.differences if not d.own)
            name = ", ".join(nearest.revisions)
            told += "".join(f"\n{text}" for text in [f"{name} on {end.place.name}:", *lines])
        if not equal:
            raise InitError(
                "The app has an Alembic history, and none of its revisions makes the schema that "
                f"the legacy history leaves. The nearest:{told}",
                help="Write a revision that mends the difference, or mend the one that should be "
                "equal; then run bridge init again. Or write bridge.toml by hand.",
                state_of_data=NOTHING,
            )
        for settings in self._tables["legacy"].values():
            settings["stamp"] = {version: list(equal[0]) for version in settings["stamp"]}

    # --- the end --------------------------------------------------------------------------

    def finish(self) -> InitResult:
        """Move the files to where they belong, all of them or none."""
        text = configuration_text(self._tables, self._comments())
        (self._top / FILE_NAME).write_text(text, encoding="utf-8")
        for cache in self._top.rglob("__pycache__"):
            shutil.rmtree(cache)
        files = [
            self._relative(final / inner.relative_to(staged))
            for staged, final in self._places
            for inner in sorted(staged.rglob("*") if staged.is_dir() else [staged])
            if inner.is_file()
        ]
        self._check_free(final for _, final in self._places)
        moved: list[tuple[Path, Path]] = []
        try:
            for staged, final in self._places:
                final.parent.mkdir(parents=True, exist_ok=True)
                os.rename(staged, final)
                moved.append((staged, final))
        except OSError as error:
            for staged, final in moved:
                os.rename(final, staged)
            raise InitError(
                f"{error.filename2 or error.filename} cannot be written: {error.strerror}",
                help="Make the folder writable, then run it again.",
                state_of_data=NOTHING,
            ) from None
        stamps = {
            name: {int(version): tuple(revisions) for version, revisions in table["stamp"].items()}
            for name, table in self._tables["legacy"].items()
        }
        return InitResult(
            root=self._root,
            files=tuple(files),
            tried=tuple(self._tried),
            stamps=stamps,
            carried=self._carried(),
            rows=tuple(self._rows.values()),
            models=self._differing,
            todo=tuple(self._todo()),
            next=tuple(self._next()),
        )

    def _carried(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for dialect, seen in self._observed.items():
            names = [f"{one.kind} {one.name}" for one in seen.carried]
            names += [f"table {table}" for of, table in sorted(self._as_sql) if of == dialect]
            for name in dict.fromkeys(names):
                found[name] = (*found.get(name, ()), dialect)
        return dict(sorted(found.items()))

    def _comments(self) -> dict[str, list[str]]:
        """What stands above the tables and keys of bridge.toml."""
        comments = {
            "": ["Written by bridge init. Paths are relative to this file."],
            "legacy": [],
        }
        if self._existing is None or not self._existing.url:
            comments["database.url"] = [
                "The database where neither --url nor BRIDGE_DATABASE_URL names one.",
                'url = "sqlite:///app.db"',
            ]
        if not self._models:
            comments["alembic.models"] = [
                "What autogenerate compares a database with.",
                'models = ["package.module:metadata"]',
            ]
        if self._shared:
            comments["alembic.version_table"] = [
                f"{ALEMBIC_VERSION} is another program's, with tables in the same database."
            ]
        for name, repository in self._repositories.items():
            comments[f"legacy.{name}"] = [
                f'The closed sqlalchemy-migrate history "{repository.repository_id}".'
            ]
            comments[f"legacy.{name}.stamp"] = [
                "What a version equals: a database there is stamped with these Alembic revisions."
            ]
            if repository.first > 1:
                comments[f"legacy.{name}.bring_up_with"] = [
                    f"The release of the app that brings older databases to version "
                    f"{repository.first}.",
                    'bring_up_with = "APP 2.x"',
                ]
        return comments

    def _todo(self) -> Iterator[str]:
        """What is left for the developer to write, and where."""
        if self._existing is None or not self._existing.url:
            yield f'{FILE_NAME}, in [database]: url = "sqlite:///app.db"'
        if not self._models:
            yield f'{FILE_NAME}, in [alembic]: models = ["package.module:metadata"]'
        for name, repository in self._repositories.items():
            if repository.first > 1:
                yield f'{FILE_NAME}, in [legacy.{name}]: bring_up_with = "APP 2.x"'
        if self._existing is not None and self._existing.foreign_environment:
            lines = "".join(f"\n    {line}" for line in ENV.splitlines())
            yield (
                f"{self._relative(self._existing.home / 'env.py')}, so that it uses bridge's "
                f"connection:{lines}"
            )
        for table in self._tables["legacy"].values():
            yield f".gitattributes: {table['repository']}/** -text"

    def _next(self) -> Iterator[str]:
        """The commands that come next."""
        if self._differing:
            new = "--url sqlite:///new.db"
            yield f"bridge dbupdate {new}"
            yield f"bridge revision {new} --branch core --autogenerate -m MESSAGE"
        options = "".join(f" {option}" for option in self._options)
        yield f"bridge freeze{options}"
        servers = "".join(f" {one}" for one in self._options if one.startswith("--scratch-url"))
        for option in self._options:
            if option.startswith("--seed-from "):  # a check begins with it, too
                yield f"bridge snapshot import {option.removeprefix('--seed-from ')}{servers}"
        yield f"bridge check{servers}"
