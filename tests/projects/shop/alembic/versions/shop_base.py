"""The shop as version 3 of the legacy repository left it."""

from alembic import op

revision = "shop_base"
down_revision = None
branch_labels = ("shop",)
depends_on = None


def upgrade():
    op.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(40), price INTEGER)")
    op.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item_id INTEGER)")


def downgrade():
    raise NotImplementedError
