"""The statements of a text, and the questions about one of them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .effects import (
    MAINTENANCE,
    ROWS,
    SCHEMA,
    SETTINGS,
    TRANSACTION,
    effects_of,
    object_of,
    pairs,
    pragma_of,
)
from .settings import Setting, settings_of
from .tokens import QUOTED, SIGN, STRING, WORD, Token, family_of, literal_value, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Statement:
    """One statement.

    `text` is without comments around it and without its end. `words` are its tokens as text, bare
    words in capitals. `effects` are what it changes: none if it only reads.
    """

    def __init__(self, text: str, family: str, found: Sequence[Token]) -> None:
        self.text = text[found[0].start : found[-1].end]
        self.family = family
        self.tokens = tuple(found)
        self.words = tuple([text.upper() if kind == WORD else text for kind, text, _start in found])
        self.effects = frozenset(effects_of(self.words, family))

    @property
    def verb(self) -> str:
        """Return the first word in capitals, without parentheses before it."""
        return next((word for word in self.words if word != "("), "")

    @property
    def object(self) -> str:
        """Return what kind of thing a ``CREATE``, ``ALTER`` or ``DROP`` is about, or nothing."""
        return object_of(self.words)

    @property
    def has_body(self) -> bool:
        """Return whether it makes a trigger, routine or event."""
        return self.verb == "CREATE" and self.object in _WITH_BODY

    @property
    def is_query(self) -> bool:
        """Return whether it is a ``SELECT`` or the like."""
        if self.verb == "WITH":
            return ROWS not in self.effects
        return self.verb in ("SELECT", "VALUES", "TABLE")

    @property
    def only_reads(self) -> bool:
        """Return whether it changes, locks and sets nothing."""
        return not self.effects

    @property
    def names(self) -> set[str]:
        """Return what may be names in it, in lower case; strings are not read."""
        found = {t.name.lower() for t in self.tokens if t.kind in (WORD, QUOTED)}
        if self.family == "mysql":  # with ANSI_QUOTES these are identifiers
            found |= {t.text[1:-1].lower() for t in self.tokens if t.text.startswith('"')}
        return found

    @property
    def commits(self) -> bool:
        """Return whether it commits what its transaction has changed before it."""
        if self.verb == "COMMIT" or (self.verb == "END" and self.family != "mysql"):
            return "PREPARED" not in self.words
        if self.family != "mysql" or self.is_query:
            return False
        if self.verb in ("CREATE", "DROP") and "TEMPORARY" in self.words[1:4]:
            return False
        if self.effects & {SCHEMA, MAINTENANCE} or self.verb in ("LOCK", "UNLOCK"):
            return True
        return self.transaction[0] == "begin" or any(
            setting.name == "autocommit" and setting.value not in ("0", "off", "false")
            for setting in self.settings
        )

    @property
    def transaction(self) -> tuple[str, str]:
        """Return what it does to the transaction, and the savepoint's name as written.

        The first is ``begin``, ``commit``, ``rollback``, ``savepoint``, ``release``,
        ``rollback to``, or nothing.
        """
        words = [word for word in self.words if word not in ("WORK", "TRANSACTION")]
        if TRANSACTION not in self.effects or "PREPARED" in words or self.verb == "PREPARE":
            return "", ""
        if words[0] in ("SAVEPOINT", "RELEASE"):
            return words[0].lower(), self.tokens[-1].text
        if words[0] in ("ROLLBACK", "ABORT") and words[1:2] == ["TO"]:
            return "rollback to", self.tokens[-1].text
        return _OF_TRANSACTION.get(words[0], ""), ""

    @property
    def settings(self) -> list[Setting]:
        """Return the settings that it changes."""
        return settings_of(self.words, self.family) if SETTINGS in self.effects else []

    @property
    def refused_in_transaction(self) -> str | None:
        """Return the part for which it cannot run in a transaction, None if it can.

        The database refuses it there, or ignores it.
        """
        found = _refused(self)
        if found is None:
            return None
        first, last = self.tokens[found[0]].start, self.tokens[found[1]].end
        start = self.tokens[0].start
        return " ".join(self.text[first - start : last - start].split())


_OF_TRANSACTION = {
    "BEGIN": "begin",
    "START": "begin",
    "COMMIT": "commit",
    "END": "commit",
    "ROLLBACK": "rollback",
    "ABORT": "rollback",
}


# --- texts --------------------------------------------------------------------------------


def read(sql: str, dialect: str) -> tuple[Statement, ...]:
    """Return the statements of a text."""
    # Of long ones the last is kept: one statement is asked about several times.
    return (_read_short if len(sql) < 10_000 else _read_long)(sql, dialect)


def _read(sql: str, dialect: str) -> tuple[Statement, ...]:
    family = family_of(dialect)
    return tuple(Statement(sql, family, found) for found in _divided(sql, family))


_read_short = lru_cache(maxsize=128)(_read)

_read_long = lru_cache(maxsize=1)(_read)


def effects(sql: str, dialect: str) -> frozenset[str]:
    """Return what the statements of a text change."""
    return frozenset(effect for statement in read(sql, dialect) for effect in statement.effects)


def only_reads(sql: str, dialect: str) -> bool:
    """Return whether the statements of a text change, lock and set nothing."""
    return not effects(sql, dialect)


def changes_rows(sql: str, dialect: str) -> bool:
    """Return whether a statement of a text changes rows or sequences."""
    return ROWS in effects(sql, dialect)


def changes_schema(sql: str, dialect: str) -> bool:
    """Return whether a statement of a text changes the schema."""
    return SCHEMA in effects(sql, dialect)


def commits(sql: str, dialect: str) -> bool:
    """Return whether a statement of a text commits what was changed before it."""
    return any(statement.commits for statement in read(sql, dialect))


def settings(sql: str, dialect: str) -> list[Setting]:
    """Return the settings that the statements of a text change."""
    if ("pragma" if dialect == "sqlite" else "set") not in sql.lower():
        return []  # to read it may take long
    return [setting for statement in read(sql, dialect) for setting in statement.settings]


_KINDS_OF_TABLES = ("OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL")


def created_tables(sql: str) -> set[str]:
    """Return the names of the tables that a text creates, with their schemas if they have one.

    Whose SQL it is need not be known: it is read with the quotes of each family. A ``CREATE TABLE``
    may be in the body of a routine, too.
    """
    return {name for family in ("postgresql", "mysql") for name in _created_tables(sql, family)}


def _created_tables(sql: str, dialect: str) -> list[str]:
    found: list[str] = []
    everything = list(tokens(sql, dialect))
    words = [token.text.upper() if token.kind == WORD else token.text for token in everything]
    for place, word in enumerate(words):
        if everything[place].kind == STRING and word.startswith("$"):
            found += _created_tables(literal_value(word, dialect), dialect)
        if word != "CREATE":
            continue
        place += 1
        while words[place : place + 1] and words[place] in _KINDS_OF_TABLES:
            place += 1
        if words[place : place + 1] != ["TABLE"]:
            continue
        place += 4 if words[place + 1 : place + 4] == ["IF", "NOT", "EXISTS"] else 1
        dotted = words[place + 1 : place + 2] == ["."]
        names = everything[place : place + (3 if dotted else 1) : 2]
        if names and all(token.kind in (WORD, QUOTED) for token in names):
            found.append(".".join(token.name for token in names))
    return found


# --- where a statement ends ---------------------------------------------------------------

_WITH_BODY = ("TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE")

_BLOCKS = frozenset(("BEGIN", "CASE", "END", "FOR", "IF", "LOOP", "NOT", "REPEAT", "WHILE"))

# Behind which a statement of a body begins.
_STARTERS = frozenset(
    (
        ";", ":", ")", "BEGIN", "DATA", "DETERMINISTIC", "DO", "ELSE", "LOOP", "REPEAT", "ROW",
        "SQL", "THEN",
    )
)  # fmt: skip


def _divided(sql: str, family: str) -> Iterator[list[Token]]:
    found: list[Token] = []
    parentheses = blocks = 0
    for token in tokens(sql, family):
        kind, text, _start = token
        if kind == SIGN:
            if text == ";" and parentheses <= 0 and not blocks:
                if found:
                    yield found
                found, parentheses = [], 0
                continue
            parentheses += (text == "(") - (text == ")")
        elif kind == WORD and found and text.upper() in _BLOCKS:
            blocks = max(blocks + _block(found, text.upper(), family), 0)
        found.append(token)
    if found:
        yield found


def _block(before: Sequence[Token], word: str, family: str) -> int:
    """Return 1 where a word opens a block of a body, -1 where it closes one."""
    last = before[-1].text.upper()
    if word == "NOT":  # MariaDB's BEGIN NOT ATOMIC stands by itself
        return int(family == "mysql" and last == "BEGIN" and len(before) == 1)
    words = [token.text.upper() for token in before[:14]]
    if words[:2] != ["BEGIN", "NOT"] and object_of(words) not in _WITH_BODY:
        return 0
    if word == "END":
        return -int(last != ".")
    if word in ("BEGIN", "CASE"):
        return int(last not in ("END", "."))
    opens = family == "mysql" and last in _STARTERS
    return int(opens and not (word == "FOR" and last == ")"))


# --- what cannot be in a transaction ------------------------------------------------------

_REFUSED_PRAGMAS = frozenset(
    (
        "AUTO_VACUUM", "DEFER_FOREIGN_KEYS", "ENCODING", "FOREIGN_KEYS", "JOURNAL_MODE",
        "LOCKING_MODE", "PAGE_SIZE", "SYNCHRONOUS", "TEMP_STORE", "WAL_CHECKPOINT",
    )
)  # fmt: skip

_REFUSED = frozenset(
    (
        ("ALTER", "DATABASE"), ("ALTER", "SUBSCRIPTION"), ("ALTER", "SYSTEM"),
        ("ALTER", "TABLESPACE"), ("COMMIT", "PREPARED"), ("CREATE", "DATABASE"),
        ("CREATE", "SUBSCRIPTION"), ("CREATE", "TABLESPACE"), ("DROP", "DATABASE"),
        ("DROP", "SUBSCRIPTION"), ("DROP", "TABLESPACE"), ("REINDEX", "DATABASE"),
        ("REINDEX", "SCHEMA"), ("REINDEX", "SYSTEM"), ("ROLLBACK", "PREPARED"),
    )
)  # fmt: skip


def _refused(statement: Statement) -> tuple[int, int] | None:
    """Return the places of the first and the last token of what cannot be in a transaction."""
    words, verb = statement.words, statement.verb
    if statement.family == "sqlite":
        if verb == "PRAGMA":
            place, name, with_argument = pragma_of(words)
            return (0, place + 1) if with_argument and name in _REFUSED_PRAGMAS else None
        return (0, 0) if verb in ("VACUUM", "ATTACH", "DETACH") else None
    if statement.family != "postgresql":
        return None
    if verb in ("VACUUM", "DISCARD") or words == ("CLUSTER",):
        return 0, 0
    if "CONCURRENTLY" in words and (statement.object in ("INDEX", "TABLE") or verb == "REINDEX"):
        return (words.index("CONCURRENTLY"),) * 2
    if words[:2] == ("ALTER", "TYPE"):
        adds = [place for place, pair in enumerate(pairs(words)) if pair == ("ADD", "VALUE")]
        return (0, adds[0] + 1) if adds else None
    return (0, 1) if words[:2] in _REFUSED else None
