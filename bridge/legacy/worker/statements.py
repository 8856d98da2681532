"""What kind of statement a text of SQL is, as far as the worker asks."""

from __future__ import annotations

from ...database.sql.effects import LOCKS, ROWS, SETTINGS, TRANSACTION
from ...database.sql.statements import Statement, read

_INSPECTIONS = ("SHOW", "DESCRIBE", "DESC", "EXPLAIN", "PRAGMA", "HELP")

_SAVEPOINTS = ("savepoint", "release", "rollback to")


def is_read(dialect: str, sql: str) -> bool:
    """Return whether the text counts as no write: settings of SQLite's do not either."""
    return all(
        statement.only_reads or statement.verb == "PRAGMA" or _is_query(statement)
        for statement in read(sql, dialect)
    )


def _is_query(statement: Statement) -> bool:
    """Return whether a statement gives rows, and changes neither rows nor the schema."""
    return statement.is_query and statement.effects <= {LOCKS, SETTINGS}


def is_non_transactional(dialect: str, sql: str) -> bool:
    """Return whether the text cannot be part of a longer transaction.

    The database refuses it there or ignores it, or it is about the transaction itself.
    """
    return any(
        statement.refused_in_transaction is not None
        or (TRANSACTION in statement.effects and statement.transaction[0] not in _SAVEPOINTS)
        or any(s.scope == "transaction" or s.name == "characteristics" for s in statement.settings)
        for statement in read(sql, dialect)
    )


def asks_for_rows(dialect: str, sql: str) -> bool:
    """Return whether the script may go by the rows that it gets, which may be the app's."""
    return any(
        _is_query(statement) or (statement.only_reads and statement.verb not in _INSPECTIONS)
        for statement in read(sql, dialect)
    )


def leaves_nothing(dialect: str, sql: str) -> bool:
    """Return whether what follows is the same without the text, but for locks."""
    return all(
        statement.only_reads or (statement.is_query and statement.effects <= {LOCKS})
        for statement in read(sql, dialect)
    )


def returns_rows(dialect: str, sql: str) -> bool:
    """Return whether the text changes rows or a sequence, and says what has become of them."""
    return any(
        ROWS in statement.effects
        and (
            "RETURNING" in statement.words
            or (statement.is_query and "SETVAL" not in statement.words)
        )
        for statement in read(sql, dialect)
    )


def changes_rows(dialect: str, sql: str) -> bool:
    """Return whether the text changes rows, as far as it says so."""
    return any(ROWS in statement.effects for statement in read(sql, dialect))


def temporary_in(dialect: str, sql: str) -> set[str]:
    """Return the names in the text's statements that make tables of the session alone."""
    return {
        name
        for statement in read(sql, dialect)
        if statement.verb == "CREATE" and {"TEMPORARY", "TEMP"} & {*statement.words[1:4]}
        for name in statement.names
    }


def names_in(dialect: str, sql: str) -> set[str]:
    """Return what may be names in the text, in lower case."""
    return {name for statement in read(sql, dialect) for name in statement.names}


def transaction_in(dialect: str, sql: str) -> str | None:
    """Return the statement in a text that begins or ends a transaction; None where none does."""
    for statement in read(sql, dialect):
        what = statement.transaction[0]
        if what and what not in _SAVEPOINTS:
            return statement.text
    return None


def commits_implicitly(dialect: str, sql: str) -> bool:
    """Return whether the database commits the open transaction before the statement."""
    return dialect not in ("sqlite", "postgresql") and any(
        statement.commits for statement in read(sql, dialect)
    )


def savepoint_in(dialect: str, sql: str) -> tuple[str, str] | None:
    """Return what the statement does with a savepoint, and its name.

    The first is ``savepoint``, ``release`` or ``rollback to``.
    """
    statements = read(sql, dialect)
    if len(statements) != 1 or statements[0].transaction[0] not in _SAVEPOINTS:
        return None
    return statements[0].transaction
