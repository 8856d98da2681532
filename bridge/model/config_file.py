"""`bridge.toml`, or `[tool.bridge]` in `pyproject.toml`, read into frozen dataclasses.

A mistake is a `ConfigError` that names the key, the file and what is allowed; an unknown key
is a mistake. Paths are relative to the folder of the file.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bridge.model.config import (
    AlembicConfig,
    BackupConfig,
    CheckConfig,
    Config,
    DatabaseConfig,
    LegacyConfig,
    ModuleConfig,
)
from bridge.model.errors import ConfigError, ConfigMissingError
from bridge.model.names import CORE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME = "bridge.toml"

T = TypeVar("T")

# package.module:name; a single letter before the colon is a drive.
_NAMED = re.compile(r"[A-Za-z_][\w.]+:[\w./-]+$")


# --- finding ------------------------------------------------------------------------------


def find(start: Path) -> Path:
    """The nearest configuration file at or above the folder `start`.

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
    """The configuration from `path`, or from the nearest file above the working directory.

    :raises ConfigMissingError: the file is not there.
    :raises ConfigError: it is not TOML, or a key is unknown or has a value that is not allowed.
    """
    if path is None:
        path = find(Path.cwd())
    elif not path.is_file():
        raise ConfigMissingError(
            f"The configuration file {path} is not there.",
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
        return document
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}", help=f"Mend that place of {path}."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", help="Make the file readable."
        ) from None


# --- reading values -----------------------------------------------------------------------


