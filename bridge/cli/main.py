"""The command line: declarations only; each command calls one workflow and prints it."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import json
import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from bridge import __version__
from bridge.api import Bridge
from bridge.database.secrets import scrub
from bridge.database.url import SCRATCH_VARIABLE, environment_url
from bridge.legacy.methods import Methods
from bridge.model.errors import BridgeError, DriftError, NotConfirmedError, RevisionsError
from bridge.model.steps import Plan
from bridge.output.console import Output
from bridge.output.progress import TextProgress
from bridge.output.redaction import redacted_streams
from bridge.upgrade.run import LOCK_SECONDS

# What few commands need is imported where it is needed: every command waits for what is here.

UPGRADE_NEEDED = 10
"""The status of `status --exit-code` when an upgrade is needed."""

NOT_PROVED = 12
"""The status of `check` when something does not hold."""

INTERRUPTED = 130

WITH_PLUGINS = "--with-plugins"

TYPED_PASSWORD = re.compile(r"(://[^:/@\s]*:).*@")
"""Also one with characters that should have been quoted."""

FILE = click.Path(path_type=Path, dir_okay=False, writable=True)

Command = TypeVar("Command", bound=Callable[..., Any])


class InternalError(BridgeError):
    """Something that bridge did not foresee: a defect."""

    code = "internal"


class InterruptedRunError(BridgeError):
    """Somebody pressed Ctrl+C."""

    code = "interrupted"
    exit_status = INTERRUPTED


class Cli(click.Group):
    """A group whose usage errors are JSON too when `--json` is given."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """As click's, with status 2 for usage and the error as JSON where it is wanted."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        given = sys.argv[1:] if args is None else args
        try:
            sys.exit(super().main(args, standalone_mode=False, **extra) or 0)
        except click.ClickException as error:
            # A URL in the wrong place is quoted; its password must not be.
            if "--json" in given:
                message = scrub(TYPED_PASSWORD.sub(r"\1***@", error.format_message()))
                document = {"code": "usage", "message": message}
                document |= {"help": "bridge --help", "state_of_data": "Nothing was done."}
                click.echo(json.dumps({"error": document}, indent=2))
            else:
                shown = io.StringIO()
                error.show(shown)
                text = scrub(TYPED_PASSWORD.sub(r"\1***@", shown.getvalue()))
                click.echo(text, nl=False, err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("Aborted: nothing was done.", err=True)
            sys.exit(INTERRUPTED)


class GroupWithDefault(click.Group):
    """A group with a command that runs, with its options, when none is named."""

    def __init__(self, *args: Any, default: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bridge")
def main() -> None:
    """Take a database under sqlalchemy-migrate to the Alembic heads, in one command.

    Administrators run `bridge status` and `bridge dbupdate`.
    """


def bound(command: click.Command, app: Callable[[], Bridge]) -> click.Command:
    """A copy of a command for the command line of an app, which knows its configuration."""
    copied = copy.copy(command)
    copied.of_an_app = True  # type: ignore[attr-defined]
    if isinstance(copied, click.Group):
        copied.commands = {name: bound(c, app) for name, c in copied.commands.items()}
    elif copied.callback is not None:
        copied.callback = functools.partial(copied.callback, app=app)
        copied.params = [p for p in copied.params if p.name not in ("config", "url")]
        if isinstance(copied.options_metavar, str):
            copied.options_metavar = copied.options_metavar.replace(
                "[--config FILE] [--url URL] ", ""
            )
    return copied


def program() -> str:
    """What stands before the name of a command of ours on the app's command line."""
    context = click.get_current_context()
    while context.parent is not None and hasattr(context.command, "of_an_app"):
        context = context.parent
    return context.command_path


def not_empty(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """An empty --url is a variable that was not set: never the configuration's database."""
    if value == "":
        raise click.BadParameter("is empty")
    return value


def common(command: Command) -> Command:
    """The options of every command that works on a database, and the handling of errors."""

    @click.option("--config", type=click.Path(path_type=Path), help="The configuration file; "
                  "default: bridge.toml, or pyproject.toml, here or above.")  # fmt: skip
    @click.option(
        "--url",
        callback=not_empty,
        help="The database; wins over BRIDGE_DATABASE_URL and the file.",
    )
    @click.option("--debug", is_flag=True, help="Show tracebacks and what scripts print.")
    @functools.wraps(command)
    def wrapped(
        debug: bool,
        config: Path | None = None,
        url: str | None = None,
        as_json: bool = False,
        app: Callable[[], Bridge] | None = None,
        **rest: Any,
    ) -> None:
        typed = [text for text in (url, environment_url()) if text]
        known: list[Bridge] = []

        def hide(text: str) -> str:
            return known[0].scrub(text) if known else scrub(text, *typed)

        output = Output(
            as_json=as_json, debug=debug, program=program() if app else "bridge", hide=hide
        )
        # SQL that Alembic writes is data, in which a word may be that of a password.
        prints = "--sql" not in rest.get("arguments", ())
        with speaking(output, alone=as_json or rest.get("sql", False), prints=prints):
            # An app's own command line says itself which bridge it is.
            known.append(app() if app else Bridge.from_config(config, url=url))
            command(known[0], output, **rest)

    return wrapped  # type: ignore[return-value]


@contextlib.contextmanager
def speaking(output: Output, *, alone: bool, prints: bool = True) -> Iterator[None]:
    """While a command runs: no password and no traceback gets out.

    :param alone: whatever scripts, env.py and hooks print must not mix with the JSON, or the SQL.
    :param prints: what goes to standard output is text in which passwords are hidden.
    """
    clean = contextlib.redirect_stdout(sys.stderr) if alone else contextlib.nullcontext()
    with handled(output), clean, redacted_streams(output.hide, output=prints):
        if output.debug:
            logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
        yield


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")

backup_option = click.option(
    "--backup/--no-backup",
    default=None,
    help="Make a backup before the first write, or none. SQLite files are backed up when nothing "
    "is said, servers when backup.servers says so.",
)

accept_option = click.option(
    "--accept-drift",
    multiple=True,
    metavar="NAME",
    help="Go on although the schema differs in this from the frozen one: a name as it is listed, "
    "or a pattern.",
)

lock_option = click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=LOCK_SECONDS,
    help=f"How long to wait for another run's end; default: {LOCK_SECONDS:g}.",
)


@contextlib.contextmanager
def handled(output: Output) -> Iterator[None]:
    """Every error becomes its output and its exit status; a traceback only with `--debug`."""
    try:
        yield
    except BridgeError as error:
        fail(output, error, error.exit_status)
    except KeyboardInterrupt as interrupt:
        told = (
            "Interrupted.",
            "Finished steps stay done, the one that was running may be half done; "
            "see: bridge status",
            "Run it again: bridge dbupdate",
        )
        if len(interrupt.args) in (2, 3):  # the run says more; an app may raise one of its own
            told = (*interrupt.args, *told[len(interrupt.args) :])
        message, state, help = told
        interrupted = InterruptedRunError(message, help=help, state_of_data=state)
        fail(output, interrupted, interrupted.exit_status)
    except (click.exceptions.Exit, click.ClickException, click.Abort):
        raise
    except BrokenPipeError:
        # Whoever read the output wants no more of it: `bridge ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(1) from None
    except Exception as error:
        internal = InternalError(
            f"bridge met something that it did not foresee: {type(error).__name__}: {error}",
            help="Run it again with --debug, and report what it prints.",
            state_of_data="Finished steps stay done; see: bridge status",
        )
        internal.__cause__ = error
        fail(output, internal, internal.exit_status)


def fail(output: Output, error: BridgeError, status: int) -> NoReturn:
    """Print the error and end with the status."""
    output.error(error)
    raise click.exceptions.Exit(status)


@main.command()
@json_option
@click.option("--exit-code", is_flag=True, help="End with 10 when an upgrade is needed.")
@common
def status(bridge: Bridge, output: Output, exit_code: bool) -> None:
    """Say where the database stands. Reads only."""
    state = bridge.status()
    pending = None if state.problem else len(bridge.plan_from(state).steps)
    output.status(state, pending)
    if exit_code and state.problem:
        raise click.exceptions.Exit(state.problem.exit_status)
    if exit_code and pending:
        raise click.exceptions.Exit(UPGRADE_NEEDED)


legacy_option = click.option(
    "--legacy",
    "method",
    type=click.Choice(["auto", "live", "replay"]),
    default="auto",
    help="How legacy versions are run: replay only what is frozen, live only the scripts, auto "
    "(the default) what is frozen where that does the same.",
)


@main.command()
@json_option
@legacy_option
@common
def plan(bridge: Bridge, output: Output, method: Methods) -> None:
    """Say what dbupdate would do, step by step. Reads only."""
    output.plan(bridge.plan(method=method))


@main.command()
@json_option
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option(
    "--rehearse",
    is_flag=True,
    help="Run it all on a copy, and tell what came of it. Asks nobody, makes no backup and does "
    "not wait for other runs.",
)
@click.option(
    "--sql",
    is_flag=True,
    help="Print it all as an SQL script, for the database's own client, and change nothing.",
)
@click.option(
    "--from",
    "starts",
    multiple=True,
    metavar="START",
    help="With --sql: where the database stands, which then is not looked at. NAME=VERSION of each "
    "legacy repository, an Alembic revision, or base for an empty database.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the first write.")
@legacy_option
@accept_option
@backup_option
@lock_option
@common
def dbupdate(
    bridge: Bridge,
    output: Output,
    dry_run: bool,
    rehearse: bool,
    sql: bool,
    starts: Sequence[str],
    yes: bool,
    method: Methods,
    accept_drift: Sequence[str],
    backup: bool | None,
    lock_timeout: float,
) -> None:
    """Take the database to the Alembic heads, from wherever it stands."""
    given = {"--dry-run": dry_run, "--rehearse": rehearse, "--sql": sql}
    several = [name for name, wanted in given.items() if wanted]
    if len(several) > 1:
        raise click.UsageError(f"{' and '.join(several)} are two things: give one of them.")
    if starts and not sql:
        raise click.UsageError("--from is for --sql: a run looks at the database itself.")
    if sql and method == "live":
        raise click.UsageError("--sql has only what is frozen, and --legacy live has none of it.")
    if sql:
        remarks = TextProgress(output.errors)
        output.sql(bridge.sql(starts=starts or None, accept_drift=accept_drift, progress=remarks))
        return
    if dry_run:
        output.plan(bridge.plan(method=method))
        return
    if rehearse:
        with contextlib.closing(output.progress()) as progress:
            rehearsal = bridge.rehearse(progress=progress, method=method, accept_drift=accept_drift)
        output.rehearsal(rehearsal)
        return
    update(
        bridge,
        output,
        yes,
        backup=backup,
        lock_timeout=lock_timeout,
        method=method,
        accept_drift=accept_drift,
    )


def update(bridge: Bridge, output: Output, yes: bool, **options: Any) -> None:
    """Ask, run and report, as dbupdate and resume do."""
    with contextlib.closing(output.progress()) as progress:
        report = bridge.dbupdate(confirm=asking(output, yes), progress=progress, **options)
    output.report(report)


@main.command()
@json_option
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    default=10,
    help="How many runs, the newest; default: 10.",
)
@common
def history(bridge: Bridge, output: Output, limit: int) -> None:
    """Say which runs have changed the database, and how each step ended. Reads only."""
    output.history(bridge.history()[-limit:])


@main.command()
@json_option
@click.option(
    "--from-statement",
    type=click.IntRange(min=1),
    metavar="N",
    help="The statement to go on with; those before it are taken for done.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the first write.")
@backup_option
@lock_option
@common
def resume(
    bridge: Bridge,
    output: Output,
    from_statement: int | None,
    yes: bool,
    backup: bool | None,
    lock_timeout: float,
) -> None:
    """Go on with an upgrade that was cut short in the middle of a step.

    Only where dbupdate has said that it cannot go on by itself: on MySQL and MariaDB, which commit
    each change of the schema by itself, and after legacy versions that run statement by statement.
    """
    update(
        bridge,
        output,
        yes,
        backup=backup,
        lock_timeout=lock_timeout,
        from_statement=from_statement,
    )


@main.command()
@click.argument("file", metavar="BACKUP", type=click.Path(path_type=Path))
@json_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--other-database", is_flag=True, help="Take a backup of another database, too.")
@backup_option
@lock_option
@common
def restore(
    bridge: Bridge,
    output: Output,
    file: Path,
    yes: bool,
    other_database: bool,
    backup: bool | None,
    lock_timeout: float,
) -> None:
    """Make the database what it was when BACKUP was made. What came later is gone.

    Stop the app before. What is there now is backed up first, as before an upgrade.
    """
    if not yes:
        if not can_ask(output):
            raise NotConfirmedError(
                "What came after the backup would be gone, and there is nobody here to ask.",
                help=f"Run it again with --yes: bridge restore {shlex.quote(str(file))} --yes",
            )
        question = f"Put {file} back into {bridge.shown()}? What came later is gone."
        if not click.confirm(question):
            raise NotConfirmedError(
                "It was not confirmed.",
                help=f"Run it again: bridge restore {shlex.quote(str(file))}",
            )
    before = bridge.restore(
        file,
        backup=backup,
        other_database=other_database,
        progress=output.progress(),
        lock_timeout=lock_timeout,
    )
    output.restored(file, before)


def can_ask(output: Output) -> bool:
    """Whether there is somebody at a terminal."""
    return not output.as_json and sys.stdin.isatty() and output.console.is_terminal


def asking(output: Output, yes: bool, *, default: bool = True) -> Callable[[Plan], bool]:
    """Ask before the first write, where there is somebody to ask."""
    if yes or not can_ask(output):
        return lambda _plan: True

    def ask(plan: Plan) -> bool:
        output.plan(plan)
        return click.confirm("Go on?", default=default)

    return ask


@main.command()
@click.option(
    "--branch", required=True, help="The branch: core, a module's name, or a branch label."
)
@click.option("-m", "--message", required=True, help="What the revision does, in a few words.")
@click.option("--autogenerate", is_flag=True, help="Fill it with what the models have more.")
@click.option("--rev-id", help="The revision's id; made up where it is not given.")
@common
def revision(
    bridge: Bridge,
    output: Output,
    branch: str,
    message: str,
    autogenerate: bool,
    rev_id: str | None,
) -> None:
    """Write a new Alembic revision into the folder of its branch."""
    path, kept = bridge.revision(branch, message, autogenerate=autogenerate, rev_id=rev_id)
    output.revision(path, kept)


@main.command(
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


def known_suffix(
    _context: click.Context, _parameter: click.Parameter, value: Path | None
) -> Path | None:
    """The kind of a picture is the end of its file's name."""
    from bridge.output.diagram_formats import RENDERERS

    if value is not None and value.suffix.lower() not in RENDERERS:
        raise click.BadParameter(f"{value} must end in {', '.join(RENDERERS)}")
    return value


@main.command()
@click.option(
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=known_suffix,
    help="Write a picture: Mermaid (.mmd), Graphviz (.dot) or .svg.",
)
@click.option("--no-database", is_flag=True, help="Draw the scripts alone.")
@json_option
@common
def graph(bridge: Bridge, output: Output, file: Path | None, no_database: bool) -> None:
    """Draw the way from the legacy versions to the heads, and where the database stands.

    Reads only. Without a database the scripts alone are drawn.
    """
    drawing = bridge.drawing(scripts_only=no_database)
    if file is None:
        output.graph(drawing)
        return
    from bridge.output.diagram_formats import RENDERERS

    text = RENDERERS[file.suffix.lower()](drawing)
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise click.BadParameter(message, param_hint="'--output'") from None
    output.pairs([("Written", str(file))])


@main.command()
@json_option
@common
def verify(bridge: Bridge, output: Output) -> None:
    """Compare the schema with what was recorded of the version that it is at. Reads only."""
    verification = bridge.verify()
    output.verification(verification)
    if verification.stops:
        raise click.exceptions.Exit(DriftError.exit_status)


def versions_of(
    _context: click.Context, _parameter: click.Parameter, values: Sequence[str]
) -> dict[str, int]:
    """NAME=VERSION, of each legacy repository."""
    found = {}
    for value in values:
        name, equals, number = value.rpartition("=")
        if not equals or not number.isdigit():
            raise click.BadParameter(f"{value} is not NAME=VERSION, such as core=12")
        found[name] = int(number)
    return found


@main.command()
@click.option(
    "--legacy",
    "versions",
    multiple=True,
    required=True,
    metavar="NAME=VERSION",
    callback=versions_of,
    help="The version that the database is at, of each legacy repository that is in it.",
)
@accept_option
@json_option
@click.option("--yes", is_flag=True, help="Do not ask before the first write.")
@backup_option
@lock_option
@common
def adopt(
    bridge: Bridge,
    output: Output,
    versions: dict[str, int],
    accept_drift: Sequence[str],
    yes: bool,
    backup: bool | None,
    lock_timeout: float,
) -> None:
    """Write down the version of a database that has none, once its schema is that version's.

    `bridge status` names the version that it is most like.
    """
    with contextlib.closing(output.progress()) as progress:
        report = bridge.adopt(
            versions,
            accept_drift=accept_drift,
            confirm=asking(output, yes),
            progress=progress,
            backup=backup,
            lock_timeout=lock_timeout,
        )
    output.report(report)


def scratch_options(what: str) -> Callable[[Command], Command]:
    """The options of what makes databases of its own: to do what on them."""

    def decorated(command: Command) -> Command:
        servers = click.option(
            "--scratch-url",
            "urls",
            multiple=True,
            metavar="URL",
            envvar=SCRATCH_VARIABLE,
            help=f"A server to {what}, besides SQLite; databases are made there, and dropped. Also "
            f"from {SCRATCH_VARIABLE}, several with spaces between.",
        )
        files = click.option(
            "--sqlite/--no-sqlite", default=True, help=f"Whether to {what} SQLite too."
        )
        return servers(files(command))

    return decorated


@main.command()
@scratch_options("record on")
@click.option(
    "--seed-from",
    "snapshots",
    multiple=True,
    metavar="SNAPSHOT",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An old database, a SQLite file or a dump, whose rows are taken besides made up ones.",
)
@click.option("--check", is_flag=True, help="Write nothing: what is sealed must be as it was, and, "
              "with --scratch-url, be recorded again.")  # fmt: skip
@click.option(
    "--update",
    multiple=True,
    metavar="NAME",
    help="Seal this legacy repository anew, although it has changed.",
)
@json_option
@common
def freeze(
    bridge: Bridge,
    output: Output,
    urls: Sequence[str],
    sqlite: bool,
    snapshots: Sequence[Path],
    check: bool,
    update: Sequence[str],
) -> None:
    """Record what each legacy version does on each database, and seal it.

    From then on dbupdate replays it, without the legacy runtime. It is done once, by a developer.
    """
    output.freeze(
        bridge.freeze(
            urls,
            update=update,
            check=check,
            snapshots=snapshots,
            sqlite=sqlite,
            progress=output.freeze_progress(),
        )
    )


@main.command()
@scratch_options("check on")
@click.option("--junit", type=FILE, help="Write what was proved as JUnit XML.")
@click.option("--page", type=FILE, help="Write a page for the browser, all in one file.")
@click.option("--record", is_flag=True, help="Write down the schema at each Alembic revision, for "
              "verify and for later checks.")  # fmt: skip
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="On how many kinds of databases to work at once; default: one for each processor.",
)
@json_option
@common
def check(
    bridge: Bridge,
    output: Output,
    urls: Sequence[str],
    sqlite: bool,
    junit: Path | None,
    page: Path | None,
    record: bool,
    jobs: int | None,
) -> None:
    """Prove that every old install can be upgraded: from each legacy version and old database.

    Works on databases that it makes itself. Ends with 12 when something does not hold.
    """
    from bridge.output.check_text import scrubbed
    from bridge.output.html import page as as_page
    from bridge.output.junit import junit as as_junit

    found = bridge.check(
        urls, sqlite=sqlite, jobs=jobs, record=record, progress=output.check_progress()
    )
    checked = scrubbed(found, lambda text: scrub(bridge.scrub(text), *urls))
    output.checked(checked)
    for path, write in ((junit, as_junit), (page, as_page)):
        if path is not None:
            path.write_text(write(checked), encoding="utf-8")
    if not (checked.ok and checked.proofs):
        raise click.exceptions.Exit(NOT_PROVED)


@main.command()
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
@click.option("--debug", is_flag=True, help="Show tracebacks and what scripts print.")
def init(legacy: Sequence[Path], as_json: bool, debug: bool, **given: Any) -> None:
    """Write bridge.toml and the first Alembic revisions, for an app with legacy repositories.

    To be run in the folder of the app. The revisions are made from what the history leaves on each
    database, and proved there. Nothing that exists is overwritten.
    """
    from bridge.init.options import InitOptions
    from bridge.init.workflow import init as begin

    output = Output(as_json=as_json, debug=debug, hide=lambda text: scrub(text, *given["urls"]))
    with speaking(output, alone=as_json):
        beginning = begin(legacy, InitOptions(progress=output.freeze_progress(), **given))
        output.beginning(beginning)
        if not beginning.proved:
            raise click.exceptions.Exit(RevisionsError.exit_status)


@main.group(cls=GroupWithDefault, default="list")
def snapshot() -> None:
    """Old databases as files, to try upgrades with: made up, or an administrator's."""


scratch_option = click.option(
    "--scratch-url",
    "urls",
    multiple=True,
    metavar="URL",
    envvar=SCRATCH_VARIABLE,
    help="A server on which databases are made, and dropped. Also from "
    f"{SCRATCH_VARIABLE}, several with spaces between.",
)

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the snapshots are; default: check.snapshots, or the folder snapshots beside the "
    "configuration.",
)

