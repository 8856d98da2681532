"""Keywords became tags in the interface; the tables follow.

Constraints that were named by hand keep their old names.
"""

from sqlalchemy import MetaData, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    keywords = Table("keywords", meta, autoload=True)
    media_keywords = Table("media_keywords", meta, autoload=True)

    keywords.rename("tags")
    media_keywords.rename("media_tags")
    if migrate_engine.name == "postgresql":
        # A renamed table leaves these behind under the old name.
        migrate_engine.execute("ALTER SEQUENCE keywords_id_seq RENAME TO tags_id_seq")
        migrate_engine.execute("ALTER INDEX keywords_pkey RENAME TO tags_pkey")
        migrate_engine.execute("ALTER INDEX media_keywords_pkey RENAME TO media_tags_pkey")

    # Read again: the old Table objects still point at the old names.
    meta = MetaData(bind=migrate_engine)
    media_tags = Table("media_tags", meta, autoload=True)
    media_tags.c.keyword_id.alter(name="tag_id")
