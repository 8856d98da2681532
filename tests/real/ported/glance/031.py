"""Of locations that an image has twice, one goes."""

import sqlalchemy as sa


def upgrade(connection):
    """What version 31 does: only one goes, however many there are; which, it leaves to chance."""
    key = ("image_id", "value", "meta_data")
    columns = [*map(sa.column, ("id", *key)), sa.column("deleted", sa.Boolean)]
    locations = sa.table("image_locations", *columns)
    several = (
        sa.select(sa.func.min(locations.c.id).label("id"))
        .where(locations.c.deleted == sa.false())
        .group_by(*(locations.c[name] for name in key))
        .having(sa.func.count() > 1)
        # MySQL deletes only by what it has read before.
        .subquery()
    )
    connection.execute(locations.delete().where(locations.c.id.in_(sa.select(several.c.id))))
