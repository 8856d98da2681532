"""Settings that an administrator can change at run time, and their first values."""

from sqlalchemy import Column, MetaData, String, Table, Text

FIRST_VALUES = [
    {"name": "footer", "value": None},
    {"name": "quota_warning", "value": "You have used 90% of your space: time to tidy up?"},
    {"name": "site_title", "value": "Someone's gallery"},
]


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    settings = Table(
        "settings",
        meta,
        Column("name", String(64), primary_key=True),
        Column("value", Text),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )
    settings.create()
    migrate_engine.execute(settings.insert(), FIRST_VALUES)
