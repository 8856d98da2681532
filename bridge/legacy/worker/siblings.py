"""The imports of a repository's scripts from beside themselves."""

from __future__ import annotations

import os
import sys
from typing import Any


class Siblings:
    """The files beside each repository's scripts, which these import by their bare names.

    Two repositories may have files of the same names. Each sees only its own.
    """

    def __init__(self, repositories: dict[str, Any]) -> None:
        self.paths = {
            name: os.path.abspath(spec["path"])
            for name, spec in repositories.items()
            if spec["path"] is not None
        }
        self.inside: str | None = None
        self.folders: list[str] = []
        self.modules: dict[str, dict[str, Any]] = {}

    def enter(self, name: str) -> None:
        """Let imports find the files of one repository, and no longer those of the last."""
        if name == self.inside:
            return
        if self.inside is not None:
            self.leave(self.inside)
        self.inside = name
        path = self.paths.get(name)  # a registry is a package's own, found as any other
        own = (path, os.path.join(path, "versions")) if path else ()
        self.folders = [folder for folder in own if folder not in sys.path]
        # At the end: they hide nothing that is installed.
        sys.path.extend(self.folders)
        sys.modules.update(self.modules.get(name, {}))

    def leave(self, name: str) -> None:
        """Put aside what has been imported from a repository's files."""
        self.modules[name] = {
            key: module for key, module in list(sys.modules.items()) if lies_in(key, self.folders)
        }
        for key in self.modules[name]:
            del sys.modules[key]
        for folder in self.folders:
            if folder in sys.path:  # a script may have taken it out
                sys.path.remove(folder)


def lies_in(name: str, folders: list[str]) -> bool:
    """Return whether the module, or the package that it belongs to, stands directly in a folder."""
    file = getattr(sys.modules.get(name.partition(".")[0]), "__file__", None)
    if not file:
        return False
    place = os.path.dirname(os.path.abspath(file))
    if os.path.basename(file).startswith("__init__."):
        place = os.path.dirname(place)
    return place in folders
