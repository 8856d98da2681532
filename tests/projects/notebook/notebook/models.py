"""What the app works with. Notes can be pinned now: no legacy version makes that column."""

import sqlalchemy as sa

metadata = sa.MetaData()

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(60), nullable=False, unique=True),
)
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("title", sa.String(120), nullable=False),
    sa.Column("body", sa.Text),
    sa.Column("written", sa.DateTime, index=True),
    sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
)
shares = sa.Table(
    "shares",
    metadata,
    sa.Column("note_id", sa.ForeignKey("notes.id"), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("may_write", sa.Boolean, nullable=False, server_default="0"),
)
