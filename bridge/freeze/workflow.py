"""The developer's workflow: record the legacy histories, find what can be replayed, seal them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.database.dump.files import kind_of
from bridge.database.scratch import scratch
from bridge.database.secrets import scrub
from bridge.database.servers import family
from bridge.freeze.recorder import HistoryRecorder, repositories_of_scripts
from bridge.legacy.frozen.files import (
    Frozen,
    check_seal,
    checksums,
    manifest,
    read_frozen,
)
from bridge.legacy.frozen.format import FOLDER, FORMAT, MANIFEST, dialect_entry, dialect_files
from bridge.legacy.runtime import ready_runtime
from bridge.legacy.sequence import every_version
from bridge.model.errors import ConfigError, FreezeError, SealBrokenError
from bridge.model.freeze import Freeze, Recording, Sealed
from bridge.model.progress import Progress
from bridge.model.remedy import Remedy
from bridge.output.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import URL

    from bridge.model.repository import Repository
    from bridge.project import Project


def check_seals(histories: Mapping[str, Frozen]) -> tuple[Sealed, ...]:
    """Check the seals of all frozen histories, and return them as unchanged.

    :param histories: by the names of their repositories.
    :raises SealBrokenError: a file is not what was sealed.
    :raises ConfigError: no history is frozen.
    """
    if not histories:
        raise ConfigError("No legacy history is frozen yet.", help=Remedy("Run", ("freeze",)))
    for frozen in histories.values():
        check_seal(frozen)
    return tuple(Sealed(name, "unchanged") for name in histories)


@dataclass(frozen=True)
class FreezeOptions:
    """What to record, and where.

    :param urls: servers to record on; databases are created and dropped there.
    :param sqlite: whether to record on SQLite.
    :param snapshots: files with old databases, or dumps of them. Versions also run on their rows,
        and a history whose first version needs tables begins with the oldest of them.
    :param update: names of repositories that are sealed again, whatever has changed.
    :param check: write nothing, and check the seals. With `urls`, also record there and on SQLite,
        and compare the result with what is sealed.
    """

    urls: Sequence[URL] = ()
    sqlite: bool = True
    snapshots: Sequence[Path] = ()
    update: Iterable[str] = ()
    check: bool = False
    progress: Progress = field(default_factory=Progress)


def freeze(project: Project, options: FreezeOptions) -> Freeze:
    """Record what every legacy version emits, decide what can be replayed, and seal it.

    Scratch databases are created and dropped for it: SQLite files, and databases on each server.

    :raises FreezeError: a recording is not what was sealed, or a ported version does not do what
        the script does.
    :raises SealBrokenError: a sealed file has changed.
    :raises ConfigError: there is no legacy repository to freeze.
    """
    project.check_repositories(options.update)
    if options.check and not options.urls:
        return Freeze((), check_seals(project.histories))
    with redacted(lambda text: scrub(project.scrub(text), *options.urls)):
        return _freeze(project, options)


def _freeze(project: Project, options: FreezeOptions) -> Freeze:
    config, repositories, progress = project.config, project.repositories, options.progress
    own = repositories_of_scripts(project)
    if not own:
        raise ConfigError(
            "There is no legacy repository to freeze.",
            help=f"Set legacy.NAME.repository in {config.source} to its folder.",
        )
    for name in {*repositories} - {*own}:
        progress.notify(f"{name} is a registry of functions: it runs live, and is not frozen.")
    update = set(options.update)
    before = {}
    for name, repository in own.items():
        # What is sealed again may be damaged.
        with contextlib.suppress(SealBrokenError) if name in update else contextlib.nullcontext():
            before[name] = read_frozen(repository.path)
        frozen = before.setdefault(name, None)
        if frozen is not None and name not in update:
            check_seal(frozen)
    python = ready_runtime(config, progress=progress).python
    steps = every_version(own, config)
    kinds = _kinds(options.snapshots)
    recordings = []
    for url in (*([None] if options.sqlite else []), *options.urls):
        with scratch(url) as place:
            progress.notify(f"Recording {len(steps)} versions on {place.name}.")
            old = [path for path, kind in kinds.items() if kind == family(place.name)]
            recorder = HistoryRecorder(project, place, python, old, progress)
            recordings.append(recorder.record())
    refused = [line for recording in recordings for line in recording.refused]
    if refused:
        raise FreezeError(
            "Ported versions do not do what the scripts do:\n" + "\n".join(refused),
            help="Fix these files, then run the command again.",
            state_of_data="Nothing is sealed.",
        )
    sealed = tuple(
        _seal(own[name], before[name], recordings, update=name in update, check=options.check)
        for name in own
    )
    return Freeze(tuple(recordings), sealed)


def _kinds(snapshots: Sequence[Path]) -> dict[Path, str]:
    """Return the kind of database that each file was made from."""
    found = {path: kind_of(path) for path in snapshots}
    for path, kind in found.items():
        if kind is None:
            raise FreezeError(
                f"{path} is not an old database in a format that bridge knows.",
                help="Use a SQLite file, or a dump by sqlite3's .dump, pg_dump or mariadb-dump.",
                state_of_data="Nothing is sealed.",
            )
    return {path: kind for path, kind in found.items() if kind is not None}


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
    # What an older release has sealed stays in its format until somebody seals it again.
    format = FORMAT if before is None or update else before.format
    for recording in recordings:
        dialect, history = family(recording.dialect), recording.history(repository.name)
        files |= dialect_files(dialect, history, format)
        entries[dialect] = dialect_entry(history)
    changes = tuple(sorted(name for name, data in files.items() if _read(home / name) != data))
    if before is not None and not update:
        known = {f"{FOLDER}/{dialect}{end}" for dialect in before.entries for end in _ENDS}
        other = sorted(set(changes) & known)
        if other:
            raise FreezeError(
                f"What is recorded of {repository.name} is not what was sealed: "
                f"{', '.join(other)} would change.",
                help=[
                    Remedy("If that is intended", ("freeze", "--update", repository.name)),
                    Remedy("Otherwise find what the scripts depend on that has changed."),
                ],
                state_of_data="The sealed files have not been changed.",
            )
    if check:
        if before is None:
            raise SealBrokenError(f"{home} is not sealed.", help=Remedy("Run", ("freeze",)))
        return Sealed(repository.name, "unchanged")
    for name, data in files.items():
        _write(home / name, data)
    frozen = Frozen(
        home, repository.repository_id, repository.first, repository.last, checksums(home),
        entries,
        format,
    )  # fmt: skip
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
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new~")
    new.write_bytes(data)
    new.replace(path)
