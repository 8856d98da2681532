"""The two streams between the worker and its parent, one JSON object a line."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import Any


class Channel:
    """The protocol's two streams, which scripts neither print to nor read from."""

    def __init__(self) -> None:
        # How many requests came in, were received, are done. One thread writes each.
        self.taken = self.received = self.done = 0
        self.requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.lock = threading.Lock()
        # Scripts print to standard output and read standard input. They get other ones.
        self.output = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self.input = os.fdopen(os.dup(0), "r", encoding="utf-8")
        os.dup2(2, 1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        for stream in (sys.stdout, sys.stderr):
            # No script fails for a letter that the locale lacks; nothing is lost in a crash.
            stream.reconfigure(  # type: ignore[union-attr]
                encoding="utf-8", errors="backslashreplace", line_buffering=True
            )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.input:
            self.taken += 1
            self.requests.put(json.loads(line))
        if self.taken > self.done:
            end_at_once()  # the parent was killed: write nothing more
        self.requests.put(None)

    def receive(self) -> dict[str, Any] | None:
        """Return the next request, or None when there are no more. Those before it are done."""
        self.done = self.received
        request = self.requests.get()
        self.received += 1
        return request

    def send(self, event: str, **values: Any) -> None:
        """Tell the parent of an event."""
        with self.lock:  # scripts start threads
            self.output.write(json.dumps({"event": event, **values}) + "\n")
            self.output.flush()


def end_at_once() -> None:
    """End this process, and those that scripts started, without another statement."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(3)
