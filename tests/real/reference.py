"""sqlalchemy-migrate alone, for comparison: its own API on a database. Runs in the legacy runtime.

Standard input has {"url", "pythonpath", "setup", "repository"} and "version" (null for the
last one) as JSON: the password of the URL must not be in the arguments. With "warm", all versions
run on another database before. Standard output has the seconds of the upgrade.
"""

from __future__ import annotations

import importlib
import json
import sys
import time


def main() -> None:
    request = json.load(sys.stdin)
    sys.path[:0] = request["pythonpath"]

    import sqlalchemy
    from migrate.versioning import api

    engine = sqlalchemy.create_engine(request["url"])
    if request["setup"]:
        module, _, function = request["setup"].partition(":")
        getattr(importlib.import_module(module), function)(engine)
    if request["warm"]:
        other = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
        api.version_control(other, request["repository"])
        api.upgrade(other, request["repository"])
        engine.connect().close()
    begun = time.perf_counter()
    api.upgrade(engine, request["repository"], request["version"])
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    main()
