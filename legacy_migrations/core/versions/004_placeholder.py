"""Kept free for a fix to an older release; it was never needed."""


def upgrade(migrate_engine):
    pass
