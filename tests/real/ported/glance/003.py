"""The type of an image becomes one of its properties; the formats get columns of their own."""

import sqlalchemy as sa


def upgrade(connection):
    """What version 3 does, but on SQLite, where it can be replayed."""
    images = sa.table("images", *map(sa.column, ("id", "type", "created_at")))
    names = ("image_id", "key", "value", "created_at", "deleted")
    properties = sa.table("image_properties", *map(sa.column, names))
    known = sa.and_(properties.c.image_id == images.c.id, properties.c.key == "type")
    types = (
        sa.select(
            images.c.id, sa.literal_column("'type'"), images.c.type, images.c.created_at, sa.false()
        )
        .select_from(images.outerjoin(properties, known))
        .where(properties.c.image_id.is_(None), images.c.type.is_not(None))
        .order_by(images.c.id)
    )
    connection.execute(properties.insert().from_select(names, types))

    connection.exec_driver_sql(
        "ALTER TABLE images ADD COLUMN disk_format VARCHAR(20), "
        "ADD COLUMN container_format VARCHAR(20), DROP COLUMN type"
    )
