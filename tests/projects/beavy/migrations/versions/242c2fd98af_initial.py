"""Accounts and objects."""

import sqlalchemy as sa
from alembic import op

revision = "242c2fd98af"
down_revision = None
branch_labels = ("beavy",)
depends_on = None


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
    )
    op.create_table(
        "objects",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner_id", sa.Integer, sa.ForeignKey("users.id")),
    )


def downgrade():
    op.drop_table("objects")
    op.drop_table("users")
