"""Which tables of a database are the app's."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bridge.model.names import JOURNAL_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.model.config import Config
    from bridge.model.repository import Repository
    from bridge.model.state import Facts


def app_tables(facts: Facts, repositories: Iterable[Repository], config: Config) -> tuple[str, ...]:
    """Return the tables that are the app's: no version table, not bridge's own, not foreign.

    Alembic's usual name is a version table in any case: where the app's has another name, it is
    that of a library in the same database.
    """
    own = {JOURNAL_TABLE, "alembic_version", config.alembic.version_table}
    own |= {repository.version_table for repository in repositories}
    return tuple(
        sorted(
            table
            for table in facts.tables - own
            if not any(fnmatchcase(table, pattern) for pattern in config.database.ignore_tables)
        )
    )
