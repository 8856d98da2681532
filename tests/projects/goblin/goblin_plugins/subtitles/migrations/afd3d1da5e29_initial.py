"""The plugin subtitles."""

import sqlalchemy as sa
from alembic import op

revision = "afd3d1da5e29"
down_revision = "52bf0ccbedc1"
branch_labels = ("subtitles_plugin",)
depends_on = None


def upgrade():
    op.create_table(
        "subtitles__languages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Unicode(40)),
    )


def downgrade():
    op.drop_table("subtitles__languages")
