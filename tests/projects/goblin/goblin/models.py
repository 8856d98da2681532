import sqlalchemy as sa
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class User(Base):
    __tablename__ = "core__users"
    id = sa.Column(sa.Integer, primary_key=True)
    username = sa.Column(sa.Unicode(80), nullable=False)
    email = sa.Column(sa.Unicode(80))


class MediaEntry(Base):
    __tablename__ = "core__media_entries"
    id = sa.Column(sa.Integer, primary_key=True)
    uploader = sa.Column(sa.Integer)
    title = sa.Column(sa.Unicode(200))
    license = sa.Column(sa.Unicode(40))


class Comment(Base):
    __tablename__ = "core__media_comments"
    id = sa.Column(sa.Integer, primary_key=True)
    media_entry = sa.Column(sa.Integer)
    content = sa.Column(sa.UnicodeText)


class Privilege(Base):
    __tablename__ = "core__privileges"
    id = sa.Column(sa.Integer, primary_key=True)
    privilege_name = sa.Column(sa.Unicode(40))


class MigrationData(Base):
    __tablename__ = "core__migrations"
    name = sa.Column(sa.Unicode(100), primary_key=True)
    version = sa.Column(sa.Integer, nullable=False)


MODELS = [User, MediaEntry, Comment, Privilege, MigrationData]

FOUNDATIONS = {Privilege: [{"privilege_name": "admin"}, {"privilege_name": "uploader"}]}
