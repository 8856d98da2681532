"""What the catalog of MySQL and MariaDB tells of tables that are to be filled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bridge.database.seeding.catalog.found import Found, rows
from bridge.database.seeding.tables import Column, Rule
from bridge.database.servers import server_of
from bridge.database.sql.tokens import literals

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_COLUMNS = (
    "SELECT c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE, c.COLUMN_DEFAULT, c.EXTRA, "
    "c.CHARACTER_SET_NAME FROM information_schema.COLUMNS c JOIN information_schema.TABLES t "
    "ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME "
    "WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
    "ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION"
)

_INDEXES = (
    "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS "
    "WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 "
    "ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
)

_REFERENCES = (
    "SELECT TABLE_NAME, CONSTRAINT_NAME, nullif(REFERENCED_TABLE_SCHEMA, DATABASE()), "
    "REFERENCED_TABLE_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME "
    "FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() "
    "AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
)


def read(connection: Connection, found: Found) -> None:
    """Read the tables of the database."""
    _read_columns(connection, found)
    _read_unique(connection, found)
    for table, name, schema, to, ours, theirs in rows(connection, _REFERENCES):
        found.references[table][name, schema, to].append((ours, theirs))
    dialect: Any = connection.dialect
    server = server_of(connection)
    if dialect.server_version_info >= server.checks_since:
        for table, name, text in rows(connection, server.checks_sql):
            found.checks[table].append(Rule(name, (), text.replace(server.checks_quote, "'")))


def _read_columns(connection: Connection, found: Found) -> None:
    for table, name, kind, nullable, default, extra, charset in rows(connection, _COLUMNS):
        extra = extra.lower()
        # A place for the table, even without a column of ours.
        columns = found.columns[table]
        if re.search(r"\b(virtual|stored|persistent)\b", extra):
            continue
        labels: tuple[str, ...] = ()
        if kind.startswith(("enum(", "set(")):
            kind, _, values = kind.partition("(")
            labels = tuple(literals(values, "sqlite"))  # a backslash is a letter there
        columns.append(
            Column(
                name,
                kind.lower(),
                nullable == "YES",
                default,
                labels,
                _LETTERS.get(charset or "utf8mb4", "ascii"),
                touched="on update" in extra,
            )
        )


def _read_unique(connection: Connection, found: Found) -> None:
    expressions = set()
    for table, index, name in rows(connection, _INDEXES):
        if name is None:  # an expression
            expressions.add((table, index))
        found.unique[table][index].append(name)
        if index == "PRIMARY":
            found.primary[table].append(name)
    for table, index in sorted(expressions):
        # What columns it is on is not told here.
        del found.unique[table][index]
        found.partial[table].append(Rule(index, ()))


_LETTERS = {"utf8mb4": "all", "utf16": "all", "utf32": "all"}
_LETTERS |= dict.fromkeys(("utf8", "utf8mb3", "ucs2"), "bmp")
