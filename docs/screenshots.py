"""Makes the pictures in docs/images: the page of `bridge check`, on a desk and on a phone.

Usage: python docs/screenshots.py

What the page shows is an outcome for the sample that is made by hand: only a change of the page, or
of Chromium, changes the pictures. No test compares them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from support.browser import BrowserMissingError, browser  # noqa: E402 (of the tests)
from support.checks import green  # noqa: E402

from bridge.output.html import page  # noqa: E402

SIZES = {"check": (1000, 900), "check-phone": (390, 844)}
"""The name of each picture, and the size of its window in pixels."""


def main() -> int:
    """Write the pictures; returns the exit status."""
    images = DOCS / "images"
    images.mkdir(exist_ok=True)
    try:
        with browser() as chromium, tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "check.html"
            file.write_text(page(green()), encoding="utf-8")
            for name, (width, height) in SIZES.items():
                window = chromium.new_page(viewport={"width": width, "height": height})
                window.goto(file.as_uri())
                window.screenshot(path=images / f"{name}.png")
                print(f"docs/images/{name}.png written")
    except BrowserMissingError as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
