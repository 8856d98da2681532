"""images as of the legacy version 45"""

import sqlalchemy as sa
from alembic import op

revision = "ocata_contract01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(255)),
        sa.Column("visibility", sa.String(9), nullable=False, server_default="shared"),
        sa.Column("min_disk", sa.Integer, nullable=False),
    )
