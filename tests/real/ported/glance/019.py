"""Where an image is becomes a row of its own."""

import sqlalchemy as sa


def upgrade(connection):
    """What version 19 does."""
    same = ("created_at", "updated_at", "deleted", "deleted_at")
    images = sa.table("images", *map(sa.column, ("id", "location", *same)))
    locations = sa.table("image_locations", *map(sa.column, ("image_id", "value", *same)))
    found = sa.select(images).where(images.c.location.is_not(None))
    connection.execute(locations.insert().from_select([c.name for c in locations.c], found))
