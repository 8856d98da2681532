"""Give each entry a slug made from its title, then insist on one."""

import re
import unicodedata

from migrate.changeset.constraint import UniqueConstraint
from sqlalchemy import MetaData, Table, select


def make_slug(title):
    """The letters and digits of a title in plain ASCII, words joined by hyphens; may be empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii")
    return "-".join(re.findall(r"[a-z0-9]+", plain.lower()))


def upgrade(migrate_engine):
    meta = MetaData(bind=migrate_engine)
    Table("users", meta, autoload=True)
    media_entries = Table("media_entries", meta, autoload=True)
    columns = media_entries.c

    # In the order of the ids, so that every database comes to the same slugs.
    rows = migrate_engine.execute(
        select([columns.id, columns.uploader_id, columns.title, columns.slug]).order_by(columns.id)
    ).fetchall()
    taken = {(row.uploader_id, row.slug) for row in rows if row.slug is not None}
    for row in rows:
        if row.slug is not None:
            continue
        slug = make_slug(row.title) or "media"
        if slug == "media" or (row.uploader_id, slug) in taken:
            slug = f"{slug}-{row.id}"
        taken.add((row.uploader_id, slug))
        migrate_engine.execute(media_entries.update().where(columns.id == row.id).values(slug=slug))

    columns.slug.alter(nullable=False)
    UniqueConstraint(
        "uploader_id", "slug", table=media_entries, name="uq_media_entries_uploader_slug"
    ).create()
