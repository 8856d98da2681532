"""The public Python API."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from bridge.model.names import CORE
from bridge.project import Database, Project
from bridge.revisions.one_thread import one_thread
from bridge.upgrade import status as statuses
from bridge.upgrade.run import LOCK_SECONDS, RunOptions, dbupdate, plan_upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import URL, Engine
    from typing_extensions import Unpack

    from bridge.legacy.methods import Methods
    from bridge.model.checks import Checked
    from bridge.model.config import Config
    from bridge.model.diagram import Drawing
    from bridge.model.freeze import Freeze
    from bridge.model.journal import PastRun
    from bridge.model.progress import Progress
    from bridge.model.rehearsal import Rehearsal
    from bridge.model.results import Backup, Report, Verification
    from bridge.model.snapshots import Imported, Snapshot
    from bridge.model.state import ModuleState, State
    from bridge.model.steps import Plan

ALEMBIC_WRITES = {"upgrade", "downgrade", "stamp"}


class RunKeywords(TypedDict, total=False):
    """The keyword arguments of what runs a plan; each is described in `RunOptions`."""

    confirm: Callable[[Plan], bool]
    progress: Progress
    backup: bool | None
    lock_timeout: float
    from_statement: int | None
    method: Methods
    accept_drift: Sequence[str]


class FreezeKeywords(TypedDict, total=False):
    """The keyword arguments of `Bridge.freeze`."""

    sqlite: bool
    snapshots: Sequence[Path | str]
    update: Sequence[str]
    check: bool
    progress: Progress


class SnapshotKeywords(TypedDict, total=False):
    """The keyword arguments of what writes a snapshot.

    `urls` are servers on which databases may be made and dropped. `folder` is None for the one
    that the configuration names, `name` None for one made of the versions; `force` puts the file in
    the place of one that exists.
    """

    urls: Sequence[URL | str]
    folder: Path | str | None
    name: str | None
    force: bool
    progress: Progress


@one_thread
class Bridge:
    """An application's migrations, old and new, and the database that they apply to.

    The keyword arguments have the shape of the tables in ``bridge.toml``::

        Bridge(
            url="sqlite:///media.db",
            alembic={"script_location": "alembic_migrations"},
            legacy={"core": {"repository": "legacy_migrations/core", "stamp": {14: "core_base"}}},
        )

    No method prints or ends the program; what goes wrong is a `BridgeError`. One thread of a
    process works at a time, the others wait.

    :param url: the database; wins over ``BRIDGE_DATABASE_URL`` and over the configuration.
    :param root: the folder that relative paths are relative to; the working directory if None.
    :raises ConfigError: a key is unknown or has a value that is not allowed.
    """

    def __init__(
        self,
        *,
        url: Database | None = None,
        root: Path | str | None = None,
        **tables: Any,
    ) -> None:
        self.project = Project.from_arguments(tables, url=url, root=root)

    @classmethod
    def from_config(cls, path: Path | str | None = None, *, url: Database | None = None) -> Bridge:
        """Read ``bridge.toml`` or ``pyproject.toml``: `path`, or the nearest one above here.

        :raises ConfigMissingError: there is no such file.
        :raises ConfigError: it has a mistake.
        """
        bridge = cls.__new__(cls)
        bridge.project = Project.from_config(path, url=url)
        return bridge

    @property
    def config(self) -> Config:
        """The configuration, with the modules of installed packages."""
        return self.project.config

    # --- the administrator's commands -----------------------------------------------------

    def status(self, database: Database | None = None) -> State:
        """Return where the database stands; reads only.

        :raises DatabaseError: it cannot be read.
        """
        return statuses.status(self.project, database)

    def history(self, database: Database | None = None) -> tuple[PastRun, ...]:
        """Return every run that the database's journal knows, oldest first; reads only.

        :raises DatabaseError: it cannot be read.
        """
        return statuses.history(self.project, database)

    def modules(self, database: Database | None = None) -> tuple[ModuleState, ...]:
        """Return the app's modules; where a database is named, with what is applied of each.

        :raises DatabaseError: it cannot be read.
        """
        return statuses.modules(self.project, database)

    def drawing(self, database: Database | None = None, *, scripts_only: bool = False) -> Drawing:
        """Return the graph of all scripts; where a database is named, with where it stands in it.

        :param scripts_only: leave the database alone.
        :raises DatabaseError: it cannot be read.
        """
        return statuses.drawing(self.project, database, scripts_only=scripts_only)

    def plan(self, database: Database | None = None, *, method: Methods = "auto") -> Plan:
        """Return what `dbupdate` would do; reads only.

        :param method: as for `dbupdate`.
        :raises StateError: the state of the database is one that must be refused.
        """
        return self.plan_from(self.status(database), method)

    def plan_from(self, state: State, method: Methods = "auto") -> Plan:
        """Return the plan from a state that has been detected already.

        :param method: as for `dbupdate`.
        """
        return plan_upgrade(self.project, state, method)

    def dbupdate(self, database: Database | None = None, **options: Unpack[RunKeywords]) -> Report:
        """Take the database to its targets, from wherever it stands.

        One run at a time works on a database; the others wait. After the wait the plan is made
        again. Where it is another one, `confirm` is asked again.

        :param options: the fields of `bridge.upgrade.run.RunOptions`.
        :raises DriftError: the schema is not the one that is to be stamped.
        :raises SealBrokenError: a file of a frozen history is not what was sealed.
        :raises LockedError: another run did not end in time.
        :raises ResumeError: an earlier run was interrupted, and it is not known where.
        :raises BridgeError: it was refused or failed; `state_of_data` says what is there now.
        """
        return dbupdate(self.project, database, RunOptions(**options))

    def sql(
        self,
        database: Database | None = None,
        *,
        starts: Sequence[str] | None = None,
        **options: Unpack[RunKeywords],
    ) -> str:
        """Return what `dbupdate` would do as a script for the database's own client; reads only.

        :param starts: where the database stands, which then is not looked at: versions, such as
            ``core=3``, one for each legacy repository that is in it; Alembic revisions; or
            ``base`` for an empty one. None to look.
        :param options: `accept_drift` and `progress`, as for `dbupdate`.
        :raises NotReplayableError: legacy versions cannot be written as SQL; all are named.
        :raises NotOfflineError: revisions cannot be written as SQL; all are named.
        :raises ConfigError: `starts` names what does not exist.
        :raises BridgeError: as for `plan`.
        """
        from bridge.upgrade.sql_script import sql_script

        return sql_script(self.project, database, starts, RunOptions(**options))

    def rehearse(
        self, database: Database | None = None, **options: Unpack[RunKeywords]
    ) -> Rehearsal:
        """Run the whole plan of `dbupdate` on a copy; the database itself is only read.

        The copy of a SQLite file is beside it, or in ``backup.folder``; that of a server's database
        on the same server. It is removed afterwards. Nobody is asked, no backup is made, and other
        runs are not waited for.

        :param options: `progress`, `method` and `accept_drift`, as for `dbupdate`.
        :raises RehearsalError: there can be no copy, or something would have used another database.
        :raises BridgeError: a step failed, as it would in the real run; the database is unchanged.
        """
        from bridge.upgrade.rehearse import rehearse

        return rehearse(self.project, database, RunOptions(**options))

    def restore(
        self,
        path: Path | str,
        database: Database | None = None,
        *,
        other_database: bool = False,
        **options: Unpack[RunKeywords],
    ) -> Backup | None:
        """Make the database what it was when a backup was made; what came later is gone.

        :param other_database: the backup may be one of another database of the same kind.
        :param options: `backup`, whether to back up what is there before, `progress` and
            `lock_timeout`, as for `dbupdate`.
        :returns: the backup of what was there, if one was made.
        :raises BackupError: the file is no whole backup of this database, what is there cannot
            be backed up, or the database refuses it.
        :raises LockedError: a run did not end in time.
        """
        from bridge.upgrade.restore import restore

        return restore(
            self.project,
            Path(path),
            database,
            RunOptions(**options),
            other_database=other_database,
        )

    def verify(self, database: Database | None = None) -> Verification:
        """Compare the schema with what was recorded of the versions that it is at; reads only.

        :raises DatabaseError: it cannot be read.
        :raises SealBrokenError: a file of a frozen history is not what was sealed.
        """
        from bridge.upgrade.verify import verify

        return verify(self.project, database)

    def adopt(
        self,
        versions: Mapping[str, int],
        database: Database | None = None,
        **options: Unpack[RunKeywords],
    ) -> Report:
        """Write down the version of a database that has no version table, after comparing both.

        :param versions: of each legacy repository that is in it.
        :param options: as for `dbupdate`.
        :raises ConfigError: there is no such repository or version, or it is not frozen.
        :raises StateError: the database has its version already, or is in a state to be refused.
        :raises DriftError: the schema is not that of the version.
        """
        from bridge.upgrade.adopt import adopt

        return adopt(self.project, versions, database, RunOptions(**options))

    def remove_module(
        self, name: str, database: Database | None = None, **options: Unpack[RunKeywords]
    ) -> Report:
        """Undo every revision of a module; its tables and their rows are gone afterwards.

        :param options: `confirm`, `progress`, `backup` and `lock_timeout`, as for `dbupdate`.
        :raises LockedError: another run did not end in time.
        :raises ConfigError: there is no such module.
        :raises ModuleNeededError: another component's revisions need the module's.
        :raises BridgeError: a revision failed; `state_of_data` says what is there now.
        """
        from bridge.upgrade.remove_module import remove_module

        return remove_module(self.project, name, database, RunOptions(**options))

    # --- the developer's commands ---------------------------------------------------------

    def freeze(self, urls: Sequence[URL | str] = (), **options: Unpack[FreezeKeywords]) -> Freeze:
        """Record what every legacy version emits, decide what can be replayed, and seal it.

        Databases are made for it and dropped afterwards: SQLite files, and on each server.

        :param urls: servers on which databases may be made and dropped.
        :param options: the fields of `bridge.freeze.workflow.FreezeOptions`.
        :raises FreezeError: a recording is not what is sealed, or a ported version does something
            else than the script.
        :raises SealBrokenError: a sealed file has changed.
        """
        from bridge.database.url import parse_url
        from bridge.freeze.workflow import FreezeOptions, freeze

        given: dict[str, Any] = {**options}
        given["snapshots"] = [Path(path) for path in given.get("snapshots", ())]
        parsed = [parse_url(url) for url in urls]
        return freeze(self.project, FreezeOptions(urls=parsed, **given))

    def check(
        self,
        urls: Sequence[URL | str] = (),
        *,
        progress: Progress,
        sqlite: bool = True,
        jobs: int | None = None,
        record: bool = False,
    ) -> Checked:
        """Prove every upgrade path on each kind of database, on databases of its own.

        :param urls: servers on which databases may be made and dropped.
        :param progress: is notified of each proof.
        :param sqlite: whether SQLite is one of the kinds.
        :param jobs: how many kinds are worked on at once; None for as many as there are
            processors.
        :param record: write down the schema at each revision, for `verify` and for later checks.
        :raises ConfigError: the configuration is not in order.
        :raises DatabaseError: a server cannot be reached.
        """
        from bridge.check.workflow import CheckOptions, check

        return check(self.project, urls, CheckOptions(sqlite, jobs, record, progress))

    def snapshots(self, folder: Path | str | None = None) -> tuple[Snapshot, ...]:
        """Return the old databases in a folder.

        :param folder: None for the one that the configuration names.
        :raises DatabaseError: one cannot be read.
        """
        from bridge.snapshots.files import list_snapshots

        return list_snapshots(self.project.config.snapshots if folder is None else Path(folder))

    def create_snapshot(
        self,
        at: Mapping[str, int],
        *,
        kind: str | None = None,
        rows: int | None = None,
        plain: bool = False,
        **file: Unpack[SnapshotKeywords],
    ) -> Snapshot:
        """Generate an old database at these legacy versions, and write it as a file.

        :param at: the version of each repository. What these require comes along; other
            repositories are not in it.
        :param kind: "sqlite", "postgresql" or "mysql"; None for that of the first of the `urls`,
            or SQLite if there are none.
        :param rows: how many rows each table has at least.
        :param plain: ordinary rows only, no edge values.
        :param file: where it is made and written to: `SnapshotKeywords`.
        :raises ConfigError: there are no such versions, or no upgrade comes by them together.
        :raises LegacyError: a version fails.
        :raises SnapshotError: the file exists already.
        """
        from bridge.snapshots.files import SnapshotFile
        from bridge.snapshots.generate import Filling
        from bridge.snapshots.workflow import create_snapshot

        filling = Filling(rows or Filling.rows, plain)
        return create_snapshot(self.project, at, SnapshotFile(**file), kind=kind, filling=filling)

    def import_snapshot(
        self,
        path: Path | str,
        *,
        anonymize: bool = False,
        keep: Sequence[str] = (),
        **file: Unpack[SnapshotKeywords],
    ) -> Imported:
        """Write an administrator's database as a snapshot; the file itself is only read.

        :param path: a SQLite file, or what `.dump`, pg_dump or mariadb-dump wrote.
        :param anonymize: scrub all texts.
        :param keep: columns whose texts stay all the same, as ``TABLE.COLUMN``.
        :param file: where it is made and written to: `SnapshotKeywords`; a dump needs a server
            of its kind.
        :raises DatabaseError: it cannot be loaded.
        :raises StateError: it is no database of this app's that can be upgraded.
        :raises SnapshotError: the file exists already, or cannot be anonymized.
        """
        from bridge.snapshots.files import SnapshotFile
        from bridge.snapshots.workflow import import_snapshot

        where = SnapshotFile(**file)
        return import_snapshot(self.project, Path(path), where, anonymize=anonymize, keep=keep)

    def alembic(
        self,
        arguments: Sequence[str],
        *,
        with_plugins: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Run Alembic's own command line with this configuration; prints as Alembic does.

        What writes to the database waits for the end of another run, as `dbupdate` does.

        :param with_plugins: load the models of every module that is on, too.
        :param progress: is notified who is waited for.
        :raises LockedError: another run did not end in time.
        :raises RevisionsError: Alembic's own error.
        """
        writes = ALEMBIC_WRITES.intersection(arguments) and "--sql" not in arguments
        with self.project.alembic_commands(modules=with_plugins) as commands:
            if writes and commands.engine is not None:
                with _locked(commands.engine, progress):
                    commands.run(arguments)
            else:
                commands.run(arguments)

    def revision(
        self, branch: str, message: str, *, autogenerate: bool = False, rev_id: str | None = None
    ) -> tuple[Path, tuple[str, ...]]:
        """Write a new revision into its branch's folder.

        :param branch: ``core``, a module's name, or the branch label of either.
        :param autogenerate: fill it with what the models have and the database has not.
        :returns: the file; and tables that are in the database and in no model, left alone.
        :raises ConfigError: there is no such branch.
        :raises RevisionsError: the branch has several heads, or cannot be compared.
        """
        component = self.project.component_of(branch)
        if component != CORE:
            self.project.add_folder_of(component)
        with self.project.alembic_commands(modules=autogenerate) as commands:
            return commands.new_revision(
                component, message, autogenerate=autogenerate, rev_id=rev_id
            )

    # --- for what embeds bridge -----------------------------------------------------------

    def with_models(self, *models: Any) -> Bridge:
        """Return the same bridge with the app's models, where none are configured."""
        config = self.config
        if not config.alembic.models:
            self.project.config = replace(config, alembic=replace(config.alembic, models=models))
        return self

    @contextmanager
    def engine(self, database: Database | None = None) -> Iterator[Engine]:
        """Yield the engine to work with: the caller's own, or one that is disposed of afterwards.

        :raises DatabaseError: no database is named anywhere, or the URL is not one.
        """
        with self.project.engine(database) as engine:
            yield engine

    def forget(self) -> None:
        """Read the files again when they are needed next."""
        self.project.forget()

    def shown(self, database: Database | None = None) -> str:
        """Return the database's URL as it may be printed."""
        return self.project.shown(database)

    def scrub(self, text: str) -> str:
        """Return `text` without the passwords of the database that this object knows of."""
        return self.project.scrub(text)


@contextmanager
def _locked(engine: Engine, progress: Progress | None) -> Iterator[None]:
    from bridge.upgrade.lock import locked

    notify = progress.notify if progress else lambda _text: None
    with locked(engine, LOCK_SECONDS, notify):
        yield
