"""Statements of SQLAlchemy's as text, for scripts that a database's own client runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from bridge.database.servers import server_named

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


def with_end(statement: str, dialect: str) -> str:
    """Return a statement with its end, as the database's own client reads it."""
    needed = server_named(dialect).needs_delimiter and ";" in statement
    if needed and _has_ends_inside(statement, dialect):
        return f"DELIMITER ;;\n{statement}\n;;\nDELIMITER ;\n"
    if "--" in statement.rpartition("\n")[2]:  # it may end with a comment
        return f"{statement}\n;\n"
    return f"{statement};\n"


def _has_ends_inside(statement: str, dialect: str) -> bool:
    """Return whether it has semicolons of its own, which MySQL's client would take for ends."""
    # 3 ms of every start: only what is frozen or written as a script is rendered.
    from bridge.database.sql.statements import read

    return any(one.has_body or ";" in one.words for one in read(statement, dialect))


_END = re.compile(r"[;\s]+\Z")


def script_dialect(url: URL) -> Any:
    """Return the dialect of a URL as it writes scripts; it needs neither driver nor database."""
    # Named: else some drivers' dialects write each % twice, for the driver to take one away.
    make: Any = url.get_dialect()
    return unescaped(make(paramstyle="named"))


def unescaped(dialect: Any) -> Any:
    """Return the dialect, which writes backslashes as they are where the server takes them so.

    SQLAlchemy asks PostgreSQL for it when it connects, and 1.4 expects the contrary before.
    """
    if server_named(dialect.name).literal_backslashes:
        dialect._backslash_escapes = False  # noqa: SLF001 - there is no public name
    return dialect


def rendered(statement: Any, dialect: Any) -> str:
    """Return a statement with its values in place and its end, as the database's client reads it.

    :raises ValueError: a value is missing, or would be made by Python when it runs.
    """
    return with_end(_END.sub("", inline(statement, dialect)), dialect.name)


def inline(statement: Any, dialect: Any) -> str:
    """Return a statement or expression with its values in place, without an end.

    :raises ValueError: a value is missing, or would be made by Python when it runs.
    """
    if isinstance(statement, sa.schema.DDLElement):
        return str(statement.compile(dialect=dialect)).strip()
    for part in visitors.iterate(statement):
        # SQLAlchemy would write NULL for it.
        if isinstance(part, sa.sql.elements.BindParameter) and part.required:
            raise ValueError(f"the parameter {part.key} has no value: {statement}")
    if isinstance(statement, sa.sql.dml.Insert):
        statement = statement.inline()  # nobody fetches what RETURNING returns
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    made = [*compiled.insert_prefetch, *compiled.update_prefetch]
    if made:
        raise ValueError(f"Python would compute the value of {made[0]}: {statement}")
    return str(compiled).strip()


def count(table: sa.Table, where: Any, dialect: Any) -> str:
    """Return the number of rows of a table that meet a condition, as an expression."""
    name = dialect.identifier_preparer.format_table(table)
    return f"(SELECT count(*) FROM {name} WHERE {inline(where, dialect)})"
