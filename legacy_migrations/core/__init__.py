"""The sqlalchemy-migrate repository "core" of the sample gallery; closed, Alembic goes on."""
