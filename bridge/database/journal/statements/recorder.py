"""Lets a step that was cut short go on where it stopped, on MySQL and MariaDB.

These commit each change of the schema by itself, so a step that is killed or fails leaves its first
statements done. While a step runs, each of its statements is written down in bridge's own table:

- one that changes rows, with its outcome, in the transaction that it belongs to: where the record
  is, the change is;
- one that changes the schema, just before it runs, with a fingerprint of every table: whether it
  took effect shows when the fingerprints are compared;
- what was read before it, so that the script sees the same again.

A later run of the step runs the whole script again. What is written down is answered from the
record and not run; behind the last record the script goes on by itself. The records go in the
transaction that writes the step's version.

The process that runs legacy scripts loads this file by its path: it imports only the standard
library and SQLAlchemy, and keeps to what Python 3.7 has.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

DIALECTS = ("mysql", "mariadb")
"""Where a step needs it."""

TABLE = "bridge_journal"

STEP = "statement"
"""What `step` is in the rows of this file."""

READ_LIMIT = 8 * 1024 * 1024
"""How many bytes, compressed, of what a step reads and writes are kept."""

_AT_ONCE = 256 * 1024  # characters of records in one statement

_COMMENT = re.compile(r"\s*(?:--[^\n]*\n|#[^\n]*\n|/\*(?!!).*?\*/)", re.DOTALL)

_WORDS = re.compile(r"`([^`]+)`|([\w$]+)")

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\Z", re.IGNORECASE)

_KINDS = {
    "read": {"SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "WITH", "VALUES", "("},
    "rows": {"INSERT", "UPDATE", "DELETE", "REPLACE"},
    # These take effect for the session alone, so each run needs them.
    "session": {"SET", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT", "BEGIN", "START"},
    "schema": {"CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "GRANT", "REVOKE", "ANALYZE"}
    | {"OPTIMIZE", "CHECK", "REPAIR", "CHECKSUM", "FLUSH"},
}

_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words}

_QUOTED = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`"

# What neither asks for the number of the last row nor changes it.
_NO_ROW = re.compile(
    r"(ALTER|CREATE|DROP|RENAME)\s(?!.*(;|\bSELECT\b|\bLAST_INSERT_ID\b))",
    re.IGNORECASE | re.DOTALL,
)

_WITH_BODY = r"CREATE\s.*\b(TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE)\b"

# What another run's session would not have, or what keeps us from writing anything down.
_BLINDING = (
    (r"(CREATE|DROP)\s+TEMPORARY", "it uses temporary tables"),
    (r"LOCK\s+TABLES?\b", "it locks tables"),
    (r"XA\b", "it uses transactions of several databases"),
    (r"USE\b", "it changes to another database"),
    (
        r"SET\s+@(?!@).*\bSELECT\b|SELECT\b.*(\bINTO\s+@|:=|\bROW_COUNT\s*\()",
        "it keeps what it reads in variables of the session",
    ),
)


class CannotResume(BaseException):
    """A step cannot go on by itself. Not an Exception: scripts catch these.

    :param number: of the statement at which it stands.
    :param found: what there is.
    :param expected: what there should be.
    """

    def __init__(self, number: int, found: str, expected: str) -> None:
        super().__init__(f"found: {found}; expected: {expected}")
        self.number, self.found, self.expected = number, found, expected


# --- values as JSON -----------------------------------------------------------------------


def pack(value: Any) -> Any:
    """A value of a row or of a parameter as JSON.

    :raises TypeError: it is of a kind that is not known.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)  # of subclasses, such as quoted names
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, (datetime, date, time)):
        return {type(value).__name__: value.isoformat()}
    if isinstance(value, dict):
        return {"dict": [[pack(key), pack(one)] for key, one in value.items()]}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted((pack(one) for one in value), key=str)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__ if type(value) is list else "tuple": [*map(pack, value)]}
    raise TypeError(f"{type(value).__name__} cannot be written down")


_UNPACK: dict[str, Callable[[Any], Any]] = {
    "bytes": base64.b64decode,
    "decimal": Decimal,
    "timedelta": lambda parts: timedelta(*parts),
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "dict": lambda items: {unpack(key): unpack(one) for key, one in items},
    "set": lambda items: {unpack(one) for one in items},
    "list": lambda items: [unpack(one) for one in items],
    "tuple": lambda items: tuple(unpack(one) for one in items),
}


def unpack(value: Any) -> Any:
    """The value that `pack` was given."""
    if isinstance(value, dict):
        ((kind, inner),) = value.items()
        return _UNPACK[kind](inner)
    return value


def _dump(document: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(document).encode())).decode("ascii")


def _load(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))


# --- statements ---------------------------------------------------------------------------


def kind_of(sql: str) -> str:
    """What a statement does: ``read``, ``rows``, ``session``, ``schema``, ``other`` or ``blind``.

    ``other`` is what may do anything, as a call of a procedure; ``blind`` what keeps the step from
    being written down.
    """
    text = bare(sql)
    if why_blind(sql):
        return "blind"
    word = re.match(r"\(|[A-Za-z]*", text)
    kind = _KIND_OF.get(word.group().upper() if word else "", "other")
    if kind in ("rows", "schema", "read") and not re.match(_WITH_BODY, text, re.IGNORECASE):
        several = ";" in re.sub(_QUOTED, "", text).rstrip("; \n\t\r")
        return "other" if several else kind
    return kind


