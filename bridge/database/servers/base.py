"""What differs from one kind of database server to another: the questions, with usual answers.

Nothing here opens a connection: the methods work on one that they are given.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.engine import URL, Connection

    from bridge.database.sql.settings import Setting


OWNER = "OWNER"
"""What `Server.grants_sql` calls the right of an owner, which includes all others."""

PUBLIC = "PUBLIC"
"""What it calls everybody."""


class LockStatements(NamedTuple):
    """The statements of the lock of one database.

    :param acquire: takes the lock if it is free, without waiting; true if it did.
    :param release: gives it back.
    :param owner: the number of this session where it has the lock, else NULL or no row.
    :param idle: true where no session has a mark; asked by who has the lock.
    :param marks: pairs that set a mark for a session and take it away. The first that returns
        true is the one that counts.
    :param held: asks from any session whether ``{session}`` of the server ``{server}`` still has
        the lock, where that matters; true on any other server.
    """

    acquire: str
    release: str
    owner: str
    idle: str
    marks: tuple[tuple[str, str], ...]
    held: str | None = None


class Server:
    """A kind of database server. This one is any that bridge does not know."""

    name: str
    """As SQLAlchemy calls it."""
    family: str
    """As frozen histories, snapshots and backups call it."""
    label: str
    """As people call it."""
    syntax: str
    """Whose SQL it reads: ``sqlite``, ``postgresql`` or ``mysql``."""

    is_server = True
    """Whether it runs in a process of its own; a file is opened by each program itself."""
    transactional_ddl = True
    """Whether changes of the schema can be part of a transaction."""
    rebuilds_tables = False
    """Whether a table is rebuilt, with all that belongs to it, where others alter it."""
    refusals_end_transactions = False
    """Whether a statement that fails is the end of its transaction."""
    strict_types = True
    """Whether a column holds only values of its type."""

    # --- drivers --------------------------------------------------------------------------

    drivers: Sequence[tuple[str, str]] = ()
    """The drivers to try where a URL names none: module, name."""
    driver_package: str | None = None
    """What to install where no driver is."""
    session_modules: tuple[str, ...] = ()
    """The packages of the drivers, sqlalchemy-migrate's too."""
    legacy_name: str | None = None
    """As sqlalchemy-migrate's scripts call it."""
    legacy_driver = ""
    """The driver for it in the legacy runtime."""

    def file(self, url: URL) -> Path | None:
        """Return the file of a database; None where it has none, as one in memory."""
        return None

    # --- sessions -------------------------------------------------------------------------

    database_sql: str | None = None
    """Asks for the name of the database that a session is connected to."""
    session_sql = ""
    """Asks for the number of the session."""
    identity_sql = ""
    """Asks which of all servers of this kind it is."""
    keep_session_sql: str | None = None
    """Lets a session idle as long as it likes."""
    utc_now = "CURRENT_TIMESTAMP"
    """The present moment in UTC, as an expression."""

    def transactions(self, connection: Connection) -> AbstractContextManager[None]:
        """Make a transaction one for changes of the schema too, where the driver would not."""
        return contextlib.nullcontext()

    past_transaction: str | None = None
    """A pattern of what in a Python script works past its transaction; None where all commits."""

    @contextlib.contextmanager
    def read_only(self, connection: Connection) -> Iterator[Connection]:
        """Let the database refuse every write on a connection."""
        connection = self.refuse_writes(connection)
        try:
            yield connection
        finally:
            if connection.in_transaction() and hasattr(connection, "rollback"):
                connection.rollback()
            self.take_writes(connection)

    def refuse_writes(self, connection: Connection) -> Connection:
        """Begin to refuse writes; return the connection to use."""
        return connection

    def take_writes(self, connection: Connection) -> None:
        """Take writes again."""

    # --- the lock -------------------------------------------------------------------------

    lock_name_sql: str | None = None
    """Asks for the database's name, spelled in one way; None where there is no lock to be had."""

    def lock(self, database: str) -> LockStatements:
        """Return the statements of the lock of a database.

        :param database: its name, as `lock_name_sql` says.
        """
        raise NotImplementedError

    # --- what is in a database ------------------------------------------------------------

    size_sql: str | None = None
    """The bytes of the database that a dump has; None where bridge makes no backups."""
    table_sizes_sql: str | None = None
    """The tables with the bytes that a count of their rows reads at most."""
    own_schemas_sql: str | None = None
    """The schemas of the search path, where somebody has named it for this app's user or URL."""
    large_objects_sql: str | None = None
    """Asks for what may hold text and is no column of a table, by name."""

    schema_queries: Sequence[str] = ()
    """Ask for all that a schema is made of; ``:own`` is the name of a table to leave out."""

    comments_sql: str | None = None
    """Asks for what it is (``table``, ``view``, ``column``), table, column or '', and the comment
    or '': of everything in the default schema that may have one. None where nothing may."""
    grants_sql: str | None = None
    """Asks for privilege, table, column or '', and role: of all but the owners, who come with the
    privilege `OWNER`. None where a table that is created again gets its grants back."""

    elsewhere_sql: str | None = None
    """Asks for what is in a schema that is not in the search path: kind, schema, name."""

    checks_sql = ""
    """Asks for the CHECKs of the database: table, name, condition. Only where others do not."""
    checks_since: tuple[int, ...] = ()
    checks_quote = "'"
    """The version from which on it has CHECKs."""

    def size(self, connection: Connection) -> int:
        """Return the bytes of the database, as far as it says so itself."""
        assert self.size_sql is not None
        return int(connection.exec_driver_sql(self.size_sql).scalar() or 0)

    def table_sizes(self, connection: Connection) -> dict[str, int]:
        """Return the tables, with the bytes that counting each reads."""
        if self.table_sizes_sql is None:
            return {}
        return {row[0]: int(row[1]) for row in connection.exec_driver_sql(self.table_sizes_sql)}

    def large_objects(self, connection: Connection) -> list[str]:
        """Return what may hold text and is no column of a table, by name."""
        if self.large_objects_sql is None:
            return []
        return [str(row[0]) for row in connection.exec_driver_sql(self.large_objects_sql)]

    def sequences(self, connection: Connection) -> list[tuple[Any, ...]] | None:
        """Return where the sequences stand; None where there are none."""
        return None

    def as_text(self, column: Any) -> Any:
        """Return a column as every driver reads it alike."""
        return column

    def delete_rows(self, connection: Connection, tables: Sequence[str]) -> None:
        """Delete all rows of tables, whose names are quoted; foreign keys are not looked at.

        The session may have lost its settings afterwards.
        """
        for table in tables:
            connection.exec_driver_sql(f"DELETE FROM {table}")

    # --- foreign keys ---------------------------------------------------------------------

    def foreign_keys_off(self, connection: Connection) -> AbstractContextManager[None]:
        """Do not look at foreign keys where tables are rebuilt."""
        return contextlib.nullcontext()

    def foreign_keys_late(self, connection: Connection) -> AbstractContextManager[None]:
        """Look at foreign keys only afterwards, where that can be had; in a transaction."""
        return contextlib.nullcontext()

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        """Return what a driver is to be given besides the URL."""
        return {}

    def invalid_indexes(self, connection: Connection) -> list[str]:
        """Return the names of indexes that an interrupted statement has left, as SQL has them."""
        return []

    def created_at(self, connection: Connection, table: str) -> int | None:
        """Return when a table was made, in seconds since 1970; None where that is not known."""
        return None

    def is_transactional(self, connection: Connection) -> bool:
        """Return whether the rows of all tables are part of transactions."""
        return True

    def elsewhere(self, connection: Connection) -> list[str]:
        """Return what is in schemas outside of the search path: ``table other.kept``, ..."""
        rows = connection.exec_driver_sql(self.elsewhere_sql) if self.elsewhere_sql else ()
        return sorted(f"{kind} {schema}.{name}" for kind, schema, name in rows)

    def tables(self, connection: Connection) -> set[str]:
        """Return the names of the tables that the app finds by their bare names."""
        return set(sa.inspect(connection).get_table_names())

    def data_version(self, connection: Connection) -> int:
        """Return a number that is another one when another session has written."""
        raise NotImplementedError

    def touched(self, connection: Connection) -> AbstractContextManager[set[str] | None]:
        """Collect the names of the tables that are written or changed meanwhile.

        It gives None where the driver does not know them.
        """
        raise NotImplementedError

    def with_children(self, connection: Connection, tables: set[str]) -> set[str]:
        """Return the names of these tables and of all that refer to them by a foreign key."""
        raise NotImplementedError

    def broken_rows(
        self, connection: Connection, tables: Collection[str] | None = None
    ) -> Counter[tuple[str, str]] | None:
        """Return how many rows of each table have a key that points nowhere in each other one.

        None where the server does not tell it.
        """
        return None

    def unchecked_keys(self, connection: Connection) -> set[tuple[str, str]] | None:
        """Return the foreign keys that the server does not vouch for, by table and name.

        None for all.
        """
        return None

    # --- databases of bridge's own --------------------------------------------------------

    can_copy = False
    """Whether the server itself copies a database."""

    def right_to_create(self, prefix: str) -> str:
        """Return how an administrator lets a user create databases whose names begin so."""
        raise NotImplementedError

    def create(self, session: Connection, name: str) -> None:
        """Create a database like the one that the session is connected to, and empty.

        :param session: commits each statement by itself, as for all that follows.
        """
        raise NotImplementedError

    def copy(self, session: Connection, source: str, name: str) -> None:
        """Create a database with all that another one holds; the sessions of that one end."""
        raise NotImplementedError

    def drop(self, session: Connection, name: str) -> None:
        """Drop a database if it exists, whoever is connected to it."""
        raise NotImplementedError

    def copy_settings(self, session: Connection, name: str) -> None:
        """Give a database the settings of the session's own, which are in no dump."""

    def fit_defaults(self, session: Connection, name: str) -> None:
        """Let new tables of a database be like those that are there."""

    def claim(self, session: Connection, name: str) -> None:
        """Show that a name is in use, as long as the session lives; before it is created."""
        raise NotImplementedError

    def mark(self, session: Connection, name: str, text: str) -> None:
        """Write beside a database that it is bridge's own, where that can be had."""

    def abandoned(self, session: Connection, prefix: str, text: str) -> list[str]:
        """Return the databases of processes that are no more.

        :param prefix: the begin of their names; 16 hexadecimal digits follow.
        :param text: as `mark` wrote it.
        """
        raise NotImplementedError

    # --- ways out of a database -----------------------------------------------------------

    beyond: str | None = None
    """A pattern of statements that reach beyond the database they run in."""
    ways_out_sql: str | None = None
    """Asks for one thing in the database that reaches beyond it, in words."""

    def beyond_from(self, connection: Connection) -> str | None:
        """Return `beyond` with what reaches back to the connection's own database."""
        return self.beyond

    def bodies(self, connection: Connection) -> Iterable[tuple[str, str | None]]:
        """Return triggers and routines that might name the database, in words, with their SQL."""
        return ()

    # --- files ----------------------------------------------------------------------------

    backup_start = b""
    """How a backup of bridge's own begins: a pattern, empty where there are none."""
    dump_start = b""
    """The same for a file that may come from elsewhere."""
    snapshot_ending = ""
    """The end of the name of a snapshot."""
    client = ""
    """How the server's own client runs a script."""
    script_settings: Sequence[str] = ()
    """The first lines of a script, which stop the client at an error."""
    needs_delimiter = False
    """Whether the client takes semicolons inside a routine for its end."""
    literal_backslashes = False
    """Whether SQLAlchemy doubles backslashes that the server would take as they are."""

    def script_head(self) -> str:
        """Return the first lines of a script."""
        return "".join(f"{line}\n" for line in self.script_settings)

    def reset(self, settings: Sequence[Setting]) -> str:
        """Return the part of a script that puts settings of the session back."""
        return ""

    def stop_unless(self, condition: str, message: str, dialect: Any) -> str:
        """Return the part of a script that stops it where a condition does not hold.

        :param dialect: SQLAlchemy's, for the quotes.
        """
        raise NotImplementedError


def raw_execute(connection: Connection, statement: str) -> None:
    """Run a setting on the driver's connection, outside of SQLAlchemy's transactions."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def literal(text: str) -> str:
    """Return a string in a statement, of standard SQL."""
    return "'" + text.replace("'", "''") + "'"
