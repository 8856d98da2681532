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


class ForeignKeyChecks:
    """The checks of foreign keys around the revisions of one run, where tables are rebuilt.

    A database is checked once as a whole. After each revision only the tables that it has touched
    are, and those that refer to them.
    """

    def __init__(self) -> None:
        self._session: Any = None
        self._version = 0
        self._broken: Counter[tuple[str, str]] = Counter()

    def forget(self) -> None:
        """Forget the counts: something else than a revision has changed tables."""
        self._session = None

    def around(self, run: Callable[..., Any], connection: Connection) -> Callable[..., Any]:
        """Return the function, which fails where it breaks a foreign key.

        Rows that were broken before it are not its fault and do not stop it.
        """
        server = server_of(connection)
        if not server.rebuilds_tables:
            return run

        def checked(**arguments: Any) -> None:
            before = self._before(connection)
            tables = server.tables(connection)
            self.forget()
            with server.touched(connection) as touched:
                run(**arguments)
            version, after = server.data_version(connection), before
            if touched is None or version != self._version:
                after = server.broken_rows(connection) or Counter()
            else:
                now = server.tables(connection)
                stale = server.with_children(connection, touched | (now - tables))
                after = Counter(
                    {key: n for key, n in before.items() if key[0] in now and key[0] not in stale}
                )
                after.update(server.broken_rows(connection, stale) or Counter())
            # Counted, not compared: a rebuild renumbers the rows, a rename moves them.
            more = after.total() - before.total()
            if more > 0:
                names = ", ".join(
                    sorted(f"{child} -> {parent}" for child, parent in after - before)
                )
                rows = "1 row" if more == 1 else f"{more} rows"
                raise ValueError(
                    f"it would leave {rows} whose foreign key points nowhere ({names})"
                )
            self._session, self._version, self._broken = _session(connection), version, after

        return checked

    def _before(self, connection: Connection) -> Counter[tuple[str, str]]:
        """Return the rows that are broken now, counted again if another session has written."""
        server, known = server_of(connection), self._session is _session(connection)
        version = server.data_version(connection)
        if not known or version != self._version:
            self._version = version
            return server.broken_rows(connection) or Counter()
        return self._broken


def _session(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
