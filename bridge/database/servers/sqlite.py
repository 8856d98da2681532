"""SQLite: no server but a file, which each program opens itself."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from bridge.database.servers.base import Server, raw_execute

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy.engine import URL, Connection

    from bridge.database.sql.settings import Setting

FILE_START = b"SQLite format 3\0"


_USUALLY_OFF = {"ignore_check_constraints", "legacy_alter_table", "recursive_triggers"}

_OFF = {"0", "false", "no", "off"}


_WRITING = {
    sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_DROP_TABLE,
}  # fmt: skip
"""What the authorizer calls the ways to write or change a table."""


class SQLite(Server):
    """A SQLite file, or a database in memory."""

    name = family = syntax = "sqlite"
    label = "SQLite"

    is_server = False
    rebuilds_tables = True
    strict_types = False

    legacy_name = "sqlite"
    past_transaction = r"\braw_connection\b|\bcreate_engine\b"

    size_sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    # 0: a backup reads the whole file anyway.
    table_sizes_sql = (
        "SELECT name, 0 FROM sqlite_master WHERE type = 'table' "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    large_objects_sql = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL %'"

    schema_queries = (
        "SELECT type, name, tbl_name, sql FROM sqlite_master"
        " WHERE name NOT LIKE 'sqlite#_%' ESCAPE '#' AND tbl_name <> :own",
    )

    backup_start = FILE_START
    dump_start = FILE_START + rb"|(?:--[^\n]*\n|\s)*(?:PRAGMA|BEGIN TRANSACTION)\b"
    snapshot_ending = ".sqlite.sql"
    client = "sqlite3 DATABASE < SCRIPT"
    script_settings = (".bail on", "PRAGMA foreign_keys = OFF;")

    def file(self, url: URL) -> Path | None:
        name = url.database
        if not name or name == ":memory:":
            return None
        if name.startswith("file:"):
            name = name[len("file:") :].partition("?")[0]
            in_memory = name in ("", ":memory:") or "mode=memory" in str(url)
            return None if in_memory else Path(name)
        return Path(name)

    @contextmanager
    def transactions(self, connection: Connection) -> Iterator[None]:
        """Let SQLAlchemy begin transactions, as Python's sqlite3 does not around DDL.

        Done for one connection, so that an engine of the caller's stays as it was.
        """
        driver: Any = connection.connection.dbapi_connection
        legacy_mode = getattr(driver, "autocommit", -1) == -1
        if not legacy_mode or driver.isolation_level is None:
            yield
            return
        before, driver.isolation_level = driver.isolation_level, None
        event.listen(connection, "begin", _begin)
        try:
            yield
        finally:
            driver.isolation_level = before

    def refuse_writes(self, connection: Connection) -> Connection:
        raw_execute(connection, "PRAGMA query_only = 1")
        return connection

    def take_writes(self, connection: Connection) -> None:
        raw_execute(connection, "PRAGMA query_only = 0")

    @contextmanager
    def foreign_keys_off(self, connection: Connection) -> Iterator[None]:
        """Do not look at foreign keys: else a table that is rebuilt loses its children's rows."""
        before = pragma(connection, "foreign_keys")[0][0]
        pragma(connection, "foreign_keys = OFF")
        try:
            yield
        finally:
            pragma(connection, f"foreign_keys = {before}")

    @contextmanager
    def foreign_keys_late(self, connection: Connection) -> Iterator[None]:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        yield

    def tables(self, connection: Connection) -> set[str]:
        # SQLAlchemy's inspector would begin a transaction, which locks out an env.py's own engine.
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        try:
            return {name for (name,) in _rows(connection, query)}
        except sqlite3.Error as error:
            raise DBAPIError.instance(query, None, error, sqlite3.Error) from error

    def data_version(self, connection: Connection) -> int:
        return int(pragma(connection, "data_version")[0][0])

    @contextmanager
    def touched(self, connection: Connection) -> Iterator[set[str] | None]:
        session = connection.connection.dbapi_connection
        if not isinstance(session, sqlite3.Connection):
            yield None
            return
        found: set[str] = set()

        def note(action: int, one: str | None, two: str | None, *_where: str | None) -> int:
            name = two if action == sqlite3.SQLITE_ALTER_TABLE else one
            if action in _WRITING and name is not None:
                found.add(name)
            return sqlite3.SQLITE_OK

        # Statements that are prepared already are prepared again, and so are seen.
        session.set_authorizer(note)
        try:
            yield found
        finally:
            with contextlib.suppress(sqlite3.ProgrammingError):  # it may be closed by now
                # None would do from Python 3.11 on.
                session.set_authorizer(lambda *_what: sqlite3.SQLITE_OK)

    def with_children(self, connection: Connection, tables: set[str]) -> set[str]:
        lower = {name.lower() for name in tables}
        keys = _rows(
            connection,
            'SELECT m.name, f."table" FROM sqlite_master m, pragma_foreign_key_list(m.name) f'
            " WHERE m.type = 'table'",
        )
        children = {child for child, parent in keys if parent.lower() in lower}
        # Names are written in any case.
        return children | {name for name in self.tables(connection) if name.lower() in lower}

    def broken_rows(
        self, connection: Connection, tables: Collection[str] | None = None
    ) -> Counter[tuple[str, str]]:
        broken: Counter[tuple[str, str]] = Counter()
        quote = connection.dialect.identifier_preparer.quote_identifier
        for table in sorted(self.tables(connection) if tables is None else tables):
            try:
                rows = pragma(connection, f"foreign_key_check({quote(table)})")
            except connection.dialect.dbapi.Error as error:  # type: ignore[union-attr]
                # Old tables may have a key to columns that are not unique: it cannot be checked.
                if "foreign key mismatch" not in str(error):
                    raise
            else:
                broken.update((row[0], row[2]) for row in rows)
        return broken

    def sequences(self, connection: Connection) -> list[tuple[Any, ...]] | None:
        there = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
        if connection.exec_driver_sql(there).first() is None:
            return None
        found = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")
        return [tuple(row) for row in found]

    def reset(self, settings: Sequence[Setting]) -> str:
        left = {setting.name: setting.value for setting in settings}
        on = [name for name, value in left.items() if name in _USUALLY_OFF and value not in _OFF]
        return "".join(f"PRAGMA {name} = OFF;\n" for name in on)

    def stop_unless(self, condition: str, message: str, dialect: Any) -> str:
        name = dialect.identifier_preparer.quote_identifier(message)
        return (
            "CREATE TEMPORARY TABLE bridge_start (\n"
            f"  here INTEGER CONSTRAINT {name} CHECK (here)\n);\n"
            f"INSERT INTO bridge_start VALUES ({condition});\nDROP TABLE bridge_start;\n"
        )


def pragma(connection: Connection, text: str) -> list[Any]:
    """Run a PRAGMA on the driver's connection: some work only outside of a transaction."""
    return _rows(connection, f"PRAGMA {text}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _rows(connection: Connection, statement: str) -> list[Any]:
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
        return list(cursor.fetchall())
    finally:
        cursor.close()
