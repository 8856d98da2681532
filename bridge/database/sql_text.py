"""SQL as text, for scripts that a database's own client runs."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.sql import visitors

from bridge.model.names import family

# A body with semicolons of its own, which MySQL's client would take for ends.
_BODY = re.compile(
    r"\s*CREATE\s+(OR\s+REPLACE\s+)?(DEFINER\s*=\s*\S+\s+)?(AGGREGATE\s+)?"
    r"(TRIGGER|PROCEDURE|FUNCTION|EVENT)\b",
    re.IGNORECASE,
)


def ended(dialect: str, statement: str) -> str:
    """A statement as the database's own client reads it, with its end."""
    if dialect == "mysql" and _BODY.match(statement) and ";" in statement:
        return f"DELIMITER ;;\n{statement}\n;;\nDELIMITER ;\n"
    if "--" in statement.rpartition("\n")[2]:  # it may end with a comment
        return f"{statement}\n;\n"
    return f"{statement};\n"


_END = re.compile(r"[;\s]+\Z")


def script_dialect(url: URL) -> Any:
    """The dialect of a URL as it writes scripts; neither driver nor database is needed."""
    # Named: else some drivers' dialects write each % twice, for the driver to take one away.
    make: Any = url.get_dialect()
    return unescaped(make(paramstyle="named"))


def unescaped(dialect: Any) -> Any:
    """The dialect, which writes backslashes as they are where the server takes them so.

    SQLAlchemy asks PostgreSQL for it when it connects, and 1.4 expects the contrary before.
    """
    if dialect.name == "postgresql":
        dialect._backslash_escapes = False
    return dialect


def rendered(statement: Any, dialect: Any) -> str:
    """A statement with its values in place and its end, as the database's client reads it.

    :raises ValueError: a value is missing, or would be made by Python when it runs.
    """
    return ended(family(dialect.name), _END.sub("", bare(statement, dialect)))


def bare(statement: Any, dialect: Any) -> str:
    """A statement or expression with its values in place, without an end.

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
        raise ValueError(f"Python would make the value of {made[0]}: {statement}")
    return str(compiled).strip()


def count(table: sa.Table, where: Any, dialect: Any) -> str:
    """The number of rows of a table that meet a condition, as an expression."""
    name = dialect.identifier_preparer.format_table(table)
    return f"(SELECT count(*) FROM {name} WHERE {bare(where, dialect)})"