class _Table:
    """One table of the document: hands out its keys with their types checked."""

    def __init__(self, values: object, name: str, source: str, root: Path) -> None:
        self.name, self.source, self.root = name, source, root
        if not isinstance(values, Mapping):
            raise self.mistake(None, "must be a table")
        self.values = dict(values)
        self.known: list[str] = []

    def mistake(self, key: str | None, rule: str) -> ConfigError:
        where = ".".join(part for part in (self.name, key) if part)
        return ConfigError(
            f"{where} in {self.source} {rule}.",
            help=f"Change {where} in {self.source}.",
        )

    def take(self, key: str, convert: Callable[[str, Any], T], default: T) -> T:
        self.known.append(key)
        return convert(key, self.values[key]) if key in self.values else default

    def need(self, key: str, convert: Callable[[str, Any], T]) -> T:
        if key not in self.values:
            where = ".".join(part for part in (self.name, key) if part)
            close = difflib.get_close_matches(key, self.values, n=1)
            hint = f"; is {close[0]} meant to be it?" if close else ""
            raise ConfigError(
                f"{where} is missing in {self.source}{hint}.",
                help=f"Add {where} to {self.source}.",
            )
        self.known.append(key)
        return convert(key, self.values[key])

    def finish(self) -> None:
        """Every key that nothing asked for is a mistake."""
        for key in self.values:
            if key not in self.known:
                close = difflib.get_close_matches(key, self.known, n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                allowed = ", ".join(sorted(set(self.known)))
                raise self.mistake(
                    key, f"is not a key that bridge knows{hint} (allowed: {allowed})"
                )

    # Converters: each takes the key and the raw value.

    def string(self, key: str, value: Any) -> str:
        if not isinstance(value, str) or not value:
            # A URL may hold a password, also where it is not where it should be.
            found = "" if key == "url" else f", not {value!r}"
            raise self.mistake(key, f"must be a string that is not empty{found}")
        return value

    def flag(self, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.mistake(key, f"must be true or false, not {value!r}")
        return value

    def count(self, key: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.mistake(key, f"must be a whole number from 1 on, not {value!r}")
        return value

    def strings(self, key: str, value: Any) -> tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(i, str) and i for i in items):
            raise self.mistake(key, f"must be a list of strings, not {value!r}")
        return tuple(items)

    def path(self, key: str, value: Any) -> Path:
        if isinstance(value, Path):
            value = str(value)
        return self.root / Path(self.string(key, value)).expanduser()

    def paths(self, key: str, value: Any) -> tuple[Path, ...]:
        return tuple(self.path(key, item) for item in self.strings(key, value))

    def path_or_resource(self, key: str, value: Any) -> Path | str:
        if isinstance(value, str) and _NAMED.match(value):
            return value
        return self.path(key, value)

    def numbers(self, key: str, value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or not all(
            isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in value
        ):
            raise self.mistake(key, f"must be a list of numbers above 0, not {value!r}")
        return tuple(sorted(set(value)))

    def one_of(self, *allowed: str) -> Callable[[str, Any], Any]:
        def convert(key: str, value: Any) -> Any:
            if value not in allowed:
                choices = " or ".join(f'"{choice}"' for choice in allowed)
                raise self.mistake(key, f"must be {choices}, not {value!r}")
            return value

        return convert

    def by_version(self, inner: Callable[[str, Any], T]) -> Callable[[str, Any], dict[int, T]]:
        """A table whose keys are versions: TOML makes them strings."""

        def convert(key: str, value: Any) -> dict[int, T]:
            if not isinstance(value, Mapping):
                raise self.mistake(key, f"must be a table from versions to values, not {value!r}")
            result = {}
            for version, item in value.items():
                if not str(version).isdigit():
                    raise self.mistake(f"{key}.{version}", "must have a whole number as its key")
                result[int(version)] = inner(f"{key}.{version}", item)
            return dict(sorted(result.items()))

        return convert

    def versions(self, key: str, value: Any) -> dict[str, int]:
        if not isinstance(value, Mapping) or not all(
            isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in value.values()
        ):
            raise self.mistake(key, f"must be a table from repositories to versions, not {value!r}")
        return dict(value)


# --- the document -------------------------------------------------------------------------


def parse(document: Mapping[str, Any], *, root: Path, source: str) -> Config:
    """The configuration from a document of plain values, shaped as `bridge.toml` is.

    :raises ConfigError: a key is unknown or has a value that is not allowed.
    """
    top = _Table(document, "", source, root)

    def table(name: str, values: object) -> _Table:
        return _Table(values, name, source, root)

    def group(key: str, values: Any) -> dict[str, _Table]:
        outer = table(key, values)
        return {name: table(f"{key}.{name}", inner) for name, inner in outer.values.items()}

    none: dict[str, _Table] = {}
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
        raise top.mistake("database.fresh", 'is "models", so alembic.models must name them')
    return config


def _backup(table: _Table) -> BackupConfig:
    result = BackupConfig(
        keep=table.take("keep", table.count, BackupConfig.keep),
        servers=table.take("servers", table.flag, BackupConfig.servers),
        folder=table.take("folder", table.path, None),
    )
    table.finish()
    return result


def _check(table: _Table) -> CheckConfig:
    result = CheckConfig(
        snapshots=table.take("snapshots", table.path, None),
        accept=table.take("accept", table.strings, ()),
    )
    table.finish()
    return result


def _database(table: _Table) -> DatabaseConfig:
    result = DatabaseConfig(
        url=table.take("url", table.string, None),
        ignore_tables=table.take("ignore_tables", table.strings, ()),
        fresh=table.take("fresh", table.one_of("upgrade", "models"), "upgrade"),
        foundations=table.take("foundations", table.string, None),
    )
    table.finish()
    return result


def _alembic(table: _Table) -> AlembicConfig:
    result = AlembicConfig(
        script_location=table.take("script_location", table.path, None),
        config=table.take("config", table.path, None),
        version_locations=table.take("version_locations", table.paths, ()),
        label=table.take("label", table.string, None),
        version_table=table.take("version_table", table.string, "alembic_version"),
        targets=table.take("targets", table.strings, ("heads",)),
        models=table.take("models", table.strings, ()),
        pythonpath=table.take("pythonpath", table.paths, (table.root,)),
    )
    table.finish()
    if (result.script_location is None) == (result.config is None):
        raise table.mistake(None, "must have one of script_location and config, and not both")
    for key, path, found in (
        ("script_location", result.script_location, Path.is_dir),
        ("config", result.config, Path.is_file),
        *(("version_locations", location, Path.is_dir) for location in result.version_locations),
    ):
        if path is not None and not found(path):
            raise table.mistake(key, f"names {path}, which is not there")
    if not result.targets:
        raise table.mistake("targets", 'must not be empty; "heads" means the heads of all branches')
    return result


def parse_legacy(name: str, values: object, *, root: Path, source: str) -> LegacyConfig:
    """One `[legacy.NAME]` table, as an installed package describes its own history.

    :raises ConfigError: a key is unknown or has a value that is not allowed.
    """
    return _legacy(name, _Table(values, f"legacy.{name}", source, root))


def _legacy(name: str, table: _Table) -> LegacyConfig:
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
        squashed=table.take("squashed", table.flag, True),
        bring_up_with=table.take("bring_up_with", table.string, None),
    )
    table.finish()
    if repository is not None and not repository.is_dir():
        raise table.mistake("repository", f"names {repository}, which is not there")
    if registry is not None and not _NAMED.match(registry):
        raise table.mistake("registry", f'must be "package.module:NAME", not {registry!r}')
    for version, revisions in stamp.items():
        if not revisions and version != max(stamp):
            raise table.mistake(f"stamp.{version}", "must name at least one Alembic revision")
    for folder in result.pythonpath:
        if not folder.exists():
            raise table.mistake("pythonpath", f"names {folder}, which is not there")
    return result


def _module(name: str, table: _Table) -> ModuleConfig:
    if name == CORE:
        raise table.mistake(None, "cannot have that name: it stands for the app itself")
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


def _check_names(config: Config, top: _Table) -> None:
    """Names that one table uses of another must be there."""
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
                key, f'is "{module.legacy}", as is that of module {claimed[module.legacy]}'
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
