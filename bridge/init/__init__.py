"""The first Alembic revisions and the configuration, made from a legacy history."""
