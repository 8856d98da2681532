"""The tables as the old migrations left them."""

import sqlalchemy as sa
from alembic import op

revision = "52bf0ccbedc1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    if sa.inspect(op.get_bind()).has_table("core__users"):
        return  # an old database, whose own migrations made it
    op.create_table(
        "core__users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("username", sa.Unicode(80), nullable=False),
        sa.Column("email", sa.Unicode(80)),
    )
    op.create_table(
        "core__media_entries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uploader", sa.Integer),
        sa.Column("title", sa.Unicode(200)),
    )
    op.create_table(
        "core__media_comments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("media_entry", sa.Integer),
        sa.Column("content", sa.UnicodeText),
    )
    op.create_table(
        "core__privileges",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("privilege_name", sa.Unicode(40)),
    )


def downgrade():
    op.drop_table("core__privileges")
    op.drop_table("core__media_comments")
    op.drop_table("core__media_entries")
    op.drop_table("core__users")
