"""`bridge.toml`, or `[tool.bridge]` in `pyproject.toml`, read into frozen dataclasses.

A mistake is a `ConfigError` that names the key, the file and what is allowed; an unknown key
is a mistake. Paths are relative to the folder of the file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.model.config import (
    AlembicConfig,
    BackupConfig,
    CheckConfig,
    Config,
    DatabaseConfig,
    LegacyConfig,
    ModuleConfig,
)
from bridge.model.config_table import NAMED, ConfigTable
from bridge.model.errors import ConfigError, ConfigMissingError
from bridge.model.names import CORE

if TYPE_CHECKING:
    from collections.abc import Mapping

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME = "bridge.toml"


# --- finding ------------------------------------------------------------------------------


def find(start: Path) -> Path:
    """Return the nearest configuration file at or above the folder `start`.

    :raises ConfigMissingError: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        pyproject = folder / "pyproject.toml"
        if pyproject.is_file() and "bridge" in _read(pyproject).get("tool", {}):
            return pyproject
    raise ConfigMissingError(
        f"There is no {FILE_NAME}, and no pyproject.toml with [tool.bridge], "
        f"in {start} or above it.",
        help=f"Go to the app's folder, or name the file: --config PATH/{FILE_NAME}",
    )


def load(path: Path | None = None) -> Config:
    """Return the configuration from `path`, or from the nearest file above the working directory.

    :raises ConfigMissingError: the file does not exist.
    :raises ConfigError: it is not TOML, or a key is unknown or has a value that is not allowed.
    """
    if path is None:
        path = find(Path.cwd())
    elif not path.is_file():
        raise ConfigMissingError(
            f"The configuration file {path} does not exist.",
            help=f"Name an existing file: --config PATH/{FILE_NAME}",
        )
    document = _read(path)
    if path.name == "pyproject.toml":
        document = document.get("tool", {}).get("bridge")
        if not isinstance(document, dict):
            raise ConfigMissingError(
                f"{path} has no table [tool.bridge].",
                help=f"Add one, or name a {FILE_NAME}: --config PATH/{FILE_NAME}",
            )
    return parse(document, root=path.parent.resolve(), source=str(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}", help=f"Fix the error in {path}."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", help="Make the file readable."
        ) from None
    return document


# --- the document -------------------------------------------------------------------------


def parse(document: Mapping[str, Any], *, root: Path, source: str) -> Config:
    """Return the configuration from a document of plain values, shaped as `bridge.toml` is.

    :raises ConfigError: a key is unknown or has a value that is not allowed.
    """
    top = ConfigTable(document, "", source, root)

    def table(name: str, values: object) -> ConfigTable:
        return ConfigTable(values, name, source, root)

    def group(key: str, values: Any) -> dict[str, ConfigTable]:
        outer = table(key, values)
        return {name: table(f"{key}.{name}", inner) for name, inner in outer.values.items()}

    none: dict[str, ConfigTable] = {}
    legacy_python = top.take("legacy_python", top.path, None)
    database = _database(table("database", top.take("database", lambda _, v: v, {})))
    alembic = _alembic(table("alembic", top.need("alembic", lambda _, v: v)))
    legacy = {name: _legacy(name, inner) for name, inner in top.take("legacy", group, none).items()}
    modules = {
        name: _module(name, inner) for name, inner in top.take("module", group, none).items()
    }
    backup = _backup(table("backup", top.take("backup", lambda _, v: v, {})))
    check = _check(table("check", top.take("check", lambda _, v: v, {})))
    top.finish()
    config = Config(root, source, database, alembic, legacy, modules, legacy_python, backup, check)
    _check_names(config, top)
    if database.fresh == "models" and not alembic.models:
        raise top.mistake("database.fresh", 'is "models", so alembic.models must name the models')
    return config


def _backup(table: ConfigTable) -> BackupConfig:
    result = BackupConfig(
        keep=table.take("keep", table.count, BackupConfig.keep),
        servers=table.take("servers", table.flag, BackupConfig.servers),
        folder=table.take("folder", table.path, None),
    )
    table.finish()
    return result


def _check(table: ConfigTable) -> CheckConfig:
    result = CheckConfig(
        snapshots=table.take("snapshots", table.path, None),
        accept=table.take("accept", table.strings, ()),
    )
    table.finish()
    return result


def _database(table: ConfigTable) -> DatabaseConfig:
    result = DatabaseConfig(
        url=table.take("url", table.string, None),
        ignore_tables=table.take("ignore_tables", table.strings, ()),
        fresh=table.take("fresh", table.one_of("upgrade", "models"), "upgrade"),
        foundations=table.take("foundations", table.string, None),
    )
    table.finish()
    return result


