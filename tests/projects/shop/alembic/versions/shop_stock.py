"""How many there are."""

from alembic import op

revision = "shop_stock"
down_revision = "shop_notes"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("ALTER TABLE items ADD COLUMN stock INTEGER")


def downgrade():
    raise NotImplementedError
