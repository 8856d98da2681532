"""Debian's Chromium, without a window, for tests and for the pictures in the documentation.

`python tests/browser.py missing` prints its name if this machine lacks it; that needs nothing but
the standard library.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from typing import Any

# The first of these that is there; Debian's names first. Its "shell" is smaller and has no window.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Root has no sandbox, and a container little shared memory. Nothing but the page is to be fetched.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


class BrowserMissingError(Exception):
    """There is no Chromium, or no Playwright to drive it with."""


def program() -> str:
    """The path of a Chromium; raises BrowserMissingError."""
    for name in PROGRAMS:
        path = shutil.which(name)
        if path:
            return path
    raise BrowserMissingError("Chromium is not installed")


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A running Chromium, as Playwright's object; raises BrowserMissingError."""
    path = program()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BrowserMissingError("Playwright is not installed") from None
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


if __name__ == "__main__":
    if sys.argv[1:] != ["missing"]:
        sys.exit(__doc__)
    try:
        program()
    except BrowserMissingError:
        print("Chromium")
