"""sqlalchemy-migrate alone, for comparison: its own API on a database. Runs in the legacy runtime.

Standard input has {"url", "pythonpath", "setup", "repository"} and "version" (null for the
last one) as JSON: the password of the URL must not be in the arguments.
"""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    request = json.load(sys.stdin)
    sys.path[:0] = request["pythonpath"]

    import sqlalchemy
    from migrate.versioning import api

    engine = sqlalchemy.create_engine(request["url"])
    if request["setup"]:
        module, _, function = request["setup"].partition(":")
        getattr(importlib.import_module(module), function)(engine)
    api.upgrade(engine, request["repository"], request["version"])


if __name__ == "__main__":
    main()
