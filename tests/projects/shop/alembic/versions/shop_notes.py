"""A note on each order."""

from alembic import op

revision = "shop_notes"
down_revision = "shop_base"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("ALTER TABLE orders ADD COLUMN note VARCHAR(200)")


def downgrade():
    raise NotImplementedError
