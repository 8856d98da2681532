"""The Alembic side; only this package imports Alembic.

`Revisions` reads the scripts of every branch and runs, stamps and lists them.
`run_environment` is what an application's ``env.py`` calls.
"""

from bridge.revisions.environment import run_environment
from bridge.revisions.scripts import Revisions

__all__ = ["Revisions", "run_environment"]
