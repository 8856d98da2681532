"""The administrator's workflow: where a database stands, what will run, running it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL, Engine

from bridge.config import Config, ModuleConfig, load, parse
from bridge.database import environment_url, make_engine, parse_url, relative_to, scrub, shown
from bridge.detect import detect, history
from bridge.discretion import discreet
from bridge.drawing import Drawing, draw
from bridge.errors import (
    BridgeError,
    ConfigError,
    DatabaseError,
    NotConfirmedError,
    RevisionsError,
    StalePlanError,
    StateError,
)
from bridge.frozen import Freeze, Frozen, check_seal, read_frozen
from bridge.graph import Graph
from bridge.graph_cache import GraphCache, look
from bridge.hooks import load_models
from bridge.legacy.repository import read_repository, version_table_of, with_apart
from bridge.model import (
    CORE,
    Backup,
    Facts,
    Imported,
    ModuleState,
    PastRun,
    Plan,
    Rehearsal,
    Report,
    Repository,
    Rows,
    Snapshot,
    State,
    Verification,
)
from bridge.modules import find_modules
from bridge.plan import check_interrupted, make_plan, removal
from bridge.recorded import Heads, Schema, path_of
from bridge.recorded import read as read_recorded
from bridge.state import app_tables, classify
from bridge.ways import Ways, adoption, choose_ways

if TYPE_CHECKING:
    from bridge.execute import Progress
    from bridge.freeze import FreezeProgress
    from bridge.revisions import Commands, Revisions
    from bridge.scratch import Scratch
    from bridge.snapshots import SnapshotProgress, Snapshots

LOCK_SECONDS = 60.0
"""For how long a run waits for the end of another one."""
ALEMBIC_WRITES = {"upgrade", "downgrade", "stamp"}

Database = str | URL | Engine
"""What names a database: a URL, or an engine of the caller's."""


