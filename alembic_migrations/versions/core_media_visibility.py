"""Who may see an entry becomes a column of its own; it used to be one of the states."""

import sqlalchemy as sa
from alembic import op

revision = "core_media_visibility"
down_revision = "core_media_license"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column(
        "media_entries",
        sa.Column("visibility", sa.String(16), nullable=False, server_default="public"),
    )
    op.get_bind().execute(
        sa.text(
            "UPDATE media_entries SET visibility = 'private', state = 'processed' "
            "WHERE state = 'private'"
        )
    )
    op.create_index("ix_media_entries_visibility", "media_entries", ["visibility"])


def downgrade():
    op.get_bind().execute(
        sa.text("UPDATE media_entries SET state = 'private' WHERE visibility = 'private'")
    )
    op.drop_index("ix_media_entries_visibility", table_name="media_entries")
    with op.batch_alter_table("media_entries") as media_entries:
        media_entries.drop_column("visibility")
