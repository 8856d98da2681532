"""The configuration as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class DatabaseConfig:
    """`[database]`: the database, its foreign tables, and how a fresh one is created."""

    url: str | None = field(default=None, repr=False)  # with its password
    ignore_tables: tuple[str, ...] = ()
    fresh: Literal["upgrade", "models"] = "upgrade"
    foundations: str | None = None


@dataclass(frozen=True)
class BackupConfig:
    """`[backup]`: how many backups to keep, whether to back up servers, and the folder."""

    keep: int = 3
    servers: bool = False
    folder: Path | None = None


@dataclass(frozen=True)
class CheckConfig:
    """`[check]`: the folder of the old databases, and the names of the accepted findings."""

    snapshots: Path | None = None
    accept: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlembicConfig:
    """`[alembic]`: where the Alembic scripts are, and the revisions to reach."""

    script_location: Path | None = None
    config: Path | None = None
    version_locations: tuple[Path, ...] = ()
    label: str | None = None
    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    targets: tuple[str, ...] = ("heads",)
    models: tuple[str, ...] = ()
    pythonpath: tuple[Path, ...] = ()

    @property
    def full_version_table(self) -> str:
        """The name of the version table, with its schema where one is configured."""
        return ".".join(filter(None, (self.version_table_schema, self.version_table)))


@dataclass(frozen=True)
class LegacyConfig:
    """`[legacy.NAME]`: a sqlalchemy-migrate repository, or a registry, and what its scripts need.

    `version_table`, `row`, `name_column`, `version_column` and `versions` describe a registry. For
    a repository, its own files give these values.
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

    :param migrations: the version location.
    :param resource: the version location as ``package:folder``. Both are None for a module that
        only an installed package describes.
    :param enabled: None where the configuration does not say.
    :param models: a name; an installed package may give the object itself.
    :param foundations: a name; an installed package may give the object itself.
    :param present: whether the folder exists.
    :param problem: why the module cannot be used.
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
        """The folder of the snapshots."""
        return self.check.snapshots or self.root / "snapshots"

    def enabled(self, repository: str) -> bool:
        """Return whether a legacy repository is the core's own or of a module that is on."""
        return all(m.enabled for m in self.modules.values() if m.legacy == repository)

    @property
    def off(self) -> tuple[str, ...]:
        """The names of the modules that are off."""
        return tuple(m.name for m in self.modules.values() if not m.enabled)

    def module_of(self, repository: str) -> str | None:
        """Return the module that a legacy repository belongs to, None for the core's own."""
        return next((m.name for m in self.modules.values() if m.legacy == repository), None)
