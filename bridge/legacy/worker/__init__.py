"""The process in which legacy scripts run, in a Python that does not have bridge.

`__main__` starts it, and `serve` describes the protocol. Only this package imports
sqlalchemy-migrate. It imports nothing of bridge but, by relative imports, itself, `database.guard`,
`database.sql` and `database.journal.statements`. All of these keep to what Python 3.7 has:
`legacy_python` may be as old as the app.
"""
