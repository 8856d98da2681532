"""The gallery as version 14 of the closed repository "core" left it.

A database from those days is stamped with this revision and never runs it; a new one starts here
and gets the same tables, to the name of each constraint. Some names are older than their table:
tags were once called keywords.
"""

import sqlalchemy as sa
from alembic import op

revision = "core_base"
down_revision = None
branch_labels = ("core",)
depends_on = None

# With a URL that begins with mariadb:// SQLAlchemy reads the second pair.
MYSQL = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
}


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("email", sa.String(190), nullable=False),
        sa.Column("password_hash", sa.String(190)),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.UniqueConstraint("username", name="uq_users_username"),
        **MYSQL,
    )
    op.create_table(
        "media_entries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uploader_id", sa.Integer, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("caption", sa.Text),
        sa.Column("state", sa.String(20), nullable=False, server_default="processed"),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("slug", sa.String(220), nullable=False),
        sa.Column("view_count", sa.Integer, nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["uploader_id"], ["users.id"], name="fk_media_entries_uploader"),
        sa.UniqueConstraint("uploader_id", "slug", name="uq_media_entries_uploader_slug"),
        **MYSQL,
    )
    op.create_index("ix_media_entries_created", "media_entries", ["created"])
    op.create_index("ix_media_entries_state_created", "media_entries", ["state", "created"])
    op.create_table(
        "media_comments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("media_id", sa.Integer, nullable=False),
        sa.Column("author_id", sa.Integer),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_media_comments_media"),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name="fk_media_comments_author", ondelete="SET NULL"
        ),
        **MYSQL,
    )
    op.create_table(
        "media_files",
        sa.Column("media_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("path", sa.String(500), nullable=False),
        sa.Column("size", sa.BigInteger),
        sa.ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_media_files_media"),
        **MYSQL,
    )
    op.create_table(
        "tags",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.UniqueConstraint("name", name="uq_keywords_name"),
        **MYSQL,
    )
    op.create_table(
        "media_tags",
        sa.Column("media_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tag_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.ForeignKeyConstraint(["media_id"], ["media_entries.id"], name="fk_media_keywords_media"),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name="fk_media_keywords_keyword"),
        **MYSQL,
    )
    settings = op.create_table(
        "settings",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text),
        **MYSQL,
    )
    op.bulk_insert(
        settings,
        [
            {"name": "footer", "value": None},
            {"name": "quota_warning", "value": "You have used 90% of your space: time to tidy up?"},
            {"name": "site_title", "value": "Someone's gallery"},
        ],
    )


def downgrade():
    # Children before the tables that they refer to.
    for table in (
        "settings",
        "media_tags",
        "tags",
        "media_files",
        "media_comments",
        "media_entries",
        "users",
    ):
        op.drop_table(table)
