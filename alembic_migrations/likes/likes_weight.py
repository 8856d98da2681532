"""A like can count for more than one: love counts twice."""

import sqlalchemy as sa
from alembic import op

revision = "likes_weight"
down_revision = "likes_base"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("likes", sa.Column("weight", sa.Integer, nullable=False, server_default="1"))
    op.execute(sa.text("UPDATE likes SET weight = 2 WHERE kind = 'love'"))


def downgrade():
    with op.batch_alter_table("likes") as likes:
        likes.drop_column("weight")
