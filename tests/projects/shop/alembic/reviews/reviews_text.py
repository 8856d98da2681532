"""What people wrote."""

from alembic import op

revision = "reviews_text"
down_revision = "reviews_base"
branch_labels = None
depends_on = "shop_notes"


def upgrade():
    op.execute("ALTER TABLE reviews ADD COLUMN text VARCHAR(200)")


def downgrade():
    raise NotImplementedError
