"""The modules of an app, from `[module.NAME]` and from installed packages.

A package declares its module with an entry point of the group ``bridge.modules``. The entry point
has the module's name, and refers to a `Module` or to a function that returns one::

    [project.entry-points."bridge.modules"]
    likes = "gallery_likes.database:MODULE"
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, distributions, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.model.config import Config, LegacyConfig, ModuleConfig
from bridge.model.config_file import parse_legacy
from bridge.model.errors import BridgeError, ConfigError
from bridge.model.names import CORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

GROUP = "bridge.modules"
"""The group of the entry points."""


@dataclass(frozen=True)
class Module:
    """A module as an installed package describes it.

    The app's own `[module.NAME]` table takes precedence, key by key.

    :param migrations: the version location: a folder, or ``"package:folder"``.
    :param label: the branch label; None for the module's name.
    :param models: the `MetaData`, a list of models or tables, or ``"package.module:NAME"``.
    :param legacy: the module's old history, with the keys of a `[legacy.NAME]` table; the folder
        of a repository may be ``"package:folder"``.
    :param depends_on: what its revisions depend on: ``"core"``, or names of other modules.
    :param foundations: the default rows: a function that takes a connection, a mapping from
        models to rows, or the name of either.
    :param enabled: whether it is on where the app's configuration does not mention it. Leave it
        False where one environment may hold several apps.
    """

    migrations: str | Path
    label: str | None = None
    models: Any = None
    legacy: Mapping[str, Any] | None = None
    depends_on: Sequence[str] = ()
    foundations: Any = None
    enabled: bool = False


def find_modules(config: Config) -> Config:
    """Return the configuration with its modules complete and in order.

    Each module follows those that it depends on. One that cannot be used has a `problem`; if it is
    on, reading its scripts raises that.

    :raises ConfigError: a dependency is unknown, in a circle or off; or two modules share a label
        or folder.
    """
    modules, legacy = {}, dict(config.legacy)
    installed = {point.name: point.load for point in _installed()}
    for name in [*config.modules, *sorted(set(installed) - set(config.modules))]:
        module = config.modules.get(name, ModuleConfig(name, enabled=False))
        if name in config.modules and module.enabled is None:
            module = replace(module, enabled=True)
        if name in installed:
            declared = name in config.modules
            module, own = _with_package(module, installed[name], config, declared=declared)
            if own is not None and module.legacy is None:
                legacy.setdefault(name, own)
                module = replace(module, legacy=name)
        modules[name] = _located(module, config)
    _check_dependencies(modules, config)
    _check_unique(modules, config)
    ordered = {name: modules[name] for name in _in_order(modules, config)}
    return replace(config, modules=ordered, legacy=legacy)


def _installed() -> Iterable[EntryPoint]:
    """Return the entry points of the group; of two with one name, Python takes the first."""
    # To parse every package's entry points takes twice as long as to see that none is of the group.
    texts = (package.read_text("entry_points.txt") for package in distributions())
    return entry_points(group=GROUP) if any(GROUP in text for text in texts if text) else ()


def _with_package(
    module: ModuleConfig, load: Callable[[], Any], config: Config, *, declared: bool
) -> tuple[ModuleConfig, LegacyConfig | None]:
    """Return the app's description of a module, completed by the package's.

    :param load: loads the package's entry point.
    :param declared: whether the app's configuration has a table for the module.
    """
    entry = f"the entry point {module.name} of {GROUP}"
    try:
        found = load()
        if callable(found) and not isinstance(found, Module):
            found = found()
    except (Exception, SystemExit) as error:
        return replace(module, problem=f"{entry} fails: {type(error).__name__}: {error}"), None
    if not isinstance(found, Module):
        return replace(module, problem=f"{entry} is not a bridge.Module but {found!r}"), None
    own = None
    if found.legacy is not None:
        values = dict(found.legacy)
        try:
            if _is_resource(values.get("repository")):
                values["repository"] = str(_folder(values["repository"]))
            own = parse_legacy(module.name, values, root=config.root, source=entry)
        except BridgeError as error:
            return replace(module, problem=error.message), None
    resource = str(found.migrations) if _is_resource(found.migrations) else None
    location = {} if module.migrations or module.resource else {
        "resource": resource,
        "migrations": None if resource else config.root / found.migrations,
    }  # fmt: skip
    return replace(
        module,
        enabled=module.enabled if declared else found.enabled,
        label=module.label or found.label,
        models=module.models if module.models is not None else found.models,
        foundations=module.foundations if module.foundations is not None else found.foundations,
        depends_on=module.depends_on or tuple(found.depends_on),
        **location,  # type: ignore[arg-type]
    ), own


def _is_resource(location: object) -> bool:
    """Return whether a location is ``package:folder``; a single letter is a drive."""
    return isinstance(location, str) and len(location.partition(":")[0]) > 1 and ":" in location


def _folder(resource: str) -> Path:
    """Return the folder of ``package:folder``, importing only the package's parents.

    :raises ConfigError: the package is not installed.
    """
    package, _, folder = resource.partition(":")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise ConfigError(
            f"{resource} does not exist: the package {package} is not installed.",
            help=f"Install {package}.",
        )
    return Path(places[0]) / folder


def _located(module: ModuleConfig, config: Config) -> ModuleConfig:
    """Return the module with its folder, and with the problem where there is one."""
    module = replace(module, label=module.label or module.name)
    if module.resource is not None:
        try:
            module = replace(module, migrations=_folder(module.resource))
        except ConfigError as error:
            return replace(module, present=False, problem=module.problem or error.message)
    if module.migrations is None:
        problem = module.problem or (
            f"module.{module.name} in {config.source} names no migrations, and no installed "
            f"package has the entry point {module.name} of {GROUP}."
        )
        return replace(module, present=False, problem=problem)
    if not module.migrations.is_dir():
        problem = module.problem or (
            f"module.{module.name}.migrations in {config.source} names {module.migrations}, which "
            "does not exist."
        )
        return replace(module, present=False, problem=problem)
    return module


# --- modules among each other -------------------------------------------------------------


def _check_dependencies(modules: dict[str, ModuleConfig], config: Config) -> None:
    for module in modules.values():
        for other in module.depends_on:
            key = f"module.{module.name}.depends_on in {config.source}"
            if other != CORE and other not in modules:
                names = ", ".join([CORE, *(name for name in modules if name != module.name)])
                problem = f'{key} names "{other}", which is not one of: {names}.'
                if module.enabled:
                    raise ConfigError(problem, help=f"Change {key}.")
                modules[module.name] = replace(module, problem=module.problem or problem)
            elif module.enabled and other != CORE and not modules[other].enabled:
                raise ConfigError(
                    f"The module {module.name} is switched on and depends on {other}, which is "
                    "switched off.",
                    help=f"Switch {other} on: module.{other}.enabled = true; or switch "
                    f"{module.name} off.",
                )


def _in_order(modules: Mapping[str, ModuleConfig], config: Config) -> list[str]:
    """Return the modules' names, each after those that it depends on."""
    ordered: list[str] = []

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path and modules[name].enabled:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise ConfigError(
                f"The modules of {config.source} depend on each other in a circle: {circle}.",
                help=f"Remove one of them from a depends_on in {config.source}.",
            )
        if name in ordered or name in path:
            return
        for other in modules[name].depends_on:
            if other in modules:
                add(other, (*path, name))
        ordered.append(name)

    for name in modules:
        add(name, ())
    return ordered


def _check_unique(modules: Mapping[str, ModuleConfig], config: Config) -> None:
    """Refuse a branch label or folder that two modules share, of those that are on."""
    folders: dict[Path, str] = {}
    taken = {config.alembic.label: "the core"} if config.alembic.label else {}
    for module in modules.values():
        if not module.enabled:
            continue
        label, folder = module.label or module.name, module.migrations
        if label in taken:
            raise ConfigError(
                f"The module {module.name} and {taken[label]} have the same branch label, {label}.",
                help=f"Give it another: module.{module.name}.label in {config.source}",
            )
        if folder in folders:
            raise ConfigError(
                f"The module {module.name} and {folders[folder]} have the same folder, {folder}: a "
                "revision in it could belong to either.",
                help=f"Give each a folder of its own: module.{module.name}.migrations in "
                f"{config.source}",
            )
        taken[label] = f"the module {module.name}"
        if folder is not None:
            folders[folder] = taken[label]
