"""When a coupon ends."""

from alembic import op

revision = "coupons_ends"
down_revision = "coupons_base"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("ALTER TABLE coupons ADD COLUMN ends VARCHAR(10)")


def downgrade():
    raise NotImplementedError
