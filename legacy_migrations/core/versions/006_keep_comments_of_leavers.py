"""A comment stays, without an author, when its author leaves.

SQLite cannot change a foreign key in place: 006_keep_comments_of_leavers_sqlite_upgrade.sql is its
version of this script.
"""

from migrate.changeset.constraint import ForeignKeyConstraint
from sqlalchemy import MetaData, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    users = Table("users", meta, autoload=True)
    media_comments = Table("media_comments", meta, autoload=True)

    # The old key goes first: MariaDB refuses to touch the column under it.
    ForeignKeyConstraint(
        columns=[media_comments.c.author_id],
        refcolumns=[users.c.id],
        name="fk_media_comments_author",
    ).drop()
    media_comments.c.author_id.alter(nullable=True)
    ForeignKeyConstraint(
        columns=[media_comments.c.author_id],
        refcolumns=[users.c.id],
        name="fk_media_comments_author",
        ondelete="SET NULL",
    ).create()
