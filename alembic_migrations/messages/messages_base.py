"""Private messages: a module younger than the move to Alembic, hence without a legacy history."""

import sqlalchemy as sa
from alembic import op

revision = "messages_base"
down_revision = None
branch_labels = ("messages",)
# The people who write to each other.
depends_on = "core_base"


def upgrade():
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sender_id", sa.Integer, nullable=False),
        sa.Column("recipient_id", sa.Integer, nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("sent", sa.DateTime, nullable=False),
        sa.ForeignKeyConstraint(["sender_id"], ["users.id"], name="fk_messages_sender"),
        sa.ForeignKeyConstraint(["recipient_id"], ["users.id"], name="fk_messages_recipient"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
    )


def downgrade():
    op.drop_table("messages")
