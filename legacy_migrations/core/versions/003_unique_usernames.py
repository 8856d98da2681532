"""One username, one person; and the front page sorts by date."""

from migrate.changeset.constraint import UniqueConstraint
from sqlalchemy import Index, MetaData, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    users = Table("users", meta, autoload=True)
    media_entries = Table("media_entries", meta, autoload=True)

    UniqueConstraint("username", table=users, name="uq_users_username").create()
    Index("ix_media_entries_created", media_entries.c.created).create()