def why_blind(sql: str) -> str | None:
    """Why the step cannot be written down with such a statement in it; None where it can."""
    text = re.sub(_QUOTED, "''", bare(sql))
    flags = re.IGNORECASE | re.DOTALL
    return next((why for pattern, why in _BLINDING if re.match(pattern, text, flags)), None)


def bare(sql: str) -> str:
    """The statement without the comments before it."""
    found = _COMMENT.match(sql)
    while found and found.end():
        sql = sql[found.end() :]
        found = _COMMENT.match(sql)
    return sql.lstrip()


def _key(kind: str, sql: str) -> str:
    """What says that two statements are the same."""
    text = " ".join(sql.split())
    if kind == "schema":
        # SQLAlchemy writes the constraints of a table in the order of a set.
        text = " ".join(sorted(re.split(r"[\s,()]+", text)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def words_of(sql: str) -> set[str]:
    """What may be names in it, in lower case."""
    return {(quoted or plain).lower() for quoted, plain in _WORDS.findall(sql)}


# --- fingerprints -------------------------------------------------------------------------


class Schema:
    """What every table, view, trigger and routine of the database is, as last looked at.

    :param times: whether a table that was made anew as it was is another one. To read the times
        takes most of the time, and only of statements that are not known is it needed.
    """

    def __init__(self, times: bool = True) -> None:
        self.times = times
        self._texts: dict[str, str] = {}
        self._others: dict[str, str] = {}
        self.engines: dict[str, str] = {}
        """The storage engine of each table."""
        self.prints: dict[str, str] = {}
        """The fingerprint of each."""

    def look(self, ask: Callable[..., list[Any]], changed: Iterable[str] | None = None) -> None:
        """Look again: at those that are `changed`, or new; at all where None.

        :param ask: runs a query and gives its rows.
        """
        touched = None if changed is None else set(changed)
        if self.times:
            made = self._made(ask)
        elif touched is None or _NAMES in touched:
            made = dict.fromkeys(_tables(ask), "")
        else:
            made = dict.fromkeys(self._texts, "")
        texts = {}
        for name in made:
            known = self._texts.get(name)
            if known is None or touched is None or name.lower() in touched:
                known = _definition(ask, name)
            texts[name] = known
        self._texts = texts
        if not self.times:
            self.engines = {name: _engine(text) for name, text in texts.items()}
        if self.times or touched is None or self._others or touched & _OTHER_WORDS:
            self._others = _others(ask)
        self.prints = {name: _print(f"{made[name]} {text}") for name, text in texts.items()}
        self.prints.update(self._others)

    def _made(self, ask: Callable[..., list[Any]]) -> dict[str, str]:
        """What each table is, and when it was made."""
        made = {}
        self.engines = {}
        for name, kind, engine, created in ask(
            "SELECT table_name, table_type, engine, create_time FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name <> %s",
            TABLE,
        ):
            made[name] = f"{kind} {created}"
            self.engines[name] = engine or ""
        return made

    def touched(self, sql: str) -> set[str]:
        """The names that a statement may change: those in it, and what refers to these.

        With ``*`` where there may be other tables afterwards.
        """
        words = words_of(sql)
        named = {name for name in self._texts if name.lower() in words}
        referring = {
            name
            for name, text in self._texts.items()
            if any(f"`{other.lower()}`" in text.lower() for other in named)
        }
        listed = set() if _SAME_NAMES.match(bare(sql)) else {_NAMES}
        return words | listed | {name.lower() for name in named | referring}


_NAMES = "*"

_SAME_NAMES = re.compile(
    r"(ALTER\s+TABLE|(CREATE|DROP)\s+((UNIQUE|FULLTEXT|SPATIAL)\s+)?INDEX)\s(?!.*(;|\bRENAME\b|\bCONVERT\b))",
    re.IGNORECASE | re.DOTALL,
)

_OTHER_WORDS = {"trigger", "procedure", "function", "event", "package"}


def _others(ask: Callable[..., list[Any]]) -> dict[str, str]:
    """The fingerprints of triggers, routines and events."""
    rows = ask(
        "SELECT CONCAT('trigger ', event_object_table, '.', trigger_name), '', action_timing,"
        " event_manipulation, action_statement FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE()"
        " UNION ALL SELECT CONCAT(LOWER(routine_type), ' ', routine_name), '', '', '',"
        " routine_definition FROM information_schema.routines"
        " WHERE routine_schema = DATABASE()"
        " UNION ALL SELECT CONCAT('event ', event_name), '', '', '', event_definition"
        " FROM information_schema.events WHERE event_schema = DATABASE()"
    )
    return {name: _print(repr(body)) for name, *body in rows}


def _tables(ask: Callable[..., list[Any]]) -> list[str]:
    return [name for (name,) in ask("SHOW TABLES") if name != TABLE]


def _engine(definition: str) -> str:
    """The storage engine of a table, nothing of a view."""
    found = re.findall(r"\) ENGINE=(\w+)", definition)
    return found[-1] if found else ""


def _definition(ask: Callable[..., list[Any]], name: str) -> str:
    quoted = name.replace("`", "``")
    try:
        row = ask(f"SHOW CREATE TABLE `{quoted}`")[0]
    except Exception as error:  # a view of what is gone
        return str(error)
    return re.sub(r" AUTO_INCREMENT=\d+", "", str(row[1]))


def _print(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _names_in(name: str) -> set[str]:
    """Its own name, and for a trigger its table's, which it goes with."""
    return {name.lower(), *re.split(r"[ .]", name.lower())}


# --- what stands between SQLAlchemy and the driver ------------------------------------------


class Answer:
    """What a statement gave: rows, or how many it changed, or an error.

    `error` is the name of the driver's exception class and its arguments.
    """

    def __init__(
        self,
        rows: list[Any] | None = None,
        description: Any = None,
        rowcount: int = 0,
        lastrowid: Any = None,
        error: tuple[str, list[Any]] | None = None,
    ) -> None:
        self.rows, self.description = rows, description
        self.rowcount, self.lastrowid, self.error = rowcount, lastrowid, error

    @classmethod
    def of(cls, cursor: Any) -> Answer:
        """What the driver's cursor has."""
        rows = list(cursor.fetchall()) if cursor.description else None
        return cls(rows, cursor.description, cursor.rowcount, getattr(cursor, "lastrowid", None))

    def dump(self) -> str:
        """As text.

        :raises TypeError: a row has a value of a kind that is not known.
        """
        rows = None if self.rows is None else [pack(tuple(row)) for row in self.rows]
        error = self.error and [self.error[0], pack(list(self.error[1]))]
        described = self.description and [list(column) for column in self.description]
        return _dump([rows, described, self.rowcount, self.lastrowid, error])

    @classmethod
    def load(cls, text: str) -> Answer:
        """The answer that `dump` wrote."""
        rows, description, rowcount, lastrowid, error = _load(text)
        return cls(
            None if rows is None else [unpack(row) for row in rows],
            description and tuple(tuple(column) for column in description),
            rowcount,
            lastrowid,
            error and (error[0], unpack(error[1])),
        )


class _Cursor:
    """A driver's cursor, of which the recorder knows every statement."""

    def __init__(self, connection: _Connection, real: Any) -> None:
        self.connection, self.real = connection, real
        self._answer = Answer()
        self._at = 0

    def execute(self, sql: Any, parameters: Any = None) -> Any:
        return self._run(sql, parameters, many=False)

    def executemany(self, sql: Any, parameters: Any) -> Any:
        return self._run(sql, parameters, many=True)

    def callproc(self, name: str, arguments: Any = ()) -> Any:
        self.connection.recorder.go_blind(f"it calls the procedure {name}")
        self.connection.before("CALL")
        return self.real.callproc(name, arguments)

    def _run(self, sql: Any, parameters: Any, *, many: bool) -> Any:
        text = sql.decode() if isinstance(sql, bytes) else str(sql)
        self._answer = self.connection.recorder.run(self, text, parameters, many)
        self._at = 0
        return self._answer.rowcount

    @property
    def description(self) -> Any:
        return self._answer.description

    @property
    def rowcount(self) -> int:
        return self._answer.rowcount

    @property
    def lastrowid(self) -> Any:
        return self._answer.lastrowid

    def fetchone(self) -> Any:
        found = self.fetchmany(1)
        return found[0] if found else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return self._take(size or self.real.arraysize)

    def fetchall(self) -> list[Any]:
        return self._take(None)

    def _take(self, count: int | None) -> list[Any]:
        rows = self._answer.rows
        if rows is None:
            raise self.connection.error("ProgrammingError")("the statement gives no rows")
        begin, self._at = self._at, len(rows) if count is None else min(self._at + count, len(rows))
        return rows[begin : self._at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchone, None)

    def __enter__(self) -> _Cursor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class _Connection:
    """A driver's connection, of which the recorder knows every statement and every commit."""

    def __init__(self, real: Any, recorder: Recorder) -> None:
        # What LAST_INSERT_ID() says to the script, None where that is not known; and whether it
        # says something else now.
        vars(self).update(real=real, recorder=recorder, changes=[], last_id=None, hidden=False)

    def cursor(self, *arguments: Any, **options: Any) -> _Cursor:
        return _Cursor(self, self.real.cursor(*arguments, **options))

    def commit(self) -> None:
        self.recorder.commit(self, self.real.commit)

    def begin(self) -> None:
        self.recorder.commit(self, self.real.begin)

    def rollback(self) -> None:
        self.recorder.undo(self)
        self.real.rollback()
        with contextlib.suppress(Exception):  # that of the next statement says it better
            self.show_last_id()

    def hide_last_id(self) -> None:
        """A row of our own is to be inserted; the script may ask for the number of its own."""
        if self.last_id is None:
            ((last,),) = _asker(self.real)("SELECT LAST_INSERT_ID()")
            vars(self).update(last_id=last)
        vars(self).update(hidden=True)

    def show_last_id(self) -> None:
        """Let LAST_INSERT_ID() say again what it said to the script before."""
        if self.hidden:
            _say(self.real, "SELECT LAST_INSERT_ID(%s)", (self.last_id,))
            vars(self).update(hidden=False)

    def before(self, sql: str) -> None:
        """A statement of the script is about to run."""
        if not _NO_ROW.match(bare(sql)):
            self.show_last_id()
            vars(self).update(last_id=None)

    @property
    def pending(self) -> list[dict[str, Any]]:
        """What its transaction has changed, without the marks of savepoints."""
        return [change for change in self.changes if "kind" in change]

    def error(self, name: str) -> Any:
        """The driver's exception class of that name."""
        return getattr(self.real, name, None) or self.real.DatabaseError

    @property
    def commits_alone(self) -> bool:
        """Whether each statement is committed by itself."""
        ask = getattr(self.real, "get_autocommit", None)
        return (ask() if ask else getattr(self.real, "autocommit", False)) is True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.real, name, value)


# --- the recorder -------------------------------------------------------------------------


class _Record:
    """A row of the table, as an earlier run of the step wrote it."""

    def __init__(self, kind: str, details: dict[str, Any], row: int = 0) -> None:
        self.kind, self.row = kind, row
        self.order: float = details["order"]
        self.number: int = details.get("number") or 0
        self.key: str = details.get("key", "")
        self.sql: str = details.get("sql", "")
        self.touches: set[str] = set(details.get("touches", ()))
        self.parameters = _load(details["parameters"]) if "parameters" in details else None
        self.answer = Answer.load(details["answer"]) if "answer" in details else Answer()
        self.undone = bool(details.get("undone"))
        self.segment = 0

    @property
    def kept(self) -> bool:
        """Whether it has changed something that is still there."""
        return self.kind != "read" and not self.undone and not self.answer.error


class Recorder:
    """Writes down the statements of one step, and answers those that an earlier run has done.

    A context manager. While it is on, every connection of this process to the same database that
    SQLAlchemy's pools give out goes through it. Where a step is interrupted, the records stay.

    :param engine: of the database.
    :param step: the step's name.
    :param common: what the rows have in the columns ``run`` and ``bridge_version``.
    :param from_statement: where the administrator has said that the step stands: statements with a
        smaller number are taken for done, and the others run.
    :param given: a connection of the engine's pool that is not in a transaction; it is watched too.
    :param before: that of the step before, which is done: what it knows is not read again.
    :param sealed: the step's statements are known: none makes a table anew as it was.
    """

    def __init__(
        self,
        engine: Any,
        step: str,
        common: Mapping[str, str],
        from_statement: int | None = None,
        given: Any = None,
        before: Recorder | None = None,
        sealed: bool = False,
    ) -> None:
        self._given, self._before, self._sealed = given, before, sealed
        self._place: list[Any] = []
        self._schema = Schema()
        self._engine, self._step, self._common = engine, step, common
        self._from = from_statement
        self._thread = threading.get_ident()
        self._on = True
        self._broken: BaseException | None = None
        self._left: list[_Record] = []
        self._reads: list[dict[str, Any]] = []
        self._failures: list[dict[str, Any]] = []
        self._new_for_old: dict[Any, Any] = {}
        self._order = self._last = 0.0
        self._size = 0
        self._stored: dict[str, str] | None = None
        self._stale: set[str] | None = None
        self.number = 0
        """How many statements that write have begun or been answered."""
        self.kept = 0
        """How many statements have changed something that stays."""
        self.done = 0
        """How many statements an earlier run of the step has done."""
        self.blind: str | None = None
        """Why the step cannot be written down; None where it can."""

    def __enter__(self) -> Recorder:
        from sqlalchemy import event
        from sqlalchemy.pool import Pool

        if self._given is not None:
            self._look_around(self._given)
        else:
            # One that is there already: to connect anew takes long.
            connection = self._engine.pool.connect()
            try:
                self._look_around(connection)
                connection.close()
            except CannotResume:
                connection.close()
                raise
            except Exception:
                connection.invalidate()
                # The server may end those that idle.
                with self._own() as connection:
                    self._look_around(connection)
        event.listen(Pool, "checkout", self._checkout)
        if self._given is not None:
            self._watch(self._given)
        return self

    def __exit__(self, *_error: object) -> None:
        from sqlalchemy import event
        from sqlalchemy.pool import Pool

        event.remove(Pool, "checkout", self._checkout)
        self._on = False

    def finish(self, connection: Any) -> None:
        """Take the records out, in the transaction of a SQLAlchemy connection: the step is done.

        :raises CannotResume: the script did not do what an earlier run of it has done.
        """
        import sqlalchemy

        if self._broken:
            raise self._broken
        for record in self._left:
            if record.kind != "read" and not self._from:
                raise CannotResume(
                    record.number,
                    "the script came to its end without this statement",
                    _short(record.sql),
                )
        self._on = False
        column: Any = sqlalchemy.column
        table = sqlalchemy.table(TABLE, column("step"), column("name"))
        its = (table.c.step == STEP) & (table.c.name == self._step)
        connection.execute(table.delete().where(its))

    # --- connections ---

    def _look_around(self, connection: Any) -> None:
        ask, before, self._before = _asker(connection), self._before, None
        if before is not None and before._schema.times == (not self._sealed):
            self._place, self._schema = before._place, before._schema
            if before._stale is not None:
                self._schema.look(ask, before._stale)
        else:
            self._place, self._schema = self._place_of(connection), Schema(self._times(ask))
            self._schema.look(ask)
        self._read_records(connection)
        connection.rollback()

    def _times(self, ask: Callable[..., list[Any]]) -> bool:
        """Whether times count: where there are records, as for these."""
        for (text,) in ask(
            f"SELECT details FROM {TABLE} WHERE step = %s AND name = %s AND status = %s",
            STEP,
            self._step,
            "tables",
        ):
            return bool(json.loads(text).get("times", True))
        return not self._sealed

    @contextlib.contextmanager
    def _own(self) -> Iterator[Any]:
        before, self._on = self._on, False
        try:
            # Beside the engine's pool, which may be the caller's, and small.
            connection = self._engine.pool.recreate().connect()
            connection.detach()
            try:
                yield connection
            finally:
                connection.close()
        finally:
            self._on = before

    def _place_of(self, connection: Any) -> list[Any]:
        found: list[Any] = _asker(connection)("SELECT DATABASE(), @@hostname, @@port")
        return found

    def _watch(self, fairy: Any) -> None:
        """Let a connection that a pool has given out before go through here."""
        given = getattr(fairy, _attribute(fairy))
        self._checkout(getattr(given, "real", given), fairy._connection_record, fairy)

    def _checkout(self, real: Any, record: Any, fairy: Any) -> None:
        if not self._on:
            return
        if "bridge_place" not in record.info:
            try:
                record.info["bridge_place"] = self._place_of(real)
                real.rollback()
            except Exception:  # of another kind of database
                record.info["bridge_place"] = None
        if record.info["bridge_place"] == self._place:
            setattr(fairy, _attribute(fairy), _Connection(real, self))

    # --- an earlier run's records ---

    def _read_records(self, connection: Any) -> None:
        rows = _asker(connection)(
            f"SELECT id, status, details FROM {TABLE} WHERE step = %s AND name = %s ORDER BY id",
            STEP,
            self._step,
        )
        records = []
        failed = {}
        blind = None
        for row, kind, text in rows:
            details = json.loads(text)
            if kind == "tables":
                self._stored = _kept({**(self._stored or {}), **details["prints"]})
            elif kind == "blind":
                blind = details
            elif kind == "failed":
                failed[details["number"]] = Answer.load(details["answer"])
            else:
                records.append(_Record(kind, details, row))
            self._size += len(text)
        records.sort(key=lambda record: record.order)
        for record in records:
            record.answer = failed.get(record.number, record.answer)
        if not self._from:
            if blind:
                raise CannotResume(
                    blind["number"],
                    f"how far it came is not known, because {blind['why']}",
                    "a step of which each statement is written down",
                )
            begun = self._begun([record for record in records if record.kind != "read"])
            if begun is not None:
                records.remove(begun)
                _say(connection, f"DELETE FROM {TABLE} WHERE id = %s", (begun.row,))
                connection.commit()
        previous: _Record | None = None
        segment = 0
        for record in records:
            if previous is None or not previous.kind == record.kind in ("read", "schema"):
                segment += 1
            record.segment, previous = segment, record
        self._left = records
        self._last = max([record.order for record in records], default=0.0)
        self.done = sum(record.kind != "read" for record in records)
        self.kept = sum(record.kept for record in records)

    def _begun(self, writes: list[_Record]) -> _Record | None:
        """The last statement, if it had begun and not taken effect; the tables tell."""
        if not writes or self._stored is None:
            return None
        before, now = self._stored, self._schema.prints
        changed = {name for name in before.keys() | now if before.get(name) != now.get(name)}
        last = max(writes, key=lambda record: record.row)  # the tables are those before it
        if last.kind == "other" and not last.answer.error:
            raise CannotResume(
                last.number,
                f"{_short(last.sql)} had begun, and nothing tells whether it took effect",
                "its outcome",
            )
        may_change = last.touches if last.kind == "schema" and not last.answer.error else set()
        strange = sorted(name for name in changed if not _names_in(name) & may_change)
        if strange:
            words = [f"{name} {_how(name, before, now)}" for name in strange[:5]]
            raise CannotResume(
                last.number,
                "since the step was interrupted, " + ", ".join(words),
                f"the tables as they were after statement {last.number}, {_short(last.sql)}",
            )
        begun = last.kind == "schema" and not last.answer.error and not changed
        return last if begun else None

    # --- one statement ---

    def run(self, cursor: _Cursor, sql: str, parameters: Any, many: bool) -> Answer:
        """Run a statement, or answer it from the record of an earlier run."""
        if self._broken:
            raise self._broken
        kind = kind_of(sql)
        if self._on and threading.get_ident() != self._thread:
            self.go_blind("it works in several threads")
        elif self._on and kind == "blind":
            self.go_blind(why_blind(sql) or "")
        if not self._on:
            return self._execute(cursor, sql, parameters, many)
        if kind == "session":
            return self._run_session(cursor, sql, parameters, many)
        parameters = self._as_before(parameters)
        try:
            packed = pack(parameters)
        except TypeError as error:
            self.go_blind(f"a parameter of its is not plain: {error}")
            return self._execute(cursor, sql, parameters, many)
        if kind != "read":
            self.number += 1
        key = _key(kind, sql)
        record = self._take(kind, key, sql, packed)
        if record is not None:
            self._order = max(self._order, record.order)
            if record.answer.lastrowid:
                # What LAST_INSERT_ID() says, where this session has not inserted the row.
                again = "SELECT LAST_INSERT_ID(%s)"
                _say(cursor.connection.real, again, (record.answer.lastrowid,))
                vars(cursor.connection).update(last_id=None, hidden=False)
            return self._answered(cursor, record.answer)
        self._order = self._next_order()
        details = {"order": self._order, "key": key, "sql": self._shown(sql)[:2000]}
        if packed is not None:
            details["parameters"] = _dump(packed)
        if kind == "read":
            return self._read(cursor, sql, parameters, many, details)
        details["number"] = self.number
        if kind == "rows":
            self._look(cursor.connection.real)
            kind = kind if self._is_safe(sql) else "other"
        run = self._change_rows if kind == "rows" else self._change_schema
        return run(cursor, sql, parameters, many, details, kind)

    def _shown(self, sql: str) -> str:
        """The statement as it may be told, and stay: without the password of the database."""
        url = self._engine.url
        secret = str(url.password or url.query.get("password") or url.query.get("passwd") or "")
        forms = {secret, secret.replace("'", "''"), re.sub(r"(['\"\\])", r"\\\1", secret)} - {""}
        for form in sorted(forms, key=len, reverse=True):
            sql = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", sql)
        return sql

    def _next_order(self) -> float:
        """The place of a new record: before what is left of the old ones, if it is."""
        if self._left and self._left[0].order > self._order:
            return (self._order + self._left[0].order) / 2
        self._last = max(self._last, self._order) + 1
        return self._last

    def _execute(self, cursor: _Cursor, sql: str, parameters: Any, many: bool) -> Answer:
        cursor.connection.before(sql)
        if many:
            cursor.real.executemany(sql, parameters)
        elif parameters is None:
            cursor.real.execute(sql)
        else:
            cursor.real.execute(sql, parameters)
        return Answer.of(cursor.real)

    def _answered(self, cursor: _Cursor, answer: Answer) -> Answer:
        if answer.error:
            name, arguments = answer.error
            raise cursor.connection.error(name)(*arguments)
        return answer

    def _run_session(self, cursor: _Cursor, sql: str, parameters: Any, many: bool) -> Answer:
        """What begins, ends or marks a transaction moves what is to be written down with it."""
        connection, text = cursor.connection, bare(sql).upper()
        if re.match(r"(COMMIT|BEGIN|START)\b|SET\s+(@@)?(SESSION\W+)?AUTOCOMMIT\b", text):
            self.commit(connection, lambda: self._execute(cursor, sql, parameters, many))
            return Answer()
        answer = self._execute(cursor, sql, parameters, many)
        named = re.match(r"(SAVEPOINT|ROLLBACK\s+(?:WORK\s+)?TO)\s+(?:SAVEPOINT\s+)?(\S+)", text)
        if named and named.group(1) == "SAVEPOINT":
            connection.changes.append({"savepoint": named.group(2)})
        elif named:
            marks = [
                n for n, c in enumerate(connection.changes) if c.get("savepoint") == named.group(2)
            ]
            self.undo(connection, marks[-1] + 1 if marks else 0)
        elif text.startswith("ROLLBACK"):
            self.undo(connection)
        return answer

    def _read(
        self, cursor: _Cursor, sql: str, parameters: Any, many: bool, details: dict[str, Any]
    ) -> Answer:
        answer = self._tried(cursor, sql, parameters, many)
        try:
            details["answer"] = answer.dump()
        except TypeError as error:
            self.go_blind(f"it reads what is not plain: {error}")
            return self._answered(cursor, answer)
        self._reads.append({"kind": "read", **details})
        self._weigh(details)
        return self._answered(cursor, answer)

    def _change_rows(
        self, cursor: _Cursor, sql: str, parameters: Any, many: bool, details: dict[str, Any],
        kind: str,
    ) -> Answer:  # fmt: skip
        connection = cursor.connection
        alone = connection.commits_alone
        if alone:
            _say(connection.real, "START TRANSACTION")
        try:
            answer = self._tried(cursor, sql, parameters, many)
            if answer.error:
                self._reads.append({"kind": kind, **details, "answer": answer.dump()})
                return self._answered(cursor, answer)
            details["answer"] = answer.dump()
            connection.changes.append({"kind": kind, **details})
            self._weigh(details)
            if alone:
                self.commit(connection, lambda: _say(connection.real, "COMMIT"))
        except BaseException:
            if alone:
                connection.changes.clear()
                with contextlib.suppress(Exception):
                    _say(connection.real, "ROLLBACK")
            raise
        return answer

    def _change_schema(
        self, cursor: _Cursor, sql: str, parameters: Any, many: bool, details: dict[str, Any],
        kind: str,
    ) -> Answer:  # fmt: skip
        connection = cursor.connection
        touches = self._schema.touched(sql)
        row = {"kind": kind, **details, "touches": sorted(touches)}
        if kind == "schema":
            # The statement commits what is before it in its transaction, unless it is refused for
            # how it is written.
            self._flush(connection, row)
            if connection.changes:
                self.kept += len(connection.pending)
                connection.changes.clear()
            else:
                connection.real.commit()
        else:
            with self._own() as own:
                self._flush(connection, row, through=own)
        self._stale = (self._stale or set()) | touches
        answer = self._tried(cursor, sql, parameters, many)
        if answer.error:
            self._failures.append(
                {"kind": "failed", "number": self.number, "answer": answer.dump()}
            )
        else:
            self.kept += 1
        return self._answered(cursor, answer)

    def _tried(self, cursor: _Cursor, sql: str, parameters: Any, many: bool) -> Answer:
        """What it gives, an error of the driver's too, unless that ends the connection."""
        try:
            return self._execute(cursor, sql, parameters, many)
        except cursor.connection.error("Error") as error:
            code = error.args[0] if error.args else None
            if not isinstance(code, int) or code in (0, 1053, 1927) or 2000 <= code < 3000:
                raise  # the session has ended, and who knows what the server did
            try:
                return Answer(error=(type(error).__name__, [*map(unpack, map(pack, error.args))]))
            except TypeError:
                raise error from None

    def _is_safe(self, sql: str) -> bool:
        """Whether what it changes is undone with the transaction that it belongs to."""
        words = words_of(sql)
        return all(
            engine.lower() in ("innodb", "", "rocksdb", "tokudb")
            for name, engine in self._schema.engines.items()
            if name.lower() in words
        )

    def _weigh(self, details: dict[str, Any]) -> None:
        self._size += sum(len(str(value)) for value in details.values())
        if self._size > READ_LIMIT:
            self.go_blind("it reads or writes more than is worth keeping")

    def go_blind(self, why: str) -> None:
        """Write nothing down any more: a later run cannot go on in the middle of this step."""
        if not self._on:
            return
        self._on, self.blind = False, why
        with self._own() as own:
            self._insert(own, [{"kind": "blind", "number": self.number, "why": why}])
            own.commit()

    # --- answering from the records ---

    def _take(self, kind: str, key: str, sql: str, parameters: Any) -> _Record | None:
        """The record of what an earlier run did here; None where it had not come so far."""
        if self._from:
            return self._take_by_number(kind, key)
        for place, record in enumerate(self._left):
            if (
                record.kind in (kind, "other")
                and record.key == key
                and self._same(record, parameters)
            ):
                same_part = [r for r in self._left[:place] if r.segment == record.segment]
                self._left = same_part + self._left[place + 1 :]
                return record
            next_one = self._left[place + 1] if place + 1 < len(self._left) else None
            if record.kind != "read" and (next_one is None or next_one.segment != record.segment):
                break
        writes = [record for record in self._left if record.kind != "read"]
        if not writes:
            self._left = []  # what was read last is read anew
            return None
        # The order of what changes the schema may be that of a set, another one each time.
        if kind == "schema" and all(r.segment == self._left[-1].segment for r in self._left):
            return None
        if kind == "read" and not re.search(r"\bFROM\b|^\s*(SHOW|DESC)", sql, re.IGNORECASE):
            return None  # a setting of the server's
        raise self._break(
            CannotResume(
                max(self.number, 1),
                f"now the script asks for {_short(self._shown(sql))}",
                _short(writes[0].sql),
            )
        )

    def _break(self, error: CannotResume) -> CannotResume:
        """Nothing more is to run, whatever the script catches."""
        self._broken = error
        return error

    def _take_by_number(self, kind: str, key: str) -> _Record | None:
        """As the administrator has said where the step stands, not the records."""
        assert self._from is not None
        if kind == "read":
            if self.number + 1 >= self._from:
                return None
            found = next((r for r in self._left if r.kind == "read" and r.key == key), None)
        else:
            if self.number >= self._from:
                self._left = []
                return None
            nothing = _Record(kind, {"order": self._order, "number": self.number, "key": key})
            found = next((r for r in self._left if r.kind != "read" and r.key == key), nothing)
        if found in self._left:
            self._left.remove(found)
        return found

    def _same(self, record: _Record, parameters: Any) -> bool:
        """Whether the parameters are the same, but for the time and for what was drawn by lot."""
        renamed: list[tuple[Any, Any]] = []
        if not _alike(record.parameters, parameters, renamed):
            return False
        for old, new in renamed:
            self._new_for_old[unpack(new)] = unpack(old)
        return True

    def _as_before(self, value: Any) -> Any:
        """The parameters with what an earlier run had, where this run has drawn another."""
        if not self._new_for_old:
            return value
        if isinstance(value, dict):
            return {key: self._as_before(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._as_before(one) for one in value)
        if isinstance(value, (str, datetime, bytes)):
            return self._new_for_old.get(value, value)
        return value

    # --- writing down ---

    def commit(self, connection: _Connection, commit: Callable[[], Any]) -> Any:
        """Write down what the transaction has changed, as its last part, and end it."""
        try:
            if self._on and connection.pending:
                self._flush(connection)
            connection.show_last_id()
            found = commit()
        except Exception as error:
            self._broken = self._broken or error
            raise
        self.kept += len(connection.pending)
        connection.changes.clear()
        return found

    def undo(self, connection: _Connection, first: int = 0) -> None:
        """The transaction's changes from the `first` on are rolled back: on purpose, if it goes on.

        Then a later run need not make them.
        """
        undone = [change for change in connection.changes[first:] if "kind" in change]
        self._reads += [{**change, "undone": True} for change in undone]
        del connection.changes[first:]

    def _flush(self, connection: _Connection, *more: dict[str, Any], through: Any = None) -> None:
        real = through or connection.real
        changes = [] if through else connection.pending
        try:
            self._look(real)
            rows = [*self._failures, *self._reads, *changes, *more]
            # Before them: where each row commits by itself, what is told is what was there.
            if self._stored != self._schema.prints:
                before = self._stored or {}
                now = {**dict.fromkeys(before), **self._schema.prints}
                prints = {name: now[name] for name in now if now[name] != before.get(name)}
                rows.insert(0, {"kind": "tables", "prints": prints, "times": self._schema.times})
            self._insert(real, rows, None if through else connection)
            if through:
                real.commit()
        except Exception as error:
            self._broken = error
            raise
        self._stored = self._schema.prints
        self._failures, self._reads = [], []

    def _look(self, real: Any) -> None:
        """Look again at what the statements before may have changed."""
        if self._stale is not None:
            self._schema.look(_asker(real), self._stale)
            self._stale = None

    def _insert(
        self, real: Any, rows: list[dict[str, Any]], connection: _Connection | None = None
    ) -> None:
        """Write rows down, in as few statements as a server takes them.

        :param connection: the script's, if it is through that.
        """
        if not rows:
            return
        now = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
        columns = "(run, step, name, status, at, bridge_version, details)"
        if connection is not None:
            connection.hide_last_id()
        values: list[Any] = []
        size = 0
        for row in rows:
            details = json.dumps({name: value for name, value in row.items() if name != "kind"})
            if values and size + len(details) > _AT_ONCE:
                _say(real, f"INSERT INTO {TABLE} {columns} VALUES {_marks(values)}", values)
                values, size = [], 0
            size += len(details)
            values += [self._common["run"], STEP, self._step, row["kind"], now]
            values += [self._common["bridge_version"], details]
        _say(real, f"INSERT INTO {TABLE} {columns} VALUES {_marks(values)}", values)


def _marks(values: list[Any]) -> str:
    """The places of the values of rows, of seven columns each."""
    return ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * (len(values) // 7))


def _kept(prints: dict[str, str | None]) -> dict[str, str]:
    """Those of what is still there."""
    return {name: text for name, text in prints.items() if text is not None}


def _say(real: Any, sql: str, parameters: Any = None) -> None:
    """Run a statement of our own on a driver's connection."""
    cursor = real.cursor()
    try:
        cursor.execute(sql, parameters)
    finally:
        cursor.close()


def _attribute(fairy: Any) -> str:
    """What the driver's connection is in what a pool gives out; SQLAlchemy 1.3 has another name."""
    return "dbapi_connection" if hasattr(fairy, "dbapi_connection") else "connection"


def _asker(connection: Any) -> Callable[..., list[Any]]:
    """Runs queries on a driver's connection."""

    def ask(sql: str, *parameters: Any) -> list[Any]:
        cursor = connection.cursor()
        try:
            cursor.execute(sql, parameters or None)
            return [tuple(_text(value) for value in row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    return ask


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, (bytes, bytearray)) else value


def _alike(old: Any, new: Any, renamed: list[tuple[Any, Any]]) -> bool:
    """Whether packed values are the same; times and UUIDs that differ are noted."""
    if old == new:
        return True
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        (kind,) = old
        if kind == "datetime":
            renamed.append((old, new))
            return True
        return kind not in ("bytes", "decimal", "date", "time") and _alike(
            old[kind], new[kind], renamed
        )
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return all(_alike(one, other, renamed) for one, other in zip(old, new))  # noqa: B905 (3.7)
    if isinstance(old, str) and isinstance(new, str) and _UUID.match(old) and _UUID.match(new):
        renamed.append((old, new))
        return True
    return False


def _how(name: str, before: dict[str, str], now: dict[str, str]) -> str:
    if name not in before:
        return "came"
    return "is gone" if name not in now else "was changed or made anew"


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 200 else f"{text[:197]}..."
