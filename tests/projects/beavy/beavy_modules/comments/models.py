import sqlalchemy as sa
from beavy.models import Base


class Comment(Base):
    __tablename__ = "comments"
    id = sa.Column(sa.Integer, primary_key=True)
    object_id = sa.Column(sa.ForeignKey("objects.id"))
