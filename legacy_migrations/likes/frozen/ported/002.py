"""A double click is one like: drop the later ones, and allow no more of them."""

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations


def upgrade(connection):
    """What version 2 does, on SQLAlchemy 1.4 and 2."""
    likes = sa.table("likes", *map(sa.column, ("id", "media_id", "user_id")))
    seen = set()
    rows = connection.execute(
        sa.select(likes.c.id, likes.c.media_id, likes.c.user_id).order_by(likes.c.id)
    ).fetchall()
    for row in rows:
        pair = (row.media_id, row.user_id)
        if pair in seen:
            connection.execute(likes.delete().where(likes.c.id == row.id))
        seen.add(pair)

    operations = Operations(MigrationContext.configure(connection))
    with operations.batch_alter_table("likes") as batch:
        batch.create_unique_constraint("uq_likes_media_user", ["media_id", "user_id"])
