"""The frozen history of a legacy repository: what `bridge freeze` has recorded and sealed.

Its files are in the folder ``frozen/`` of the repository:

- ``manifest.json``: the checksum of every file of the repository, and what was recorded of each
  version on each kind of database;
- ``sqlite.sql``, ``postgresql.sql``, ``mysql.sql``: the statements that each version emits;
- ``sqlite.schema.jsonl`` and so on: how each version changes the schema, one line per version;
- ``ported/NNN.py``: the developer's ports of versions that cannot be replayed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bridge.database.servers import family
from bridge.legacy.frozen.format import FOLDER, FORMAT, MANIFEST, PORTED, parse_sql, sha256
from bridge.model.errors import SealBrokenError
from bridge.model.frozen import FrozenDialect, FrozenVersion
from bridge.model.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Files that Python, editors and version control leave in a folder.
_NOT_SEALED = re.compile(r"(^|/)(__pycache__/|\.[^/]+(/|$))|\.py[co]$|~$")


# --- files --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frozen:
    """A sealed history.

    :param home: the repository's folder.
    :param files: the checksum of each of its files, by their paths in the folder.
    :param entries: the manifest's entry for each kind of database.
    :param format: that of the files.
    """

    home: Path
    repository_id: str
    first: int
    last: int
    files: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]]
    format: int = FORMAT
    _read: dict[str, FrozenDialect] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def dialects(self) -> tuple[str, ...]:
        """The kinds of database on which it was recorded."""
        return tuple(sorted(self.entries))

    def on(self, dialect: str) -> FrozenDialect | None:
        """Return the history on a kind of database, None if it was not recorded there.

        :raises SealBrokenError: its files do not match the manifest.
        """
        dialect = family(dialect)
        if dialect not in self.entries:
            return None
        if dialect not in self._read:
            self._read[dialect] = self._parse(dialect)
        return self._read[dialect]

    def _parse(self, dialect: str) -> FrozenDialect:
        entry = self.entries[dialect]
        folder = self.home / FOLDER
        try:
            text = (folder / f"{dialect}.sql").read_bytes().decode("utf-8")
            lines = (folder / f"{dialect}.schema.jsonl").read_bytes().decode("utf-8").split("\n")
            statements = parse_sql(text, entry["mark"])
            changes, commits = {}, {}
            for line in filter(None, lines):
                change = json.loads(line)
                number, of_statements = change.pop("version"), change.pop("statements", None)
                changes[number] = change
                if of_statements is not None:
                    commits[number] = {int(n): found for n, found in of_statements.items()}
            versions = {
                int(number): FrozenVersion(
                    replay=found["replay"],
                    reason=found.get("reason"),
                    ported=found.get("ported", False),
                    statements=statements.get(int(number), ()),
                    count=found["statements"],
                    schema=found["schema"],
                    commits=commits.get(int(number)),
                )
                for number, found in entry["versions"].items()
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _broken(self.home, [f"{FOLDER}/{dialect}.sql or its schema: {error}"]) from None
        return FrozenDialect(
            dict(sorted(versions.items())), changes, entry.get("error"), entry["runtime"]
        )

    def ported(self, version: int) -> Path:
        """Return the file of the developer's port of a version."""
        return ported_file(self.home, version)


def ported_file(home: Path, version: int) -> Path:
    """Return the file of the port of a version of the repository in `home`."""
    return home / FOLDER / PORTED / f"{version:03}.py"


def read_frozen(home: Path | None) -> Frozen | None:
    """Return the frozen history of the repository in a folder, None if there is none.

    :raises SealBrokenError: the manifest is damaged, or gone while other files of it are there.
    """
    if home is None:
        return None
    path = home / FOLDER / MANIFEST
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if any(path.parent.glob("*.schema.jsonl")):
            raise _broken(home, [f"{FOLDER}/{MANIFEST} is missing"]) from None
        return None
    except OSError as error:
        problem = f"{FOLDER}/{MANIFEST} cannot be read: {error.strerror}"
        raise _broken(home, [problem]) from None
    try:
        document = json.loads(text)
        seal = document.pop("seal")
        if document["format"] not in range(1, FORMAT + 1):
            raise SealBrokenError(
                f"{path} has format {document['format']}; this release of bridge reads formats up "
                f"to {FORMAT}.",
                help="Use a newer release of bridge.",
            )
        if seal != _seal(document):
            raise ValueError
        return Frozen(
            home, document["repository_id"], document["first"], document["last"],
            document["files"],
            document["databases"],
            document["format"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _broken(home, [f"{FOLDER}/{MANIFEST} was changed"]) from None


def check_seal(frozen: Frozen) -> None:
    """Check that every file of the repository is as it was when it was sealed.

    :raises SealBrokenError: files were changed, deleted or added; the message names them.
    """
    now, problems = checksums(frozen.home), []
    for name in sorted({*now, *frozen.files}):
        if name not in now:
            problems.append(f"{name} is missing")
        elif name not in frozen.files:
            problems.append(f"{name} was added")
        elif now[name] != frozen.files[name]:
            data = (frozen.home / name).read_bytes().replace(b"\r\n", b"\n")
            endings = sha256(data) == frozen.files[name]
            problems.append(
                f"{name} has different line endings" if endings else f"{name} was changed"
            )
    if problems:
        raise _broken(frozen.home, problems)


def _broken(home: Path, problems: list[str]) -> SealBrokenError:
    shown = problems[:10] + ([f"and {len(problems) - 10} more"] if len(problems) > 10 else [])
    help = [
        Remedy("Restore the files from the app's version control or its package."),
        Remedy("If they were changed on purpose, seal them again", ("freeze", "--update", "NAME")),
    ]
    if any("line endings" in problem for problem in problems):
        help.append(
            Remedy(
                "To make git keep line endings, add to .gitattributes: legacy_migrations/** -text"
            )
        )
    return SealBrokenError(
        f"The frozen legacy history {home} is not what was sealed: {'; '.join(shown)}.", help=help
    )


def checksums(home: Path) -> dict[str, str]:
    """Return the checksum of each file of a repository except the manifest, by its path in it.

    Links are followed: what is behind them runs, too.
    """
    found = {}
    for path in sorted(_files(home, frozenset())):
        name = path.relative_to(home).as_posix()
        if name != f"{FOLDER}/{MANIFEST}" and not _NOT_SEALED.search(name):
            found[name] = sha256(path.read_bytes())
    return found


def _files(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Yield the files of a folder; a link to a folder above it leads nowhere new."""
    real = folder.resolve()
    if real in above:
        return
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path, above | {real})
        elif path.is_file():
            yield path


def _seal(document: Mapping[str, Any]) -> str:
    return sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode())


def manifest(frozen: Frozen) -> bytes:
    """Return the contents of the file that seals a history."""
    document = {
        "format": frozen.format,
        "repository_id": frozen.repository_id,
        "first": frozen.first,
        "last": frozen.last,
        "files": dict(sorted(frozen.files.items())),
        "databases": dict(sorted(frozen.entries.items())),
    }
    return (
        json.dumps({**document, "seal": _seal(document)}, indent=1, ensure_ascii=False) + "\n"
    ).encode()