name_option = click.option(
    "--name", metavar="NAME", help="The file's name; default: made of the versions."
)

force_option = click.option("--force", is_flag=True, help="Replace a snapshot of that name.")


@snapshot.command("list")
@folder_option
@json_option
@common
def list_snapshots(bridge: Bridge, output: Output, folder: Path | None) -> None:
    """List them: at which versions each is, its kind and size. Reads only."""
    output.snapshots(bridge.snapshots(folder))


@snapshot.command("create")
@click.option(
    "--at",
    multiple=True,
    required=True,
    metavar="NAME=VERSION",
    callback=versions_of,
    help="The version of a legacy repository. What it requires comes along; other repositories "
    "are not in the database.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many rows each table has at least; default: 5.",
)
@click.option("--plain", is_flag=True, help="Ordinary rows only, no edge values.")
@click.option(
    "--kind",
    type=click.Choice(["sqlite", "postgresql", "mysql"]),
    help="The kind of database; default: that of --scratch-url where it is given here, else "
    "sqlite.",
)
@scratch_option
@folder_option
@name_option
@force_option
@json_option
@common
def create_snapshot(
    bridge: Bridge,
    output: Output,
    at: dict[str, int],
    rows: int | None,
    plain: bool,
    kind: str | None,
    urls: Sequence[str],
    folder: Path | None,
    name: str | None,
    force: bool,
) -> None:
    """Make an old database up, from the legacy history, with rows put in on the way."""
    source = click.get_current_context().get_parameter_source("urls")
    if kind is None and source is not click.core.ParameterSource.COMMANDLINE:
        kind = "sqlite"
    found = bridge.create_snapshot(
        at,
        kind=kind,
        urls=urls,
        rows=rows,
        plain=plain,
        folder=folder,
        name=name,
        force=force,
        progress=output.remarks(),
    )
    output.snapshot(found)


