"""The developer's commands: Alembic's own command line, and new revisions on the right branch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.autogenerate import RevisionContext
from alembic.config import CommandLine
from alembic.runtime.environment import EnvironmentContext
from alembic.util import CommandError

from bridge.database.error_text import place, said
from bridge.database.restore_mark import check_whole
from bridge.model.errors import BridgeError, RevisionFailedError, RevisionsError
from bridge.model.names import CORE
from bridge.model.remedy import Remedy
from bridge.revisions.generated import generated_differences
from bridge.revisions.ownership import Ownership, made_by
from bridge.revisions.running import make_room

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Engine

    from bridge.revisions.hooks import Models
    from bridge.revisions.scripts import Revisions

_NEW_REVISION = {
    "message": None,
    "autogenerate": False,
    "sql": False,
    "head": "head",
    "splice": False,
    "branch_label": None,
    "version_path": None,
    "rev_id": None,
    "depends_on": None,
}


_OF_A_DATABASE = (
    command.upgrade,
    command.downgrade,
    command.stamp,
    command.current,
    command.check,
    command.ensure_version,
)

_UPGRADE = ("dbupdate",)

_SEE_STATE = Remedy("See where the database stands", ("status",))

_UNKNOWN = "What the command did before the error may be in the database."


class Commands:
    """The developer's commands on the scripts, and on a database where there is one.

    :param models: the models of each loaded component, for autogenerate.
    :param version_tables: legacy version tables, which autogenerate leaves alone.
    """

    def __init__(
        self,
        revisions: Revisions,
        engine: Engine | None,
        models: Sequence[Models] = (),
        version_tables: Iterable[str] = (),
    ) -> None:
        self._revisions, self._models = revisions, models
        self.engine = engine
        # First: where a module that is off cannot be read, this creates the configuration again.
        _ = revisions.script
        self._version_tables = set(version_tables)
        attributes = revisions.alembic.attributes
        metadata = {id(data): data for found in models for data in found.metadata}
        attributes["target_metadata"] = list(metadata.values()) or None
        attributes["version_tables"] = self._version_tables
        if engine is not None:
            attributes["engine"] = engine
            revisions.set_url(engine.url)

    # --- Alembic's own command line -------------------------------------------------------

    def run(self, arguments: Sequence[str]) -> None:
        """Run Alembic's command line with this configuration; it prints as Alembic does.

        :raises RevisionsError: Alembic refuses the command.
        :raises RevisionFailedError: a revision or env.py raised an error.
        """
        line = CommandLine(prog="bridge alembic")
        options = line.parser.parse_args(list(arguments))
        if not hasattr(options, "cmd"):
            line.parser.error("too few arguments")
        if options.config:
            line.parser.error("-c cannot be used here: the configuration is bridge's")
        options.raiseerr = True
        alembic = self._revisions.alembic
        alembic.cmd_opts = options
        alembic.stdout = sys.stdout
        try:
            self._dispatch(line, options)
        except CommandError as error:
            remedies = [Remedy("See", ("alembic", "--help"))]
            named = any(f"'{argument}'" in str(error) for argument in arguments)
            if "locate revision" in str(error) and not named:
                remedies.append(Remedy("To upgrade past rows of a module without files", _UPGRADE))
            raise RevisionsError(
                f"alembic {' '.join(arguments)}: {error}",
                help=[*remedies, _SEE_STATE],
                state_of_data=_UNKNOWN,
            ) from error
        except (BridgeError, BrokenPipeError):
            raise
        except Exception as error:
            where = place(error, self._revisions.locations())
            raise RevisionFailedError(
                f"alembic {' '.join(arguments)}: {said(error)}{where}",
                help=[Remedy("Fix the error above, then run it again."), _SEE_STATE],
                state_of_data=_UNKNOWN,
            ) from error

    def _dispatch(self, line: CommandLine, options: Namespace) -> None:
        """Run Alembic's own command, except where it would aim at the heads of every script."""
        which = options.cmd[0]
        self._check_whole(which, options)
        writes = which in (command.upgrade, command.stamp) and not options.sql
        if writes and self.engine is not None:
            make_room(self.engine, self._revisions.config.alembic, self._revisions.graph)
        if which is command.upgrade and options.revision == "heads":
            # The revisions of a module that is off must not be applied.
            options.revision = self._revisions.graph.heads()
        if which is command.stamp and "heads" in options.revisions:
            options.revisions = list(self._revisions.graph.heads())
        if which is command.check:
            self._check()
        elif which is command.revision and options.autogenerate:
            given = {key: getattr(options, key, None) for key in _NEW_REVISION}
            branches = [models.component for models in self._models]
            self._generate(given, self._ownership(branches))
        elif which is command.current and getattr(options, "check_heads", False):
            options.check_heads = False
            line.run_cmd(self._revisions.alembic, options)
            self._check_heads()
        else:
            line.run_cmd(self._revisions.alembic, options)

    def _check_whole(self, which: Callable[..., Any], options: Namespace) -> None:
        """Refuse a database of which an interrupted restore may have left a part."""
        if self.engine is None or getattr(options, "sql", False):
            return
        if which in _OF_A_DATABASE or (which is command.revision and options.autogenerate):
            check_whole(self.engine)

    def _check_heads(self) -> None:
        graph = self._revisions.graph
        rows = [row for row in self._rows() if graph.known(row)]
        if graph.pending(rows, graph.heads()):
            raise CommandError("Database is not on all head revisions")

    def _check(self) -> None:
        """Refuse a database that differs from the models; Alembic's own check shows raw objects."""
        branches = [models.component for models in self._models]
        ownership = self._ownership(branches)
        found = self._compared(ownership)
        if found:
            raise RevisionsError(
                f"The database differs from the models: {', '.join(found)}",
                help=Remedy(
                    "Write a revision",
                    ("revision", "--branch", "BRANCH", "--autogenerate", "-m", "MESSAGE"),
                ),
            )
        print("No new upgrade operations detected.", file=self._revisions.alembic.stdout)
        if ownership.kept:
            names = ", ".join(sorted(ownership.kept))
            print(
                f"Left alone because no loaded model has them: {names}",
                file=self._revisions.alembic.stdout,
            )

    def differences(self, empty: Engine) -> tuple[str, ...]:
        """Return what keeps the database from being what the loaded models are.

        That is what autogenerate would do, and columns that are generated in another way.

        :param empty: of a database of the same kind, in which the models are created.
        :raises RevisionsError: env.py raised an error.
        """
        branches = [models.component for models in self._models]
        see = Remedy("See", ("alembic", "check"))
        with self._revisions.as_revisions_error("The models cannot be compared", see):
            found = self._compared(self._ownership(branches))
        tables = [table for models in self._models for table in models.tables]
        assert self.engine is not None
        return (*found, *generated_differences(tables, self.engine, empty))

    def _compared(self, ownership: Ownership) -> tuple[str, ...]:
        context = self._autogenerated(dict(_NEW_REVISION), ownership)
        found = context.generated_revisions[-1].upgrade_ops_list
        return tuple(_operation_text(op) for ops in found for op in ops.ops)

    # --- a new revision -------------------------------------------------------------------

    def new_revision(
        self, component: str, message: str, *, autogenerate: bool, rev_id: str | None = None
    ) -> tuple[Path, tuple[str, ...]]:
        """Write the next revision of a branch into its own folder, with its dependencies.

        :param component: `CORE` or a module.
        :returns: the file, and the tables of the database that no model has and that are left
            alone.
        :raises RevisionsError: the branch has several heads, there are no models to compare with,
            or the database is behind.
        """
        graph, config = self._revisions.graph, self._revisions.config
        module = None if component == CORE else component
        heads = graph.heads_of(module)
        if len(heads) > 1:
            raise RevisionsError(
                f"The branch {component} has {len(heads)} heads: {', '.join(heads)}.",
                help=Remedy("Merge them", ("alembic", "merge", *heads, "-m", "MESSAGE")),
            )
        if module is None:
            label, folder, needed = config.alembic.label, self._revisions.folder_of(heads), []
        else:
            settings = config.modules[module]
            label, needed = settings.label, list(settings.depends_on)
            if settings.migrations is None:
                raise RevisionsError(
                    f"The module {component} has no folder.", help=settings.problem or ""
                )
            folder = settings.migrations
        depends = [
            head for other in needed for head in graph.heads_of(None if other == CORE else other)
        ]
        given = _NEW_REVISION | {
            "message": message,
            "autogenerate": autogenerate,
            "rev_id": rev_id,
            "version_path": str(folder),
            "depends_on": depends or None,
            "head": heads[0] if heads else "base",
            "branch_label": None if heads else label,
            # Another branch may begin at this revision.
            "splice": bool(heads) and not self._revisions.scripts[heads[0]].is_head,
        }
        template = Path(self._revisions.script.dir) / "script.py.mako"
        if not template.is_file():
            raise RevisionsError(
                f"{template} does not exist: Alembic writes new revisions from it.",
                help="Copy it from a new folder of Alembic's: alembic init ANOTHER_FOLDER",
            )
        ownership = self._ownership([component])
        if autogenerate:
            if self.engine is not None:
                check_whole(self.engine)
            self._check_comparable(component, heads)
        self._revisions.script.messaging_opts = {"quiet": True}
        see = Remedy("See", ("alembic", "--help"))
        with self._revisions.as_revisions_error("The revision cannot be created", see):
            path = self._generate(given, ownership)
        return path, tuple(sorted(ownership.kept))

    def _check_comparable(self, component: str, heads: Sequence[str]) -> None:
        graph, config = self._revisions.graph, self._revisions.config
        own_environment = not any(self._models)
        if not own_environment and all(models.component != component for models in self._models):
            if component != CORE and not config.modules[component].enabled:
                raise RevisionsError(
                    f"The module {component} is switched off, so its models are not loaded for a "
                    "comparison with the database.",
                    help=f"Switch it on: module.{component}.enabled = true in {config.source}; or "
                    "leave out --autogenerate.",
                )
            key = "alembic.models" if component == CORE else f"module.{component}.models"
            raise RevisionsError(
                f"The branch {component} has no models to compare the database with.",
                help=f"Name them: {key} in {config.source}; or leave out --autogenerate.",
            )
        rows = [row for row in self._rows() if graph.known(row)]
        if graph.pending(rows, heads):
            raise RevisionsError(
                f"The database is not at the head of {component}, so it cannot be compared with "
                "the models.",
                help=Remedy("Upgrade it first", _UPGRADE),
            )

    def _ownership(self, branches: Iterable[str]) -> Ownership:
        scripts: dict[str, list[Path]] = {}
        for revision, script in self._revisions.scripts.items():
            owner = self._revisions.graph.module(revision) or CORE
            scripts.setdefault(owner, []).append(Path(script.path))
        models = {found.component: found.names for found in self._models}
        made: Mapping[str, frozenset[str]] = {
            component: made_by(paths) for component, paths in scripts.items()
        }
        hidden = {*self._version_tables, self._revisions.config.alembic.version_table}
        return Ownership(branches, models, made, hidden)

    def _generate(self, given: dict[str, Any], ownership: Ownership) -> Path:
        if given["autogenerate"]:
            context = self._autogenerated(given, ownership)
        else:
            context = RevisionContext(self._revisions.alembic, self._revisions.script, given)
        (script,) = [script for script in context.generate_scripts() if script is not None]
        return Path(script.path)

    def _autogenerated(self, given: dict[str, Any], ownership: Ownership) -> RevisionContext:
        """Return the operations of these branches that take the database to the models."""
        alembic, script = self._revisions.alembic, self._revisions.script
        given = given | {"autogenerate": True}
        context = RevisionContext(
            alembic, script, given, process_revision_directives=ownership.directive()
        )

        def compare(_rows: Any, migration: Any) -> list[Any]:
            # "heads": else Alembic requires every head of every script in the version table.
            context.run_autogenerate("heads", migration)
            return []

        with EnvironmentContext(
            alembic,
            script,
            fn=compare,
            as_sql=False,
            template_args=context.template_args,
            revision_context=context,
        ):
            script.run_env()
        return context

    def _rows(self) -> tuple[str, ...]:
        found: list[str] = []

        def look(rows: Any, _migration: Any) -> list[Any]:
            found.extend(rows)
            return []

        alembic, script = self._revisions.alembic, self._revisions.script
        with EnvironmentContext(alembic, script, fn=look, dont_mutate=True):
            script.run_env()
        return tuple(found)


def _operation_text(op: Any) -> str:
    """Return an operation for people: what it does to which table."""
    inner = getattr(op, "ops", None)
    if inner:
        return ", ".join(_operation_text(one) for one in inner)
    kind = type(op).__name__.removesuffix("Op")
    name = getattr(op, "column_name", None) or getattr(getattr(op, "column", None), "name", None)
    table = getattr(op, "table_name", None)
    return f"{kind} {table}.{name}" if name else f"{kind} {table}"
