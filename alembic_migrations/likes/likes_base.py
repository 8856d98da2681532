"""Likes as version 3 of the closed repository "likes" left them."""

import sqlalchemy as sa
from alembic import op

revision = "likes_base"
down_revision = None
branch_labels = ("likes",)
# The tables that likes refer to.
depends_on = "core_base"


def upgrade():
    op.create_table(
        "likes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("media_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("created", sa.DateTime),
        sa.Column("kind", sa.String(16), nullable=False, server_default="like"),
        sa.ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_likes_media"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_likes_user"),
        sa.UniqueConstraint("media_id", "user_id", name="uq_likes_media_user"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
    )
    op.create_index("ix_likes_user_id", "likes", ["user_id"])


def downgrade():
    op.drop_table("likes")
