"""Databases for tests: empty ones of every dialect, and what is in them as comparable data.

This reads schema and rows on its own, without `bridge`: it is what the tests judge `bridge` by.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SAWarning
from sqlalchemy.pool import NullPool
from support.servers import Server, ServerMissingError

DIALECTS = ("sqlite", "postgresql", "mariadb")

S = TypeVar("S", bound=Server)
JOURNAL = "bridge_journal"
"""bridge's own table: left out unless it is asked for, since a twin without bridge has none."""

MARIADB_LOCK = "IS_USED_LOCK(CONCAT('bridge:', LEFT(SHA2(LOWER(DATABASE()), 256), 32)))"
"""On MariaDB, the number of the session that has bridge's lock: the one that may idle for hours."""

Document = dict[str, Any]
"""A schema as plain dicts, lists and strings: equal for equal databases."""


class Database:
    """One database of a test; `drop()` removes it."""

    dialect: ClassVar[str]
    # The end of a dump's file name in this dialect.
    suffix: ClassVar[str]

    def __init__(self, url: str, connect_arguments: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self._connect_arguments = dict(connect_arguments or {})
        self._engine: Engine | None = None

    def __repr__(self) -> str:
        # Shown by pytest in every failure.
        return f"<{self.dialect} {sa.engine.make_url(self.url).database}>"

    def engine(self) -> Engine:
        """The one engine of this object; it keeps no connection open."""
        if self._engine is None:
            # future: SQLAlchemy 1.4 behaves as 2 does.
            self._engine = sa.create_engine(
                self.url, poolclass=NullPool, future=True, connect_args=self._connect_arguments
            )
        return self._engine

    def execute(self, *statements: str) -> None:
        """Runs statements as they are, in one transaction."""
        with self.engine().begin() as connection:
            # Else some drivers take a "%" for a parameter.
            plain = connection.execution_options(no_parameters=True)
            for statement in statements:
                plain.exec_driver_sql(statement)

    def load(self, path_without_suffix: str | os.PathLike[str]) -> None:
        """Loads `PATH.sqlite.sql`, `PATH.pg.sql` or `PATH.mysql.sql`."""
        path = Path(os.fspath(path_without_suffix) + self.suffix)
        if not path.is_file():
            raise FileNotFoundError(path)
        self._load(path)

    def _load(self, path: Path) -> None:
        raise NotImplementedError

    def schema(self, ignore: Iterable[str] = (), *, journal: bool = False) -> Document:
        """The schema; `ignore` has names or patterns (`kombu_*`) of tables to leave out."""
        with self.engine().connect() as connection:
            return _schema(connection, _left_out(ignore, journal))

    def rows(
        self, ignore: Iterable[str] = (), *, journal: bool = False
    ) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, sorted, as values that compare and have no identity."""
        with self.engine().connect() as connection:
            return _rows(connection, _left_out(ignore, journal))

    def contents(self) -> tuple[Document, dict[str, list[tuple[Any, ...]]]]:
        """Schema and rows, the journal's too: equal where nothing was written at all."""
        return self.schema(journal=True), self.rows(journal=True)

    def drop(self) -> None:
        """Removes the database, whoever is still connected."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        self._drop()

    def _drop(self) -> None:
        raise NotImplementedError


class SQLiteDatabase(Database):
    """A database file. The file is not there until something connects."""

    dialect = "sqlite"
    suffix = ".sqlite.sql"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"sqlite:///{path}")

    def _load(self, path: Path) -> None:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.executescript(path.read_text(encoding="utf-8"))

    def _drop(self) -> None:
        for end in ("", "-journal", "-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)


class ServerDatabase(Database):
    """A new database on a server."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        server.create_database(name)
        super().__init__(server.url(name), server.connect_arguments)

    def _load(self, path: Path) -> None:
        self.server.run_dump(self.name, path)

    def dump(self) -> str:
        return self.server.dump(self.name)

    def _drop(self) -> None:
        self.server.drop_database(self.name)


class PostgreSQLDatabase(ServerDatabase):
    dialect = "postgresql"
    suffix = ".pg.sql"


class MariaDBDatabase(ServerDatabase):
    dialect = "mariadb"
    suffix = ".mysql.sql"


@contextlib.contextmanager
def account(database: Database, password: str, *, reader: bool = False) -> Iterator[str]:
    """A URL of the server's database for another user, with this password.

    :param reader: may only read; else everything.
    """
    assert isinstance(database, ServerDatabase)
    user, name, literal = "test account", database.name, password.replace("'", "''")
    if database.dialect == "postgresql":
        make = [f"CREATE USER \"{user}\" {'' if reader else 'SUPERUSER'} PASSWORD '{literal}'"]
        if reader:
            make.append(f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{user}"')
            make.append("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        drop = [f'DROP OWNED BY "{user}"', f'DROP USER "{user}"']
    else:
        literal = literal.replace("\\", "\\\\")
        rights = f"SELECT ON {name}.*" if reader else "ALL ON *.*"
        make = [f"CREATE USER '{user}' IDENTIFIED BY '{literal}'", f"GRANT {rights} TO '{user}'"]
        drop = [f"DROP USER '{user}'"]
    database.execute(*make)
    try:
        yield database.server.url(name, user=user, password=password)
    finally:
        database.execute(*drop)


def _left_out(ignore: Iterable[str], journal: bool) -> tuple[str, ...]:
    return tuple(ignore) if journal else (*ignore, JOURNAL)


def running(server: S) -> Iterator[S]:
    """The server while it runs; without its programs the test is skipped, on CI it fails."""
    try:
        server.start()
    except ServerMissingError as missing:
        advice = f"{missing}; scripts/install-servers installs it"
        # On CI a skip would look like a pass.
        if os.environ.get("CI") == "true":
            pytest.fail(advice)
        pytest.skip(advice)
    try:
        yield server
    finally:
        server.stop()


# -- rows -----------------------------------------------------------------------------------------


def _rows(connection: Connection, ignore: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    result = {}
    for name in _tables(connection, ignore):
        # text("*"): the drivers' values, not those of SQLAlchemy's types.
        found = connection.execute(sa.select(sa.text("*")).select_from(sa.table(name)))
        result[name] = sorted((tuple(map(_comparable, row)) for row in found), key=_order)
    return result


def _comparable(value: Any) -> Any:
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, default=str)
    if isinstance(value, set | frozenset):
        return ",".join(sorted(map(str, value)))
    if isinstance(value, float) and math.isnan(value):
        return "NaN"  # which is not equal to itself
    return value


def _order(row: tuple[Any, ...]) -> list[tuple[str, str]]:
    # NULL and, on SQLite, values of different types have no order among themselves.
    return [(type(value).__name__, repr(value)) for value in row]


# -- schema ---------------------------------------------------------------------------------------


def _ignored(name: str, ignore: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in ignore)


def _tables(connection: Connection, ignore: Sequence[str]) -> list[str]:
    names = sa.inspect(connection).get_table_names()
    # SQLite's own tables: SQLAlchemy 1.4 lists them.
    return sorted(x for x in names if not x.startswith("sqlite_") and not _ignored(x, ignore))


def _schema(connection: Connection, ignore: Sequence[str]) -> Document:
    inspector = sa.inspect(connection)
    with warnings.catch_warnings():
        # "Skipped unsupported reflection of expression-based index" and the like: the dialect's own
        # definitions below have those.
        warnings.simplefilter("ignore", SAWarning)
        document: Document = {
            "tables": {
                name: _table(inspector, connection, name) for name in _tables(connection, ignore)
            },
            "views": {
                name: _text(inspector.get_view_definition(name))
                for name in sorted(inspector.get_view_names())
                if not _ignored(name, ignore)
            },
        }
    for key, query in _MORE.get(connection.dialect.name, {}).items():
        found = connection.exec_driver_sql(query).fetchall()
        # The first column is the table that the thing belongs to, for `ignore`.
        lines = [[_text(value) for value in row] for row in found if not _ignored(row[0], ignore)]
        document[key] = sorted(lines, key=str)
    return document


# What the inspector does not see, or not the whole of it.
_MORE: dict[str, dict[str, str]] = {
    "sqlite": {
        "sql": "SELECT tbl_name, type, name, sql FROM sqlite_master"
        " WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    },
    "postgresql": {
        "index definitions": "SELECT tablename, indexdef FROM pg_indexes"
        " WHERE schemaname = current_schema()",
        "constraints": "SELECT r.relname, c.conname, pg_get_constraintdef(c.oid)"
        " FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid"
        " WHERE r.relnamespace = current_schema()::regnamespace",
        "triggers": "SELECT r.relname, pg_get_triggerdef(t.oid)"
        " FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND r.relnamespace = current_schema()::regnamespace",
        "functions": "SELECT '', pg_get_functiondef(p.oid) FROM pg_proc p"
        " WHERE p.prokind IN ('f', 'p') AND p.pronamespace = current_schema()::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')",
        "enums": "SELECT '', t.typname, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)"
        " FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid"
        " WHERE t.typnamespace = current_schema()::regnamespace GROUP BY t.typname",
        "sequences": "SELECT coalesce(o.relname, ''), s.relname, format_type(q.seqtypid, NULL),"
        " q.seqstart, q.seqincrement"
        " FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid"
        " LEFT JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass"
        " AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"
        " LEFT JOIN pg_class o ON o.oid = d.refobjid"
        " WHERE s.relnamespace = current_schema()::regnamespace",
    },
    "mysql": {
        "triggers": "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION,"
        " ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()",
        "routines": "SELECT '', ROUTINE_TYPE, ROUTINE_NAME, ROUTINE_DEFINITION"
        " FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()",
    },
}


def _table(inspector: Any, connection: Connection, name: str) -> Document:
    # In their order: it is what INSERT without a column list goes by. And read first: on SQLite,
    # SQLAlchemy 1.4's get_pk_constraint() sorts the list of columns that the inspector caches.
    columns = [_column(column, connection) for column in inspector.get_columns(name)]
    key = inspector.get_pk_constraint(name)
    indexes = [
        {
            "name": index["name"],
            # None stands for an expression.
            "columns": list(index.get("expressions") or index["column_names"]),
            "unique": bool(index["unique"]),
        }
        for index in inspector.get_indexes(name)
    ]
    uniques = [
        {"name": unique["name"], "columns": list(unique["column_names"])}
        for unique in inspector.get_unique_constraints(name)
    ]
    checks = [
        {"name": check["name"], "sql": _text(check["sqltext"])}
        for check in inspector.get_check_constraints(name)
    ]
    options = {} if connection.dialect.name == "sqlite" else inspector.get_table_options(name)
    return {
        "columns": columns,
        "primary key": {
            "name": key.get("name"),
            "columns": list(key.get("constrained_columns") or ()),
        },
        "foreign keys": _sorted(_foreign_key(found) for found in inspector.get_foreign_keys(name)),
        "unique constraints": _sorted(uniques),
        "indexes": _sorted(indexes),
        "checks": _sorted(checks),
        # The counter depends on the rows.
        "options": {k: str(v) for k, v in sorted(options.items()) if "auto_increment" not in k},
    }


def _column(column: Mapping[str, Any], connection: Connection) -> Document:
    kind = column["type"]
    if isinstance(kind, sa.types.NullType):
        type_text = "NULL"
    else:
        type_text = str(kind.compile(dialect=connection.dialect))
    result = {
        "name": str(column["name"]),
        "type": type_text,
        "nullable": bool(column["nullable"]),
        "default": _default(column.get("default")),
    }
    # SQLite says "auto" for anything: its own SQL has the truth.
    if isinstance(column.get("autoincrement"), bool) and connection.dialect.name != "sqlite":
        result["autoincrement"] = column["autoincrement"]
    for extra in ("identity", "computed", "comment"):
        value = column.get(extra)
        if value:
            result[extra] = (
                {k: str(v) for k, v in sorted(value.items())}
                if isinstance(value, Mapping)
                else str(value)
            )
    return result


def _foreign_key(key: Mapping[str, Any]) -> Document:
    return {
        "name": key["name"],
        "columns": list(key["constrained_columns"]),
        "to": [key.get("referred_schema") or "", key["referred_table"], *key["referred_columns"]],
        "options": {k: str(v).upper() for k, v in sorted(key.get("options", {}).items()) if v},
    }


def _default(value: Any) -> str | None:
    text = _text(value)
    # MariaDB's own spelling of the standard's word.
    return re.sub(r"(?i)\bcurrent_timestamp(\(\))?", "CURRENT_TIMESTAMP", text) if text else text


def _text(value: Any) -> str | None:
    """SQL with one blank where there were any: line ends and indents say nothing."""
    return None if value is None else " ".join(str(value).split())


def _sorted(documents: Iterable[Document]) -> list[Document]:
    return sorted(documents, key=lambda document: json.dumps(document, sort_keys=True))
