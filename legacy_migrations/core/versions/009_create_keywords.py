"""Keywords, many to many."""

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    Table("media_entries", meta, autoload=True)

    keywords = Table(
        "keywords",
        meta,
        Column("id", Integer, primary_key=True),
        Column("name", String(100), nullable=False),
        UniqueConstraint("name", name="uq_keywords_name"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )
    media_keywords = Table(
        "media_keywords",
        meta,
        Column("media_id", Integer, primary_key=True, autoincrement=False),
        Column("keyword_id", Integer, primary_key=True, autoincrement=False),
        ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_media_keywords_media"),
        ForeignKeyConstraint(["keyword_id"], ["keywords.id"], name="fk_media_keywords_keyword"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )

    for table in (keywords, media_keywords):
        table.create()
