"""The rule that says which tables of a database are the app's."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bridge.model.names import OWN_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.model.config import Config
    from bridge.model.repository import Repository
    from bridge.model.state import Facts


def app_tables(facts: Facts, repositories: Iterable[Repository], config: Config) -> tuple[str, ...]:
    """Return the app's tables: no version tables, not bridge's own, no foreign tables.

    A table with Alembic's default name is always a version table. Where the app's version table
    has another name, it belongs to a library in the same database.
    """
    own = {*OWN_TABLES, "alembic_version", config.alembic.version_table}
    own |= {repository.version_table for repository in repositories}
    return tuple(
        sorted(
            table
            for table in facts.tables - own
            if not any(fnmatchcase(table, pattern) for pattern in config.database.ignore_tables)
        )
    )
