"""The configuration that init writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bridge.model.errors import InitError

FOLDER = "alembic_migrations"

NOTHING = "Nothing was written."


def files_exist_error(root: Path, names: Sequence[str]) -> InitError:
    return InitError(
        f"In {root} there is already: {', '.join(names)}.",
        help="bridge init begins where bridge is not used yet, and overwrites nothing. Move that "
        "away, or go on with it: bridge status",
        state_of_data=NOTHING,
    )


def import_roots(repository: Path) -> Iterator[Path]:
    """The folder from which the package that the repository lies in is imported."""
    folder = repository.parent
    if (folder / "__init__.py").is_file():
        while (folder / "__init__.py").is_file():
            folder = folder.parent
        yield folder
