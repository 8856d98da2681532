"""The Alembic scripts of every branch: read as a graph, stamped, run, and Alembic's commands."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.command import upgrade
from alembic.config import CommandLine
from alembic.config import Config as AlembicIni
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import URL, Connection, Engine

from bridge.config import Config
from bridge.errors import (
    AheadError,
    BridgeError,
    RevisionFailedError,
    RevisionsError,
    VersionTableMismatchError,
)
from bridge.model import Revision
from bridge.revisions.ini import alembic_ini, named_url
from bridge.sqlite import checking_foreign_keys, foreign_keys_off
from bridge.telling import place, said


class Revisions:
    """The Alembic scripts of the core and of every module whose folder is there.

    Modules that are switched off are read too: their rows must be understood, while their
    heads are no targets.
    """

    def __init__(self, config: Config) -> None:
        self._config = config

    # --- reading the scripts --------------------------------------------------------------

    @cached_property
    def alembic(self) -> AlembicIni:
        """Alembic's own configuration, made in code from bridge's.

        :raises RevisionsError: an existing ``alembic.ini`` cannot be read.
        """
        with self._told("The Alembic configuration cannot be read"):
            return alembic_ini(self._config)

    @cached_property
    def script(self) -> ScriptDirectory:
        """Alembic's script directory over every version location.

        :raises RevisionsError: the scripts cannot be read or do not fit together.
        """
        for folder in reversed(self._config.alembic.pythonpath):
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
        with self._told("The Alembic scripts cannot be read"), warnings.catch_warnings():
            # Alembic only warns of a revision id that two files share and of a missing one.
            warnings.filterwarnings("error", message="Revision .* is present more than once")
            warnings.filterwarnings("error", message="Revision .* is not present")
            script = ScriptDirectory.from_config(self.alembic)
            script.get_heads()
            return script

    def check_environment(self) -> None:
        """Whether the scripts can be run at all, before anything is written.

        :raises RevisionsError: there is no env.py.
        """
        path = Path(self.script.dir) / "env.py"
        if not path.is_file():
            raise RevisionsError(
                f"{path} is not there: Alembic runs revisions through it.",
                help="Let alembic.script_location name the folder that holds env.py; a new one has "
                "two lines: from bridge.revisions import run_environment, and run_environment()",
            )

    @cached_property
    def _scripts(self) -> dict[str, Script]:
        with self._told("The Alembic scripts do not fit together"):
            return {script.revision: script for script in self.script.walk_revisions()}

    @cached_property
    def _parents(self) -> dict[str, frozenset[str]]:
        """What each revision descends from or depends on, directly."""
        parents = {}
        with self._told("A dependency of an Alembic script cannot be found"):
            for revision, script in self._scripts.items():
                needed = [script.down_revision, script.dependencies]
                parents[revision] = frozenset(
                    parent.revision
                    for names in needed
                    if names
                    for parent in self.script.get_revisions(tuple(_as_tuple(names)))
                    if parent is not None
                )
        return parents

    @cached_property
    def _modules(self) -> dict[str, str | None]:
        folders = {m.name: m.migrations.resolve() for m in self._config.modules.values()}
        return {
            revision: next(
                (name for name, folder in folders.items() if folder in _resolved(script).parents),
                None,
            )
            for revision, script in self._scripts.items()
        }

    @contextmanager
    def _told(
        self, what: str, help: str = "Mend the script, or see: bridge alembic history --verbose"
    ) -> Iterator[None]:
        """Whatever Alembic or a script raises while it is read, as one kind of error."""
        try:
            yield
        except RevisionsError:
            raise
        except (Exception, SystemExit) as error:
            where = place(error, self._locations())
            raise RevisionsError(
                f"{what}: {said(error)}{where}",
                help=help,
            ) from error

    def _locations(self) -> list[Path]:
        alembic = self._config.alembic
        folders = [alembic.script_location, *alembic.version_locations]
        folders += [module.migrations for module in self._config.modules.values()]
        return [folder.resolve() for folder in folders if folder is not None]

    # --- the graph, as deciding sees it ---------------------------------------------------

    def known(self, revision: str) -> bool:
        """Whether the scripts have this revision."""
        return revision in self._scripts

    def module(self, revision: str) -> str | None:
        """The module whose folder holds the revision, None for the core's own."""
        return self._modules[revision]

    def disabled(self, revision: str) -> bool:
        """Whether the revision belongs to a module that is switched off."""
        module = self._modules[revision]
        return module is not None and not self._config.modules[module].enabled

    def ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """The revisions themselves and all that they descend from or depend on."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting.extend(self._parents[revision])
        return frozenset(found)

    def effective(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """Those that no other of them descends from or depends on, sorted."""
        chosen = set(revisions)
        below: set[str] = set()
        for revision in chosen:
            below |= self.ancestors(self._parents[revision])
        return tuple(sorted(chosen - below))

    def targets(self) -> tuple[str, ...]:
        """The revisions to reach: effective heads of what is switched on, sorted.

        :raises RevisionsError: alembic.targets names what is not there.
        """
        wanted: set[str] = set()
        for name in self._config.alembic.targets:
            wanted |= self._enabled_heads() if name == "heads" else self.resolve(name)
        return self.effective(wanted)

    def _enabled_heads(self) -> set[str]:
        enabled = {revision for revision in self._scripts if not self.disabled(revision)}
        has_child: set[str] = set()
        for revision in enabled:
            has_child |= self._parents[revision]
        return enabled - has_child

    def resolve(self, name: str) -> set[str]:
        """The ids that a revision id, part of one, or ``BRANCH@head`` stands for.

        :raises RevisionsError: there is no such revision.
        """
        missing = f"There is no Alembic revision {name}"
        help = f"Change alembic.targets in {self._config.source}; see: bridge alembic heads"
        with self._told(missing, help):
            found = {script.revision for script in self.script.get_revisions(name) if script}
        if not found:
            raise RevisionsError(f"{missing}.", help=help)
        return found

    def pending(self, current: Iterable[str], targets: Iterable[str]) -> tuple[Revision, ...]:
        """What an upgrade from `current` to `targets` runs, dependencies first."""
        upper, lower = tuple(targets), tuple(current)
        if not upper:
            return ()
        with self._told("The way to the Alembic targets cannot be found"):
            downwards = list(self.script.iterate_revisions(upper, lower, implicit_base=True))
        return tuple(self.describe(script.revision) for script in reversed(downwards))

    def describe(self, revision: str) -> Revision:
        """The revision with its branch (the module's name, else a branch label)."""
        script = self._scripts[revision]
        branch = self.module(revision) or next(iter(sorted(script.branch_labels)), None)
        return Revision(revision, branch, (script.doc or "").partition("\n")[0].strip())

    # --- writing --------------------------------------------------------------------------

    def stamp(self, connection: Connection, revisions: Sequence[str]) -> tuple[str, ...]:
        """Write the effective heads of what is there and `revisions`; returns the rows.

        Rows for both a revision and one that it depends on would wedge every later upgrade,
        so such a pair is reduced, as Alembic itself does when it runs them.

        :raises AheadError: there is a row of another program.
        """
        table = sa.Table(
            self._config.alembic.version_table,
            sa.MetaData(),
            sa.Column("version_num", sa.String(32), nullable=False),
            sa.PrimaryKeyConstraint(
                "version_num", name=f"{self._config.alembic.version_table}_pkc"
            ),
        )
        with connection.begin():
            table.create(connection, checkfirst=True)
            found = {row[0] for row in connection.execute(sa.select(table.c.version_num))}
            self._check_known(found)
            rows = self.effective(found | set(revisions))
            connection.execute(table.delete())
            connection.execute(table.insert(), [{"version_num": row} for row in rows])
        return rows

    def _check_known(self, found: set[str]) -> None:
        """Detecting has done so too, but legacy scripts may set up another program's tables."""
        unknown = sorted(row for row in found if not self.known(row))
        if unknown:
            name = self._config.alembic.version_table
            raise AheadError(
                f"The table {name} holds {', '.join(unknown)}, which this code does not have: "
                "while the legacy versions ran, another program came to keep its versions there.",
                help="Name a table of the app's own in alembic.version_table of "
                f"{self._config.source}, then run: bridge dbupdate",
                state_of_data="The legacy versions before it stay done; nothing is stamped.",
            )

    def upgrade(self, connection: Connection, revision: str, url: URL) -> None:
        """Run one revision through the application's env.py, in a transaction of its own.

        :raises RevisionFailedError: the script raised, or on SQLite left broken foreign keys.
        :raises VersionTableMismatchError: env.py wrote its version somewhere else.
        """
        path = _resolved(self._scripts[revision])

        def steps(heads: Any, _migration: Any) -> Any:
            found = self.script._upgrade_revs(revision, heads)
            for step in found:
                step.migration_fn = checking_foreign_keys(step.migration_fn, connection)
            return found

        self.alembic.attributes["connection"] = connection
        self.alembic.attributes["ours"] = False
        self._set_url(url)
        try:
            with (
                foreign_keys_off(connection),
                EnvironmentContext(self.alembic, self.script, fn=steps),
            ):
                self.script.run_env()
        except (Exception, SystemExit) as error:
            raise RevisionFailedError(
                f"The Alembic revision {revision} ({path}) failed: "
                f"{said(error)}{place(error, [path.parent])}",
                help="Mend what it complains of, then run: bridge dbupdate",
            ) from error
        finally:
            del self.alembic.attributes["connection"]
        self._check_written(connection, revision)

    @property
    def transactional(self) -> bool:
        """Whether the last revision ran in one transaction with its version row.

        So it is when env.py calls `run_environment`; another env.py may do as it likes.
        """
        return bool(self.alembic.attributes.get("ours"))

    def _check_written(self, connection: Connection, revision: str) -> None:
        name = self._config.alembic.version_table
        rows: set[str] = set()
        with connection.begin():
            if sa.inspect(connection).has_table(name):
                column: sa.ColumnClause[str] = sa.column("version_num")
                rows = {
                    row[0]
                    for row in connection.execute(sa.select(column).select_from(sa.table(name)))
                }
        if revision not in self.ancestors(row for row in rows if self.known(row)):
            raise VersionTableMismatchError(
                f"The revision {revision} ran, but the table {name} of the database does not say "
                f"so (it holds {', '.join(sorted(rows)) or 'nothing'}): env.py uses another "
                "version table, or another database.",
                help="Let env.py call bridge.revisions.run_environment(), or use "
                'config.attributes["connection"] and the same version_table as '
                f"{self._config.source}.",
                state_of_data=f"The revision {revision} has been run, where env.py connects to.",
            )

    @property
    def url(self) -> str | None:
        """The database that an existing ``alembic.ini`` names, None where it names none."""
        return named_url(self.alembic) if self._config.alembic.config else None

    def _set_url(self, url: URL) -> None:
        self.alembic.attributes["url"] = url
        # Some env.py and revisions read the URL. ConfigParser takes % for interpolation.
        text = url.render_as_string(hide_password=False)
        self.alembic.set_main_option("sqlalchemy.url", text.replace("%", "%%"))

    # --- Alembic's own command line -------------------------------------------------------

    def command(
        self,
        arguments: Sequence[str],
        engine: Engine | None,
        metadata: Sequence[sa.MetaData] = (),
        version_tables: Iterable[str] = (),
    ) -> None:
        """Run Alembic's command line with this configuration; it prints as Alembic does.

        :param metadata: the models, for autogenerate.
        :param version_tables: legacy version tables, which autogenerate leaves alone.
        :raises RevisionsError: Alembic's complaint about the command.
        :raises RevisionFailedError: a revision or env.py raised.
        """
        line = CommandLine(prog="bridge alembic")
        options = line.parser.parse_args(list(arguments))
        if not hasattr(options, "cmd"):
            line.parser.error("too few arguments")
        if options.config:
            line.parser.error("-c cannot be used here: the configuration is bridge's")
        if options.cmd[0] is upgrade and options.revision == "heads":
            # A module that is switched off must not be applied.
            options.revision = self.effective(self._enabled_heads())
        options.raiseerr = True
        self.alembic.cmd_opts = options
        self.alembic.stdout = sys.stdout
        self.alembic.attributes["target_metadata"] = list(metadata) or None
        self.alembic.attributes["version_tables"] = set(version_tables)
        if engine is not None:
            self.alembic.attributes["engine"] = engine
            self._set_url(engine.url)
        _ = self.script
        try:
            line.run_cmd(self.alembic, options)
        except CommandError as error:
            raise RevisionsError(
                f"alembic {' '.join(arguments)}: {error}",
                help="See: bridge alembic --help",
                state_of_data="See: bridge status",
            ) from error
        except (BridgeError, BrokenPipeError):
            raise
        except Exception as error:
            raise RevisionFailedError(
                f"alembic {' '.join(arguments)}: {said(error)}{place(error, self._locations())}",
                help="Mend what it complains of, then run it again.",
                state_of_data="See: bridge status",
            ) from error


def _as_tuple(names: str | Iterable[str]) -> Iterable[str]:
    return (names,) if isinstance(names, str) else names


def _resolved(script: Script) -> Path:
    return Path(script.path).resolve()
