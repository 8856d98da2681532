"""Give each entry a slug made from its title, then insist on one."""

import re
import unicodedata

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations


def make_slug(title):
    """The letters and digits of a title in plain ASCII, words joined by hyphens; may be empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii")
    return "-".join(re.findall(r"[a-z0-9]+", plain.lower()))


def upgrade(connection):
    """What version 7 does, on SQLAlchemy 1.4 and 2."""
    names = ("id", "uploader_id", "title", "slug")
    entries = sa.table("media_entries", *map(sa.column, names))
    rows = connection.execute(
        sa.select(*(entries.c[name] for name in names)).order_by(entries.c.id)
    ).fetchall()
    taken = {(row.uploader_id, row.slug) for row in rows if row.slug is not None}
    for row in rows:
        if row.slug is not None:
            continue
        slug = make_slug(row.title) or "media"
        if slug == "media" or (row.uploader_id, slug) in taken:
            slug = f"{slug}-{row.id}"
        taken.add((row.uploader_id, slug))
        connection.execute(entries.update().where(entries.c.id == row.id).values(slug=slug))

    operations = Operations(MigrationContext.configure(connection))
    with operations.batch_alter_table("media_entries") as batch:
        batch.alter_column("slug", existing_type=sa.String(220), nullable=False)
        batch.create_unique_constraint("uq_media_entries_uploader_slug", ["uploader_id", "slug"])
