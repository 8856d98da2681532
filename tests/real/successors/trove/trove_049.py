"""instances can have a note"""

import sqlalchemy as sa
from alembic import op

revision = "trove_049"
down_revision = "trove_048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("note", sa.String(255)))
