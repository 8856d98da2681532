"""An entry can have several files: the original moves out of media_entries.path."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    literal,
    select,
)


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    media_entries = Table("media_entries", meta, autoload=True)

    media_files = Table(
        "media_files",
        meta,
        Column("media_id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(40), primary_key=True),
        Column("path", String(500), nullable=False),
        Column("size", BigInteger),
        ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_media_files_media"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )
    media_files.create()

    originals = select([media_entries.c.id, literal("original"), media_entries.c.path]).where(
        media_entries.c.path.isnot(None)
    )
    migrate_engine.execute(
        media_files.insert().from_select(["media_id", "name", "path"], originals)
    )
