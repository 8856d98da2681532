"""The format of frozen files."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from bridge.database.rendering import with_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.model.frozen import FrozenDialect, Schema

FORMAT = 2
"""The newest. Of format 1 are histories of older releases, without `FrozenVersion.commits`."""

FOLDER = "frozen"

MANIFEST = "manifest.json"

PORTED = "ported"

_MARK = "-- bridge"


def sha256(data: bytes) -> str:
    """Return the checksum of a file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def schema_sum(schema: Schema) -> str:
    """Return the checksum of a schema document."""
    return sha256(json.dumps(schema, sort_keys=True, ensure_ascii=False).encode())


# --- writing ------------------------------------------------------------------------------


def dialect_files(dialect: str, history: FrozenDialect, format: int = FORMAT) -> dict[str, bytes]:
    """Return the files of a history on one kind of database, by their paths in the repository.

    :param format: that of the sealed history to which they belong.
    """
    mark = mark_for(history)
    lines = [
        json.dumps(_line(history, version, format), ensure_ascii=False)
        for version in sorted(history.changes)
    ]
    sql = "".join(_sql_text(dialect, history, mark))
    return {
        f"{FOLDER}/{dialect}.sql": sql.encode(),
        f"{FOLDER}/{dialect}.schema.jsonl": "".join(f"{line}\n" for line in lines).encode(),
    }


def _line(history: FrozenDialect, version: int, format: int) -> dict[str, Any]:
    """Return what a version changes in the schema, and its statements where that was recorded."""
    line = {"version": version, **history.changes[version]}
    commits = history.versions[version].commits
    return line if commits is None or format == 1 else {**line, "statements": commits}


def dialect_entry(history: FrozenDialect) -> dict[str, Any]:
    """Return the manifest's entry for a history on one kind of database."""
    versions = {}
    for number, version in history.versions.items():
        found: dict[str, Any] = {"statements": version.count, "replay": version.replay}
        if version.reason is not None:
            found["reason"] = version.reason
        if version.ported:
            found["ported"] = True
        found["sha256"] = sha256("\0".join(version.statements).encode())
        found["schema"] = version.schema
        versions[str(number)] = found
    entry: dict[str, Any] = {"mark": mark_for(history), "versions": versions}
    entry["runtime"] = dict(sorted(history.runtime.items()))
    if history.error is not None:
        entry["error"] = history.error
    return entry


def mark_for(history: FrozenDialect) -> str:
    """Return the prefix of the lines between statements; no statement contains it."""
    text = "\n".join(s for version in history.versions.values() for s in version.statements)
    number = 0
    while (mark := f"{_MARK}{number or ''}:") in text:
        number += 1
    return mark


def _sql_text(dialect: str, history: FrozenDialect, mark: str) -> Iterator[str]:
    for number, version in history.versions.items():
        label = version.method if version.method != "live" else f"not replayed: {version.reason}"
        yield f"{mark} version {number} ({' '.join(label.split())})\n"
        for count, statement in enumerate(version.statements, 1):
            yield f"{mark} statement {count} of {len(version.statements)}\n"
            yield with_end(statement, dialect)


def parse_sql(text: str, mark: str) -> dict[int, tuple[str, ...]]:
    """Return the statements of each version, from the text of a ``.sql`` file.

    :raises ValueError: the text has another format.
    """
    found: dict[int, tuple[str, ...]] = {}
    version = None
    for part in re.split(rf"^{re.escape(mark)} ", text, flags=re.MULTILINE)[1:]:
        line, _, body = part.partition("\n")
        what, number = line.split()[:2]
        if what == "version":
            version = int(number)
            found[version] = ()
        elif version is None:
            raise ValueError("a statement stands before the first version")
        else:
            found[version] = (*found[version], _unended(body))
    return found


def _unended(body: str) -> str:
    if body.startswith("DELIMITER ;;\n"):
        return body.removeprefix("DELIMITER ;;\n").removesuffix("\n;;\nDELIMITER ;\n")
    if body.endswith("\n;\n"):
        return body[:-3]
    if not body.endswith(";\n"):
        raise ValueError("a statement has no end")
    return body[:-2]
