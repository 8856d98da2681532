"""What each table is, and which of them have changed."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from ...sql.statements import Statement, read
from .kinds import FAMILY
from .names import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .proxy import Session


class TableWatcher:
    """Knows every table, view, trigger and routine of the database as it was last looked at.

    :param times: whether a table that was dropped and created again has changed. Reading the times
        takes most of the time, and is needed only for statements that are not known before.
    """

    def __init__(self, *, times: bool = True) -> None:
        self.times = times
        self.texts: dict[str, str] = {}
        """The definition of each table and view."""
        self.others: dict[str, str] = {}
        """The fingerprint of each trigger, routine and event."""
        self.engines: dict[str, str] = {}
        """The storage engine of each table."""
        self.prints: dict[str, str] = {}
        """The fingerprint of each."""

    def look(self, session: Session, changed: Iterable[str] | None = None) -> None:
        """Look again at those that are `changed`, or new; at all where None."""
        touched = None if changed is None else set(changed)
        if self.times:
            made = self._read_times(session)
        elif touched is None or _NEW in touched:
            made = dict.fromkeys(_tables(session), "")
        else:
            made = dict.fromkeys(self.texts, "")
        texts = {}
        for name in made:
            known = self.texts.get(name)
            if known is None or touched is None or name.lower() in touched:
                known = _definition(session, name)
            texts[name] = known
        self.texts = texts
        if not self.times:
            self.engines = {name: _engine(text) for name, text in texts.items()}
        if self.times or touched is None or self.others or touched & _OTHER_KINDS:
            self.others = _others(session)
        self.prints = {name: _print(f"{made[name]} {text}") for name, text in texts.items()}
        self.prints.update(self.others)

    @property
    def state(self) -> dict[str, str]:
        """Return what is known of each name, whenever it was made."""
        return {**self.texts, **self.others}

    def _read_times(self, session: Session) -> dict[str, str]:
        """Return what each table is and when it was made."""
        made = {}
        self.engines = {}
        for name, kind, engine, created in session.ask(
            "SELECT table_name, table_type, engine, create_time FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name <> %s",
            TABLE,
        ):
            made[name] = f"{kind} {created}"
            self.engines[name] = engine or ""
        return made

    def touched(self, sql: str) -> set[str]:
        """Return the names that a statement may change: those in it, and what refers to these.

        With ``*`` where there may be other tables afterwards.
        """
        statements = read(sql, FAMILY)
        words = {name for statement in statements for name in statement.names}
        named = {name for name in self.texts if name.lower() in words}
        referring = {
            name
            for name, text in self.texts.items()
            if any(f"`{other.lower()}`" in text.lower() for other in named)
        }
        new = set() if len(statements) == 1 and _keeps_names(statements[0]) else {_NEW}
        return words | new | {name.lower() for name in named | referring}

    def definitions(self, names: set[str]) -> dict[str, str]:
        """Return the definitions of those of these tables that exist."""
        return {
            name: text
            for name, text in self.texts.items()
            if name.lower() in names and self.engines.get(name)
        }

    def is_transactional(self, names: set[str]) -> bool:
        """Return whether changes of the rows of these tables are undone with their transaction."""
        return all(
            engine.lower() in ("innodb", "", "rocksdb", "tokudb")
            for name, engine in self.engines.items()
            if name.lower() in names
        )


_NEW = "*"

_OTHER_KINDS = {"trigger", "procedure", "function", "event", "package"}


def _keeps_names(statement: Statement) -> bool:
    """Return whether there are the same tables after a statement as before it."""
    words = statement.words
    return (words[:2] == ("ALTER", "TABLE") or statement.object == "INDEX") and not (
        {";", "RENAME", "CONVERT"} & {*words}
    )


def _others(session: Session) -> dict[str, str]:
    """Return the fingerprints of triggers, routines and events."""
    rows = session.ask(
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


def _tables(session: Session) -> list[str]:
    return [name for (name,) in session.ask("SHOW TABLES") if name != TABLE]


def _engine(definition: str) -> str:
    """Return the storage engine of a table, nothing of a view."""
    found = re.findall(r"\) ENGINE=(\w+)", definition)
    return found[-1] if found else ""


def _definition(session: Session, name: str) -> str:
    quoted = name.replace("`", "``")
    try:
        row: Any = session.ask(f"SHOW CREATE TABLE `{quoted}`")[0]
    except Exception as error:  # noqa: BLE001 - of any driver, for a view of what is gone
        return str(error)
    return re.sub(r" AUTO_INCREMENT=\d+", "", str(row[1]))


def _print(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
