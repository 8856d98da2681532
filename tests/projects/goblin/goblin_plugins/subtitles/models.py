import sqlalchemy as sa
from goblin.models import Base


class Language(Base):
    __tablename__ = "subtitles__languages"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Unicode(40))


MODELS = [Language]

FOUNDATIONS = {Language: [{"name": "Esperanto"}]}
