"""The developer's commands: revisions, the graph, frozen histories, and the beginning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from bridge.cli.common import common
from bridge.cli.errors import speaking
from bridge.cli.options import debug_option, json_option, scratch_options
from bridge.database.secrets import scrub
from bridge.model.errors import RevisionsError
from bridge.output.console import Output
from bridge.output.diagram_formats import RENDERERS
from bridge.output.freeze_text import FreezeText, print_freeze
from bridge.output.init_text import print_init

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from bridge.api import Bridge

WITH_PLUGINS = "--with-plugins"


@click.command()
@click.option(
    "--branch", required=True, help="The branch: core, a module's name, or a branch label."
)
@click.option("-m", "--message", required=True, help="What the revision does, in a few words.")
@click.option(
    "--autogenerate", is_flag=True, help="Fill it with what the models have and the database lacks."
)
@click.option("--rev-id", help="The revision's id; generated where none is given.")
@common
def revision(bridge: Bridge, output: Output, branch: str, message: str, **options: Any) -> None:
    """Write a new Alembic revision into the folder of its branch."""
    path, kept = bridge.revision(branch, message, **options)
    output.line(("green", "Written"), f": {path}")
    if kept:
        output.notify(
            f"In the database, in no model, and left alone, because no script of this branch "
            f"makes them: {', '.join(kept)}"
        )


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    options_metavar="[--config FILE] [--url URL] [--debug]",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@common
def alembic(bridge: Bridge, output: Output, arguments: Sequence[str]) -> None:
    """Alembic's own command line, with this configuration.

    For example: bridge alembic heads, bridge alembic current, bridge alembic history.
    Options of bridge's stand before Alembic's subcommand. With --with-plugins, before or after
    it, the models of every module that is on are loaded too.
    """
    given = [argument for argument in arguments if argument != WITH_PLUGINS]
    plugins = len(given) < len(arguments)
    bridge.alembic(given, with_plugins=plugins, progress=output.progress())


def _known_suffix(
    _context: click.Context, _parameter: click.Parameter, value: Path | None
) -> Path | None:
    """Refuse a file whose name does not end in the kind of a picture."""
    if value is not None and value.suffix.lower() not in RENDERERS:
        raise click.BadParameter(f"{value} must end in {', '.join(RENDERERS)}")
    return value


@click.command()
@click.option(
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_known_suffix,
    help="Write a picture: Mermaid (.mmd), Graphviz (.dot) or .svg.",
)
@click.option("--no-database", is_flag=True, help="Draw the scripts alone.")
@json_option
@common
def graph(bridge: Bridge, output: Output, file: Path | None, no_database: bool) -> None:
    """Draw the way from the legacy versions to the heads, and where the database stands.

    Reads only. Without a database the scripts alone are drawn.
    """
    # rich, 0.05 s: no other command of a developer's draws.
    from bridge.output.diagram_tree import print_tree

    drawing = bridge.drawing(scripts_only=no_database)
    if file is None:
        print_tree(output, drawing)
        return
    text = RENDERERS[file.suffix.lower()](drawing)
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise click.BadParameter(message, param_hint="'--output'") from None
    output.pairs([("Written", str(file))])


class _FreezeOptions(TypedDict):
    """The options of `freeze`, as `Bridge` takes them."""

    sqlite: bool
    snapshots: Sequence[Path]
    check: bool
    update: Sequence[str]


@click.command()
@scratch_options("record on")
@click.option(
    "--seed-from",
    "snapshots",
    multiple=True,
    metavar="SNAPSHOT",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An old database, a SQLite file or a dump, whose rows are taken besides generated ones.",
)
@click.option("--check", is_flag=True, help="Write nothing: what is sealed must be as it was, and, "
              "with --scratch-url, be recorded again.")  # fmt: skip
@click.option(
    "--update",
    multiple=True,
    metavar="NAME",
    help="Seal this legacy repository again, although it has changed.",
)
@json_option
@common
def freeze(
    bridge: Bridge, output: Output, urls: Sequence[str], **options: Unpack[_FreezeOptions]
) -> None:
    """Record what each legacy version does on each database, and seal it.

    From then on dbupdate replays it, without the legacy runtime. It is done once, by a developer.
    """
    print_freeze(output, bridge.freeze(urls, progress=FreezeText(output.errors), **options))


@click.command()
@click.option(
    "--legacy",
    multiple=True,
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="A legacy repository: the folder of migrate.cfg. The first is the app's own, the others "
    "become modules.",
)
@click.option("--models", metavar="MODULE:NAME", help="The MetaData of the app's models.")
@scratch_options("run the history on")
@click.option(
    "--seed-from",
    "snapshots",
    multiple=True,
    metavar="SNAPSHOT",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An old database, a SQLite file or a dump, to begin with where the first version needs "
    "tables that no version makes.",
)
@click.option(
    "--pythonpath",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(exists=True, path_type=Path),
    help="A folder with modules that the legacy scripts import.",
)
@click.option(
    "--requirement",
    "requirements",
    multiple=True,
    metavar="PACKAGE",
    help="A package that the legacy scripts import, as pip takes it.",
)
@click.option("--setup", metavar="MODULE:NAME", help="A function that is called before the legacy "
              "scripts are loaded, with the engine.")  # fmt: skip
@json_option
@debug_option
def init(legacy: Sequence[Path], as_json: bool, debug: bool, **options: Any) -> None:
    """Write bridge.toml and the first Alembic revisions, for an app with legacy repositories.

    To be run in the folder of the app. The revisions are made from what the history leaves on each
    database, and proved there. Nothing that exists is overwritten.
    """
    # Alembic and all that makes databases, 0.2 s: only `init` has need of it.
    from bridge.init.options import InitOptions
    from bridge.init.workflow import init as begin

    output = Output(as_json=as_json, debug=debug, hide=lambda text: scrub(text, *options["urls"]))
    with speaking(output, alone=as_json):
        beginning = begin(legacy, InitOptions(progress=FreezeText(output.errors), **options))
        print_init(output, beginning)
        if not beginning.proved:
            raise click.exceptions.Exit(RevisionsError.exit_status)
