"""The plugin never had a migration; those of Alembic stand beside."""

MIGRATIONS = {}
