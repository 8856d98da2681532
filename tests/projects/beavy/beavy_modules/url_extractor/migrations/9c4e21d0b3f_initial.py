"""The module url_extractor."""

import sqlalchemy as sa
from alembic import op

revision = "9c4e21d0b3f"
down_revision = None
branch_labels = ("url_extractor",)
depends_on = "242c2fd98af"


def upgrade():
    op.create_table(
        "extracted_links",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("object_id", sa.Integer, sa.ForeignKey("objects.id")),
    )


def downgrade():
    op.drop_table("extracted_links")
