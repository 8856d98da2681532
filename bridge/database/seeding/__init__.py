"""Generated rows for the tables of any database."""
