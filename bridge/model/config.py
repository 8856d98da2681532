"""The configuration as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class DatabaseConfig:
    """`[database]`: which database, what in it is not the app's, how a fresh one is made."""

    url: str | None = field(default=None, repr=False)  # with its password
    ignore_tables: tuple[str, ...] = ()
    fresh: Literal["upgrade", "models"] = "upgrade"
    foundations: str | None = None


@dataclass(frozen=True)
class BackupConfig:
    """`[backup]`: how many backups stay, whether servers are backed up, and where to."""

    keep: int = 3
    servers: bool = False
    folder: Path | None = None


@dataclass(frozen=True)
class CheckConfig:
    """`[check]`: where old databases are saved, and which findings are accepted, by their names."""

    snapshots: Path | None = None
    accept: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlembicConfig:
    """`[alembic]`: where the Alembic scripts are and what is to be reached."""

    script_location: Path | None = None
    config: Path | None = None
    version_locations: tuple[Path, ...] = ()
    label: str | None = None
    version_table: str = "alembic_version"
    targets: tuple[str, ...] = ("heads",)
    models: tuple[str, ...] = ()
    pythonpath: tuple[Path, ...] = ()


@dataclass(frozen=True)
class LegacyConfig:
    """`[legacy.NAME]`: a sqlalchemy-migrate repository, or a registry, and what its scripts need.

    `version_table`, `row`, `name_column`, `version_column` and `versions` are a registry's; a
    repository's own files say the same of it.
    """

    name: str
    stamp: Mapping[int, tuple[str, ...]]
    repository: Path | None = None
    registry: str | None = None
    version_table: str = ""
    row: str = ""
    name_column: str = "name"
    version_column: str = "version"
    versions: tuple[int, ...] = ()
    aliases: tuple[str, ...] = ()
    pythonpath: tuple[Path, ...] = ()
    requirements: tuple[str, ...] = ()
    setup: str | None = None
    hand_over: Literal["last", "nearest"] = "last"
    requires: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    squashed: bool = True
    bring_up_with: str | None = None


@dataclass(frozen=True)
class ModuleConfig:
    """`[module.NAME]`: a plugin of the app with its own branch and version location.

    `migrations` is that folder, `resource` the same as ``package:folder``; both are None for a
    module that only an installed package describes. `enabled` is None where nothing is said.
    `models` and `foundations` are names, or from an installed package the objects themselves.
    `present` says whether the folder is there; `problem` why the module cannot be used.
    """

    name: str
    migrations: Path | None = None
    resource: str | None = None
    label: str | None = None
    legacy: str | None = None
    enabled: bool | None = None
    models: Any = None
    foundations: Any = None
    depends_on: tuple[str, ...] = ()
    present: bool = True
    problem: str | None = None


@dataclass(frozen=True)
class Config:
    """The whole configuration; `source` names the file in messages."""

    root: Path
    source: str
    database: DatabaseConfig
    alembic: AlembicConfig
    legacy: Mapping[str, LegacyConfig]
    modules: Mapping[str, ModuleConfig]
    legacy_python: Path | None = None
    backup: BackupConfig = BackupConfig()
    check: CheckConfig = CheckConfig()

    @property
    def snapshots(self) -> Path:
        """The folder of the old databases."""
        return self.check.snapshots or self.root / "snapshots"

    def enabled(self, repository: str) -> bool:
        """Whether a legacy repository is the core's own or of a module that is on."""
        return all(m.enabled for m in self.modules.values() if m.legacy == repository)

    @property
    def off(self) -> tuple[str, ...]:
        """The modules that are not on."""
        return tuple(m.name for m in self.modules.values() if not m.enabled)

    def module_of(self, repository: str) -> str | None:
        """The module that a legacy repository belongs to, None for the core's own."""
        return next((m.name for m in self.modules.values() if m.legacy == repository), None)
