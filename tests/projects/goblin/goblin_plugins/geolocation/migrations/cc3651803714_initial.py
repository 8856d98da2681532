"""The plugin geolocation."""

import sqlalchemy as sa
from alembic import op

revision = "cc3651803714"
down_revision = "52bf0ccbedc1"
branch_labels = ("geolocation_plugin",)
depends_on = None


def upgrade():
    if sa.inspect(op.get_bind()).has_table("geolocation__locations"):
        return  # an old database, whose own migrations made it
    op.create_table(
        "geolocation__locations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("place", sa.Unicode(80)),
        sa.Column("altitude", sa.Integer),
    )


def downgrade():
    op.drop_table("geolocation__locations")
