"""The frozen history of a legacy repository: what `bridge freeze` has recorded and sealed.

Beside the repository's own files, in ``frozen/``:

- ``manifest.json``: checksums of every file of the repository, and what is known of each version
  on each database;
- ``sqlite.sql``, ``postgresql.sql``, ``mysql.sql``: what each version emits;
- ``sqlite.schema.jsonl`` and so on: what each version makes of the schema, a line a version;
- ``ported/NNN.py``: versions that the developer has written anew, because they cannot be replayed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from bridge.drift import compare, like
from bridge.errors import SealBrokenError
from bridge.model import Difference, Nearest

FORMAT = 1
FOLDER = "frozen"
MANIFEST = "manifest.json"
PORTED = "ported"

Schema = Mapping[str, Mapping[str, Any]]
"""A schema document: kinds of things, such as ``tables``; of each, the things by their names."""

# What Python, editors and version control leave in a folder.
_NOT_SEALED = re.compile(r"(^|/)(__pycache__/|\.[^/]+(/|$))|\.py[co]$|~$")
_MARK = "-- bridge"


@dataclass(frozen=True)
class FrozenVersion:
    """One version on one database.

    :param replay: whether its statements do what the script does, whatever the rows are.
    :param reason: why not, else None.
    :param ported: whether the developer's own function does what the script does.
    :param statements: what the script emits, in order, where that can be replayed.
    :param count: how many statements it emits on a database without rows.
    :param schema: the checksum of the schema document after it.
    """

    replay: bool
    reason: str | None
    ported: bool
    statements: tuple[str, ...]
    count: int
    schema: str

    @property
    def how(self) -> Literal["live", "replay", "ported"]:
        """The best way to run it: ``replay``, ``ported`` or ``live``."""
        return "replay" if self.replay else "ported" if self.ported else "live"


@dataclass(frozen=True)
class FrozenDialect:
    """A history on one database.

    :param versions: by their numbers, ascending, as far as the scripts run there.
    :param changes: of each version, the things of the schema that it changes, whole; None for one
        that it takes away.
    :param error: why the next version does not run there; None where all do.
    :param runtime: what it was recorded with: names of packages, and their versions.
    """

    versions: Mapping[int, FrozenVersion]
    changes: Mapping[int, Mapping[str, Mapping[str, Any]]]
    error: str | None = None
    runtime: Mapping[str, str] = field(default_factory=dict)

    @property
    def last(self) -> int | None:
        """The last version that runs there, None where none does."""
        return max(self.versions, default=None)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables that any version has."""
        return frozenset(t for change in self.changes.values() for t in change.get("tables", {}))

    def schema_at(self, version: int) -> Schema:
        """The schema document after a version: that of all versions up to it, folded."""
        return fold(self.changes[n] for n in sorted(self.changes) if n <= version)


def fold(changes: Iterable[Mapping[str, Mapping[str, Any]]]) -> Schema:
    """The schema document that comes of changes, one after the other."""
    found: dict[str, dict[str, Any]] = {}
    for change in changes:
        for kind, things in change.items():
            for name, thing in things.items():
                if thing is None:
                    found.get(kind, {}).pop(name, None)
                else:
                    found.setdefault(kind, {})[name] = thing
    found.setdefault("tables", {})
    return {
        kind: dict(sorted(things.items()))
        for kind, things in sorted(found.items())
        if things or kind == "tables"
    }


def changed(before: Schema, after: Schema) -> dict[str, dict[str, Any]]:
    """The things that differ, as they are after; None for those that are gone."""
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted({*before, *after}):
        old, new = before.get(kind, {}), after.get(kind, {})
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                found.setdefault(kind, {})[name] = new.get(name)
    return found


def drift(history: FrozenDialect, version: int, found: Schema) -> tuple[Difference, ...]:
    """In what a schema differs from that of a version; tables that no version knows do not count.

    A table that another version has, and this one has not, is no addition of the administrator's.
    """
    expected = history.schema_at(version)
    tables = {n: t for n, t in found.get("tables", {}).items() if n in history.tables}
    differences = compare(expected, {**like(expected, found), "tables": tables})
    return tuple(replace(d, own=False) if d.what == "table" else d for d in differences)


def nearest(name: str, history: FrozenDialect, found: Schema) -> Nearest | None:
    """The version that a schema is most like, the last of several.

    None where no table is there that the history knows.
    """
    if not history.tables & {*found.get("tables", {})}:
        return None
    drifts = {version: drift(history, version, found) for version in history.versions}

    def distance(version: int) -> tuple[int, int, int]:
        found = drifts[version]
        return sum(not d.own for d in found), len(found), -version

    best = min(drifts, key=distance)
    return Nearest(name, best, drifts[best])


