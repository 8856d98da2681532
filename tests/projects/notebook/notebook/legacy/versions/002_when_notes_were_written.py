import migrate.changeset  # noqa: F401 (columns can create themselves)
from sqlalchemy import Column, DateTime, Index, MetaData, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    notes = Table("notes", meta, autoload=True)
    Column("written", DateTime).create(notes)
    Index("ix_notes_written", notes.c.written).create()
