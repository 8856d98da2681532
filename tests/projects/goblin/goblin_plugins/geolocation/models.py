import sqlalchemy as sa
from goblin.models import Base


class Location(Base):
    __tablename__ = "geolocation__locations"
    id = sa.Column(sa.Integer, primary_key=True)
    place = sa.Column(sa.Unicode(80))
    altitude = sa.Column(sa.Integer)


MODELS = [Location]
