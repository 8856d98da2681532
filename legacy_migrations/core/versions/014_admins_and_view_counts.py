"""Administrators, a view counter, and the index that the moderation queue asked for."""

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table, false


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    users = Table("users", meta, autoload=True)
    media_entries = Table("media_entries", meta, autoload=True)

    Column("is_admin", Boolean, nullable=False, server_default=false()).create(users)
    Column("view_count", Integer, nullable=False, server_default="0").create(media_entries)
    Index("ix_media_entries_state_created", media_entries.c.state, media_entries.c.created).create()
