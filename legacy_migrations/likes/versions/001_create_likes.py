"""Who likes what."""

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Integer, MetaData, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    # Tables of the repository "core": likes came when that was at version 8.
    Table("users", meta, autoload=True)
    Table("media_entries", meta, autoload=True)

    likes = Table(
        "likes",
        meta,
        Column("id", Integer, primary_key=True),
        Column("media_id", Integer, nullable=False),
        Column("user_id", Integer, nullable=False),
        Column("created", DateTime),
        ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_likes_media"),
        ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_likes_user"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )
    likes.create()
