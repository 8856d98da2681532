"""builders as of the legacy version 58"""

import sqlalchemy as sa
from alembic import op

revision = "058"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("builders", sa.Column("id", sa.Integer, primary_key=True))
