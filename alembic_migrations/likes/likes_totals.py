"""Count the likes of public entries once, instead of on every page view."""

import sqlalchemy as sa
from alembic import op

revision = "likes_totals"
down_revision = "likes_weight"
branch_labels = None
# The totals read media_entries.visibility.
depends_on = "core_media_visibility"


def upgrade():
    op.create_table(
        "like_totals",
        sa.Column("media_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_like_totals_media"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
    )
    op.execute(
        sa.text(
            "INSERT INTO like_totals (media_id, total) "
            "SELECT likes.media_id, SUM(likes.weight) FROM likes "
            "JOIN media_entries ON media_entries.id = likes.media_id "
            "WHERE media_entries.visibility = 'public' GROUP BY likes.media_id"
        )
    )


def downgrade():
    op.drop_table("like_totals")
