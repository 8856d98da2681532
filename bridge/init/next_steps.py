"""The developer's next steps after `bridge init`: lines to write, and commands to run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bridge.database.secrets import shown
from bridge.database.url import SCRATCH_VARIABLE, parse_url
from bridge.init.templates import ENV
from bridge.model.config_file import FILE_NAME
from bridge.model.remedy import typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.init.configuration import Configuration
    from bridge.init.options import InitOptions


def left_to_write(configuration: Configuration) -> Iterator[str]:
    """Yield what the developer still has to write, and where."""
    staging, existing = configuration.staging, configuration.staging.existing
    if existing is None or not existing.url:
        yield f'{FILE_NAME}, in [database]: url = "sqlite:///app.db"'
    if not configuration.models:
        yield f'{FILE_NAME}, in [alembic]: models = ["package.module:metadata"]'
    for name, repository in configuration.repositories.items():
        if repository.first > 1:
            yield f'{FILE_NAME}, in [legacy.{name}]: bring_up_with = "APP 2.x"'
    if existing is not None and existing.foreign_environment:
        lines = "".join(f"\n    {line}" for line in ENV.splitlines())
        yield (
            f"{staging.relative(existing.home / 'env.py')}, so that it uses bridge's "
            f"connection:{lines}"
        )
    for folder in configuration.legacy_folders:
        yield f".gitattributes: {folder}/** -text"


def next_commands(options: InitOptions, *, models_differ: bool) -> Iterator[str]:
    """Yield the commands that come next."""
    if models_differ:
        new = ("--url", "sqlite:///new.db")
        yield typed(("dbupdate", *new))
        yield typed(("revision", *new, "--branch", "core", "--autogenerate", "-m", "MESSAGE"))
    # The next command finds the servers of the environment variable by itself.
    known = {parse_url(text) for text in os.environ.get(SCRATCH_VARIABLE, "").split()}
    urls = [url for url in map(parse_url, options.urls) if url not in known]
    servers = [word for url in urls for word in ("--scratch-url", shown(url))]
    files = [word for path in options.snapshots for word in ("--seed-from", str(path))]
    yield typed(("freeze", *servers, *([] if options.sqlite else ["--no-sqlite"]), *files))
    for path in options.snapshots:  # a check starts from it, too
        yield typed(("snapshot", "import", str(path), *servers))
    yield typed(("check", *servers))
