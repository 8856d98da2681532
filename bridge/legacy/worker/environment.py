"""What scripts run in: libraries, the engine, and marks that say that they run."""

from __future__ import annotations

import contextlib
import importlib.machinery
import locale
import os
import re
import sys
import weakref
from typing import TYPE_CHECKING, Any

import sqlalchemy
import sqlalchemy.engine.url
import sqlalchemy.pool
import sqlparse.engine.grouping
from migrate.versioning.script.sql import SqlScript

if TYPE_CHECKING:
    from collections.abc import Sequence


def open_engine(urls: list[str]) -> Any:
    """Return an engine for the first URL whose driver is installed, after a first connection."""
    missing: Exception | None = None
    for url in urls:
        try:
            engine = sqlalchemy.create_engine(url)
        except (ImportError, sqlalchemy.exc.NoSuchModuleError) as error:
            missing = error
            continue
        # A version that cannot even connect would leave the run half-way.
        engine.connect().close()
        return engine
    raise missing or ValueError("no URL was given")


def package_versions() -> dict[str, str]:
    """Return what the scripts run with, as far as it matters to what they emit."""
    found = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "sqlalchemy": sqlalchemy.__version__,
    }
    with contextlib.suppress(Exception):
        # Python 3.7 does not have it. Elsewhere it costs nothing: sqlalchemy-migrate needs it.
        from importlib.metadata import version

        found["sqlalchemy-migrate"] = version("sqlalchemy-migrate")
    return found


def run_sources(folders: Sequence[str]) -> None:
    """Let Python compile the files below these folders, whatever is cached beside them.

    Python takes a cached file for that of a source which has its time and its size.
    """
    loader: Any = importlib.machinery.SourceFileLoader
    original = loader.get_code
    homes = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)

    def get_code(self: Any, name: str) -> Any:
        path = self.get_filename(name)
        if not os.path.realpath(path).startswith(homes):
            return original(self, name)
        return self.source_to_code(self.get_data(path), path)

    loader.get_code = get_code


def mark_sessions(mark: dict[str, Any] | None) -> None:
    """Let a later run see that this process, or a session of it on the server, still exists.

    A mark is a lock that many can have: on a file, until this process ends; or on the server, taken
    by each session of the drivers, until that session ends. Of the statements, the first that says
    yes is it. "held" asks whether the run itself still has its lock.
    """
    if mark is None:
        return
    if "file" in mark:
        with contextlib.suppress(ImportError):
            # Windows does not have it. There, an open file is mark enough.
            import fcntl

            fcntl.flock(os.open(mark["file"], os.O_RDWR | os.O_CREAT, 0o666), fcntl.LOCK_SH)
        return

    marked: Any = weakref.WeakSet()  # a SingleTransaction's pool gives out one session again

    def connected(session: Any, _record: Any) -> None:
        ours = type(session).__module__.partition(".")[0] in mark["drivers"]
        if not ours or session in marked:
            return
        marked.add(session)
        cursor = session.cursor()
        for take, _undo in mark["statements"]:
            cursor.execute(take)
            if cursor.fetchone()[0]:
                break
        if "held" in mark:
            cursor.execute(mark["held"])
            if not cursor.fetchone()[0]:
                session.close()
                raise RuntimeError("the run has lost its lock: its session on the server has ended")
        cursor.close()
        session.rollback()

    sqlalchemy.event.listen(sqlalchemy.pool.Pool, "connect", connected)


def database_of(engine: Any) -> tuple[Any, ...]:
    """Return what tells which database an engine writes to."""
    url = engine.url
    if engine.name == "sqlite":
        return ("sqlite", os.path.abspath(url.database) if url.database else id(engine))
    return (engine.name, url.host, url.port, url.database)


def patch_libraries() -> None:
    """Change what the locked versions of libraries do otherwise than old histories need it."""
    # str(engine.url) must give a URL back that can be used: 1.4 forgets to quote the "%".
    if hasattr(sqlalchemy.engine.url, "_sqla_url_quote"):
        sqlalchemy.engine.url._sqla_url_quote = (  # noqa: SLF001 - it has no other place
            lambda text: re.sub("[%:@/]", lambda match: f"%{ord(match.group()):02X}", text)
        )
    # Newer ones refuse long statements, for fear of strangers' SQL.
    for limit in ("MAX_GROUPING_TOKENS", "MAX_GROUPING_DEPTH"):
        if hasattr(sqlparse.engine.grouping, limit):
            setattr(sqlparse.engine.grouping, limit, None)
    SqlScript.source = read_sql_file


def read_sql_file(script: Any) -> str:
    """Return the text of an .sql file.

    It is UTF-8, with or without a mark, else in the locale's encoding.
    """
    with open(script.path, "rb") as stream:
        source = stream.read()
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = source.decode(locale.getpreferredencoding(do_setlocale=False))
    return text.replace("\r\n", "\n").replace("\r", "\n")
