"""Databases as files of SQL: by the servers' own programs, and by bridge for SQLite."""
