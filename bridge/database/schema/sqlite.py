"""The schema document of a SQLite database: its PRAGMAs, and the text that it keeps of each table.

Names and texts of constraints, collations and generated columns stand in the ``CREATE TABLE`` text
alone, which SQLite keeps as it was written, and rewrites itself when something is renamed.
"""

from __future__ import annotations

import pickle
import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bridge.database.schema.document import new_table, ordered
from bridge.database.schema.tokens import Group, Part, Parts, Token, Words, plain, split, word
from bridge.database.sql.tokens import QUOTED, SIGN, STRING, WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

_OBJECTS = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master"
    " WHERE substr(name, 1, 7) <> 'sqlite_' AND sql IS NOT NULL ORDER BY name"
)

# A virtual table's columns are its module's matter, and the module may not be there.
_OWN = "FROM sqlite_master m, {} WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'"

_COLUMNS = 'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden ' + (
    _OWN.format("pragma_table_xinfo(m.name) c") + " ORDER BY m.name, c.cid"
)

# Those that a constraint made have no text: they are the constraint.
_INDEXES = 'SELECT m.name, i.name, i."unique", p.name, p.coll, p."desc" ' + (
    _OWN.format("pragma_index_list(m.name) i, pragma_index_xinfo(i.name) p")
    + " AND i.origin = 'c' AND p.key ORDER BY m.name, i.name, p.seqno"
)

_SQL = Words("sqlite")

_TABLE_CONSTRAINTS = ("constraint", "primary", "unique", "check", "foreign")

_INTEGER = re.compile(r"[+-]?\d+")


def read(connection: Connection) -> dict[str, Any]:
    """Return the schema of the main database."""
    objects = [tuple(row) for row in connection.exec_driver_sql(_OBJECTS)]
    columns: dict[str, list[Any]] = defaultdict(list)
    for name, *column in connection.exec_driver_sql(_COLUMNS):
        columns[name].append(tuple(column))
    indexes: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for name, *index in connection.exec_driver_sql(_INDEXES):
        indexes[name, index[0]].append(index[1:])

    tables = {
        name: pickle.loads(_pickled_table(sql, tuple(columns[name])))  # noqa: S301 - our own
        for kind, name, _, sql in objects
        if kind == "table"
    }
    # SQLite takes names in any case; the document has each as it was first written.
    real = {name.lower(): name for name in tables}
    for table in tables.values():
        for key in table["foreign_keys"]:
            _resolve(key, tables, real)
        table["foreign_keys"] = ordered(table["foreign_keys"])
    views = {}
    for kind, name, owner, sql in objects:
        if kind == "view":
            views[name] = _view(sql)
        elif kind == "index" and owner in tables:
            parts = indexes[owner, name]
            tables[owner]["indexes"].append(_index(name, sql, parts, tables[owner]))
        elif kind == "trigger" and owner in tables:
            tables[owner]["triggers"].append({"name": name, "sql": _after_name(sql, "trigger")})
    return {"tables": tables, "views": views}


@lru_cache(maxsize=1024)
def _pickled_table(sql: str, columns: tuple[Any, ...]) -> bytes:
    """Return a table of the document, pickled: a pickle is read much faster than its SQL."""
    return pickle.dumps(_table(sql, columns))


def _table(sql: str, columns: Sequence[Any]) -> dict[str, Any]:
    if not columns:
        return new_table(virtual=_after_name(sql, "table"))
    table = new_table()
    text = _Text({column[0].lower(): column[0] for column in columns})
    body, rest = _body(sql)
    for item in split(body):
        text.read_item(item)
    options = sorted(_SQL.write(item) for item in split(rest))
    if options:
        table["options"] = options
    key = [column[0] for column in sorted(columns, key=lambda column: column[4]) if column[4]]
    for column in columns:
        table["columns"].append(_column(column, key, text.columns.get(column[0], {})))
    if key:
        table["primary_key"] = {"columns": key, "name": text.key_name}
    # A rebuilt table may have the same twice over: the second changes nothing.
    table["unique"] = _once(text.unique, "columns")
    table["checks"] = _once(text.checks, "sql")
    table["foreign_keys"] = text.foreign_keys
    return table


def _body(sql: str) -> tuple[Parts, Parts]:
    """Return what is between the first parentheses, and what follows them."""
    cursor = _Cursor(_SQL.read(sql))
    while (body := cursor.group()) is None:
        cursor.step()
    return body, cursor.rest()


