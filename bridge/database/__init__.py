"""Everything that is asked of a database, whatever its migrations are."""
