"""bridge: takes a database under sqlalchemy-migrate to the Alembic heads, in one command."""

from importlib.metadata import version

from bridge.api import Bridge
from bridge.model.errors import BridgeError
from bridge.model.results import Report
from bridge.model.state import State
from bridge.model.steps import Plan
from bridge.revisions.modules import Module

__all__ = ["Bridge", "BridgeError", "Module", "Plan", "Report", "State", "__version__"]
__version__ = version("bridge")
