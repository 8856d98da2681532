"""The Alembic side; only this package imports Alembic.

`scripts.Revisions` reads the scripts of every branch, `running.Runner` runs and stamps them,
`offline.OfflineRunner` writes what it would do as SQL, `commands.Commands` are the developer's.
`run_environment` is what an application's ``env.py`` calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.revisions.environment import run_environment

__all__ = ["run_environment"]


def __getattr__(name: str) -> Any:
    """Import `run_environment` when it is asked for: it needs Alembic, the modules beside not."""
    if name != "run_environment":
        raise AttributeError(name)
    from bridge.revisions.environment import run_environment

    return run_environment
