"""Connections that only read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from support.databases import Database

from bridge.database.engine import read_only


@pytest.mark.server
def test_a_reader_sees_one_moment_while_another_run_changes_the_schema(
    make_database: Callable[[str], Database],
) -> None:
    database = make_database("postgresql")
    with read_only(database.engine()) as connection:
        query = sa.text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert connection.execute(query).scalar() == 0
        database.execute("CREATE TABLE later (id INTEGER)")
        assert connection.execute(query).scalar() == 0
    with read_only(database.engine()) as connection:
        assert connection.execute(query).scalar() == 1
