"""A double click is one like: drop the later ones, and allow no more of them."""

from migrate.changeset.constraint import UniqueConstraint
from sqlalchemy import MetaData, Table, select


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    likes = Table("likes", meta, autoload=True)

    # MariaDB cannot delete from a table that the same statement selects from; hence row by row.
    seen = set()
    rows = migrate_engine.execute(
        select([likes.c.id, likes.c.media_id, likes.c.user_id]).order_by(likes.c.id)
    ).fetchall()
    for row in rows:
        pair = (row.media_id, row.user_id)
        if pair in seen:
            migrate_engine.execute(likes.delete().where(likes.c.id == row.id))
        seen.add(pair)

    UniqueConstraint("media_id", "user_id", table=likes, name="uq_likes_media_user").create()
