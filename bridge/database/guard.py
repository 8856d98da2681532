"""Holds what runs in a rehearsal to the copy: connections to anything else are refused.

An application's env.py, scripts and hooks may know the way to their database by themselves. So
each connection that they make, through SQLAlchemy or a driver, is asked where it leads to before
it is used.

The process that runs legacy scripts loads this file too. Hence it imports nothing of bridge and
keeps to what Python 3.7 and SQLAlchemy 1.3 have.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import re
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from .sql.statements import read
from .sql.tokens import masked

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

SIGN = "a rehearsal may use its copy only"
"""Stands in every refusal, to tell it from other errors after it has been through other hands."""

_KEY = "bridge_guard"

_DRIVERS = ("MySQLdb", "mariadb", "mysql.connector", "pg8000", "psycopg", "psycopg2", "pymysql")


class OutsideError(BaseException):
    """Something would use another database. Not an Exception: scripts catch these and go on."""


class Guard:
    """While it is entered, only one database can be used, or SQLite's in memory.

    Threads that were there before are not of the rehearsal, and go on as they like.

    :param copy: the file of a SQLite database, or the name of a server's.
    :param query: asks a server for the name; None for SQLite.
    :param forbidden: a pattern of statements that reach beyond the database they run in.
    """

    def __init__(self, copy: str, query: str | None, forbidden: str | None) -> None:
        self._arguments = (copy, query, forbidden)
        self.copy = copy if query else os.path.realpath(copy)
        self.query = query
        self._forbidden = re.compile(forbidden, re.IGNORECASE) if forbidden else None
        self._known: Any = weakref.WeakSet()
        self._others: set[threading.Thread] = set()
        self._replaced: list[tuple[Any, Any]] = []

    def as_request(self) -> dict[str, Any]:
        """Return what another process needs to build the same guard."""
        return {"arguments": self._arguments}

    def __enter__(self) -> Self:
        self._others = set(threading.enumerate()) - {threading.current_thread()}
        event.listen(Pool, "checkout", self._checked_out)
        event.listen(Engine, "before_cursor_execute", self._before_statement)
        _entered.append(self)
        _audit_sqlite()
        for name in _DRIVERS:
            with contextlib.suppress(Exception):  # it is not here, or does not work
                module = importlib.import_module(name)
                self._replaced.append((module, module.connect))
                module.connect = self._looking(module.connect)  # type: ignore[attr-defined]
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        while self._replaced:
            module, connect = self._replaced.pop()
            module.connect = connect
        _entered.remove(self)
        event.remove(Pool, "checkout", self._checked_out)
        event.remove(Engine, "before_cursor_execute", self._before_statement)

    # --- what is asked ------------------------------------------------------------------------

    def _checked_out(self, session: Any, record: Any, _proxy: Any) -> None:
        if self._watched() and not self._seen(session, record.info):
            self._look_or_close(session)
            record.info[_KEY] = self
            with contextlib.suppress(TypeError):  # SQLite's are asked each time
                self._known.add(session)  # another pool may give it out too

    def _before_statement(
        self, connection: Any, _cursor: Any, statement: str, *_details: Any
    ) -> None:
        if not self._watched():
            return
        fairy = connection.connection
        session = getattr(fairy, "dbapi_connection", None) or fairy.connection
        if not self._seen(session, connection.info):
            # It was taken out of its pool before the rehearsal began.
            self._refuse("a connection that was there before")
        dialect = connection.dialect.name
        attaches = self.query is None and any(s.verb == "ATTACH" for s in read(statement, dialect))
        if attaches or (self._forbidden and self._forbidden.search(_masked(statement, dialect))):
            self._refuse(f"another database, by the statement {' '.join(statement.split())[:100]}")

    def _looking(self, connect: Any) -> Any:
        """Return a connect function that checks where the connection leads."""

        def connected(*arguments: Any, **options: Any) -> Any:
            session = connect(*arguments, **options)
            if self._watched():
                self._look_or_close(session)
            return session

        return connected

    def check_opened(self, file: str) -> None:
        """Whether a SQLite file may be opened, past SQLAlchemy too."""
        if self.query is None and self._watched():
            self._check_file(file)

    def _watched(self) -> bool:
        return threading.current_thread() not in self._others

    def _seen(self, session: Any, info: dict[str, Any]) -> bool:
        return info.get(_KEY) is self or session in self._known

    def _look_or_close(self, session: Any) -> None:
        try:
            self._look(session)
        except OutsideError:
            session.close()
            raise

    def _look(self, session: Any) -> None:
        """Ask a connection where it leads to; it has not been used yet."""
        # An app may have a class of its own for them.
        sqlite = any("sqlite" in kind.__module__ for kind in type(session).__mro__)
        if not sqlite and self.query is None:
            self._refuse(f"a server, through {type(session).__module__}")
        cursor = session.cursor()
        try:
            cursor.execute("PRAGMA database_list" if sqlite else self.query)
            rows = list(cursor.fetchall())
        except Exception:  # noqa: BLE001 - of any driver: where it leads is not known
            rows = [(None, None, None)]
        finally:
            cursor.close()
        if sqlite:
            for row in rows:
                self._check_file(row[2] or "")
            return
        session.rollback()
        if rows[0][0] != self.copy:
            self._refuse(f"the database {rows[0][0]}")

    def _check_file(self, name: str) -> None:
        path = unquote(name[5:].partition("?")[0]) if name.startswith("file:") else name
        if path in ("", ":memory:") or "mode=memory" in name:
            return
        if self.query is not None or os.path.realpath(path) != self.copy:
            self._refuse(f"the database {path}")

    def _refuse(self, what: str) -> None:
        raise OutsideError(f"{SIGN}, and this uses {what}")


_entered: list[Guard] = []


_masked = functools.lru_cache(maxsize=256)(masked)


@functools.lru_cache(maxsize=None)  # noqa: UP033 (Python 3.7)
def _audit_sqlite() -> None:
    """Let Python tell of each SQLite file that is opened; such a hook stays for good."""

    def opened(name: str, arguments: tuple[Any, ...]) -> None:
        if _entered and name == "sqlite3.connect":
            for guard in _entered:
                guard.check_opened(os.fsdecode(arguments[0]))

    if hasattr(sys, "addaudithook"):  # from Python 3.8 on
        sys.addaudithook(opened)
