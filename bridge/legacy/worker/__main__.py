"""Starts the worker by the path of this file, in a Python that does not have bridge.

The packages that the worker needs are imported under a private name, which stands for bridge's
folder. So their relative imports work, and no script's import can find one of their modules.
"""

from __future__ import annotations

import importlib
import os
import sys
import types

ROOT = "_bridge"


def set_path(own: str) -> None:
    """Put the runtime's own packages first into `sys.path`, then PYTHONPATH, without this folder.

    PYTHONPATH is how many apps find their own modules, but it may lead to another SQLAlchemy.
    This folder has modules of common names.
    """
    given = [os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    rest = [p for p in sys.path if os.path.abspath(p or ".") not in {own, *given}]
    sys.path[:] = rest + given


def main() -> None:
    """Serve the parent until it has no more requests."""
    own = os.path.dirname(os.path.abspath(__file__))
    set_path(own)
    # A bare module instead of bridge/__init__.py, which is the public API.
    root = sys.modules[ROOT] = types.ModuleType(ROOT)
    root.__path__ = [os.path.dirname(os.path.dirname(own))]
    importlib.import_module(f"{ROOT}.legacy.worker.serve").serve()


if __name__ == "__main__":
    main()
