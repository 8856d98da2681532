"""The developer's workflow: records the legacy histories, decides what can be replayed, seals."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine import URL

from bridge.config import Config
from bridge.dump_files import kind_of
from bridge.errors import ConfigError, FreezeError, SealBrokenError
from bridge.frozen import (
    FOLDER,
    MANIFEST,
    Freeze,
    Frozen,
    Recorded,
    Recording,
    Sealed,
    check_seal,
    checksums,
    dialect_entry,
    dialect_files,
    family,
    manifest,
    ported_file,
    read_frozen,
)
from bridge.legacy.runtime import ready_runtime
from bridge.model import Repository
from bridge.plan import every_version
from bridge.recording import Recorder
from bridge.rows import Choose
from bridge.scratch import scratch


class FreezeProgress(Protocol):
    """Is told how a freeze goes."""

    def note(self, text: str) -> None:
        """A line of text."""

    def recorded(self, found: Recorded, number: int, total: int) -> None:
        """Version `number` of `total` on a database has been recorded."""


class Quiet:
    """A `FreezeProgress` that says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def recorded(self, found: Recorded, number: int, total: int) -> None:
        """Say nothing."""


def check_seals(histories: Mapping[str, Frozen]) -> tuple[Sealed, ...]:
    """The frozen histories, by the names of their repositories, each as it was sealed.

    :raises SealBrokenError: a file is not what was sealed.
    :raises ConfigError: no history is frozen.
    """
    if not histories:
        raise ConfigError("No legacy history is frozen yet.", help="Run: bridge freeze")
    for frozen in histories.values():
        check_seal(frozen)
    return tuple(Sealed(name, "unchanged") for name in histories)


def freeze(
    config: Config,
    repositories: Mapping[str, Repository],
    urls: Sequence[URL],
    choose: Choose,
    *,
    update: Iterable[str] = (),
    check: bool = False,
    snapshots: Sequence[Path] = (),
    sqlite: bool = True,
    progress: FreezeProgress,
) -> Freeze:
    """Record every version of every repository on each kind of database, and seal what comes of it.

    :param urls: servers to record on, besides SQLite.
    :param update: the repositories whose seal is made anew, whatever has changed.
    :param snapshots: old databases, SQLite files or dumps, with whose rows versions are tried.
    :param sqlite: whether SQLite is one of them.
    :param check: write nothing: what is recorded must be what is sealed.
    :raises FreezeError: a recording is not what is sealed, or a ported version does something else.
    :raises SealBrokenError: a sealed file has changed.
    """
    own = {name: r for name, r in repositories.items() if r.path is not None}
    if not own:
        raise ConfigError(
            "There is no legacy repository that could be frozen.",
            help=f"Name its folder in legacy.NAME.repository of {config.source}.",
        )
    for name in {*repositories} - {*own}:
        progress.note(f"{name} is a registry of functions: it runs live, and is not frozen.")
    update = set(update)
    before = {name: read_frozen(repository.path) for name, repository in own.items()}
    for name, frozen in before.items():
        if frozen is not None and name not in update:
            check_seal(frozen)
    python = ready_runtime(config, tell=progress.note).python
    steps = every_version(own, config)
    kinds = _kinds(snapshots)
    recordings = []
    for url in (*([None] if sqlite else []), *urls):
        with scratch(url) as place:
            progress.note(f"Recording {len(steps)} versions on {place.name}.")
            recordings.append(
                Recorder(
                    place, python, own, steps, config, choose,
                    snapshots=[path for path, kind in kinds.items() if kind == family(place.name)],
                    ported=lambda step: _ported(own[step.repository], step.version),
                    progress=progress,
                ).record()
            )  # fmt: skip
    refused = [line for recording in recordings for line in recording.refused]
    if refused:
        raise FreezeError(
            "Ported versions do something else than the scripts:\n" + "\n".join(refused),
            help="Mend these files, then run it again.",
            state_of_data="Nothing is sealed.",
        )
    sealed = tuple(
        _seal(own[name], before[name], recordings, update=name in update, check=check)
        for name in own
    )
    return Freeze(tuple(recordings), sealed)


def _kinds(snapshots: Sequence[Path]) -> dict[Path, str]:
    """The kind of database that each file was made of."""
    found = {path: kind_of(path) for path in snapshots}
    for path, kind in found.items():
        if kind is None:
            raise FreezeError(
                f"{path} is no old database that bridge knows.",
                help="Name a SQLite file, or what sqlite3's .dump, pg_dump or mariadb-dump wrote.",
                state_of_data="Nothing is sealed.",
            )
    return {path: kind for path, kind in found.items() if kind is not None}


def _ported(repository: Repository, version: int) -> Path | None:
    assert repository.path is not None
    path = ported_file(repository.path, version)
    return path if path.is_file() else None


def _seal(
    repository: Repository,
    before: Frozen | None,
    recordings: Sequence[Recording],
    *,
    update: bool,
    check: bool,
) -> Sealed:
    home = repository.path
    assert home is not None
    files: dict[str, bytes] = {}
    entries: dict[str, Any] = {} if before is None else dict(before.entries)
    for recording in recordings:
        dialect, history = family(recording.dialect), recording.history(repository.name)
        files |= dialect_files(dialect, history)
        entries[dialect] = dialect_entry(history)
    changes = tuple(sorted(name for name, data in files.items() if _read(home / name) != data))
    if before is not None and not update:
        known = {f"{FOLDER}/{dialect}{end}" for dialect in before.entries for end in _ENDS}
        other = sorted(set(changes) & known)
        if other:
            raise FreezeError(
                f"What is recorded of {repository.name} is not what is sealed: "
                f"{', '.join(other)} would be other ones.",
                help="If that is meant: bridge freeze --update "
                f"{repository.name}. Else see what the scripts go by that has changed.",
                state_of_data="The sealed files are as they were.",
            )
    if check:
        if before is None:
            raise SealBrokenError(f"{home} is not sealed.", help="Run: bridge freeze")
        return Sealed(repository.name, "unchanged")
    for name, data in files.items():
        _write(home / name, data)
    frozen = Frozen(
        home, repository.repository_id, repository.first, repository.last, checksums(home), entries
    )
    text = manifest(frozen)
    same = _read(home / FOLDER / MANIFEST) == text
    if not same:
        if before is not None:
            old, new = before.files, frozen.files
            changes = tuple(sorted(n for n in {*old, *new} if old.get(n) != new.get(n)))
        _write(home / FOLDER / MANIFEST, text)
    outcome = "new" if before is None else "unchanged" if same else "changed"
    return Sealed(repository.name, outcome, changes if outcome == "changed" else ())


_ENDS = (".sql", ".schema.jsonl")


def _read(path: Path) -> bytes | None:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return None


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new~")
    new.write_bytes(data)
    os.replace(new, path)
