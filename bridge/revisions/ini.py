"""Alembic's own configuration, created from bridge's or from an existing `alembic.ini`."""

from __future__ import annotations

import warnings
from configparser import InterpolationError
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.config import Config as AlembicIni
from alembic.util import CommandError, coerce_resource_to_filename

from bridge.model.errors import RevisionsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.model.config import Config, ModuleConfig

# What `alembic init` writes until somebody fills it in.
_TEMPLATE_URL = "driver://user:pass@localhost/dbname"


def alembic_ini(config: Config, modules: Iterable[ModuleConfig]) -> AlembicIni:
    """Return Alembic's own configuration, created from bridge's.

    :param modules: those whose folders are version locations.
    :raises Exception: an existing ``alembic.ini`` or ``pyproject.toml`` cannot be read.
    """
    alembic = config.alembic
    if alembic.config is None:
        ini = AlembicIni()
        ini.set_main_option("script_location", _escaped(alembic.script_location))
    elif alembic.config.suffix == ".toml":
        ini = AlembicIni(toml_file=str(alembic.config))
    else:
        ini = AlembicIni(file_=str(alembic.config))
    base = alembic.config.parent if alembic.config else config.root
    with warnings.catch_warnings():
        # Old alembic.ini files separate paths by spaces; Alembic reads them with a warning.
        warnings.simplefilter("ignore", DeprecationWarning)
        prepend = [_located(path, base) for path in ini.get_prepend_sys_paths_list() or []]
        locations = [_located(path, base) for path in ini.get_version_locations_list() or []]
    location = ini.get_alembic_option("script_location")
    if location:
        home = _located(location, base)
    elif (base / "env.py").is_file():
        # Flask-Migrate's alembic.ini is beside env.py, and has no location.
        home = base
    else:
        raise CommandError(f"{alembic.config} has no script_location")
    ini.set_main_option("script_location", _escaped(home))
    if alembic.version_locations:
        locations = list(alembic.version_locations)
    elif not locations:
        locations = [home / "versions"]
    for module in modules:
        if module.migrations is not None and module.migrations not in locations:
            locations.append(module.migrations)
    ini.set_main_option("path_separator", "newline")
    ini.set_main_option("version_locations", "\n".join(map(_escaped, locations)))
    if prepend:
        ini.set_main_option("prepend_sys_path", "\n".join(map(_escaped, prepend)))
    ini.attributes["bridge"] = config
    return ini


def named_url(ini: AlembicIni) -> str | None:
    """Return the database that an ``alembic.ini`` names, None where it names none.

    :raises RevisionsError: it has a % that is not doubled.
    """
    try:
        text = ini.get_alembic_option("sqlalchemy.url")
    except (InterpolationError, TypeError, ValueError):
        # The error itself shows a part of the password.
        raise RevisionsError(
            "sqlalchemy.url in Alembic's configuration has a % that is not doubled.",
            help="Write each % of the URL twice: %%",
        ) from None
    return None if text in (None, "", _TEMPLATE_URL) else str(text)


def _located(text: str, base: Path) -> Path:
    """Return a path of an alembic.ini, which may be ``package:folder``.

    A relative path belongs to the file's folder. Alembic itself starts at the working directory,
    which need not be the app's.
    """
    path = Path(coerce_resource_to_filename(text))
    return path if path.is_absolute() or not (base / path).exists() else base / path


def _escaped(path: object) -> str:
    return str(path).replace("%", "%%")
