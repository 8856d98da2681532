"""A licence for each entry; none means that nobody has said."""

import sqlalchemy as sa
from alembic import op

revision = "core_media_license"
down_revision = "core_base"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("media_entries", sa.Column("license", sa.String(40)))


def downgrade():
    with op.batch_alter_table("media_entries") as media_entries:
        media_entries.drop_column("license")
