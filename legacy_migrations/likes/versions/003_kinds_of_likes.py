"""More than one way to like something, and an index for "what I liked"."""

from sqlalchemy import Column, Index, MetaData, String, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    likes = Table("likes", meta, autoload=True)

    Column("kind", String(16), nullable=False, server_default="like").create(likes)
    Index("ix_likes_user_id", likes.c.user_id).create()
