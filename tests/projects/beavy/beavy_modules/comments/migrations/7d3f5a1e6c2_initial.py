"""The module comments."""

import sqlalchemy as sa
from alembic import op

revision = "7d3f5a1e6c2"
down_revision = None
branch_labels = ("comments",)
depends_on = "51ba2c47c9a"


def upgrade():
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("object_id", sa.Integer, sa.ForeignKey("objects.id")),
    )


def downgrade():
    op.drop_table("comments")
