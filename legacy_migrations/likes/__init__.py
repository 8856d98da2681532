"""The sqlalchemy-migrate repository "likes" of the sample gallery; closed, Alembic goes on."""