@snapshot.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--anonymize",
    is_flag=True,
    help="Scrub all texts: other ones of the same length and shape, other for other, the same for "
    "the same.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="TABLE.COLUMN",
    help="With --anonymize: leave the texts of this column as they are.",
)
@scratch_option
@folder_option
@name_option
@force_option
@json_option
@common
def import_snapshot(
    bridge: Bridge,
    output: Output,
    file: Path,
    anonymize: bool,
    keep: Sequence[str],
    urls: Sequence[str],
    folder: Path | None,
    name: str | None,
    force: bool,
) -> None:
    """Take in an old database: a SQLite file, or what .dump, pg_dump or mariadb-dump wrote."""
    if keep and not anonymize:
        raise click.UsageError("--keep is for --anonymize: without it, every text stays.")
    found = bridge.import_snapshot(
        file,
        urls=urls,
        anonymize=anonymize,
        keep=keep,
        folder=folder,
        name=name,
        force=force,
        progress=output.remarks(),
    )
    output.imported(found)


@main.group(cls=GroupWithDefault, default="list")
def modules() -> None:
    """The app's modules: which are on, and where the database stands in each."""


@modules.command("list")
@json_option
@common
def list_modules(bridge: Bridge, output: Output) -> None:
    """List them: on, off or not installed, current revision, head. Reads only."""
    output.modules(bridge.modules())


