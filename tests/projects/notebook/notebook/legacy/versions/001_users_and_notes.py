from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, Text

meta = MetaData()

users = Table(
    "users",
    meta,
    Column("id", Integer, primary_key=True),
    Column("name", String(60), nullable=False, unique=True),
)
notes = Table(
    "notes",
    meta,
    Column("id", Integer, primary_key=True),
    Column("owner_id", Integer, ForeignKey("users.id"), nullable=False),
    Column("title", String(120), nullable=False),
    Column("body", Text),
)


def upgrade(migrate_engine):
    meta.bind = migrate_engine
    meta.create_all()
