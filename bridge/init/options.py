"""The options of `bridge init`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.model.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy.engine import URL


@dataclass(frozen=True)
class InitOptions:
    """The place of the app, the databases for its history, and the needs of its scripts.

    :param root: the folder of the app; the working directory if None.
    :param models: ``package.module:NAME`` of the app's `MetaData`.
    :param urls: servers on which databases may be created and dropped.
    :param sqlite: whether to run the history on SQLite.
    :param snapshots: old databases. Where the first version needs tables that no version creates,
        the run starts from the oldest.
    :param pythonpath: folders with modules that the scripts import.
    :param requirements: packages that the scripts import.
    :param setup: ``module:function`` that prepares the legacy scripts' process.
    :param progress: receives a line for each database on which something runs.
    """

    root: Path | str | None = None
    models: str | None = None
    urls: Sequence[URL | str] = ()
    sqlite: bool = True
    snapshots: Sequence[Path | str] = ()
    pythonpath: Sequence[Path | str] = ()
    requirements: Sequence[str] = ()
    setup: str | None = None
    progress: Progress = field(default_factory=Progress)
