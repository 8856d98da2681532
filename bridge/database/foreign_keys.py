"""Foreign keys while tables are rebuilt, as SQLite needs it and other databases do not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bridge.database.servers import server_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Connection


def foreign_keys_off(connection: Connection) -> AbstractContextManager[None]:
    """Do not look at foreign keys where tables are rebuilt."""
    return server_of(connection).foreign_keys_off(connection)


def checking_foreign_keys(run: Callable[..., Any], connection: Connection) -> Callable[..., Any]:
    """Return the function, which fails where it breaks a foreign key while tables are rebuilt.

    Rows that were broken before it are not its fault and do not stop it.
    """
    server = server_of(connection)
    if not server.rebuilds_tables:
        return run

    def broken_rows() -> Counter[tuple[str, str]]:
        return server.broken_rows(connection) or Counter()

    def checked(**arguments: Any) -> None:
        before = broken_rows()
        run(**arguments)
        after = broken_rows()
        # Counted, not compared: a rebuild renumbers the rows, a rename moves them.
        more = after.total() - before.total()
        if more > 0:
            tables = ", ".join(sorted(f"{child} -> {parent}" for child, parent in after - before))
            rows = "1 row" if more == 1 else f"{more} rows"
            raise ValueError(f"it would leave {rows} whose foreign key points nowhere ({tables})")

    return checked