@modules.command("remove")
@click.argument("name")
@json_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@backup_option
@lock_option
@common
def remove_module(
    bridge: Bridge, output: Output, name: str, yes: bool, backup: bool | None, lock_timeout: float
) -> None:
    """Undo every revision of a module: its tables and their rows are gone afterwards."""
    if not yes and not can_ask(output):
        raise NotConfirmedError(
            "Removing a module drops its tables, and there is nobody here to ask.",
            help=f"Run it again with --yes: bridge modules remove {name} --yes",
        )
    with contextlib.closing(output.progress()) as progress:
        report = bridge.remove_module(
            name,
            confirm=asking(output, yes, default=False),
            progress=progress,
            backup=backup,
            lock_timeout=lock_timeout,
        )
    output.report(report)
    if bridge.config.modules[name].enabled:
        output.notify(
            f"The module is still on: dbupdate would install it again. Switch it off first: "
            f"module.{name}.enabled = false"
        )


@main.group(cls=GroupWithDefault, default="show")
def runtime() -> None:
    """The Python environment that runs sqlalchemy-migrate's scripts."""


@runtime.command()
@json_option
@common
def show(bridge: Bridge, output: Output) -> None:
    """Say which environment runs the legacy scripts, and whether it is there."""
    from bridge.legacy.runtime import LOCKED, extra_requirements, find_runtime

    found = find_runtime(bridge.config)
    output.pairs(
        [
            ("Origin", found.origin),
            ("Python", str(found.python)),
            ("Ready", "yes" if found.exists else "no; made when needed, or: bridge runtime make"),
            ("Locked", str(LOCKED)),
            ("Extra", ", ".join(extra_requirements(bridge.config)) or "none"),
        ]
    )


@runtime.command()
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Install from this folder of wheels, without a network.",
)
@common
def make(bridge: Bridge, output: Output, wheels: Path | None) -> None:
    """Make the environment now, where it is not there yet."""
    from bridge.legacy.runtime import ready_runtime

    ready = ready_runtime(bridge.config, wheels=wheels, progress=output.progress())
    output.pairs([("Origin", ready.origin), ("Python", str(ready.python)), ("Ready", "yes")])


@runtime.command()
@common
def remove(bridge: Bridge, output: Output) -> None:
    """Remove the private environment; it is made again when it is needed."""
    from bridge.legacy.runtime import remove_runtime

    folder = remove_runtime(bridge.config)
    output.pairs([("Removed", str(folder) if folder else "nothing: there was none")])
