"""hosts can have a note"""

import sqlalchemy as sa
from alembic import op

revision = "masakari_009"
down_revision = "masakari_008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosts", sa.Column("note", sa.String(255)))
