"""Reviews as version 2 of their legacy repository left them."""

from alembic import op

revision = "reviews_base"
down_revision = None
branch_labels = ("reviews",)
depends_on = "shop_base"


def upgrade():
    op.execute("CREATE TABLE reviews (id INTEGER PRIMARY KEY, item_id INTEGER, stars INTEGER)")


def downgrade():
    raise NotImplementedError
