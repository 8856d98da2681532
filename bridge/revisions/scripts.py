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
from bridge.model.remedy import Remedies, Remedy
from bridge.revisions.commits import commits_itself
from bridge.revisions.diagnosis import diagnose
from bridge.revisions.ini import alembic_ini, named_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alembic.config import Config as AlembicIni
    from sqlalchemy.engine import URL

    from bridge.model.config import Config, ModuleConfig


_SCRIPT_REMEDIES = (
    Remedy("Fix the script."),
    Remedy("Or see", ("alembic", "history", "--verbose")),
)


class Revisions:
    """The Alembic scripts of the core and of every module whose folder exists.

    Modules that are switched off are read too: their rows must be known, while their heads are no
    targets. One of them that cannot be read is left out, and `broken` says why.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.broken: dict[str, str] = {}
        self.added_to_alembic: set[str] = set()
        """The revisions without files that Alembic's map of the scripts has been given."""

    @cached_property
    def alembic(self) -> AlembicIni:
        """Alembic's own configuration, created from bridge's.

        :raises RevisionsError: an existing ``alembic.ini`` cannot be read.
        """
        with self.as_revisions_error("The Alembic configuration cannot be read"):
            return alembic_ini(self.config, self._modules)

    @cached_property
    def _modules(self) -> list[ModuleConfig]:
        """The modules whose scripts are read.

        :raises ConfigError: one that is on cannot be used.
        """
        modules = self.config.modules.values()
        for module in modules:
            if module.enabled and (module.problem or not module.present):
                switch = f"module.{module.name}.enabled = false in {self.config.source}"
                remedies = [Remedy(f"Fix that, or switch the module off: {switch}")]
                if module.migrations is not None and not module.present:
                    remedies.append(
                        Remedy(
                            "If it is new, write its first revision, which creates the folder",
                            ("revision", "--branch", module.name, "-m", "MESSAGE"),
                        )
                    )
                raise ConfigError(
                    f"The module {module.name} is switched on and cannot be used: {module.problem}",
                    help=remedies,
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
        """Read what is on, with as many of the modules that are off as possible."""
        good = [module for module in self._modules if module.enabled]
        self._read_only(good)
        for module in off:
            problem = self._problem_with([*good, module])
            if problem is None:
                good.append(module)
            else:
                self.broken[module.name] = problem
        if not self.broken:
            raise error
        return self._read_only(good)

    def _problem_with(self, modules: list[ModuleConfig]) -> str | None:
        """Return why the scripts of these modules cannot be read; None if they can."""
        try:
            self._read_only(modules)
        except RevisionsError as error:
            return error.message
        return None

    def _read_only(self, modules: list[ModuleConfig]) -> ScriptDirectory:
        self._modules = modules
        self.__dict__.pop("alembic", None)
        return self._read()

    def _read(self) -> ScriptDirectory:
        what = "The Alembic scripts cannot be read"
        with self.as_revisions_error(what), warnings.catch_warnings():
            # Alembic only warns about a revision id that two files share, and about a missing one.
            warnings.filterwarnings("error", message="Revision .* is present more than once")
            warnings.filterwarnings("error", message="Revision .* is not present")
            script = ScriptDirectory.from_config(self.alembic)
            script.get_heads()
            return script

    def files(self) -> list[str]:
        """Return the places that are read: the version locations and an existing ``alembic.ini``.

        The list is empty when Alembic reads folders below the version locations too.
        """
        if self.alembic.get_alembic_boolean_option("recursive_version_locations"):
            return []
        ini = self.config.alembic.config
        return [*(self.alembic.get_version_locations_list() or ()), *([str(ini)] if ini else ())]

    @property
    def url(self) -> str | None:
        """The database that an existing ``alembic.ini`` names; None where it names none."""
        return named_url(self.alembic) if self.config.alembic.config else None

    def folder_of(self, heads: Sequence[str]) -> Path:
        """Return the folder of the core's next revision: that of its head."""
        if heads:
            return Path(self.scripts[heads[0]].path).parent
        modules = {module.migrations for module in self._modules}
        places = [Path(place) for place in self.alembic.get_version_locations_list() or ()]
        return next(place for place in places if place not in modules)

    @property
    def folder(self) -> Path:
        """The folder of env.py."""
        return Path(self.script.dir)

    def check_environment(self) -> None:
        """Check that the scripts can be run at all, before anything is written.

        :raises RevisionsError: there is no env.py.
        """
        path = self.folder / "env.py"
        if not path.is_file():
            raise RevisionsError(
                f"{path} does not exist: Alembic runs revisions through it.",
                help="Name the folder of env.py in alembic.script_location. A new one has two "
                "lines: from bridge.revisions import run_environment, and run_environment()",
            )

    # --- the graph ------------------------------------------------------------------------

    @cached_property
    def scripts(self) -> dict[str, Script]:
        """Every script by its revision id."""
        with self.as_revisions_error("The Alembic scripts do not fit together"):
            return {script.revision: script for script in self.script.walk_revisions()}

    @cached_property
    def graph(self) -> Graph:
        """The graph of the scripts.

        :raises RevisionsError: alembic.targets names an unknown revision, or a revision that is on
            needs a module that is off.
        """
        with self.as_revisions_error("A dependency of an Alembic script cannot be found"):
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
            commits=commits_itself(Path(script.path).read_bytes()) or "",
        )

    def owner(self, path: Path) -> str | None:
        """Return the module whose folder has a file, None for the core."""
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
        """Return the ids that a revision id, part of one, or ``BRANCH@head`` stands for.

        :raises RevisionsError: there is no such revision.
        """
        missing = f"There is no Alembic revision {name}"
        remedies = (
            Remedy(f"Change alembic.targets in {self.config.source}."),
            Remedy("See which there are", ("alembic", "heads")),
        )
        with self.as_revisions_error(missing, remedies):
            found = {script.revision for script in self.script.get_revisions(name) if script}
        if not found:
            raise RevisionsError(f"{missing}.", help=remedies)
        return found

    # --- errors ---------------------------------------------------------------------------

    def locations(self) -> list[Path]:
        """Return every folder that may have a script, env.py's first."""
        alembic = self.config.alembic
        folders = [alembic.script_location, *alembic.version_locations]
        folders += [module.migrations for module in self.config.modules.values()]
        return [folder.resolve() for folder in folders if folder is not None]

    @contextmanager
    def as_revisions_error(
        self, what: str, remedies: Remedies = _SCRIPT_REMEDIES
    ) -> Iterator[None]:
        """Turn whatever Alembic or a script raises while it is read into one kind of error.

        :param what: the beginning of the message.
        :raises RevisionsError: any error was raised.
        """
        try:
            yield
        except (RevisionsError, ConfigError):
            raise
        except (Exception, SystemExit) as error:
            why = diagnose(error, self._places())
            text = f"{what}: {said(error)}{place(error, self.locations())}"
            raise RevisionsError(text + (f"\n{why}" if why else ""), help=remedies) from error

    def _places(self) -> dict[Path, str]:
        """Return the version locations that are being read, each with its owner for people."""
        if "alembic" not in self.__dict__:
            return {}
        places = {
            Path(folder): "the core" for folder in self.alembic.get_version_locations_list() or ()
        }
        return places | {m.migrations: f"module {m.name}" for m in self._modules if m.migrations}

    def set_url(self, url: URL) -> None:
        """Give env.py and revisions the URL, which some of them read."""
        self.alembic.attributes["url"] = url
        # ConfigParser uses % for interpolation.
        text = url.render_as_string(hide_password=False)
        self.alembic.set_main_option("sqlalchemy.url", text.replace("%", "%%"))


def _as_tuple(names: str | Iterable[str] | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())
