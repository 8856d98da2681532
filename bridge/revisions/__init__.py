"""The Alembic side; only this package imports Alembic.

`scripts.Revisions` reads the scripts of every branch, `running.Runner` runs and stamps them,
`offline.OfflineRunner` writes the same as SQL, `commands.Commands` has the developer's commands. An
application's ``env.py`` calls `run_environment`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.revisions.environment import run_environment

__all__ = ["run_environment"]


def __getattr__(name: str) -> Any:
    """Import `run_environment` on demand: it needs Alembic, which some modules here do not."""
    if name != "run_environment":
        raise AttributeError(name)
    from bridge.revisions.environment import run_environment  # imports Alembic

    return run_environment
