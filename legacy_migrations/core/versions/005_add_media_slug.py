"""Make room for a readable address of each entry; version 7 fills it."""

from sqlalchemy import Column, MetaData, String, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    media_entries = Table("media_entries", meta, autoload=True)

    Column("slug", String(220)).create(media_entries)
