"""The Alembic scripts of every branch, read into a graph."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.script import Script, ScriptDirectory

from bridge.database.error_text import place, said
from bridge.model.errors import ConfigError, RevisionsError
from bridge.model.graph import Graph, Revision
from bridge.revisions.diagnosis import diagnose
from bridge.revisions.ini import alembic_ini, named_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alembic.config import Config as AlembicIni
    from sqlalchemy.engine import URL

    from bridge.model.config import Config, ModuleConfig


class Revisions:
    """The Alembic scripts of the core and of every module whose folder is there.

    Modules that are switched off are read too: their rows must be understood, while their
    heads are no targets. Of those, one that cannot be read is left out and told in `broken`.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.broken: dict[str, str] = {}
        self.told_to_alembic: set[str] = set()
        """Revisions without a file that its map of the scripts has been given."""

    @cached_property
    def alembic(self) -> AlembicIni:
        """Alembic's own configuration, made in code from bridge's.

        :raises RevisionsError: an existing ``alembic.ini`` cannot be read.
        """
        with self.told("The Alembic configuration cannot be read"):
            return alembic_ini(self.config, self._modules)

    @cached_property
    def _modules(self) -> list[ModuleConfig]:
        """The modules whose scripts are read.

        :raises ConfigError: one that is on cannot be used.
        """
        modules = self.config.modules.values()
        for module in modules:
            if module.enabled and (module.problem or not module.present):
                help = f"module.{module.name}.enabled = false in {self.config.source}"
                help = f"Put it right, or switch it off: {help}"
                if module.migrations is not None and not module.present:
                    help += (
                        "; if it is new, write its first revision, which makes the folder: "
                        f"bridge revision --branch {module.name} -m MESSAGE"
                    )
                raise ConfigError(
                    f"The module {module.name} is switched on and cannot be used: {module.problem}",
                    help=help,
                )
        return [module for module in modules if module.present]

    @cached_property
    def script(self) -> ScriptDirectory:
        """Alembic's script directory over every version location.

        :raises RevisionsError: the scripts cannot be read or do not fit together.
        """
        for folder in reversed(self.config.alembic.pythonpath):
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
        try:
            return self._read()
        except RevisionsError as error:
            off = [module for module in self._modules if not module.enabled]
            if not off:
                raise
            return self._read_without_broken(off, error)

    def _read_without_broken(
        self, off: Sequence[ModuleConfig], error: RevisionsError
    ) -> ScriptDirectory:
        """What is on, with as many of the modules that are off as can be read beside it."""
        good = [module for module in self._modules if module.enabled]
        self._read_only(good)
        for module in off:
            try:
                self._read_only([*good, module])
            except RevisionsError as trouble:
                self.broken[module.name] = trouble.message
            else:
                good.append(module)
        if not self.broken:
            raise error
        return self._read_only(good)

    def _read_only(self, modules: list[ModuleConfig]) -> ScriptDirectory:
        self._modules = modules
        self.__dict__.pop("alembic", None)
        return self._read()

    def _read(self) -> ScriptDirectory:
        with self.told("The Alembic scripts cannot be read"), warnings.catch_warnings():
            # Alembic only warns of a revision id that two files share and of a missing one.
            warnings.filterwarnings("error", message="Revision .* is present more than once")
            warnings.filterwarnings("error", message="Revision .* is not present")
            script = ScriptDirectory.from_config(self.alembic)
            script.get_heads()
            return script

    def files(self) -> list[str]:
        """What the scripts are read from: the version locations and an existing ``alembic.ini``.

        None of them when Alembic reads folders below the version locations too.
        """
        if self.alembic.get_alembic_boolean_option("recursive_version_locations"):
            return []
        ini = self.config.alembic.config
        return [*(self.alembic.get_version_locations_list() or ()), *([str(ini)] if ini else ())]

    @property
    def url(self) -> str | None:
        """The database that an existing ``alembic.ini`` names, None where it names none."""
        return named_url(self.alembic) if self.config.alembic.config else None

    def folder_of(self, heads: Sequence[str]) -> Path:
        """Where the core's next revision belongs: beside its head."""
        if heads:
            return Path(self.scripts[heads[0]].path).parent
        modules = {module.migrations for module in self._modules}
        places = [Path(place) for place in self.alembic.get_version_locations_list() or ()]
        return next(place for place in places if place not in modules)

    @property
    def folder(self) -> Path:
        """The folder that holds env.py."""
        return Path(self.script.dir)

    def check_environment(self) -> None:
        """Whether the scripts can be run at all, before anything is written.

        :raises RevisionsError: there is no env.py.
        """
        path = self.folder / "env.py"
        if not path.is_file():
            raise RevisionsError(
                f"{path} is not there: Alembic runs revisions through it.",
                help="Let alembic.script_location name the folder that holds env.py; a new one has "
                "two lines: from bridge.revisions import run_environment, and run_environment()",
            )

    # --- the graph ------------------------------------------------------------------------

    @cached_property
    def scripts(self) -> dict[str, Script]:
        """Every script by its revision id."""
        with self.told("The Alembic scripts do not fit together"):
            return {script.revision: script for script in self.script.walk_revisions()}

    @cached_property
    def graph(self) -> Graph:
        """The scripts as deciding sees them.

        :raises RevisionsError: alembic.targets names what is not there, or what is on needs a
            module that is off.
        """
        with self.told("A dependency of an Alembic script cannot be found"):
            found = [self._described(script) for script in self.scripts.values()]
        modules = self.config.modules
        graph = Graph(found, off=self.config.off, order=tuple(modules))
        graph.check()
        if self.config.alembic.targets == ("heads",):
            return graph
        wanted = set()
        for name in self.config.alembic.targets:
            named = set(graph.heads()) if name == "heads" else self.resolve(name)
            for revision in sorted(named):
                if graph.disabled(revision):
                    raise RevisionsError(
                        f"alembic.targets in {self.config.source} names {name}, of the module "
                        f"{graph.module(revision)}, which is switched off.",
                        help=f"Switch it on, or change alembic.targets in {self.config.source}.",
                    )
            wanted |= named
        return Graph(found, off=self.config.off, order=tuple(modules), targets=wanted)

    def _described(self, script: Script) -> Revision:
        depends = []
        for name in _as_tuple(script.dependencies):
            if name in self.scripts:
                depends.append(name)
            else:  # part of an id, or BRANCH@head
                depends += [s.revision for s in self.script.get_revisions(name) if s]
        return Revision(
            script.revision,
            down=_as_tuple(script.down_revision),
            depends=tuple(depends),
            module=self.owner(Path(script.path)),
            labels=tuple(sorted(script.branch_labels)),
            doc=(script.doc or "").partition("\n")[0].strip(),
        )

    def owner(self, path: Path) -> str | None:
        """The module whose folder holds a file, None for the core."""
        parent = str(path.parent)
        if parent not in self._owners:
            above = {parent, *map(str, path.resolve().parents)}
            self._owners[parent] = next(
                (name for name, folder in self._folders.items() if str(folder) in above), None
            )
        return self._owners[parent]

    @cached_property
    def _owners(self) -> dict[str, str | None]:
        return {}

    @cached_property
    def _folders(self) -> dict[str, Path]:
        return {m.name: m.migrations.resolve() for m in self._modules if m.migrations}

    def resolve(self, name: str) -> set[str]:
        """The ids that a revision id, part of one, or ``BRANCH@head`` stands for.

        :raises RevisionsError: there is no such revision.
        """
        missing = f"There is no Alembic revision {name}"
        help = f"Change alembic.targets in {self.config.source}; see: bridge alembic heads"
        with self.told(missing, help):
            found = {script.revision for script in self.script.get_revisions(name) if script}
        if not found:
            raise RevisionsError(f"{missing}.", help=help)
        return found

    # --- telling --------------------------------------------------------------------------

    def locations(self) -> list[Path]:
        """Every folder that may hold a script, env.py's first."""
        alembic = self.config.alembic
        folders = [alembic.script_location, *alembic.version_locations]
        folders += [module.migrations for module in self.config.modules.values()]
        return [folder.resolve() for folder in folders if folder is not None]

    @contextmanager
    def told(
        self, what: str, help: str = "Mend the script, or see: bridge alembic history --verbose"
    ) -> Iterator[None]:
        """Whatever Alembic or a script raises while it is read, as one kind of error."""
        try:
            yield
        except (RevisionsError, ConfigError):
            raise
        except (Exception, SystemExit) as error:
            why = diagnose(error, self._places())
            text = f"{what}: {said(error)}{place(error, self.locations())}"
            raise RevisionsError(text + (f"\n{why}" if why else ""), help=help) from error

    def _places(self) -> dict[Path, str]:
        """The version locations that are being read, each with its owner for people."""
        if "alembic" not in self.__dict__:
            return {}
        places = {
            Path(folder): "the core" for folder in self.alembic.get_version_locations_list() or ()
        }
        return places | {m.migrations: f"module {m.name}" for m in self._modules if m.migrations}

    def set_url(self, url: URL) -> None:
        """Let env.py and revisions read the URL, as some do."""
        self.alembic.attributes["url"] = url
        # ConfigParser takes % for interpolation.
        text = url.render_as_string(hide_password=False)
        self.alembic.set_main_option("sqlalchemy.url", text.replace("%", "%%"))


def _as_tuple(names: str | Iterable[str] | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())