# --- files --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frozen:
    """A sealed history.

    :param home: the repository's folder.
    :param files: the checksum of each of its files, by their paths in it.
    :param entries: what the manifest says of each database.
    """

    home: Path
    repository_id: str
    first: int
    last: int
    files: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]]
    _read: dict[str, FrozenDialect] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def dialects(self) -> tuple[str, ...]:
        """The databases on which it was recorded."""
        return tuple(sorted(self.entries))

    def on(self, dialect: str) -> FrozenDialect | None:
        """The history on a database, None where it was not recorded there.

        :raises SealBrokenError: its files do not fit the manifest.
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
            changes = {}
            for line in filter(None, lines):
                change = json.loads(line)
                changes[change.pop("version")] = change
            versions = {
                int(number): FrozenVersion(
                    replay=found["replay"],
                    reason=found.get("reason"),
                    ported=found.get("ported", False),
                    statements=statements.get(int(number), ()),
                    count=found["statements"],
                    schema=found["schema"],
                )
                for number, found in entry["versions"].items()
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _broken(self.home, [f"{FOLDER}/{dialect}.sql or its schema: {error}"]) from None
        return FrozenDialect(
            dict(sorted(versions.items())), changes, entry.get("error"), entry["runtime"]
        )

    def ported(self, version: int) -> Path:
        """The file in which the developer has written a version anew."""
        return ported_file(self.home, version)


def ported_file(home: Path, version: int) -> Path:
    """Where the developer writes a version of the repository in `home` anew."""
    return home / FOLDER / PORTED / f"{version:03}.py"


def family(dialect: str) -> str:
    """What a dialect is called in frozen histories: MariaDB's is MySQL's."""
    return "mysql" if dialect == "mariadb" else dialect


def read_frozen(home: Path | None) -> Frozen | None:
    """The frozen history of the repository in a folder, None where there is none.

    :raises SealBrokenError: the manifest is damaged.
    """
    if home is None:
        return None
    path = home / FOLDER / MANIFEST
    try:
        text = path.read_bytes()
    except OSError:
        return None
    try:
        document = json.loads(text)
        seal = document.pop("seal")
        if document["format"] != FORMAT:
            raise SealBrokenError(
                f"{path} has the format {document['format']}, and this bridge knows {FORMAT}.",
                help="Use a newer release of bridge.",
            )
        if seal != _seal(document):
            raise ValueError
        return Frozen(
            home, document["repository_id"], document["first"], document["last"],
            document["files"],
            document["databases"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _broken(home, [f"{FOLDER}/{MANIFEST} was changed"]) from None


def check_seal(frozen: Frozen) -> None:
    """Make sure that every file of the repository is what it was when it was sealed.

    :raises SealBrokenError: one was changed, is gone or has come; the message names each.
    """
    now, problems = checksums(frozen.home), []
    for name in sorted({*now, *frozen.files}):
        if name not in now:
            problems.append(f"{name} is gone")
        elif name not in frozen.files:
            problems.append(f"{name} was added")
        elif now[name] != frozen.files[name]:
            data = (frozen.home / name).read_bytes().replace(b"\r\n", b"\n")
            ends = _sum(data) == frozen.files[name]
            problems.append(f"{name} has other line ends" if ends else f"{name} was changed")
    if problems:
        raise _broken(frozen.home, problems)


def _broken(home: Path, problems: list[str]) -> SealBrokenError:
    shown = problems[:10] + ([f"and {len(problems) - 10} more"] if len(problems) > 10 else [])
    help = (
        "Put the files back as they were, from the app's version control or its package. Who has "
        "changed them on purpose seals them anew: bridge freeze --update NAME"
    )
    if any("line ends" in problem for problem in problems):
        help += ". Against other line ends, let .gitattributes say: legacy_migrations/** -text"
    return SealBrokenError(
        f"The frozen legacy history {home} is not what was sealed: {'; '.join(shown)}.", help=help
    )


def checksums(home: Path) -> dict[str, str]:
    """The checksum of each file of a repository, but the manifest, by their paths in it."""
    found = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if name != f"{FOLDER}/{MANIFEST}" and not _NOT_SEALED.search(name) and path.is_file():
            found[name] = _sum(path.read_bytes())
    return found


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _seal(document: Mapping[str, Any]) -> str:
    return _sum(json.dumps(document, sort_keys=True, ensure_ascii=False).encode())


def schema_sum(schema: Schema) -> str:
    """The checksum of a schema document."""
    return _sum(json.dumps(schema, sort_keys=True, ensure_ascii=False).encode())


# --- what a freeze has found ---------------------------------------------------------------


@dataclass
class Recorded:
    """A version as it was recorded: the seconds that its script took, and what runs instead.

    `statements` are those that it emitted on a database without rows, also where these cannot be
    replayed; then they are not sealed: they may be others the next time.
    """

    dialect: str
    repository: str
    version: int
    history: FrozenVersion
    live: float
    seconds: float | None = None
    statements: tuple[str, ...] = ()


@dataclass
class Recording:
    """What was recorded on one kind of database: the versions of every repository, in order."""

    dialect: str
    versions: list[Recorded] = field(default_factory=list)
    changes: dict[str, dict[int, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    runtime: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unfilled: dict[str, str] = field(default_factory=dict)

    def history(self, repository: str) -> FrozenDialect:
        """The history of one repository on this database."""
        versions = {v.version: v.history for v in self.versions if v.repository == repository}
        return FrozenDialect(
            versions,
            self.changes.get(repository, {}),
            self.errors.get(repository),
            self.runtime,
        )


@dataclass(frozen=True)
class Sealed:
    """What a freeze has made of one repository.

    :param outcome: ``new``, ``changed`` or ``unchanged``.
    :param changes: the files that are other ones than before.
    """

    repository: str
    outcome: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Freeze:
    """The outcome of `bridge freeze`: what was recorded on each database, and what was sealed."""

    recordings: tuple[Recording, ...]
    sealed: tuple[Sealed, ...]


# --- writing ------------------------------------------------------------------------------


def dialect_files(dialect: str, history: FrozenDialect) -> dict[str, bytes]:
    """The files of a history on one database, by their paths in the repository."""
    mark = mark_for(history)
    lines = [
        json.dumps({"version": version, **history.changes[version]}, ensure_ascii=False)
        for version in sorted(history.changes)
    ]
    sql = "".join(_sql_text(dialect, history, mark))
    return {
        f"{FOLDER}/{dialect}.sql": sql.encode(),
        f"{FOLDER}/{dialect}.schema.jsonl": "".join(f"{line}\n" for line in lines).encode(),
    }


def dialect_entry(history: FrozenDialect) -> dict[str, Any]:
    """What the manifest says of a history on one database."""
    versions = {}
    for number, version in history.versions.items():
        found: dict[str, Any] = {"statements": version.count, "replay": version.replay}
        if version.reason is not None:
            found["reason"] = version.reason
        if version.ported:
            found["ported"] = True
        found["sha256"] = _sum("\0".join(version.statements).encode())
        found["schema"] = version.schema
        versions[str(number)] = found
    entry: dict[str, Any] = {"mark": mark_for(history), "versions": versions}
    entry["runtime"] = dict(sorted(history.runtime.items()))
    if history.error is not None:
        entry["error"] = history.error
    return entry


def manifest(frozen: Frozen) -> bytes:
    """The file that seals a history."""
    document = {
        "format": FORMAT,
        "repository_id": frozen.repository_id,
        "first": frozen.first,
        "last": frozen.last,
        "files": dict(sorted(frozen.files.items())),
        "databases": dict(sorted(frozen.entries.items())),
    }
    return (
        json.dumps({**document, "seal": _seal(document)}, indent=1, ensure_ascii=False) + "\n"
    ).encode()


def mark_for(history: FrozenDialect) -> str:
    """The begin of a line between statements: one that no statement has in it."""
    text = "\n".join(s for version in history.versions.values() for s in version.statements)
    number = 0
    while (mark := f"{_MARK}{number or ''}:") in text:
        number += 1
    return mark


# A body with semicolons of its own, which MySQL's client would take for ends.
_BODY = re.compile(
    r"\s*CREATE\s+(OR\s+REPLACE\s+)?(DEFINER\s*=\s*\S+\s+)?(AGGREGATE\s+)?"
    r"(TRIGGER|PROCEDURE|FUNCTION|EVENT)\b",
    re.IGNORECASE,
)


def _sql_text(dialect: str, history: FrozenDialect, mark: str) -> Iterator[str]:
    for number, version in history.versions.items():
        how = version.how if version.how != "live" else f"not replayed: {version.reason}"
        yield f"{mark} version {number} ({' '.join(how.split())})\n"
        for count, statement in enumerate(version.statements, 1):
            yield f"{mark} statement {count} of {len(version.statements)}\n"
            yield ended(dialect, statement)


def ended(dialect: str, statement: str) -> str:
    """A statement as the database's own client reads it, with its end."""
    if dialect == "mysql" and _BODY.match(statement) and ";" in statement:
        return f"DELIMITER ;;\n{statement}\n;;\nDELIMITER ;\n"
    if "--" in statement.rpartition("\n")[2]:  # it may end with a comment
        return f"{statement}\n;\n"
    return f"{statement};\n"


def parse_sql(text: str, mark: str) -> dict[int, tuple[str, ...]]:
    """The statements of each version, from the text of a ``.sql`` file.

    :raises ValueError: it is not one.
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
