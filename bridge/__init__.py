"""bridge: takes a database under sqlalchemy-migrate to the Alembic heads, in one command."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bridge.model.version import VERSION

if TYPE_CHECKING:
    from bridge.api import Bridge
    from bridge.model.errors import BridgeError
    from bridge.model.results import Report
    from bridge.model.state import State
    from bridge.model.steps import Plan
    from bridge.revisions.modules import Module

__all__ = ["Bridge", "BridgeError", "Module", "Plan", "Report", "State", "__version__"]

__version__ = VERSION

_MODULES = {
    "Bridge": "bridge.api",
    "BridgeError": "bridge.model.errors",
    "Module": "bridge.revisions.modules",
    "Plan": "bridge.model.steps",
    "Report": "bridge.model.results",
    "State": "bridge.model.state",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: SQLAlchemy, which most of them need, takes 0.2 s."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
