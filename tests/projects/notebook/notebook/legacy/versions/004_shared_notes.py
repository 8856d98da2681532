from sqlalchemy import Boolean, Column, ForeignKey, Integer, MetaData, Table


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    Table("users", meta, autoload=True)
    Table("notes", meta, autoload=True)
    shares = Table(
        "shares",
        meta,
        Column("note_id", Integer, ForeignKey("notes.id"), primary_key=True),
        Column("user_id", Integer, ForeignKey("users.id"), primary_key=True),
        Column("may_write", Boolean, nullable=False, server_default="0"),
    )
    shares.create()
