"""One process of the soak: each thread does what it is given, on one database after another.

What goes wrong is printed as JSON: what a thread did, and the error.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from pathlib import Path

from bridge import Bridge, BridgeError

BESIDE_OTHERS = {
    "rehearse": {"rehearsal-refused", "plan-stale"},
    "dbupdate": {"plan-stale"},
    "plan": set(),
    "status": set(),
}
"""The errors with which a call may end because another one is at work."""


def work(root: str, tasks: list[tuple[str, str]], wrong: list[str]) -> None:
    for call, url in tasks:
        try:
            getattr(Bridge.from_config(Path(root) / "bridge.toml", url=url), call)()
        except BridgeError as error:
            if error.code not in BESIDE_OTHERS[call]:
                wrong.append(f"{call} {url}: [{error.code}] {error.message}")
        except Exception:  # noqa: BLE001 - it is what is looked for
            wrong.append(f"{call} {url}: {traceback.format_exc()}")


def main() -> None:
    given = json.load(sys.stdin)
    wrong: list[str] = []
    threads = [
        threading.Thread(target=work, args=(given["root"], tasks, wrong))
        for tasks in given["threads"]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(wrong))


if __name__ == "__main__":
    main()
