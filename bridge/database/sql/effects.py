"""What a statement changes, read from its words.

What is not known is ``unknown``, and never taken for a statement that only reads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROWS = "rows"
"""Changes rows, or a sequence."""

SCHEMA = "schema"
"""Changes tables, views, routines, users, or what they may do."""

LOCKS = "locks"
"""Locks rows, tables or a name, or releases them."""

SETTINGS = "settings"
"""Changes what the session has, or a setting of the database."""

TRANSACTION = "transaction"
"""Begins, ends or marks a transaction."""

MAINTENANCE = "maintenance"
"""Tidies up, checks, or collects statistics."""

UNKNOWN = "unknown"
"""May do anything, such as a call of a procedure."""

_READS = ""

_EFFECT_OF = {
    verb: effect
    for effect, verbs in {
        _READS: "SHOW HELP FETCH CHECKSUM",
        ROWS: "INSERT UPDATE DELETE REPLACE MERGE REFRESH",
        SCHEMA: "ALTER DROP RENAME COMMENT GRANT REVOKE REASSIGN SECURITY IMPORT",
        LOCKS: "LOCK UNLOCK",
        SETTINGS: "RESET DISCARD USE ATTACH DETACH DEALLOCATE DECLARE CLOSE MOVE LISTEN UNLISTEN"
        " NOTIFY",
        TRANSACTION: "COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE XA",
        MAINTENANCE: "VACUUM REINDEX CLUSTER CHECKPOINT OPTIMIZE REPAIR CHECK FLUSH CACHE",
    }.items()
    for verb in verbs.split()
}

_CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE")

_MAIN = frozenset((*_CHANGES, "SELECT", "VALUES", "TABLE", "WITH", "CREATE", "EXECUTE", "DECLARE"))


def effects_of(words: Sequence[str], family: str) -> set[str]:
    """Return what the statement of these words changes; nothing if it only reads."""
    start = next((place for place, word in enumerate(words) if word != "("), len(words))
    words = words[start:]
    verb = words[0] if words else ""
    special = _SPECIAL.get(verb)
    return (special(words, family) if special else {_EFFECT_OF.get(verb, UNKNOWN)}) - {_READS}


def pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return each word with the one that follows it, which is empty behind the last."""
    return zip(words, (*words[1:], ""))  # noqa: B905 (Python 3.7)


def object_of(words: Sequence[str]) -> str:
    """Return what kind of thing a ``CREATE``, ``ALTER`` or ``DROP`` is about, or nothing."""
    if words[0] not in ("CREATE", "ALTER", "DROP"):
        return ""
    kinds = [word for word in words[1:14] if word in _OBJECTS]
    # MySQL has functions that are aggregates.
    return kinds[1] if kinds[:2] == ["AGGREGATE", "FUNCTION"] else kinds[0] if kinds else ""


_OBJECTS = frozenset(
    (
        "AGGREGATE", "CAST", "COLLATION", "CONVERSION", "DATABASE", "DOMAIN", "EVENT",
        "EXTENSION", "FUNCTION", "INDEX", "LANGUAGE", "OPERATOR", "PACKAGE", "POLICY",
        "PROCEDURE", "PUBLICATION", "ROLE", "RULE", "SCHEMA", "SEQUENCE", "SERVER",
        "SUBSCRIPTION", "SYSTEM", "TABLE", "TABLESPACE", "TRIGGER", "TYPE", "USER", "VIEW",
    )
)  # fmt: skip


# --- queries ------------------------------------------------------------------------------

_SPATIAL = r"(ADD|DROP)GEOMETRY(COLUMN|TABLE)|(CREATE|POPULATE)_\w+"

# What functions do besides.
_FUNCTIONS = {
    "sqlite": ((_SPATIAL, SCHEMA), ("LOAD_EXTENSION", SETTINGS)),
    "postgresql": (
        (r"NEXTVAL|SETVAL|LO_\w+|DBLINK_EXEC", ROWS),
        (_SPATIAL, SCHEMA),
        ("SET_CONFIG", SETTINGS),
        (r"PG_(TRY_)?ADVISORY_\w+", LOCKS),
    ),
    "mysql": (
        ("NEXTVAL|SETVAL", ROWS),
        ("GET_LOCK|RELEASE_LOCK|RELEASE_ALL_LOCKS", LOCKS),
    ),
}


def _in_passing(words: Sequence[str], family: str) -> set[str]:
    """Return what the functions and clauses of a query change."""
    found = set()
    for word, following in pairs(words):
        if following == "(":
            name = word.strip('"`').upper()
            found |= {e for pattern, e in _FUNCTIONS[family] if re.fullmatch(pattern, name)}
        elif (word == "FOR" and following in ("UPDATE", "SHARE", "NO", "KEY")) or (
            (word, following) == ("LOCK", "IN")
        ):
            found.add(LOCKS)
        elif (word, following) == ("VALUE", "FOR"):  # NEXT VALUE FOR a sequence
            found.add(ROWS)
    return found


def _query(words: Sequence[str], family: str) -> set[str]:
    found = _in_passing(words, family)
    depth = 0
    for word, following in pairs(words):
        depth += (word == "(") - (word == ")")
        if word == "INTO" and depth <= 0:
            if family == "postgresql":
                found |= {SCHEMA, ROWS}
            else:
                found.add(UNKNOWN if following in ("OUTFILE", "DUMPFILE") else SETTINGS)
        elif word == ":=" and family == "mysql":
            found.add(SETTINGS)
    return found


