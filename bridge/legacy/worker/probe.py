"""Asks the database what a statement does that seems to read, for `bridge freeze`.

Its text does not say it: a function may write, and a view or a function reads tables that are not
named.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from ...database.sql.effects import LOCKS
from ...database.sql.statements import read

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_ONLY = "25006"
"""PostgreSQL's error for what would write in a transaction that only reads."""

_SQLITE_READ = 20  # the code that SQLite gives an authorizer


class Reading:
    """What a statement reads.

    :param tables: the tables whose rows it reads; None where the database does not say it.
    :param may_write: whether it could change rows too.
    """

    def __init__(self, tables: set[str] | None = None, *, may_write: bool = False) -> None:
        self.tables, self.may_write = tables, may_write


def probe(connection: Any, sql: str, parameters: Any) -> Reading:
    """Ask about a statement that is about to run on a connection; nothing of that stays."""
    session = session_of(connection)
    try:
        return _PROBES[connection.dialect.name](session, sql, parameters)
    except Exception:  # of any driver; the statement's own error is the script's
        return Reading()


def session_of(connection: Any) -> Any:
    """Return the driver's own connection."""
    found = connection.connection
    return getattr(found, "dbapi_connection", None) or getattr(found, "connection", found)


@contextlib.contextmanager
def _cursor(session: Any) -> Iterator[Any]:
    cursor = session.cursor()
    try:
        yield cursor
    finally:
        cursor.close()


def _execute(cursor: Any, sql: str, parameters: Any) -> None:
    if parameters:
        cursor.execute(sql, parameters)
    else:
        cursor.execute(sql)


# --- SQLite -------------------------------------------------------------------------------


def _on_sqlite(session: Any, sql: str, parameters: Any) -> Reading:
    """Let SQLite prepare it: it then names each table to an authorizer, also behind views.

    No function of SQLite's writes.
    """
    tables: set[str] = set()

    def authorize(action: int, table: Any, *_rest: Any) -> int:
        if action == _SQLITE_READ and table:
            tables.add(table)
        return 0

    session.set_authorizer(authorize)
    try:
        with _cursor(session) as cursor:
            _execute(cursor, f"EXPLAIN {sql}", parameters)
    finally:
        session.set_authorizer(lambda *_given: 0)  # None only from Python 3.11 on
    return Reading(tables)


# --- PostgreSQL ---------------------------------------------------------------------------

_SCANS = (
    "SELECT relname, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_xact_user_tables"
)


def _on_postgresql(session: Any, sql: str, parameters: Any) -> Reading:
    """Run it where nothing can be written, and see which tables were scanned.

    The server counts scans of empty tables too, and those behind views and in functions. What it
    does not count are sequences.
    """
    locks = any(LOCKS in statement.effects for statement in read(sql, "postgresql"))
    begin = ["SAVEPOINT bridge_probe", "SET LOCAL transaction_read_only = on"]
    end = ["ROLLBACK TO SAVEPOINT bridge_probe", "RELEASE SAVEPOINT bridge_probe"]
    if getattr(session, "autocommit", False):
        begin, end = ["BEGIN READ ONLY"], ["ROLLBACK"]
    found: set[str] | None = None
    with _cursor(session) as cursor:
        cursor.execute(begin[0])
        try:
            if not locks:  # refused there too
                for statement in begin[1:]:
                    cursor.execute(statement)
            cursor.execute(_SCANS)
            before = dict(cursor.fetchall())
            _execute(cursor, sql, parameters)
            cursor.execute(_SCANS)
            found = {name for name, count in cursor.fetchall() if count != before.get(name, 0)}
            _execute(cursor, f"EXPLAIN (FORMAT JSON, COSTS FALSE) {sql}", parameters)
            found.update(_relations(cursor.fetchone()[0]))
        except Exception as error:
            return Reading(found, may_write=getattr(error, "pgcode", None) == READ_ONLY)
        finally:
            for statement in end:
                cursor.execute(statement)
    return Reading(found)


def _relations(plan: Any) -> Iterator[str]:
    """Yield the names in a plan: sequences too, whose scans the server does not count."""
    if isinstance(plan, str):
        plan = json.loads(plan)
    for part in plan if isinstance(plan, list) else plan.values():
        if isinstance(part, (list, dict)):
            yield from _relations(part)
    if isinstance(plan, dict) and "Relation Name" in plan:
        yield plan["Relation Name"]


# --- MySQL and MariaDB --------------------------------------------------------------------


def _on_mysql(session: Any, sql: str, _parameters: Any) -> Reading:
    """Look for what it names: tables, views, and functions, which may do anything.

    What a server says that it would read leaves out tables that it finds to be empty.
    """
    names = {name for statement in read(sql, "mysql") for name in statement.names}
    with _cursor(session) as cursor:
        cursor.execute(
            "SELECT routine_name FROM information_schema.routines"
            " WHERE routine_schema = DATABASE() AND routine_type = 'FUNCTION'"
        )
        functions = {str(name).lower() for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT table_name, table_type FROM information_schema.tables"
            " WHERE table_schema = DATABASE()"
        )
        found = {str(name).lower(): kind for name, kind in cursor.fetchall() if name}
    named = names & {*found}
    views = {name for name in named if "VIEW" in str(found[name])}
    called = functions & names or (functions and views)
    return Reading({*named, *called}, may_write=bool(called))


_PROBES = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
    "mariadb": _on_mysql,
}
