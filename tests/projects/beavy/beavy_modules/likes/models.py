import sqlalchemy as sa
from beavy.models import Base


class Like(Base):
    __tablename__ = "likes"
    id = sa.Column(sa.Integer, primary_key=True)
    object_id = sa.Column(sa.ForeignKey("objects.id"))
