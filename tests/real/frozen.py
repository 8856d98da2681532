"""A real history that needs no legacy runtime: frozen, with ported versions of our own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from real.histories import HERE, Project

from bridge import Bridge
from bridge.model.freeze import Freeze

PORTED = HERE / "ported"


def freeze(project: Project, folder: Path, urls: Sequence[str] = ()) -> Freeze:
    """Freeze a copy of the project in a folder, on SQLite and on servers; its ports are in place.

    :param urls: of databases on servers: of MariaDB's, the character set counts.
    """
    ignored = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(project.wheel, folder, ignore=ignored, dirs_exist_ok=True)
    copy = Project(project.history, folder)
    home = folder / project.history.repository
    shutil.copytree(PORTED / project.history.name, home / "frozen" / "ported")
    return Bridge(root=HERE, **copy.tables()).freeze(urls)