def _with(words: Sequence[str], family: str) -> set[str]:
    found = _in_passing(words, family)
    depth, before = 0, ""
    for place, (word, following) in enumerate(pairs(words)):
        depth += (word == "(") - (word == ")")
        if before == "(" and word in _CHANGES and following != "(":
            found.add(ROWS)
        elif not depth and word in _MAIN and before not in ("", "WITH", "RECURSIVE", ","):
            return found | effects_of(words[place:], family)
        before = word
    return found | {UNKNOWN}


def _explain(words: Sequence[str], family: str) -> set[str]:
    start = next((n for n, word in enumerate(words) if n and word in _MAIN), len(words))
    runs = any(
        option == "ANALYZE" and value not in ("FALSE", "OFF", "0")
        for option, value in pairs(words[:start])
    )
    return effects_of(words[start:], family) if runs and start < len(words) else set()


def _analyze(words: Sequence[str], family: str) -> set[str]:
    second = "".join(words[1:2])
    if family == "mysql" and second != "TABLE" and (second in _MAIN or second in ("FORMAT", "(")):
        return _explain(words, family)  # MariaDB's runs a statement
    return {MAINTENANCE}


# --- others -------------------------------------------------------------------------------


def _copy(words: Sequence[str], family: str) -> set[str]:
    depth = 0
    for place, (word, following) in enumerate(pairs(words)):
        depth += (word == "(") - (word == ")")
        if not depth and word == "FROM":
            return {ROWS}
        if not depth and word == "TO":
            inner = effects_of(words[2:place], family) if words[1] == "(" else set()
            return inner | ({UNKNOWN} if following == "PROGRAM" else set())
    return {UNKNOWN}


def _create(words: Sequence[str], _family: str) -> set[str]:
    filled = "SELECT" in words or any(
        word == "AS" and following in ("VALUES", "TABLE", "WITH", "EXECUTE")
        for word, following in pairs(words)
    )
    return {SCHEMA, ROWS} if filled and object_of(words) == "TABLE" else {SCHEMA}


def _set(words: Sequence[str], family: str) -> set[str]:
    second = "".join(words[1:2])
    if family == "mysql" and second == "STATEMENT" and "FOR" in words:
        return effects_of(words[words.index("FOR") + 1 :], family)
    return {SCHEMA} if family == "mysql" and second == "PASSWORD" else {SETTINGS}


# PRAGMAs that ask, though they have an argument.
_ASKING = frozenset(
    (
        "COLLATION_LIST", "COMPILE_OPTIONS", "DATABASE_LIST", "FOREIGN_KEY_CHECK",
        "FOREIGN_KEY_LIST", "FREELIST_COUNT", "FUNCTION_LIST", "INDEX_INFO", "INDEX_LIST",
        "INDEX_XINFO", "INTEGRITY_CHECK", "MODULE_LIST", "PAGE_COUNT", "PRAGMA_LIST",
        "QUICK_CHECK", "STATS", "TABLE_INFO", "TABLE_LIST", "TABLE_XINFO",
    )
)  # fmt: skip

_ACTING = ("INCREMENTAL_VACUUM", "OPTIMIZE", "SHRINK_MEMORY", "WAL_CHECKPOINT")


def pragma_of(words: Sequence[str]) -> tuple[int, str, bool]:
    """Return of a PRAGMA the place of its name, the name, and whether it has an argument."""
    place = 3 if "".join(words[2:3]) == "." else 1
    name = "".join(words[place : place + 1]).strip("\"'`[]").upper()
    return place, name, "".join(words[place + 1 : place + 2]) in ("=", "(")


def _pragma(words: Sequence[str], _family: str) -> set[str]:
    _place, name, with_argument = pragma_of(words)
    if name in _ACTING:
        return {MAINTENANCE}
    return {SETTINGS} if with_argument and name not in _ASKING else set()


def _by_second(known: dict[str, str], other: str) -> Callable[[Sequence[str], str], set[str]]:
    return lambda words, _family: {known.get("".join(words[1:2]), other)}


_SPECIAL: dict[str, Callable[[Sequence[str], str], set[str]]] = {
    "SELECT": _query,
    "VALUES": _query,
    "TABLE": _query,
    "WITH": _with,
    "EXPLAIN": _explain,
    "DESCRIBE": _explain,
    "DESC": _explain,
    "ANALYZE": _analyze,
    "COPY": _copy,
    "CREATE": _create,
    "SET": _set,
    "PRAGMA": _pragma,
    "TRUNCATE": lambda _words, family: {ROWS, SCHEMA} if family == "mysql" else {ROWS},
    "LOAD": _by_second({"DATA": ROWS, "XML": ROWS, "INDEX": MAINTENANCE}, SETTINGS),
    "BEGIN": _by_second({"NOT": UNKNOWN}, TRANSACTION),
    "START": _by_second({"TRANSACTION": TRANSACTION}, UNKNOWN),
    "PREPARE": _by_second({"TRANSACTION": TRANSACTION}, SETTINGS),
}