def _alembic(table: ConfigTable) -> AlembicConfig:
    result = AlembicConfig(
        script_location=table.take("script_location", table.path, None),
        config=table.take("config", table.path, None),
        version_locations=table.take("version_locations", table.paths, ()),
        label=table.take("label", table.string, None),
        version_table=table.take("version_table", table.string, "alembic_version"),
        version_table_schema=table.take("version_table_schema", table.string, None),
        targets=table.take("targets", table.strings, ("heads",)),
        models=table.take("models", table.strings, ()),
        pythonpath=table.take("pythonpath", table.paths, (table.root,)),
    )
    table.finish()
    if (result.script_location is None) == (result.config is None):
        raise table.mistake(None, "must have one of script_location and config, and not both")
    for key, path, exists in (
        ("script_location", result.script_location, Path.is_dir),
        ("config", result.config, Path.is_file),
        *(("version_locations", location, Path.is_dir) for location in result.version_locations),
    ):
        if path is not None and not exists(path):
            raise table.mistake(key, f"names {path}, which does not exist")
    if not result.targets:
        raise table.mistake("targets", 'must not be empty; "heads" means the heads of all branches')
    return result


def parse_legacy(name: str, values: object, *, root: Path, source: str) -> LegacyConfig:
    """Read one `[legacy.NAME]` table, as an installed package describes its own history.

    :raises ConfigError: a key is unknown or has a value that is not allowed.
    """
    return _legacy(name, ConfigTable(values, f"legacy.{name}", source, root))


def _legacy(name: str, table: ConfigTable) -> LegacyConfig:
    repository = table.take("repository", table.path, None)
    registry = table.take("registry", table.string, None)
    if repository is not None and registry is not None:
        raise table.mistake(None, "must have one of repository and registry, and not both")
    if registry is None:
        repository = table.need("repository", table.path)
    stamp = table.need("stamp", table.by_version(table.strings))
    if repository is not None:
        store: dict[str, Any] = {}
    else:
        store = {
            "version_table": table.need("version_table", table.string),
            "row": table.take("row", table.string, name),
            "name_column": table.take("name_column", table.string, "name"),
            "version_column": table.take("version_column", table.string, "version"),
            "versions": table.take(
                "versions", table.numbers, tuple(range(1, max(stamp, default=0) + 1))
            ),
        }
    result = LegacyConfig(
        name=name,
        stamp=stamp,
        repository=repository,
        registry=registry,
        **store,
        aliases=table.take("aliases", table.strings, ()),
        pythonpath=table.take("pythonpath", table.paths, ()),
        requirements=table.take("requirements", table.strings, ()),
        setup=table.take("setup", table.string, None),
        hand_over=table.take("hand_over", table.one_of("last", "nearest"), "last"),
        requires=table.take("requires", table.by_version(table.versions), {}),
        squashed=table.take("squashed", table.flag, default=True),
        bring_up_with=table.take("bring_up_with", table.string, None),
    )
    table.finish()
    if repository is not None and not repository.is_dir():
        raise table.mistake("repository", f"names {repository}, which does not exist")
    if registry is not None and not NAMED.match(registry):
        raise table.mistake("registry", f'must be "package.module:NAME", not {registry!r}')
    for version, revisions in stamp.items():
        if not revisions and version != max(stamp):
            raise table.mistake(f"stamp.{version}", "must name at least one Alembic revision")
    for folder in result.pythonpath:
        if not folder.exists():
            raise table.mistake("pythonpath", f"names {folder}, which does not exist")
    return result


def _module(name: str, table: ConfigTable) -> ModuleConfig:
    if name == CORE:
        raise table.mistake(None, "cannot have this name: it stands for the app itself")
    text = table.take("migrations", table.path_or_resource, None)
    result = ModuleConfig(
        name=name,
        migrations=text if isinstance(text, Path) else None,
        resource=text if isinstance(text, str) else None,
        label=table.take("label", table.string, None),
        legacy=table.take("legacy", table.string, None),
        enabled=table.take("enabled", table.flag, None),
        models=table.take("models", table.string, None),
        foundations=table.take("foundations", table.string, None),
        depends_on=table.take("depends_on", table.strings, ()),
    )
    table.finish()
    return result


def _check_names(config: Config, top: ConfigTable) -> None:
    """Refuse references to tables that do not exist."""
    names = ", ".join(config.legacy) or "none"
    claimed: dict[str, str] = {}
    for module in config.modules.values():
        if module.legacy is None:
            continue
        key = f"module.{module.name}.legacy"
        if module.legacy not in config.legacy:
            raise top.mistake(
                key, f'names the legacy repository "{module.legacy}", which is not one of: {names}'
            )
        if module.legacy in claimed:
            raise top.mistake(
                key, f'is "{module.legacy}", which module {claimed[module.legacy]} has already'
            )
        claimed[module.legacy] = module.name
    for repository in config.legacy.values():
        for version, others in repository.requires.items():
            for other in others:
                if other not in config.legacy or other == repository.name:
                    raise top.mistake(
                        f"legacy.{repository.name}.requires.{version}",
                        f'names "{other}", which is not another legacy repository of: {names}',
                    )
