from sqlalchemy import MetaData, Table, select


def upgrade(migrate_engine):
    """Long titles came from a bug; the rest of them goes to the begin of the text."""
    meta = MetaData(bind=migrate_engine)
    notes = Table("notes", meta, autoload=True)
    for note in select([notes]).execute().fetchall():
        if len(note.title) > 80:
            body = "\n\n".join([note.title[80:], note.body or ""])
            change = notes.update().where(notes.c.id == note.id)
            change.values(title=note.title[:80], body=body).execute()
