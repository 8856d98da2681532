"""Stands in for the driver that keeps a library's tables, with an alembic_version of its own."""

from __future__ import annotations

import sqlalchemy as sa


class TaskflowDriver:
    def upgrade_backend(self, connection: str) -> None:
        # As the real one: on an engine of its own, from a URL.
        engine = sa.create_engine(connection)
        metadata = sa.MetaData()
        versions = sa.Table("alembic_version", metadata, sa.Column("version_num", sa.String(32)))
        sa.Table("logbooks", metadata, sa.Column("uuid", sa.String(64), primary_key=True))
        with engine.begin() as connected:
            metadata.create_all(connected)
            if connected.execute(sa.select(versions)).first() is None:
                connected.execute(versions.insert().values(version_num="40fc8c914bd2"))
        engine.dispose()


def load_masakari_driver(name: str) -> TaskflowDriver:
    assert name == "taskflow_driver"
    return TaskflowDriver()
