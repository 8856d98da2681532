"""An answer knows the message that it answers."""

import sqlalchemy as sa
from alembic import op

revision = "messages_threads"
down_revision = "messages_read_at"
branch_labels = None
depends_on = None


def upgrade():
    # SQLite cannot add a foreign key to a table: there it is rebuilt.
    with op.batch_alter_table("messages") as messages:
        messages.add_column(sa.Column("parent_id", sa.Integer))
        messages.create_foreign_key("fk_messages_parent", "messages", ["parent_id"], ["id"])


def downgrade():
    with op.batch_alter_table("messages") as messages:
        messages.drop_constraint("fk_messages_parent", type_="foreignkey")
        messages.drop_column("parent_id")
