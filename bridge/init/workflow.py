"""`bridge init`: from legacy repositories to a configuration and base revisions that are proved.

Everything is written into a folder beside the app's files first, and moved once it is complete.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.database.scratch import scratch
from bridge.database.secrets import scrub
from bridge.database.url import parse_url
from bridge.init.configuration import ALEMBIC_VERSION, Configuration
from bridge.init.draft import Draft
from bridge.init.history import History, HistoryResult
from bridge.init.next_steps import left_to_write, next_commands
from bridge.init.options import InitOptions
from bridge.init.prove import Prover, stamp_with_equal_revisions
from bridge.init.staging import NOTHING_WRITTEN, stage
from bridge.legacy.runtime import ready_runtime
from bridge.legacy.sequence import every_version
from bridge.model.config_file import FILE_NAME
from bridge.model.errors import InitError, LegacyPreflightError
from bridge.model.init_result import InitResult
from bridge.model.remedy import Remedy
from bridge.output.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCRIPT_REMEDIES = (
    Remedy("Name folders with modules that the scripts import: --pythonpath DIR"),
    Remedy("Name packages that they import: --requirement PACKAGE"),
    Remedy("Name a function to call before they run: --setup MODULE:FUNCTION"),
    Remedy("Fix other mistakes in the scripts."),
)

_DATABASE_REMEDIES = (
    Remedy("Name servers: --scratch-url URL"),
    Remedy(
        "If the first version needs tables that no version creates, start from an old database: "
        "--seed-from FILE"
    ),
)


def init(legacy: Sequence[Path | str], options: InitOptions | None = None) -> InitResult:
    """Write `bridge.toml` and the base revisions of an app that has legacy repositories.

    The revisions are tried on new databases. If they are not right there, they are written
    nevertheless, for the developer to fix: `InitResult.proved` is False then.

    :param legacy: the folders of the repositories; the first is the app's own, the others become
        modules.
    :raises InitError: a file exists already, the history runs on no database, or no existing
        revision equals its end.
    :raises RepositoryInvalidError: a folder is not a repository.
    :raises LegacyPreflightError: the scripts cannot be loaded.
    :raises HookError: the models cannot be loaded.
    """
    options = options or InitOptions()
    with redacted(lambda text: scrub(text, *options.urls)), ExitStack() as stack:
        staging = stack.enter_context(stage(Path(options.root or ".").resolve()))
        folders = [Path(path).resolve() for path in legacy]
        configuration = Configuration(staging, folders, options)
        results = _run_history(configuration, options, stack)
        joined = {name for result in results for name in result.joined} & {*configuration.modules}
        if joined:
            for name in sorted(joined):
                options.progress.notify(
                    f"{name} changes tables of another repository: it is a part of the app, and no "
                    "module."
                )
            configuration.join(joined)
        if staging.has_revisions:
            tried = stamp_with_equal_revisions(configuration, results, options.progress)
            draft, models = None, None
        else:
            draft = Draft(configuration, results)
            draft.write()
            prover = Prover(draft, options.progress)
            tried, models = prover.prove(), prover.models
        (staging.top / FILE_NAME).write_text(configuration.text(), encoding="utf-8")
        todo = tuple(left_to_write(configuration))
        commands = tuple(next_commands(options, models_differ=bool(models)))
        return InitResult(
            root=staging.root,
            files=staging.move(configuration.places()),
            tried=tuple(tried),
            stamps=configuration.stamps,
            carried=draft.carried() if draft else {},
            rows=tuple(draft.rows.values()) if draft else (),
            models=models,
            todo=todo,
            next=commands,
        )


def _run_history(
    configuration: Configuration, options: InitOptions, stack: ExitStack
) -> list[HistoryResult]:
    """Run every version on each kind of database.

    :param stack: drops the databases.
    :raises LegacyPreflightError: scripts cannot be loaded.
    :raises InitError: the history runs on no database.
    """
    servers = [parse_url(url) for url in options.urls]
    repositories, progress = configuration.repositories, options.progress
    history = History(
        python=ready_runtime(configuration.config, progress=progress).python,
        repositories=repositories,
        steps=every_version(repositories, configuration.config),
        config=configuration.config,
        app_tables=configuration.app_tables,
        snapshots=[Path(path) for path in options.snapshots],
    )
    results = []
    for url in [*([None] if options.sqlite else []), *servers]:
        place = stack.enter_context(scratch(url))
        progress.notify(f"Running {len(history.steps)} versions on {place.name}.")
        try:
            result = history.run(place)
        except LegacyPreflightError as error:
            error.remedies = _SCRIPT_REMEDIES
            error.state_of_data = NOTHING_WRITTEN
            raise
        results.append(result)
        if result.error:
            progress.notify(f"The history does not run on {place.name}.")
    engines = [result.engine for result in results if result.engine]
    if not engines:
        errors = "".join(f"\n{result.place.name}: {result.error}" for result in results)
        raise InitError(
            f"The history runs on none of the given databases.{errors}",
            help=[*_SCRIPT_REMEDIES, *_DATABASE_REMEDIES],
            state_of_data=NOTHING_WRITTEN,
        )
    if any(sa.inspect(engine).has_table(ALEMBIC_VERSION) for engine in engines):
        configuration.rename_version_table()
    return results
