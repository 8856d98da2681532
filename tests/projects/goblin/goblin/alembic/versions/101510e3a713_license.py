"""Media have a license."""

import sqlalchemy as sa
from alembic import op

revision = "101510e3a713"
down_revision = "52bf0ccbedc1"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("core__media_entries", sa.Column("license", sa.Unicode(40)))


def downgrade():
    op.drop_column("core__media_entries", "license")
