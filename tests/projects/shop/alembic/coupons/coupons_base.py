"""Coupons: younger than the move to Alembic."""

from alembic import op

revision = "coupons_base"
down_revision = None
branch_labels = ("coupons",)
depends_on = "shop_base"


def upgrade():
    op.execute("CREATE TABLE coupons (id INTEGER PRIMARY KEY, code VARCHAR(20))")


def downgrade():
    raise NotImplementedError
