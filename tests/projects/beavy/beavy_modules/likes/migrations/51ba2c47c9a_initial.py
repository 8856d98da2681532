"""The module likes."""

import sqlalchemy as sa
from alembic import op

revision = "51ba2c47c9a"
down_revision = None
branch_labels = ("likes",)
depends_on = "242c2fd98af"


def upgrade():
    op.create_table(
        "likes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("object_id", sa.Integer, sa.ForeignKey("objects.id")),
    )


def downgrade():
    op.drop_table("likes")
