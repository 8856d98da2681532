"""hosts as of the legacy version 8"""

import sqlalchemy as sa
from alembic import op

revision = "masakari_008"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("hosts", sa.Column("id", sa.Integer, primary_key=True))
