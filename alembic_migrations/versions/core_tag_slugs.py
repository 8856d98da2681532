"""Tags get readable addresses as well."""

import sqlalchemy as sa
from alembic import op

revision = "core_tag_slugs"
down_revision = "core_media_visibility"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("tags", sa.Column("slug", sa.String(120)))
    tags = sa.table("tags", sa.column("name", sa.String), sa.column("slug", sa.String))
    op.execute(tags.update().values(slug=sa.func.replace(sa.func.lower(tags.c.name), " ", "-")))
    # Only now has every row one. SQLite cannot alter a column: the table is rebuilt there.
    with op.batch_alter_table("tags") as batch:
        batch.alter_column("slug", existing_type=sa.String(120), nullable=False)
    op.create_index("ix_tags_slug", "tags", ["slug"])


def downgrade():
    op.drop_index("ix_tags_slug", table_name="tags")
    with op.batch_alter_table("tags") as batch:
        batch.drop_column("slug")
