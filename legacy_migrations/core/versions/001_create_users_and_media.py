"""Start with what a gallery cannot do without: people and what they upload."""

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)

    users = Table(
        "users",
        meta,
        Column("id", Integer, primary_key=True),
        Column("username", String(64), nullable=False),
        Column("email", String(190), nullable=False),
        Column("password_hash", String(190)),
        Column("created", DateTime, nullable=False),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )
    media_entries = Table(
        "media_entries",
        meta,
        Column("id", Integer, primary_key=True),
        Column("uploader_id", Integer, nullable=False),
        Column("title", String(200), nullable=False),
        Column("description", Text),
        Column("path", String(500)),
        Column("state", String(20), nullable=False, server_default="processed"),
        Column("created", DateTime, nullable=False),
        ForeignKeyConstraint(["uploader_id"], ["users.id"], name="fk_media_entries_uploader"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )

    for table in (users, media_entries):
        table.create()
