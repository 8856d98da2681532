import sqlalchemy as sa
from beavy.models import Base


class ExtractedLink(Base):
    __tablename__ = "extracted_links"
    id = sa.Column(sa.Integer, primary_key=True)
    object_id = sa.Column(sa.ForeignKey("objects.id"))
