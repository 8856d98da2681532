"""Read a sqlalchemy-migrate repository's own files: `migrate.cfg` and the names in `versions/`.

The rules are sqlalchemy-migrate's (versioning/repository.py and versioning/version.py of
0.13.0): the name of a version's file begins with three or more digits, and a file that ends in
`.py` or `.sql` is its script.
"""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING, Any

from bridge.model.errors import ConfigError, RepositoryInvalidError
from bridge.model.repository import Repository, VersionStore

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.model.config import Config, LegacyConfig

VERSION = re.compile(r"^(\d{3,}).*")


def read_repository(settings: LegacyConfig, config: Config) -> Repository:
    """Return the repository that `settings` describe, after checking its stamp map.

    :raises RepositoryInvalidError: the files are not a sqlalchemy-migrate repository.
    :raises ConfigError: the stamp map or `requires` does not match the versions.
    """
    own = _registry(settings) if settings.repository is None else read_files(settings.repository)
    repository = Repository(
        name=settings.name,
        stamp=settings.stamp,
        aliases=settings.aliases,
        requires=settings.requires,
        hand_over=settings.hand_over,
        squashed=settings.squashed,
        bring_up_with=settings.bring_up_with,
        module=config.module_of(settings.name),
        **own,
    )
    _check_stamp(repository, config)
    return repository


def _registry(settings: LegacyConfig) -> dict[str, Any]:
    """Return what the configuration says of a registry, which only the legacy runtime can read."""
    store = VersionStore(
        settings.version_table, settings.name_column, settings.version_column, None
    )
    return {
        "repository_id": settings.row,
        "versions": settings.versions,
        "store": store,
        "registry": settings.registry,
        # A registry may have gaps.
        "gaps": True,
    }


def read_files(path: Path) -> dict[str, Any]:
    """Return what a repository's own files say, as fields of a `Repository`.

    :raises RepositoryInvalidError: the files are not a sqlalchemy-migrate repository.
    """
    cfg = _read_cfg(path / "migrate.cfg")
    versions = _read_versions(path / "versions")
    try:
        repository_id = cfg.get("db_settings", "repository_id")
        version_table = cfg.get("db_settings", "version_table")
        timestamps = cfg.getboolean("db_settings", "use_timestamp_numbering", fallback=False)
    except (configparser.Error, ValueError) as error:
        raise RepositoryInvalidError(
            f"{path / 'migrate.cfg'}: {error}",
            help="It needs [db_settings] with repository_id and version_table.",
        ) from None
    if not repository_id.strip():
        raise RepositoryInvalidError(
            f"{path / 'migrate.cfg'}: repository_id is empty.",
            help="Set it to the id in the version rows of old databases.",
        )
    return {
        "repository_id": repository_id,
        "versions": versions,
        "store": VersionStore(version_table),
        "path": path,
        "gaps": timestamps,
    }


def version_table_of(settings: LegacyConfig) -> str:
    """Return the name of a repository's version table; the stamp map is not checked.

    :raises RepositoryInvalidError: `migrate.cfg` cannot be read.
    """
    if settings.repository is None:
        return settings.version_table
    cfg = _read_cfg(settings.repository / "migrate.cfg")
    return cfg.get("db_settings", "version_table", fallback="migrate_version")


def _read_cfg(path: Path) -> configparser.ConfigParser:
    # Python 2 used the last of two equal keys.
    parser = configparser.ConfigParser(strict=False)
    try:
        parser.read_string(decode(path.read_bytes()), source=str(path))
    except OSError:
        raise RepositoryInvalidError(
            f"{path} does not exist, so {path.parent} is not a sqlalchemy-migrate repository.",
            help="Set legacy.NAME.repository to the folder with migrate.cfg and versions/.",
        ) from None
    except configparser.Error as error:
        raise RepositoryInvalidError(
            f"{path} cannot be read: {error}", help="Fix the file."
        ) from None
    return parser


def decode(text: bytes) -> str:
    """Return the text of a repository's file: UTF-8, or Latin-1 in some old files."""
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:  # often just an accent in a comment
        return text.decode("latin-1")


def _read_versions(path: Path) -> tuple[int, ...]:
    names = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    versions = {
        int(match.group(1))
        for name in names
        if name.endswith((".py", ".sql")) and (match := VERSION.match(name))
    }
    if not versions:
        raise RepositoryInvalidError(
            f"{path} has no version: no file named like 001_first.py or 001_first_upgrade.sql.",
            help="Set legacy.NAME.repository to the folder with migrate.cfg and versions/.",
        )
    return tuple(sorted(versions))


def _check_stamp(repository: Repository, config: Config) -> None:
    key = f"legacy.{repository.name}.stamp"
    if repository.last not in repository.stamp:
        raise ConfigError(
            f"{key} in {config.source} lacks version {repository.last}, the last version of "
            f"{repository.home}.",
            help=f'Add {repository.last} = ["REVISION"]: the Alembic revision that equals the '
            "schema at that version.",
        )
    allowed = {0, repository.first - 1, *repository.versions}
    for version in repository.stamp:
        if version not in allowed:
            raise ConfigError(
                f"{key}.{version} in {config.source}: the repository {repository.home} has no "
                f"version {version} (it has {repository.first} to {repository.last}).",
                help=f"Change {key} in {config.source}.",
            )
    for version in repository.requires:
        if version not in repository.versions:
            raise ConfigError(
                f"legacy.{repository.name}.requires.{version} in {config.source}: the repository "
                f"{repository.home} has no version {version}.",
                help=f"Change legacy.{repository.name}.requires in {config.source}.",
            )
