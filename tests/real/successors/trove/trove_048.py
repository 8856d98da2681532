"""instances as of the legacy version 48"""

import sqlalchemy as sa
from alembic import op

revision = "trove_048"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("instances", sa.Column("id", sa.Integer, primary_key=True))
