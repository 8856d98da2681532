"""What a statement makes of tables, found out on empty copies of them in a scratch database."""

from __future__ import annotations

import contextlib
import re
import secrets
from typing import TYPE_CHECKING, Any

from ...sql.statements import read
from .kinds import FAMILY, names_in
from .proxy import Session
from .tables import TableWatcher

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "bridge_scratch_"
"""The beginning of the name, as other scratch databases have it: what is left over is removed."""

_VERBS = ("CREATE", "ALTER", "DROP", "RENAME")

_OBJECTS = ("TABLE", "INDEX", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION")


def expected_after(
    connection: Any, again: Mapping[str, Any], database: str
) -> list[dict[str, str]]:
    """Run a statement on empty copies of tables, and return what there may be afterwards.

    Nobody else sees the scratch database, which is dropped again. There are two possibilities where
    an index may be one that the server has made for a foreign key: it drops that with the next one
    that does as well, and its definition does not tell.

    :param connection: a driver's connection of our own, whose session may be changed.
    :param again: the statement, and the definitions of the tables that it may change.
    :param database: the name of the database that the statement is of.
    :returns: nothing where it cannot be found out: this user may create no database, or the
        statement may do something outside of it.
    """
    before = again["before"]
    implicit = {name: _without_implicit_indexes(text) for name, text in before.items()}
    tried = [before] if implicit == before else [before, implicit]
    found = [_after(connection, {**again, "before": one}, database) for one in tried]
    return [state for state in found if state is not None]


def _after(connection: Any, again: Mapping[str, Any], database: str) -> dict[str, str] | None:
    session, sql = Session(connection), again["sql"]
    statements = read(sql, FAMILY)
    databases = {name.lower() for (name,) in session.ask("SHOW DATABASES")}
    if (
        len(statements) != 1
        or statements[0].verb not in _VERBS
        or not {*_OBJECTS} & {statements[0].object, *statements[0].words[1:2]}
        or names_in(sql) & (databases | {database.lower()})
    ):
        return None
    name = PREFIX + secrets.token_hex(8)
    try:
        session.ask("SELECT GET_LOCK(%s, 0)", name)  # held: it is not left over
        ((charset, collation),) = session.ask(
            "SELECT @@character_set_database, @@collation_database"
        )
        session.execute(f"CREATE DATABASE {name} CHARACTER SET {charset} COLLATE {collation}")
    except Exception:  # noqa: BLE001 - of any driver: this user may not
        return None
    try:
        session.execute(f"USE {name}")
        session.execute("SET SESSION foreign_key_checks = 0")
        for definition in again["before"].values():
            session.execute(definition)
        session.execute(sql, again["given"])
        after = TableWatcher(times=False)
        after.look(session)
    except Exception:  # noqa: BLE001 - of any driver: it needs more than these tables
        return None
    finally:
        with contextlib.suppress(Exception):
            session.execute(f"DROP DATABASE {name}")
    # A view names its database.
    return {one: text.replace(f"`{name}`", f"`{database}`") for one, text in after.state.items()}


_KEY = re.compile(r"\s*KEY (`(?:[^`]|``)+`) \((.*)\),?$")
_FOREIGN_KEY = re.compile(r"\s*CONSTRAINT (`(?:[^`]|``)+`) FOREIGN KEY \((.*?)\) REFERENCES")


def _without_implicit_indexes(definition: str) -> str:
    """Return a table's definition without the indexes that its foreign keys make anyway.

    The server gives such an index the name of the constraint, or that of its first column.
    """
    lines = definition.split("\n")
    keys = [match.groups() for match in map(_FOREIGN_KEY.match, lines) if match]
    made = {(name, columns) for name, columns in keys}
    made |= {(columns.replace("`, `", "`,`").split(",")[0], columns) for _name, columns in keys}

    def is_implicit(line: str) -> bool:
        match = _KEY.match(line)
        return match is not None and any(
            match[1] == name and match[2].replace(" ", "") == columns.replace(" ", "")
            for name, columns in made
        )

    kept = [line for line in lines if not is_implicit(line)]
    last = next((n for n, line in enumerate(kept) if line.startswith(")")), None)
    if last:
        kept[last - 1] = kept[last - 1].rstrip(",")
    return "\n".join(kept)
