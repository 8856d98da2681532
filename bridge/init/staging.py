"""The folder beside the app's files in which init writes everything until it is proved."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.init.existing import Existing, find_existing, pyproject
from bridge.init.templates import ENV, TEMPLATE
from bridge.model.config_file import FILE_NAME
from bridge.model.errors import InitError
from bridge.model.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FOLDER = "alembic_migrations"

NOTHING_WRITTEN = "Nothing was written."


@dataclass(frozen=True)
class Staging:
    """A temporary folder whose contents are moved into the app's folder at the end.

    :param root: the folder of the app.
    :param top: the temporary folder.
    :param existing: the app's existing Alembic configuration.
    """

    root: Path
    top: Path
    existing: Existing | None

    @property
    def folder(self) -> Path:
        """The staged folder with env.py and the revisions."""
        return self.top / FOLDER

    @property
    def has_revisions(self) -> bool:
        """Whether the app has an Alembic history with revisions."""
        return self.existing is not None and bool(self.existing.revisions)

    def relative(self, path: Path) -> str:
        """Return a path as it is written into files: relative to the folder of the app."""
        return Path(os.path.relpath(path, self.root)).as_posix()

    def check_free(self, paths: Iterable[Path]) -> None:
        """Check that none of these files and folders exists.

        :raises InitError: one does.
        """
        names = [self.relative(path) for path in paths if path.exists()]
        if names:
            raise _files_exist_error(self.root, names)

    def move(self, places: Sequence[tuple[Path, Path]]) -> tuple[str, ...]:
        """Move all files to their final places, or none; return their names.

        :param places: each file or folder, and its final place.
        :raises InitError: a file exists there, or the folder cannot be written.
        """
        for cache in self.top.rglob("__pycache__"):
            shutil.rmtree(cache)
        files = tuple(
            self.relative(final / inner.relative_to(staged))
            for staged, final in places
            for inner in sorted(staged.rglob("*") if staged.is_dir() else [staged])
            if inner.is_file()
        )
        self.check_free(final for _, final in places)
        moved: list[tuple[Path, Path]] = []
        try:
            for staged, final in places:
                final.parent.mkdir(parents=True, exist_ok=True)
                staged.rename(final)
                moved.append((staged, final))
        except OSError as error:
            for staged, final in moved:
                final.rename(staged)
            raise InitError(
                f"{error.filename2 or error.filename} cannot be written: {error.strerror}",
                help="Make the folder writable, then run it again.",
                state_of_data=NOTHING_WRITTEN,
            ) from None
        return files


@contextmanager
def stage(root: Path) -> Iterator[Staging]:
    """Yield a temporary folder in the folder of an app that does not use bridge yet.

    :raises InitError: the app has a configuration, or a folder for revisions that is not Alembic's.
    :raises RevisionsError: the app's existing Alembic history cannot be read.
    """
    if "bridge" in pyproject(root).get("tool", {}):
        raise _files_exist_error(root, ["[tool.bridge] in pyproject.toml"])
    existing = find_existing(root)
    # In the folder of the app, so that one rename moves each complete file into place.
    top = Path(tempfile.mkdtemp(prefix=".bridge-init-", dir=root))
    try:
        staging = Staging(root, top, existing)
        staging.check_free([root / FILE_NAME, *([] if existing else [root / FOLDER])])
        (staging.folder / "versions").mkdir(parents=True)
        (staging.folder / "env.py").write_text(ENV, encoding="utf-8")
        (staging.folder / "script.py.mako").write_text(TEMPLATE, encoding="utf-8")
        yield staging
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _files_exist_error(root: Path, names: Sequence[str]) -> InitError:
    return InitError(
        f"{root} has already: {', '.join(names)}.",
        help=[
            Remedy("Move that away: it is not overwritten."),
            Remedy("Or continue with it", ("status",)),
        ],
        state_of_data=NOTHING_WRITTEN,
    )
