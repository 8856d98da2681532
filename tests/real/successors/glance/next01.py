"""images can be hidden"""

import sqlalchemy as sa
from alembic import op

revision = "next01"
down_revision = "ocata_contract01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    hidden = sa.Column("os_hidden", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("images", hidden)
    op.create_index("os_hidden_image_idx", "images", ["os_hidden"])
