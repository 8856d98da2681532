"""What kind of statement a text of SQL is, as far as the worker asks."""

from __future__ import annotations

import re

# What a database refuses inside a transaction, or ignores there.
NON_TRANSACTIONAL = {
    "sqlite": re.compile(
        r"^\s*((VACUUM|ATTACH|DETACH|BEGIN|COMMIT|END|ROLLBACK(?!\s+TO))\b"
        r"|PRAGMA\s+(\w+\.)?(auto_vacuum|defer_foreign_keys|encoding|foreign_keys|journal_mode"
        r"|locking_mode|page_size|synchronous|temp_store|wal_checkpoint)\s*[=(])",
        re.IGNORECASE,
    ),
    "postgresql": re.compile(
        r"(^|;)\s*(ABORT|ALTER\s+SYSTEM|BEGIN\s*(;|$|WORK|TRANSACTION)|CLUSTER\s*(;|$)|COMMIT"
        r"|(CREATE|DROP|ALTER)\s+(DATABASE|TABLESPACE|SUBSCRIPTION)|DISCARD|END\s*(;|$)"
        r"|PREPARE\s+TRANSACTION|REINDEX\s+(DATABASE|SYSTEM)|ROLLBACK(?!\s+TO)"
        r"|SET\s+(LOCAL|TRANSACTION|SESSION\s+CHARACTERISTICS|CONSTRAINTS)|START\s+TRANSACTION"
        r"|VACUUM|ALTER\s+TYPE\s+\S+\s+ADD\s+VALUE|(CREATE|DROP|RE)\s*(UNIQUE\s+)?INDEX\s"
        r".*\bCONCURRENTLY)",
        re.IGNORECASE,
    ),
}

# A comment, or what is quoted: a body of a function, too.
QUOTED = re.compile(
    r"--[^\n]*|/\*.*?\*/|\b[eE]'(?:[^'\\]|\\.)*'|'[^']*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$", re.DOTALL
)

READS = re.compile(r"\s*(SELECT|PRAGMA|SHOW|DESCRIBE|DESC|EXPLAIN)\b", re.IGNORECASE)

# What ends the transaction by itself on MySQL and MariaDB.
COMMITS = re.compile(
    r"\s*(ALTER|ANALYZE|CREATE|DROP|GRANT|LOCK|OPTIMIZE|RENAME|REPAIR|REVOKE|TRUNCATE|UNLOCK)\b",
    re.IGNORECASE,
)

SAVEPOINT = re.compile(
    r"\s*(SAVEPOINT|RELEASE(?:\s+SAVEPOINT)?|ROLLBACK\s+TO(?:\s+SAVEPOINT)?)\s+(\S+?)\s*;?\s*$",
    re.IGNORECASE,
)

QUERIES = re.compile(r"\s*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)

# Queries that do something besides.
WRITING_QUERIES = re.compile(
    r"\b(setval|set_config|lo_\w+|addgeometrycolumn|dropgeometrycolumn|create_\w+|populate_\w+)\s*\("
    r"|\bINTO\s+(?:TEMP|TEMPORARY|UNLOGGED|TABLE|OUTFILE|DUMPFILE)\b"
    r"|\bWITH\b.*\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\b",
    re.IGNORECASE | re.DOTALL,
)

INSPECTIONS = re.compile(r"\s*(SHOW|DESCRIBE|DESC|EXPLAIN|PRAGMA)\b", re.IGNORECASE)

# PRAGMAs that ask, though they have an argument.
INSPECTING_PRAGMAS = (
    "collation_list|compile_options|database_list|foreign_key_check|foreign_key_list|freelist_count"
    "|function_list|index_info|index_list|index_xinfo|integrity_check|module_list|page_count"
    "|pragma_list|quick_check|stats|table_info|table_list|table_xinfo"
)

SETTING_PRAGMAS = re.compile(
    rf"\s*PRAGMA\s+(?:\w+\.)?(?!(?:{INSPECTING_PRAGMAS})\b)\w+\s*[=(]",
    re.IGNORECASE,
)


def is_read(sql: str) -> bool:
    """Return whether the statement counts as no write."""
    return bool(READS.match(sql))


def is_non_transactional(dialect: str, sql: str) -> bool:
    """Return whether the database refuses the statement inside a transaction, or ignores it."""
    return bool(NON_TRANSACTIONAL[dialect].search(without_quoted(sql)))


def without_quoted(sql: str) -> str:
    """Return a statement without its comments, and with nothing in its quotation marks."""
    return QUOTED.sub(lambda found: " " if found.group()[:2] in ("--", "/*") else "''", sql)


def is_query(sql: str) -> bool:
    """Return whether the statement asks for rows and changes nothing."""
    return bool(QUERIES.match(sql)) and not WRITING_QUERIES.search(sql)


def is_inspection(sql: str) -> bool:
    """Return whether the statement asks for the schema or for a setting."""
    return bool(INSPECTIONS.match(sql)) and not SETTING_PRAGMAS.match(sql)


def commits_implicitly(dialect: str, sql: str) -> bool:
    """Return whether the database commits the open transaction before the statement."""
    return dialect not in ("sqlite", "postgresql") and bool(COMMITS.match(sql))


def savepoint_in(sql: str) -> tuple[str, str] | None:
    """Return what the statement does with a savepoint, in capitals, and the savepoint's name."""
    found = SAVEPOINT.match(sql)
    return (found[1].upper(), found[2]) if found else None
