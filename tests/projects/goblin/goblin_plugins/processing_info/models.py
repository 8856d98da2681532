import sqlalchemy as sa
from goblin.models import Base


class Info(Base):
    __tablename__ = "processing__info"
    id = sa.Column(sa.Integer, primary_key=True)
    seconds = sa.Column(sa.Integer)


MODELS = [Info]