def _once(found: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    first: dict[str, dict[str, Any]] = {}
    for one in sorted(found, key=lambda one: one["name"] is None):
        first.setdefault(str(one[what]), one)
    return ordered(first.values())


def _column(column: Sequence[Any], key: list[str], more: dict[str, Any]) -> dict[str, Any]:
    name, declared, not_null, default, _, hidden = column
    kind = _SQL.write(_SQL.read(declared)).upper()
    # It stands for the number of the row, which is never NULL, whatever is declared.
    row_number = key == [name] and kind == "INTEGER"
    generated = more.pop("generated", None)
    return {
        "name": name,
        "type": kind,
        "nullable": not (not_null or row_number),
        "default": _default(default, kind),
        **({"generated": {"sql": generated, "stored": hidden == 3}} if generated else {}),
        **more,
    }


def _default(text: str | None, kind: str) -> str | None:
    """Return a default as SQLite stores it in a column of that type."""
    if text is None:
        return None
    parts = plain(_SQL.read(text))
    if len(parts) == 1 and isinstance(parts[0], Token):
        token = parts[0]
        if token == Token(WORD, token.text) and token.text.lower() == "null":
            return None
        if token.kind == QUOTED or (token.kind == WORD and token.text.lower() not in _VALUES):
            # `DEFAULT x` and `DEFAULT "x"` are strings here.
            parts = [Token(STRING, "'" + token.text.replace("'", "''") + "'")]
        elif token.kind == WORD:
            return token.text.upper()
    written = _SQL.write(parts)
    quoted = written.startswith("'")
    digits = written[1:-1] if quoted else written
    if not _INTEGER.fullmatch(digits):
        return written
    # '0' and 0 are one value where the column's affinity makes one of the other.
    affinity = _affinity(kind)
    if affinity == "TEXT":
        return written if quoted else f"'{int(digits)}'"
    return written if quoted and affinity == "BLOB" else str(int(digits))


_VALUES = ("current_date", "current_time", "current_timestamp", "false", "true")


def _affinity(kind: str) -> str:
    """By the rules of SQLite's documentation, which look for parts of the type's name."""
    if "INT" in kind:
        return "INTEGER"
    if any(part in kind for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    return "BLOB" if "BLOB" in kind or not kind else "NUMERIC"


def _resolve(key: dict[str, Any], tables: dict[str, Any], real: dict[str, str]) -> None:
    """Return the referred table and columns by their own names; by default the primary key's."""
    key["refers_to"] = real.get(key["refers_to"].lower(), key["refers_to"])
    other = tables.get(key["refers_to"])
    if other is None:
        return
    if not key["referred_columns"]:
        key["referred_columns"] = (other["primary_key"] or {}).get("columns", [])
    names = {column["name"].lower(): column["name"] for column in other["columns"]}
    key["referred_columns"] = [names.get(name.lower(), name) for name in key["referred_columns"]]


def _index(name: str, sql: str, columns: list[Any], table: dict[str, Any]) -> dict[str, Any]:
    body, rest = _body(sql)
    own = {column["name"]: column.get("collation", "BINARY") for column in table["columns"]}
    written = []
    for (_, column, collation, descending), item in zip(columns, split(body), strict=True):
        text = column
        if column is None:
            text = _expression(item)
        if collation.upper() != own.get(column, "BINARY"):
            text += f" COLLATE {collation.upper()}"
        written.append(f"{text} DESC" if descending else text)
    index = {"name": name, "columns": written, "unique": bool(columns[0][0])}
    if rest:  # the word WHERE, and what follows it
        index["where"] = _SQL.write(plain(rest[1:]))
    return index


def _expression(item: Parts) -> str:
    """Return an item of an index without its order and collation, which the PRAGMA gives."""
    parts = list(item)
    if word(parts[-1]) in ("asc", "desc"):
        parts.pop()
    if len(parts) > 2 and word(parts[-2]) == "collate":
        del parts[-2:]
    return _SQL.write(plain(parts))


def _view(sql: str) -> str:
    definition = _after_name(sql, "view")
    return definition.removeprefix("as ")


def _after_name(sql: str, kind: str) -> str:
    """Return what follows ``CREATE ... kind [IF NOT EXISTS] [schema.]name``."""
    cursor = _Cursor(_SQL.read(sql))
    while not cursor.words(kind):
        cursor.step()
    cursor.words("if", "not", "exists")
    cursor.name()
    return _SQL.write(plain(cursor.rest()))


class _Cursor:
    """Goes through parts from left to right."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._parts)

    def words(self, *words: str) -> bool:
        """Whether these words come next; it then stands behind them."""
        ahead = self._parts[self._at : self._at + len(words)]
        if tuple(map(word, ahead)) != words:
            return False
        self._at += len(words)
        return True

    def step(self) -> Part:
        part = self._parts[self._at]
        self._at += 1
        return part

    def group(self) -> Parts | None:
        """Return what is between the next parentheses; None if none follow."""
        part = self._parts[self._at] if self else None
        if not isinstance(part, Group):
            return None
        self._at += 1
        return part.parts

    def name(self) -> str:
        """Read a name; of `schema.name`, the second."""
        found = _name(self.step())
        if self and self._parts[self._at] == Token(SIGN, "."):
            self.step()
            found = _name(self.step())
        return found

    def rest(self) -> Parts:
        return self._parts[self._at :]


def _name(part: Part) -> str:
    """Return a name from any kind of quotes, those of strings included."""
    assert isinstance(part, Token)
    return part.text[1:-1].replace("''", "'") if part.kind == STRING else part.text


class _Text:
    """What only the text of a table tells.

    :param names: the table's columns by their names in lower case.
    """

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self.columns: dict[str, dict[str, Any]] = {}
        self.key_name: str | None = None
        self.unique: list[dict[str, Any]] = []
        self.foreign_keys: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []

    def read_item(self, item: Parts) -> None:
        """Read a column with its constraints, or constraints of the table.

        They are recognised by the same words, which no type has: `UNIQUE` without columns is its
        own column's. Between those of a table the comma may be missing.
        """
        cursor = _Cursor(item)
        own: list[str] = []
        if word(item[0]) not in _TABLE_CONSTRAINTS:
            own = [self._column(cursor.name())]
        about = self.columns.setdefault(own[0], {}) if own else {}
        name: str | None = None
        while cursor:
            if cursor.words("constraint"):
                name = cursor.name()
                continue
            if not (self._read_constraint(cursor, own, name) or _read_option(cursor, about)):
                # Types, NOT NULL, DEFAULT: the PRAGMA gives them.
                cursor.step()
            name = None

    def _read_constraint(self, cursor: _Cursor, own: list[str], name: str | None) -> bool:
        """Read a constraint, if one follows.

        :param own: the column that it is written with, if any.
        """
        if cursor.words("primary", "key"):
            cursor.group()  # the PRAGMA gives its columns
            self.key_name = name
        elif cursor.words("unique"):
            group = cursor.group()
            self.unique.append({"columns": self._listed(group) or own, "name": name})
        elif cursor.words("check"):
            sql = _SQL.write(plain(cursor.group() or ()))
            self.checks.append({"sql": sql, "name": name})
        elif cursor.words("foreign", "key"):
            columns = self._listed(cursor.group())
            cursor.words("references")
            self.foreign_keys.append({"columns": columns, **_reference(cursor), "name": name})
        elif cursor.words("references"):
            self.foreign_keys.append({"columns": own, **_reference(cursor), "name": name})
        else:
            return False
        return True

    def _column(self, name: str) -> str:
        return self._names.get(name.lower(), name)

    def _listed(self, group: Parts | None) -> list[str]:
        return [self._column(_name(item[0])) for item in split(group or ())]


def _read_option(cursor: _Cursor, about: dict[str, Any]) -> bool:
    """Read an option of a column into what is known of it, if one follows."""
    if cursor.words("autoincrement"):
        about["autoincrement"] = True
    elif cursor.words("collate"):
        collation = cursor.name().upper()
        if collation != "BINARY":
            about["collation"] = collation
    elif cursor.words("generated", "always", "as") or cursor.words("as"):
        about["generated"] = _SQL.write(plain(cursor.group() or ()))
    else:
        return False
    return True


def _reference(cursor: _Cursor) -> dict[str, Any]:
    """Read what follows the word ``REFERENCES``."""
    key: dict[str, Any] = {
        "refers_to": cursor.name(),
        "referred_columns": [_name(item[0]) for item in split(cursor.group() or ())],
        "on_delete": None,
        "on_update": None,
        "deferrable": None,
    }
    while True:
        if cursor.words("on", "delete"):
            key["on_delete"] = _action(cursor)
        elif cursor.words("on", "update"):
            key["on_update"] = _action(cursor)
        elif cursor.words("match"):
            cursor.step()  # parsed by SQLite, and not used
        elif cursor.words("deferrable", "initially", "deferred"):
            key["deferrable"] = "initially deferred"
        elif not any(cursor.words(*words) for words in _IMMEDIATE):
            return key


_IMMEDIATE = (
    ("not", "deferrable", "initially", "deferred"),
    ("not", "deferrable", "initially", "immediate"),
    ("not", "deferrable"),
    ("deferrable", "initially", "immediate"),
    ("deferrable",),
)


def _action(cursor: _Cursor) -> str | None:
    for words in (("set", "null"), ("set", "default"), ("cascade",), ("restrict",)):
        if cursor.words(*words):
            return " ".join(words).upper()
    cursor.words("no", "action")
    return None
