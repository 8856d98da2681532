"""Stands in for iso8601 where revisions run; the legacy runtime has the real one."""
