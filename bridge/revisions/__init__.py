"""The Alembic side; only this package imports Alembic.

`Revisions` reads the scripts of every branch, `Runner` runs and stamps them, `OfflineRunner` writes
what it would do as SQL, `Commands` are the developer's. `run_environment` is what an application's
``env.py`` calls.
"""

from __future__ import annotations

from bridge.revisions.commands import Commands
from bridge.revisions.environment import run_environment
from bridge.revisions.offline import OfflineRunner
from bridge.revisions.running import Runner
from bridge.revisions.scripts import Revisions

__all__ = ["Commands", "OfflineRunner", "Revisions", "Runner", "run_environment"]
