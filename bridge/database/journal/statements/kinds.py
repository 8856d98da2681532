"""The kinds of statements, as records have them."""

from __future__ import annotations

import hashlib
import re

from ...sql.effects import LOCKS, MAINTENANCE, ROWS, SCHEMA, TRANSACTION, pairs
from ...sql.statements import Statement, read

FAMILY = "mysql"


def kind_of(sql: str) -> str:
    """Return ``read``, ``rows``, ``session``, ``schema``, ``other`` or ``untracked``.

    ``session`` takes effect for the session alone, so each run needs it. ``other`` may do
    anything, such as a call of a procedure. ``untracked`` keeps the step from being written down.
    """
    if why_untracked(sql):
        return "untracked"
    statements = read(sql, FAMILY)
    if len(statements) != 1:
        return "other"
    (statement,) = statements
    effects = statement.effects
    if not effects or (effects == {LOCKS} and statement.is_query):
        return "read"
    if TRANSACTION in effects or (statement.verb == "SET" and not effects & {ROWS, SCHEMA}):
        return "session"
    if effects & {SCHEMA, MAINTENANCE}:
        return "schema"
    return "rows" if ROWS in effects else "other"


def why_untracked(sql: str) -> str | None:
    """Return why a step with such a statement cannot be written down; None where it can."""
    return next(filter(None, map(_why_untracked, read(sql, FAMILY))), None)


def _why_untracked(statement: Statement) -> str | None:
    """Return what another run's session would not have, or what keeps us from writing."""
    words, verb = statement.words, statement.verb
    if verb in ("CREATE", "DROP") and "TEMPORARY" in words[1:4]:
        return "it uses temporary tables"
    if verb == "LOCK":
        return "it locks tables"
    if verb == "XA":
        return "it uses transactions of several databases"
    if verb == "USE":
        return "it changes to another database"
    sets = any(setting.scope == "user" for setting in statement.settings)
    if (sets and "SELECT" in words) or (statement.is_query and _keeps_what_it_reads(words)):
        return "it keeps what it reads in variables of the session"
    return None


def _keeps_what_it_reads(words: tuple[str, ...]) -> bool:
    return ":=" in words or any(
        (word == "INTO" and following.startswith("@")) or (word, following) == ("ROW_COUNT", "(")
        for word, following in pairs(words)
    )


def key_of(kind: str, sql: str) -> str:
    """Return what is the same for equal statements."""
    text = " ".join(sql.split())
    if kind == "schema":
        # SQLAlchemy writes the constraints of a table in the order of a set.
        text = " ".join(sorted(re.split(r"[\s,()]+", text)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def leaves_last_id(sql: str) -> bool:
    """Return whether a statement neither asks for the number of the last row nor changes it."""
    statements = read(sql, FAMILY)
    return len(statements) == 1 and (
        statements[0].verb in ("ALTER", "CREATE", "DROP", "RENAME")
        and not {";", "SELECT", "LAST_INSERT_ID"} & {*statements[0].words}
    )


def reads_tables(sql: str) -> bool:
    """Return whether a query asks for rows or the schema, not for a setting of the server."""
    return any(
        "FROM" in statement.words or statement.verb in ("SHOW", "DESC", "DESCRIBE")
        for statement in read(sql, FAMILY)
    )


def names_in(sql: str) -> set[str]:
    """Return what may be names in it, in lower case."""
    return {name for statement in read(sql, FAMILY) for name in statement.names}


def short(sql: str) -> str:
    """Return a statement for a message."""
    text = " ".join(sql.split())
    return text if len(text) <= 200 else f"{text[:197]}..."