class Bridge:
    """An application's migrations, old and new, and the database that they apply to.

    The keyword arguments have the shape of the tables in ``bridge.toml``::

        Bridge(
            url="sqlite:///media.db",
            alembic={"script_location": "alembic_migrations"},
            legacy={"core": {"repository": "legacy_migrations/core", "stamp": {14: "core_base"}}},
        )

    No method prints or ends the program; what goes wrong is a `BridgeError`.

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
        document = parse(tables, root=Path(root or ".").resolve(), source="the arguments")
        self.config = find_modules(document)
        self._given = url
        self._tell_problems({m.name: m.problem for m in self.config.modules.values()})

    @classmethod
    def from_config(cls, path: Path | str | None = None, *, url: Database | None = None) -> Bridge:
        """From ``bridge.toml`` or ``pyproject.toml``: `path`, or the nearest one above here.

        :raises ConfigMissingError: there is no such file.
        :raises ConfigError: it has a mistake.
        """
        bridge = cls.__new__(cls)
        bridge.config = find_modules(load(None if path is None else Path(path)))
        bridge._given = url
        bridge._tell_problems({m.name: m.problem for m in bridge.config.modules.values()})
        return bridge

    config: Config
    _cached = True
    """Whether the graph may be one that an earlier command has read."""

    # --- what the files say ---------------------------------------------------------------

    @cached_property
    def revisions(self) -> Revisions:
        """The Alembic scripts of every branch."""
        # Alembic is slow to import, and many a command does without.
        from bridge.revisions import Revisions

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
        with discreet(self.scrub):
            files = look(self.revisions.files())
            graph = self.revisions.graph
        if files and not self.revisions.broken:
            cache.write(graph, files)
        self._tell_problems(self.revisions.broken)
        return graph

    def _tell_problems(self, problems: Mapping[str, str | None]) -> None:
        """Say of modules why they cannot be used: apps' own words, which may have a password."""
        modules = dict(self.config.modules)
        for name, problem in problems.items():
            if problem:
                modules[name] = replace(modules[name], problem=self.scrub(problem))
        self.config = replace(self.config, modules=modules)

    @cached_property
    def repositories(self) -> Mapping[str, Repository]:
        """The legacy repositories, read from their files and checked against the scripts.

        :raises ConfigError: a repository or its stamp map is not in order.
        """
        found = {
            name: read_repository(settings, self.config)
            for name, settings in self.config.legacy.items()
        }
        rows: dict[tuple[str, str], str] = {}
        stores: dict[str, Repository] = {}
        for repository in found.values():
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
            for version, revisions in repository.stamp.items():
                for revision in revisions:
                    if self.config.enabled(repository.name) and not self.graph.known(revision):
                        raise ConfigError(
                            f"legacy.{repository.name}.stamp.{version} in {self.config.source} "
                            f"names the Alembic revision {revision}, which no script has.",
                            help="See which there are: bridge alembic history",
                        )
        return found

    @cached_property
    def histories(self) -> Mapping[str, Frozen]:
        """The frozen histories, by the names of their repositories.

        :raises SealBrokenError: a manifest is damaged.
        """
        found = {name: read_frozen(r.path) for name, r in self.repositories.items()}
        return {name: frozen for name, frozen in found.items() if frozen is not None}

    # --- the three commands ---------------------------------------------------------------

    def status(self, database: Database | None = None) -> State:
        """Where the database stands; reads only.

        :raises DatabaseError: it cannot be read.
        """
        with self.engine(database) as engine:
            return self.detect(engine)

    def history(self, database: Database | None = None) -> tuple[PastRun, ...]:
        """Every run that the database's journal knows, with its steps, oldest first; reads only.

        :raises DatabaseError: it cannot be read.
        """
        with self.engine(database) as engine:
            return history(engine)

    def modules(self, database: Database | None = None) -> tuple[ModuleState, ...]:
        """The app's modules; where a database is named, with what is applied of each.

        :raises DatabaseError: it cannot be read.
        """
        if database is None and self._url() is None:
            nothing = Facts("", "")
            return classify(nothing, self.repositories, self.graph, self.config).modules
        return self.status(database).modules

    def drawing(self, database: Database | None = None, *, scripts_only: bool = False) -> Drawing:
        """The graph of all scripts; where a database is named, with where it stands in it.

        :param scripts_only: leave the database alone.
        :raises DatabaseError: it cannot be read.
        """
        named = not scripts_only and (database or self._url()) is not None
        state = self.status(database) if named else None
        return draw(self.graph, self.repositories, state)

    def plan(self, database: Database | None = None, *, ways: Ways = "auto") -> Plan:
        """What `dbupdate` would do; reads only.

        :param ways: as for `dbupdate`.
        :raises StateError: the state of the database is one that must be refused.
        """
        return self.plan_from(self.status(database), ways)

    def plan_from(self, state: State, ways: Ways = "auto") -> Plan:
        """The plan from a state that has been detected already.

        :param ways: as for `dbupdate`.
        """
        plan = make_plan(state, self.graph, self.config)
        for name in self._legacy_in(plan) & {*self.histories}:
            check_seal(self.histories[name])
        plan = choose_ways(plan, self.histories, ways)
        return with_apart(plan, self.repositories)

    def _legacy_in(self, plan: Plan) -> set[str]:
        """The repositories of which the plan runs versions, or stamps what they equal."""
        waiting = {name for name, state in plan.state.legacy.items() if state.waiting}
        return waiting if plan.steps else set()

    def dbupdate(
        self,
        database: Database | None = None,
        *,
        confirm: Callable[[Plan], bool] = lambda _plan: True,
        progress: Progress | None = None,
        backup: bool | None = None,
        lock_timeout: float = LOCK_SECONDS,
        from_statement: int | None = None,
        ways: Ways = "auto",
        accept_drift: Sequence[str] = (),
    ) -> Report:
        """Take the database to its targets, from wherever it stands.

        One run at a time works on a database; the others wait. After the wait the plan is made
        anew. Where it is another one, `confirm` is asked again.

        :param confirm: is shown the plan before the first write; False stops the run.
        :param backup: whether to make one before the first write; None for what the configuration
            says, which is always for a SQLite file.
        :param progress: is told of each step.
        :param lock_timeout: for how many seconds to wait for another run's end.
        :param from_statement: with which statement the step in which an earlier run was cut short
            is to go on; None for where its records say. Those before it are taken for done. Only
            MySQL and MariaDB have records: elsewhere it is 1, for the whole step again.
        :param ways: how legacy versions are run: ``replay`` only what is frozen, ``live`` the
            scripts themselves, ``auto`` what is frozen where that is the same.
        :param accept_drift: patterns of the names of differences between the schema and the frozen
            one that do not keep it from being stamped.
        :raises DriftError: the schema is not the one that is to be stamped.
        :raises SealBrokenError: a file of a frozen history is not what was sealed.
        :raises LockedError: another run did not end in time.
        :raises ResumeError: an earlier run was cut short, and it is not known where.
        :raises BridgeError: it was refused or failed; `state_of_data` says what is there now.
        """
        with self.engine(database) as engine:

            def make() -> Plan:
                plan = self.plan_from(self.detect(engine), ways)
                if from_statement is not None:
                    check_interrupted(plan, from_statement)
                return plan

            plan = self._first_plan(engine, make)
            return self._execute(
                engine, plan, make, confirm, progress, backup, lock_timeout,
                from_statement=from_statement, accept_drift=accept_drift,
            )  # fmt: skip

    def sql(
        self,
        database: Database | None = None,
        *,
        starts: Iterable[str] | None = None,
        accept_drift: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> str:
        """What `dbupdate` would do as a script, which the database's own client runs; reads only.

        :param starts: where the database stands, which then is not looked at: versions, such as
            ``core=3``, one for each legacy repository that is in it; Alembic revisions; or
            ``base`` for an empty one. None to look.
        :param accept_drift: as for `dbupdate`.
        :param progress: is told what the script cannot do.
        :raises NotReplayableError: legacy versions cannot be written as SQL; all are named.
        :raises NotOfflineError: revisions cannot be written as SQL; all are named.
        :raises ConfigError: `starts` names what is not there.
        :raises BridgeError: as for `plan`.
        """
        from bridge.execute import Silent
        from bridge.offline import write_script

        self._read_scripts()
        progress = progress or Silent()
        if starts is None:
            with self.engine(database) as engine:
                state, url = self.detect(engine), engine.url
                if getattr(engine.dialect, "is_mariadb", False):
                    # Only the server has said so.
                    url = url.set(drivername=url.drivername.replace("mysql", "mariadb", 1))
        else:
            url = self._named_url(database)
            state = self._started(starts, url, progress)
        with discreet(lambda text: scrub(self.scrub(text), url)):
            return write_script(
                self.plan_from(state), self.config, self.revisions, self.histories, url,
                accept_drift=accept_drift, tell=progress.note,
            )  # fmt: skip

    def _started(self, starts: Iterable[str], url: URL, progress: Progress) -> State:
        """The state of a database that nobody looks at."""
        from bridge.offline import facts_of

        versions: dict[str, int] = {}
        revisions: set[str] = set()
        for start in starts:
            name, equals, number = start.rpartition("=")
            if equals and name not in self.repositories:
                raise self._no_repository(name)
            if equals and not (number.isascii() and number.isdigit()):
                raise ConfigError(
                    f"{start} is not NAME=VERSION, such as {name}=12.", help="See: bridge status"
                )
            if equals:
                versions[name] = int(number)
            elif start != "base":
                revisions |= self._found(start)
        facts = facts_of(
            shown(url), url.get_dialect().name, versions, self.graph.effective(revisions),
            self.repositories, self.histories,
        )  # fmt: skip
        state = classify(facts, self.repositories, self.graph, self.config)
        absent = [n for n, s in state.legacy.items() if s.enabled and s.version is None]
        if versions and absent:
            progress.note(f"Taken for not in the database: the legacy {', '.join(absent)}.")
        return state

    def _found(self, name: str) -> set[str]:
        try:
            return self.revisions.resolve(name)
        except RevisionsError:
            raise ConfigError(
                f"There is no Alembic revision {name}.", help="See: bridge alembic history"
            ) from None

    def remove_module(
        self,
        name: str,
        database: Database | None = None,
        *,
        confirm: Callable[[Plan], bool] = lambda _plan: True,
        progress: Progress | None = None,
        backup: bool | None = None,
        lock_timeout: float = LOCK_SECONDS,
    ) -> Report:
        """Undo every revision of a module; its tables and their rows are gone afterwards.

        :param confirm: is shown the plan before the first write; False stops the run.
        :param backup: as for `dbupdate`.
        :param lock_timeout: for how many seconds to wait for another run's end.
        :raises LockedError: another run did not end in time.
        :raises ConfigError: there is no such module.
        :raises ModuleNeededError: another component's revisions need the module's.
        :raises BridgeError: a revision failed; `state_of_data` says what is there now.
        """
        self._read_scripts()
        module = self._module(name)
        if not module.present or module.problem:
            raise ConfigError(
                f"The module {name} cannot be removed without its files: {module.problem}",
                help="Put them back; the module may stay switched off. Or drop its tables by hand.",
            )
        with self.engine(database) as engine:

            def make() -> Plan:
                return removal(name, self.detect(engine), self.graph)

            plan = self._first_plan(engine, make)
            try:
                return self._execute(
                    engine, plan, make, confirm, progress, backup, lock_timeout, "removed"
                )
            except BridgeError as error:
                # dbupdate would install again what is taken out by halves.
                error.help = error.help.replace("bridge dbupdate", f"bridge modules remove {name}")
                raise

    def _read_scripts(self) -> None:
        """What writes does not go by the cache."""
        self._cached = False
        self.forget()

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which reads the files itself."""
        return {"config": self.config, "_given": self._given, "_cached": self._cached}

    def forget(self) -> None:
        """Read the files anew when they are needed next."""
        for read in ("revisions", "graph", "repositories", "histories"):
            self.__dict__.pop(read, None)

    def _module(self, name: str) -> ModuleConfig:
        if name not in self.config.modules:
            names = ", ".join(self.config.modules) or "none"
            raise ConfigError(
                f"There is no module {name}; there are: {names}.", help="See: bridge modules"
            )
        _ = self.graph
        return self.config.modules[name]

    def _first_plan(self, engine: Engine, make: Callable[[], Plan]) -> Plan | None:
        """The plan before the lock; None where another run is just changing what it is made of."""
        try:
            plan = make()
        except (StateError, DatabaseError) as error:
            from bridge.lock import busy

            unreadable = isinstance(error, DatabaseError)
            if unreadable and engine.dialect.name != "sqlite":
                raise
            if busy(engine):
                return None
            if unreadable:
                raise
            plan = make()  # the other run may have ended since
        if plan.steps and self._cached:
            self._read_scripts()
            plan = make()
        return plan

    def _execute(
        self,
        engine: Engine,
        confirmed: Plan | None,
        make: Callable[[], Plan],
        confirm: Callable[[Plan], bool],
        progress: Progress | None,
        backup: bool | None,
        lock_timeout: float,
        outcome: str = "upgraded",
        from_statement: int | None = None,
        accept_drift: Sequence[str] = (),
    ) -> Report:
        """Run the plan under the lock, made anew there: until then another run may be at work."""
        if confirmed is not None:
            if not confirmed.steps:
                return _report("nothing_to_do", confirmed.state, ())
            _ask(confirm, confirmed)
        # Most runs have nothing to do: they shall not wait for what runs scripts.
        from bridge.backup import wanted
        from bridge.execute import Executor, Silent
        from bridge.lock import locked
        from bridge.rows import count_rows

        progress = progress or Silent()
        with locked(engine, lock_timeout, progress.note) as lock:
            if self._cached:
                self._read_scripts()
            plan = make()
            if not plan.steps:
                progress.note("Another run has just finished: nothing to do.")
                return _report("nothing_to_do", plan.state, ())
            if confirmed is None or plan.steps != confirmed.steps:
                _ask(confirm, plan)
                if self.detect(engine) != plan.state:
                    raise StalePlanError(
                        "The database changed after the plan was made: another process writes to "
                        "it.",
                        help="Stop the application, then run: bridge dbupdate",
                        state_of_data="bridge has changed nothing.",
                    )
            if plan.state.new_file:
                progress.note(f"There is no file yet at {plan.state.database}: it is made.")
            backs_up = wanted(engine, self.config, backup)
            executor = Executor(
                engine,
                self.config,
                self.revisions,
                progress,
                lock,
                backup=backs_up,
                from_statement=from_statement,
                histories=self.histories,
                accepted=accept_drift,
            )
            before = count_rows(engine, self.of_the_app)
            steps = executor.execute(plan)
            try:
                report = _report(outcome, self.detect(engine), steps)
                rows = Rows(before, count_rows(engine, self.of_the_app))
            except DatabaseError as error:
                error.state_of_data = "Every step is done."
                raise
            return replace(report, backup=executor.backup, rows=rows)

    def rehearse(
        self,
        database: Database | None = None,
        *,
        progress: Progress | None = None,
        ways: Ways = "auto",
        accept_drift: Sequence[str] = (),
    ) -> Rehearsal:
        """Run the whole plan of `dbupdate` on a copy; the database itself is only read.

        The copy of a SQLite file is beside it, or in ``backup.folder``; that of a server's database
        on the same server. It is removed afterwards. Nobody is asked, no backup is made, and other
        runs are not waited for.

        :param progress: is told of each step.
        :param ways: as for `dbupdate`.
        :param accept_drift: as for `dbupdate`.
        :raises RehearsalError: there can be no copy, or something would have used another database.
        :raises BridgeError: a step failed, as it would in the real run; the database is unchanged.
        """
        from bridge.execute import Silent
        from bridge.rehearsal import check_whole, rehearse

        self._read_scripts()
        try:
            with self.engine(database) as engine:
                plan = self.plan_from(self.detect(engine), ways)
                if not plan.steps:
                    return Rehearsal(_report("nothing_to_do", plan.state, ()))
                check_whole(plan.state)
                return rehearse(
                    engine,
                    self.config,
                    self.revisions,
                    lambda copy: self.plan_from(self.detect(copy), ways),
                    self.detect,
                    self.of_the_app,
                    progress or Silent(),
                    self.histories,
                    accept_drift,
                )
        finally:
            self.forget()  # Alembic's configuration has the copy's URL

    def restore(
        self,
        path: Path | str,
        database: Database | None = None,
        *,
        backup: bool | None = None,
        other_database: bool = False,
        progress: Progress | None = None,
        lock_timeout: float = LOCK_SECONDS,
    ) -> Backup | None:
        """Make the database what it was when a backup was made; what came later is gone.

        :param backup: whether to back up what is there before; as for `dbupdate`.
        :param other_database: the backup may be one of another database of the same kind.
        :returns: the backup of what was there, if one was made.
        :raises BackupError: the file is no whole backup of this database, what is there cannot
            be backed up, or the database refuses it.
        :raises LockedError: a run did not end in time.
        """
        from bridge.backup import back_up, check, restore, wanted
        from bridge.execute import Silent
        from bridge.lock import locked

        path, before, progress = Path(path), None, progress or Silent()
        with self.engine(database) as engine, locked(engine, lock_timeout, progress.note):
            check(path, engine, other_database=other_database)
            if wanted(engine, self.config, backup):
                try:
                    before = back_up(engine, self.config)
                except BridgeError as error:
                    error.help = (
                        "If what is there is not needed: "
                        f"bridge restore {shlex.quote(str(path))} --no-backup"
                    )
                    raise
            restore(engine, path)
        return before

    def verify(self, database: Database | None = None) -> Verification:
        """Compare the schema with what was recorded of the versions that it is at; reads only.

        :raises DatabaseError: it cannot be read.
        :raises SealBrokenError: a file of a frozen history is not what was sealed.
        """
        from bridge.verify import verify

        for frozen in self.histories.values():
            check_seal(frozen)
        with self.engine(database) as engine:
            return verify(
                engine, self.detect(engine), self.graph, self.histories, self.of_the_app,
                self.recorded(engine.dialect.name),
            )  # fmt: skip

    def recorded(self, dialect: str) -> Mapping[Heads, Schema]:
        """The schemas at Alembic revisions that `bridge check` has recorded, on a kind of database.

        :raises ConfigError: the file is damaged.
        """
        path = path_of(self.revisions.folder, dialect)
        if not path.is_file():
            return {}
        try:
            return read_recorded(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path} cannot be read: {error}", help="Write it anew: bridge check --record"
            ) from None

    def adopt(
        self,
        versions: Mapping[str, int],
        database: Database | None = None,
        *,
        accept_drift: Sequence[str] = (),
        confirm: Callable[[Plan], bool] = lambda _plan: True,
        progress: Progress | None = None,
        backup: bool | None = None,
        lock_timeout: float = LOCK_SECONDS,
    ) -> Report:
        """Write down the version of a database that has no version table, after comparing both.

        :param versions: of each legacy repository that is in it.
        :param accept_drift: as for `dbupdate`.
        :raises ConfigError: there is no such repository or version, or it is not frozen.
        :raises StateError: the database has its version already, or is in a state to be refused.
        :raises DriftError: the schema is not that of the version.
        """
        for name in versions:
            if name not in self.repositories:
                raise self._no_repository(name)

        def make() -> Plan:
            state = self.detect(engine)
            for name in versions:
                if name in self.histories:
                    check_seal(self.histories[name])
            return adoption(state, versions, self.histories)

        with self.engine(database) as engine:
            try:
                return self._execute(
                    engine, self._first_plan(engine, make), make, confirm, progress, backup,
                    lock_timeout, "adopted", accept_drift=accept_drift,
                )  # fmt: skip
            except BridgeError as error:
                given = " ".join(f"--legacy {name}={versions[name]}" for name in versions)
                error.help = error.help.replace("bridge dbupdate", f"bridge adopt {given}")
                raise

    def _no_repository(self, name: str) -> ConfigError:
        names = ", ".join(self.repositories) or "none"
        return ConfigError(
            f"There is no legacy repository {name}; there are: {names}.", help="See: bridge status"
        )

    # --- frozen histories -----------------------------------------------------------------

    def freeze(
        self,
        urls: Sequence[URL | str] = (),
        *,
        update: Iterable[str] = (),
        check: bool = False,
        snapshots: Sequence[Path | str] = (),
        sqlite: bool = True,
        progress: FreezeProgress | None = None,
    ) -> Freeze:
        """Record what every legacy version emits, decide what can be replayed, and seal it.

        Databases are made for it and dropped afterwards: SQLite files, and on each server.

        :param urls: servers on which databases may be made and dropped.
        :param snapshots: files with old databases, or dumps of them: versions are tried with their
            rows too, and a history whose first version needs tables begins with the oldest.
        :param sqlite: whether to record on SQLite.
        :param update: names of repositories whose seal is made anew, whatever has changed.
        :param check: write nothing. What is sealed must be as it was; where there are `urls`, and
            on SQLite then too, what is recorded must be what is sealed.
        :raises FreezeError: a recording is not what is sealed, or a ported version does something
            else than the script.
        :raises SealBrokenError: a sealed file has changed.
        """
        from bridge.freeze import Quiet, check_seals, freeze

        for name in update:
            if name not in self.repositories:
                raise self._no_repository(name)
        progress = progress or Quiet()
        if check and not urls:
            return Freeze((), check_seals(self.histories))
        with discreet(lambda text: scrub(self.scrub(text), *urls)):
            return freeze(
                self.config,
                self.repositories,
                [parse_url(url) for url in urls],
                self.of_the_app,
                update=update,
                check=check,
                snapshots=[Path(path) for path in snapshots],
                sqlite=sqlite,
                progress=progress,
            )

    # --- snapshots ------------------------------------------------------------------------

    def snapshots(self, folder: Path | str | None = None) -> tuple[Snapshot, ...]:
        """The old databases in a folder.

        :param folder: None for the one that the configuration names.
        :raises DatabaseError: one cannot be read.
        """
        return self._snapshots(folder).found()

    def create_snapshot(
        self,
        at: Mapping[str, int],
        *,
        kind: str | None = None,
        urls: Sequence[URL | str] = (),
        rows: int | None = None,
        plain: bool = False,
        folder: Path | str | None = None,
        name: str | None = None,
        force: bool = False,
        progress: SnapshotProgress | None = None,
    ) -> Snapshot:
        """Make an old database up, at these legacy versions, and write it as a file.

        :param at: the version of each repository. What these require comes along; other
            repositories are not in it.
        :param kind: "sqlite", "postgresql" or "mysql"; None for that of the first of the `urls`,
            or SQLite if there are none.
        :param urls: servers on which databases may be made and dropped.
        :param rows: how many rows each table has at least.
        :param plain: ordinary rows only, no edge values.
        :param folder: None for the one that the configuration names.
        :param name: of the file; None for one made of the versions.
        :param force: put it in the place of one that is there.
        :raises ConfigError: there are no such versions, or no upgrade comes by them together.
        :raises LegacyError: a version fails.
        :raises SnapshotError: the file is there already.
        """
        from bridge.scratch import scratch
        from bridge.snapshots import ROWS, server_for

        with discreet(lambda text: scrub(self.scrub(text), *urls)):
            snapshots = self._snapshots(folder, progress)
            with scratch(server_for(kind, [parse_url(url) for url in urls])) as place:
                return snapshots.create(
                    place, at, rows=rows or ROWS, plain=plain, name=name, force=force
                )

    def import_snapshot(
        self,
        path: Path | str,
        *,
        urls: Sequence[URL | str] = (),
        anonymize: bool = False,
        keep: Sequence[str] = (),
        folder: Path | str | None = None,
        name: str | None = None,
        force: bool = False,
        progress: SnapshotProgress | None = None,
    ) -> Imported:
        """Write an administrator's database as a snapshot; the file itself is only read.

        :param path: a SQLite file, or what `.dump`, pg_dump or mariadb-dump wrote.
        :param urls: servers on which databases may be made and dropped; a dump needs one of its
            kind.
        :param anonymize: scrub all texts.
        :param keep: columns whose texts stay all the same, as ``TABLE.COLUMN``.
        :raises DatabaseError: it cannot be loaded.
        :raises StateError: it is no database of this app's that can be upgraded.
        :raises SnapshotError: the file is there already, or cannot be anonymized.
        """
        from bridge.scratch import scratch
        from bridge.snapshots import kind_of_file, server_for

        with discreet(lambda text: scrub(self.scrub(text), *urls)):
            snapshots = self._snapshots(folder, progress)
            path, servers = Path(path), [parse_url(url) for url in urls]
            with scratch(server_for(kind_of_file(path), servers)) as place:
                return snapshots.take_in(
                    place, path, anonymize=anonymize, keep=keep, name=name, force=force
                )

    def old_install(self, place: Scratch, at: Mapping[str, int], rows: int) -> Engine:
        """A scratch database at these legacy versions, with rows; as for `create_snapshot`.

        :raises ConfigError: there are no such versions, or no upgrade comes by them together.
        :raises LegacyError: a version fails.
        """
        snapshots = self._snapshots(None)
        return snapshots.climbed(place, snapshots.whole(at), rows)

    def _snapshots(
        self, folder: Path | str | None, progress: SnapshotProgress | None = None
    ) -> Snapshots:
        from bridge.execute import Silent
        from bridge.snapshots import Snapshots

        return Snapshots(
            self.config, self.repositories, self.histories, self.of_the_app, self.detect,
            self.config.snapshots if folder is None else Path(folder), progress or Silent(),
        )  # fmt: skip

    # --- the developer's commands ---------------------------------------------------------

    def alembic(
        self,
        arguments: Sequence[str],
        *,
        with_plugins: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Alembic's own command line with this configuration; prints as Alembic does.

        What writes to the database waits for the end of another run, as `dbupdate` does.

        :param with_plugins: load the models of every module that is on, too.
        :param progress: is told who is waited for.
        :raises LockedError: another run did not end in time.
        :raises RevisionsError: Alembic's complaint.
        """
        with ExitStack() as stack:
            commands = stack.enter_context(self._commands(modules=with_plugins))
            writes = ALEMBIC_WRITES.intersection(arguments) and "--sql" not in arguments
            if writes and commands.engine is not None:
                from bridge.lock import locked

                tell = progress.note if progress else lambda _text: None
                stack.enter_context(locked(commands.engine, LOCK_SECONDS, tell))
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
        component = self._component(branch)
        if component != CORE:
            self._make_folder(component)
        with self._commands(modules=autogenerate) as commands:
            return commands.new_revision(
                component, message, autogenerate=autogenerate, rev_id=rev_id
            )

    @property
    def has_models(self) -> bool:
        """Whether there are models to compare a schema with."""
        modules = self.config.modules.values()
        return bool(self.config.alembic.models) or any(m.enabled and m.models for m in modules)

    def compare_models(self, database: Database | None = None) -> tuple[str, ...]:
        """What autogenerate would do to take a database to the models of all that is on.

        :raises RevisionsError: env.py raised.
        """
        with self._commands(modules=True, database=database) as commands:
            return commands.differences()

    def _component(self, branch: str) -> str:
        labels = {module.label: name for name, module in self.config.modules.items()}
        if branch in (CORE, self.config.alembic.label) or branch in self.config.modules:
            return CORE if branch == self.config.alembic.label else branch
        if branch in labels:
            return labels[branch]
        for revision in self.graph.revisions.values():
            if branch in revision.labels:
                return revision.module or CORE
        names = ", ".join([CORE, *self.config.modules])
        raise ConfigError(
            f"There is no branch {branch}; there are: {names}.", help="See: bridge modules"
        )

    def _make_folder(self, name: str) -> None:
        """A new module's version location comes with its first revision."""
        module = self.config.modules[name]
        if module.migrations is None or module.present:
            return
        module.migrations.mkdir(parents=True)
        modules = {**self.config.modules, name: replace(module, present=True, problem=None)}
        self.config = replace(self.config, modules=modules)
        self.forget()

    @contextmanager
    def _commands(self, *, modules: bool, database: Database | None = None) -> Iterator[Commands]:
        from bridge.revisions import Commands

        with discreet(self.scrub):
            models = load_models(self.config, modules=modules)
        # Not self.repositories: their stamps may name revisions that this command is to make.
        tables = {version_table_of(settings) for settings in self.config.legacy.values()}
        if database is None and self._url() is None:
            yield Commands(self.revisions, None, models, tables)
            return
        with self.engine(database) as engine:
            yield Commands(self.revisions, engine, models, tables)

    # --- the database ---------------------------------------------------------------------

    @contextmanager
    def engine(self, database: Database | None = None) -> Iterator[Engine]:
        """The engine to work with: the caller's own, or one that is disposed of afterwards.

        :raises DatabaseError: no database is named anywhere, or the URL is not one.
        """
        urls: list[URL | str] = []
        with discreet(lambda text: scrub(self.scrub(text), *urls)):
            database = self._named(database)
            if isinstance(database, Engine):
                urls.append(database.url)
                yield database
                return
            urls.append(database)
            engine = make_engine(parse_url(database))
            try:
                yield engine
            finally:
                engine.dispose()

    def _named(self, database: Database | None) -> Database:
        database = database or self._url()
        if database is None:
            raise DatabaseError(
                f"No database is named: there is no database.url in {self.config.source}.",
                help="Give one: --url URL, BRIDGE_DATABASE_URL, or database.url",
            )
        return database

    def _named_url(self, database: Database | None) -> URL:
        """The URL of a database that is not opened."""
        with discreet(self.scrub):
            database = self._named(database)
            return database.url if isinstance(database, Engine) else parse_url(database)

    def scrub(self, text: str) -> str:
        """`text` without the passwords of the database that this object knows of."""
        urls = [self._given, environment_url(), self.config.database.url]
        if "revisions" in self.__dict__:
            with suppress(BridgeError):
                urls.append(self.revisions.url)
        return scrub(text, *(url.url if isinstance(url, Engine) else url for url in urls if url))

    def shown(self, database: Database | None = None) -> str:
        """The database's URL as it may be printed."""
        with self.engine(database) as engine:
            return shown(engine.url)

    def _url(self) -> Database | None:
        if self._given or environment_url():
            return self._given or environment_url()
        text = self.config.database.url or self.revisions.url
        return relative_to(parse_url(text), self.config.root) if text else None

    def detect(self, engine: Engine) -> State:
        """Where the database behind an engine stands; reads only."""
        return detect(engine, self.repositories, self.graph, self.config, self.histories)

    def of_the_app(self, tables: Iterable[str]) -> tuple[str, ...]:
        """Those of these tables that are neither bridge's, Alembic's nor another program's."""
        facts = Facts("", "", tables=frozenset(tables))
        return app_tables(facts, self.repositories.values(), self.config)


def _ask(confirm: Callable[[Plan], bool], plan: Plan) -> None:
    if not confirm(plan):
        raise NotConfirmedError("The plan was not confirmed.", help="Run it again: bridge dbupdate")


def _report(outcome: Any, state: State, steps: Any) -> Report:
    return Report(outcome, state.database, steps, state.current, state.dormant)
