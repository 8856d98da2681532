"""When a message was read; none while it is not."""

import sqlalchemy as sa
from alembic import op

revision = "messages_read_at"
down_revision = "messages_base"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("messages", sa.Column("read_at", sa.DateTime))
    op.create_index("ix_messages_read_at", "messages", ["read_at"])


def downgrade():
    op.drop_index("ix_messages_read_at", table_name="messages")
    with op.batch_alter_table("messages") as messages:
        messages.drop_column("read_at")
