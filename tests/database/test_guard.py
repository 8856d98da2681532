"""What a rehearsal may connect to."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from bridge.database.guard import Guard, OutsideError


class Own(sqlite3.Connection):
    """The class of an app's own connections."""


def test_an_app_may_have_a_class_of_its_own_for_connections_to_sqlite(tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.db", tmp_path / "other.db"
    given = {"poolclass": NullPool, "connect_args": {"factory": Own}}
    with Guard(str(copy), None, None):
        with sa.create_engine(f"sqlite:///{copy}", **given).connect() as connection:
            assert isinstance(connection.connection.dbapi_connection, Own)
        with pytest.raises(OutsideError, match=r"other\.db"):
            sa.create_engine(f"sqlite:///{other}", **given).connect()
