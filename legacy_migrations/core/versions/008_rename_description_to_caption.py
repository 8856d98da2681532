"""Call the text under a picture what everybody calls it: its caption."""

from sqlalchemy import MetaData, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    Table("users", meta, autoload=True)
    media_entries = Table("media_entries", meta, autoload=True)

    media_entries.c.description.alter(name="caption")
