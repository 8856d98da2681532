"""The plugin's old migrations; those of Alembic stand beside."""

from goblin.migrations import inspect_table, register, sa

MIGRATIONS = {}


@register(1, MIGRATIONS)
def add_altitude(db):
    sa.Column("altitude", sa.Integer).create(inspect_table(db, "geolocation__locations"))
    db.commit()
