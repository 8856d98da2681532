"""Let people comment on media."""

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Integer, MetaData, Table, Text


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    # The foreign keys find the parent tables in the metadata only.
    Table("users", meta, autoload=True)
    Table("media_entries", meta, autoload=True)

    media_comments = Table(
        "media_comments",
        meta,
        Column("id", Integer, primary_key=True),
        Column("media_id", Integer, nullable=False),
        Column("author_id", Integer, nullable=False),
        Column("body", Text, nullable=False),
        Column("created", DateTime, nullable=False),
        ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_media_comments_media"),
        ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_media_comments_author"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )
    media_comments.create()
