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
from bridge.model.errors import BridgeError, RevisionFailedError, RevisionsError
from bridge.model.names import CORE
from bridge.revisions.ownership import Ownership, made_by

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Mapping, Sequence

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


class Commands:
    """What a developer runs on the scripts, and on a database where there is one.

    :param models: the models of each component that is loaded, for autogenerate.
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
        # First: where a module that is off cannot be read, the configuration is made anew.
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

        :raises RevisionsError: Alembic's complaint about the command.
        :raises RevisionFailedError: a revision or env.py raised.
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
            help = "See: bridge alembic --help"
            named = any(f"'{argument}'" in str(error) for argument in arguments)
            if "locate revision" in str(error) and not named:
                help += ". Of a module whose files are gone, only bridge dbupdate understands rows."
            raise RevisionsError(
                f"alembic {' '.join(arguments)}: {error}",
                help=help,
                state_of_data="See: bridge status",
            ) from error
        except (BridgeError, BrokenPipeError):
            raise
        except Exception as error:
            where = place(error, self._revisions.locations())
            raise RevisionFailedError(
                f"alembic {' '.join(arguments)}: {said(error)}{where}",
                help="Mend what it complains of, then run it again.",
                state_of_data="See: bridge status",
            ) from error

    def _dispatch(self, line: CommandLine, options: Namespace) -> None:
        """Alembic's own, but where it takes the heads of every script for those to reach."""
        which = options.cmd[0]
        if which is command.upgrade and options.revision == "heads":
            # A module that is switched off must not be applied.
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

    def _check_heads(self) -> None:
        graph = self._revisions.graph
        rows = [row for row in self._rows() if graph.known(row)]
        if graph.pending(rows, graph.heads()):
            raise CommandError("Database is not on all head revisions")

    def _check(self) -> None:
        """Whether the models have what the database has not; Alembic's own shows raw objects."""
        branches = [models.component for models in self._models]
        ownership = self._ownership(branches)
        found = self._compared(ownership)
        if found:
            raise RevisionsError(
                f"The database is not what the models are: {', '.join(found)}",
                help="Write a revision: bridge revision --branch BRANCH --autogenerate -m MESSAGE",
            )
        print("No new upgrade operations detected.", file=self._revisions.alembic.stdout)
        if ownership.kept:
            names = ", ".join(sorted(ownership.kept))
            print(
                f"Left alone, since no model that is loaded has them: {names}",
                file=self._revisions.alembic.stdout,
            )

    def differences(self) -> tuple[str, ...]:
        """What autogenerate would do to take the database to the models that are loaded.

        :raises RevisionsError: env.py raised.
        """
        branches = [models.component for models in self._models]
        with self._revisions.told("The models cannot be compared", "See: bridge alembic check"):
            return self._compared(self._ownership(branches))

    def _compared(self, ownership: Ownership) -> tuple[str, ...]:
        context = self._autogenerated(dict(_NEW_REVISION), ownership)
        found = context.generated_revisions[-1].upgrade_ops_list
        return tuple(_words(op) for ops in found for op in ops.ops)

    # --- a new revision -------------------------------------------------------------------

    def new_revision(
        self, component: str, message: str, *, autogenerate: bool, rev_id: str | None = None
    ) -> tuple[Path, tuple[str, ...]]:
        """Write the next revision of a branch into its own folder; what it depends on is set.

        :param component: `CORE` or a module.
        :returns: the file, and tables that are in the database, in no model, and left alone.
        :raises RevisionsError: the branch has several heads, there are no models to compare with,
            or the database is behind.
        """
        graph, config = self._revisions.graph, self._revisions.config
        module = None if component == CORE else component
        heads = graph.heads_of(module)
        if len(heads) > 1:
            raise RevisionsError(
                f"The branch {component} has {len(heads)} heads: {', '.join(heads)}.",
                help=f"Merge them: bridge alembic merge {' '.join(heads)} -m MESSAGE",
            )
        if module is None:
            label, folder, needed = config.alembic.label, self._revisions.folder_of(heads), []
        else:
            settings = config.modules[module]
            label, needed = settings.label, list(settings.depends_on)
            if settings.migrations is None:
                raise RevisionsError(f"{component} has no folder.", help=settings.problem or "")
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
            # Another branch may have begun at this revision.
            "splice": bool(heads) and not self._revisions.scripts[heads[0]].is_head,
        }
        template = Path(self._revisions.script.dir) / "script.py.mako"
        if not template.is_file():
            raise RevisionsError(
                f"{template} is not there: Alembic writes new revisions from it.",
                help="Take it from a folder that Alembic makes: alembic init ANOTHER_FOLDER",
            )
        ownership = self._ownership([component])
        if autogenerate:
            self._check_comparable(component, heads)
        self._revisions.script.messaging_opts = {"quiet": True}
        with self._revisions.told("The revision cannot be made", "See: bridge alembic --help"):
            path = self._generate(given, ownership)
        return path, tuple(sorted(ownership.kept))

    def _check_comparable(self, component: str, heads: Sequence[str]) -> None:
        graph, config = self._revisions.graph, self._revisions.config
        own_environment = not any(self._models)
        if not own_environment and all(models.component != component for models in self._models):
            if component != CORE and not config.modules[component].enabled:
                raise RevisionsError(
                    f"The module {component} is switched off, so its models are not loaded to "
                    "compare the database with.",
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
                help="Bring it there first: bridge dbupdate",
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
        """The operations that take the database to the models, of the branches at hand only."""
        alembic, script = self._revisions.alembic, self._revisions.script
        given = given | {"autogenerate": True}
        context = RevisionContext(
            alembic, script, given, process_revision_directives=ownership.directive()
        )

        def compare(_rows: Any, migration: Any) -> list[Any]:
            # "heads": Alembic would have every head of every script in the version table.
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


def _words(op: Any) -> str:
    """An operation for people: what it does to which table."""
    inner = getattr(op, "ops", None)
    if inner:
        return ", ".join(_words(one) for one in inner)
    kind = type(op).__name__.removesuffix("Op")
    name = getattr(op, "column_name", None) or getattr(getattr(op, "column", None), "name", None)
    table = getattr(op, "table_name", None)
    return f"{kind} {table}.{name}" if name else f"{kind} {table}"
