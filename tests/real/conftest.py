"""Fixtures for the histories of real projects."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from real.histories import HISTORIES, STANDINS, Project, UnavailableError, fetch, snapshots_folder
from support.databases import Database

CHECKOUT = Path(__file__).resolve().parents[2]


def _unavailable(error: UnavailableError) -> None:
    # On CI a skip would look like a pass.
    if os.environ.get("CI") == "true":
        pytest.fail(str(error))
    pytest.skip(str(error))


@pytest.fixture(scope="session")
def project(cached: Callable[[str, Callable[[Path], None]], Path]) -> Callable[[str], Project]:
    """`project(name)`: a history, its code fetched when it is not in the cache."""

    def get(name: str) -> Project:
        history = HISTORIES[name]
        folder = history.wheel.replace("==", "-")
        try:
            wheel = cached(f"wheel-{folder}", partial(fetch, history.wheel))
        except UnavailableError as error:
            _unavailable(error)
        return Project(history, wheel)

    return get


@pytest.fixture
def load(make_database: Callable[[str], Database]) -> Callable[..., Database]:
    """`load(snapshot, dialect)`: a database with the content of the old one `NAME/vNNN`."""

    def make(snapshot: str, dialect: str, charset: str = "utf8mb3") -> Database:
        try:
            folder = snapshots_folder(CHECKOUT)
        except UnavailableError as error:
            _unavailable(error)
        database = make_database(dialect)
        if dialect == "mariadb":
            # What these databases had. A table that a script adds gets the default, and with
            # another one than its neighbours' its foreign keys are refused.
            database.execute("ALTER DATABASE CHARACTER SET = " + charset)
        database.load(folder / snapshot)
        return database

    return make


@pytest.fixture(autouse=True)
def _nothing_stays_imported(cache_dir: Path) -> Iterator[None]:
    """The next test must not find the app's modules and stand-ins of this one."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    folders = (str(STANDINS), str(STANDINS.parent / "successors"), str(cache_dir))
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(folders):
            del sys.modules[name]
