"""What the scripts said when they were last read, for as long as none of their files has changed.

To read a single script Alembic has to be imported, and most commands only want to know that the
database is at the heads. What writes to a database reads the scripts themselves.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from bridge.model.graph import Graph, Revision
from bridge.model.version import VERSION

if TYPE_CHECKING:
    from bridge.model.config import Config

FORMAT = 2

KEPT = 200
"""Files; of a configuration that is not read any more, nobody else removes them."""

SETTLED_SECONDS = 2.0
"""A file that was written so lately may be written again without its times telling."""

Listing = Mapping[str, Mapping[str, list[int]]]
"""For each folder its files, each with its size and the times of its content and of its inode."""


class GraphCache:
    """One file for each configuration, in the user's cache folder."""

    def __init__(self, config: Config) -> None:
        self._config = config
        name = hashlib.sha256(f"{config.root}\0{config.source}".encode()).hexdigest()[:32]
        self._file = user_cache_path("bridge") / "graphs" / f"{name}.json"

    def read(self) -> Graph | None:
        """Return the graph of all scripts; None where they have to be read."""
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
            if document["key"] == self._key() and document["files"] == look(document["files"]):
                return self._graph(document["revisions"], document["targets"])
        except (OSError, ValueError, LookupError, TypeError):
            pass  # there is none, or an older bridge wrote it
        return None

    def write(self, graph: Graph, before: Listing) -> None:
        """Keep a graph; where that cannot be, the next command reads the scripts again.

        :param before: the files as they were before they were read.
        """
        newest = max((t for f in before.values() for s in f.values() for t in s[1:]), default=0)
        settled = newest < (time.time() - SETTLED_SECONDS) * 1e9
        if not graph.revisions or not settled:
            return
        document = {
            "key": self._key(),
            "files": before,
            "revisions": [astuple(revision) for revision in graph.revisions.values()],
            "targets": None if self._config.alembic.targets == ("heads",) else graph.targets(),
        }
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = self._file.with_suffix(f".{os.getpid()}")
            new.write_text(json.dumps(document), encoding="utf-8")
            new.replace(self._file)
            self._prune()

    def _prune(self) -> None:
        """Remove all files but those that were written last."""
        with os.scandir(self._file.parent) as entries:  # another process may remove some meanwhile
            files = [(entry.stat().st_mtime_ns, entry.path) for entry in entries]
        for _time, path in sorted(files, reverse=True)[KEPT:]:
            os.unlink(path)

    def _graph(self, rows: list[list[Any]], targets: list[str] | None) -> Graph:
        revisions = [
            Revision(id, tuple(down), tuple(depends), module, tuple(labels), doc, gone, commits)
            for id, down, depends, module, labels, doc, gone, commits in rows
        ]
        config = self._config
        return Graph(revisions, off=config.off, order=tuple(config.modules), targets=targets)

    def _key(self) -> str:
        """Return what else the graph was made from."""
        modules = [
            (m.name, str(m.migrations), m.enabled, m.present, m.problem, m.label)
            for m in self._config.modules.values()
        ]
        return repr((FORMAT, VERSION, sys.version, self._config.alembic, modules))


def look(places: Iterable[str]) -> Listing:
    """Return the files in these folders as they are now; a file's path stands for that file."""
    found: dict[str, dict[str, list[int]]] = {}
    for place in places:
        found[place] = {}
        with contextlib.suppress(OSError):
            if os.path.isfile(place):
                found[place][""] = _times(os.stat(place))
                continue
            with os.scandir(place) as entries:
                found[place] = {e.name: _times(e.stat()) for e in entries if e.is_file()}
    return found


def _times(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
