"""The plugin processing_info."""

import sqlalchemy as sa
from alembic import op

revision = "38feb829c545"
down_revision = "52bf0ccbedc1"
branch_labels = ("processing_info_plugin",)
depends_on = None


def upgrade():
    if sa.inspect(op.get_bind()).has_table("processing__info"):
        return  # an old database, whose own migrations made it
    op.create_table(
        "processing__info",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("seconds", sa.Integer),
    )


def downgrade():
    op.drop_table("processing__info")
