"""The function that an application's `env.py` calls inside Alembic's own context."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from alembic import context

from bridge.database.engine import connect, make_engine
from bridge.database.journal.table import Journal
from bridge.database.servers import server_of
from bridge.database.url import environment_url, parse_url, relative_to
from bridge.model.config_file import load
from bridge.model.errors import RevisionsError
from bridge.model.names import OWN_TABLES
from bridge.revisions.ini import named_url
from bridge.revisions.modules import find_modules
from bridge.revisions.running import recorder
from bridge.revisions.scripts import Revisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa
    from alembic.config import Config as AlembicIni
    from sqlalchemy.engine import URL, Connection

    from bridge.model.config import Config


def run_environment(
    target_metadata: sa.MetaData | Sequence[sa.MetaData] | None = None, **options: Any
) -> None:
    """Configure Alembic's context and run the migrations: the body of an ``env.py``.

    It serves online, offline (``--sql``) and autogenerate. It uses bridge's connection, else one of
    its own, runs each revision in a transaction, and renders SQLite changes as batches.

    :param target_metadata: the models, for autogenerate; None for those that the configuration
        names.
    :param options: more options for `alembic.context.configure`.
    """
    ini = context.config
    settings: Config = ini.attributes.get("bridge") or find_modules(load())
    if target_metadata is None:
        target_metadata = ini.attributes.get("target_metadata")
    options = {
        "target_metadata": target_metadata,
        "version_table": settings.alembic.version_table,
        "version_table_schema": settings.alembic.version_table_schema,
        "transaction_per_migration": True,
        "include_name": _include_name(ini, settings),
        **options,
        "on_version_apply": _callbacks(ini, settings, options.get("on_version_apply")),
    }
    if context.is_offline_mode():
        url = _environment_url(ini, settings)
        context.configure(
            url=url,
            literal_binds=True,
            dialect_opts={"paramstyle": "named"},
            render_as_batch=server_of(url).rebuilds_tables,
            **options,
        )
        with context.begin_transaction():
            context.run_migrations()
        return
    connection = ini.attributes.get("connection")
    if connection is not None:
        _run_online(connection, options)
        return
    engine = ini.attributes.get("engine") or make_engine(_environment_url(ini, settings))
    with connect(engine) as connection:
        _run_online(connection, options)


def _callbacks(ini: AlembicIni, settings: Config, given: Any) -> tuple[Any, ...]:
    """Return the app's own callbacks, and the one that writes the journal."""
    callbacks = tuple(given) if isinstance(given, list | tuple) else (given,) if given else ()
    if ini.attributes.get("recorded"):
        return callbacks
    return (*callbacks, recorder(Revisions(settings), Journal(str(uuid4()))))


def _run_online(connection: Connection, options: dict[str, Any]) -> None:
    context.config.attributes["ours"] = True
    context.configure(
        connection=connection,
        render_as_batch=server_of(connection).rebuilds_tables,
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()


def _environment_url(ini: AlembicIni, settings: Config) -> URL:
    """Return bridge's URL; under plain `alembic`, find it as bridge does."""
    given: URL | None = ini.attributes.get("url")
    if given is not None:
        return given
    text = environment_url()
    if text:
        return parse_url(text)
    text = settings.database.url or named_url(ini)
    if text:
        return relative_to(parse_url(text), settings.root)
    raise RevisionsError(
        f"No database is named: there is no database.url in {settings.source}.",
        help="Name one in database.url, in BRIDGE_DATABASE_URL or with bridge's option --url.",
    )


def _include_name(ini: AlembicIni, settings: Config) -> Callable[[str | None, str, Any], bool]:
    """Return the filter that hides version tables, bridge's own and foreign tables.

    Without it, autogenerate would propose to drop them.
    """
    hidden = {*OWN_TABLES, settings.alembic.version_table, "alembic_version", "migrate_version"}
    hidden |= ini.attributes.get("version_tables", set())
    foreign = settings.database.ignore_tables

    def include(name: str | None, kind: str, _parents: Any) -> bool:
        if kind != "table" or name is None:
            return True
        return name not in hidden and not any(fnmatchcase(name, pattern) for pattern in foreign)

    return include
