"""bridge: takes a database under sqlalchemy-migrate to the Alembic heads, in one command."""

from importlib.metadata import version

from bridge.dbupdate import Bridge
from bridge.errors import BridgeError
from bridge.model import Plan, Report, State
from bridge.modules import Module

__all__ = ["Bridge", "BridgeError", "Module", "Plan", "Report", "State", "__version__"]
__version__ = version("bridge")
