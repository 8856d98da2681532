"""Nothing reads media_entries.path any more."""

from sqlalchemy import MetaData, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    Table("users", meta, autoload=True)
    media_entries = Table("media_entries", meta, autoload=True)

    media_entries.c.path.drop()
