"""MySQL, and what MariaDB shares with it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bridge.database.servers.base import LockStatements, Server, raw_execute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection

    from bridge.database.sql.settings import Setting

KEPT_SECONDS = 2_147_483
"""For how long a session may idle: the most that the server takes on every system."""

MARKS = 64
"""How many sessions of a run can be marked: there are no shared locks."""

_LOCK_SECONDS = 60
"""How long a change of a database waits for who uses its tables."""

# A dump of MariaDB's may say first that it is to be read in a sandbox.
_DUMP_START = rb"(?:/\*[^\n]*\*/;?\s*)?-- (?:MariaDB|MySQL) dump"

# What a name stands behind when it is no column's.
_MAKES = "TABLE|EXISTS|VIEW|PROCEDURE|FUNCTION|TRIGGER|EVENT|SEQUENCE|TO|RENAME|AS|INTO|CALL"


class MySQL(Server):
    """A MySQL server."""

    name = family = syntax = "mysql"
    label = "MySQL"

    transactional_ddl = False

    drivers = (("MySQLdb", "mysqldb"), ("pymysql", "pymysql"))
    driver_package = "pymysql[rsa]"
    session_modules = ("pymysql", "MySQLdb", "mysql", "mariadb")
    legacy_name = "mysql"
    legacy_driver = "pymysql"

    database_sql = "SELECT DATABASE()"
    session_sql = "SELECT CONNECTION_ID()"
    identity_sql = "SELECT HEX(CONCAT_WS(' ', @@hostname, @@port, @@datadir))"
    keep_session_sql = f"SET SESSION wait_timeout = {KEPT_SECONDS}"
    utc_now = "UTC_TIMESTAMP()"

    # A name may be written in either case where the files' names are.
    lock_name_sql = "SELECT LOWER(DATABASE())"

    size_sql = (
        "SELECT sum(data_length) FROM information_schema.tables WHERE table_schema = DATABASE()"
    )
    table_sizes_sql = (
        "SELECT table_name, coalesce(data_length, 0) FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
    )

    schema_queries = (
        "SELECT table_name, column_name, ordinal_position, column_type, is_nullable,"
        " column_default, extra, collation_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name <> :own",
        "SELECT table_name, engine, table_collation, table_type FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name <> :own",
        "SELECT table_name, index_name, seq_in_index, column_name, sub_part, non_unique"
        " FROM information_schema.statistics"
        " WHERE table_schema = DATABASE() AND table_name <> :own",
        "SELECT table_name, constraint_name, ordinal_position, column_name, referenced_table_name,"
        " referenced_column_name FROM information_schema.key_column_usage"
        " WHERE table_schema = DATABASE() AND table_name <> :own",
        "SELECT table_name, constraint_name, update_rule, delete_rule"
        " FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
        "SELECT trigger_name, event_object_table, action_timing, event_manipulation,"
        " action_statement FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
        "SELECT routine_type, routine_name, routine_definition FROM information_schema.routines"
        " WHERE routine_schema = DATABASE()",
        "SELECT table_name, view_definition FROM information_schema.views"
        " WHERE table_schema = DATABASE()",
    )

    # The "comment" of a view is VIEW, or an error; those of its columns are those of the tables.
    comments_sql = (
        "SELECT 'table', table_name, '', table_comment FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type <> 'VIEW' UNION ALL"
        " SELECT 'column', c.table_name, c.column_name, c.column_comment"
        " FROM information_schema.columns c WHERE c.table_schema = DATABASE()"
        " AND c.table_name NOT IN (SELECT v.table_name FROM information_schema.views v"
        " WHERE v.table_schema = DATABASE())"
    )
    # No `grants_sql`: grants belong to a name, and stay when what it names is dropped.

    checks_sql = (
        "SELECT t.TABLE_NAME, k.CONSTRAINT_NAME, k.CHECK_CLAUSE "
        "FROM information_schema.CHECK_CONSTRAINTS k JOIN information_schema.TABLE_CONSTRAINTS t "
        "ON t.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
        "AND t.CONSTRAINT_TYPE = 'CHECK' WHERE k.CONSTRAINT_SCHEMA = DATABASE()"
    )
    checks_since: tuple[int, ...] = (8, 0, 16)
    checks_quote = "\\'"
    """How a quote within a literal is shown there."""

    ways_out_sql = (
        "SELECT CONCAT('the table ', table_name) FROM information_schema.tables WHERE table_schema "
        "= DATABASE() AND engine IN ('FEDERATED', 'CONNECT', 'SPIDER', 'MRG_MyISAM') LIMIT 1"
    )

    backup_start = _DUMP_START + rb" "
    dump_start = (
        rb"(?:--[^\n]*\n|\s)*?(?:" + _DUMP_START + rb"\b|/\*!40101 SET @OLD_CHARACTER_SET_CLIENT)"
    )
    snapshot_ending = ".mysql.sql"
    needs_delimiter = True
    client = "mysql --binary-mode DATABASE < SCRIPT"
    script_settings = ("SET NAMES utf8mb4;",)  # the client stops at an error by itself

    def refuse_writes(self, connection: Connection) -> Connection:
        raw_execute(connection, "SET SESSION TRANSACTION READ ONLY")
        return connection

    def take_writes(self, connection: Connection) -> None:
        if not connection.invalidated:
            raw_execute(connection, "SET SESSION TRANSACTION READ WRITE")

    # --- the lock -------------------------------------------------------------------------

    def lock(self, database: str) -> LockStatements:
        name = f"bridge:{database}"
        marks = [f"{name}:{number}" for number in range(MARKS)]
        idle = " + ".join(f"IS_FREE_LOCK('{mark}')" for mark in marks)
        elsewhere = self.identity_sql.replace("SELECT ", "", 1) + " <> '{server}'"
        return LockStatements(
            acquire=f"SELECT GET_LOCK('{name}', 0)",
            release=f"SELECT RELEASE_LOCK('{name}')",
            owner=f"SELECT CONNECTION_ID() FROM DUAL WHERE IS_USED_LOCK('{name}') "
            "= CONNECTION_ID()",
            idle=f"SELECT {idle} = {MARKS}",
            marks=tuple(
                (f"SELECT GET_LOCK('{mark}', 0)", f"SELECT RELEASE_LOCK('{mark}')")
                for mark in marks
            ),
            # Where each statement commits alone, whoever connects again after a restart of the
            # server would write without the lock. Other servers are none of our business.
            held=f"SELECT IS_USED_LOCK('{name}') <=> {{session}} OR {elsewhere}",
        )

    # --- what is in a database ------------------------------------------------------------

    def delete_rows(self, connection: Connection, tables: Sequence[str]) -> None:
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        super().delete_rows(connection, tables)

    @contextmanager
    def foreign_keys_late(self, connection: Connection) -> Iterator[None]:
        """Do not look at foreign keys; who changes rows meanwhile looks afterwards."""
        before = connection.exec_driver_sql("SELECT @@foreign_key_checks").scalar()
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"SET foreign_key_checks = {before}")

    # --- databases of bridge's own --------------------------------------------------------

    def right_to_create(self, prefix: str) -> str:
        pattern = prefix.replace("_", r"\_") + "%"
        return f"As an administrator of the server: GRANT ALL ON `{pattern}`.* TO USER"

    def create(self, session: Connection, name: str) -> None:
        character_set, collation = session.exec_driver_sql(
            "SELECT @@character_set_database, @@collation_database"
        ).one()
        session.exec_driver_sql(
            f"CREATE DATABASE {name} CHARACTER SET {character_set} COLLATE {collation}"
        )

    def drop(self, session: Connection, name: str) -> None:
        session.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")
        session.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")

    def fit_defaults(self, session: Connection, name: str) -> None:
        """Let new tables be like those that are there: few dumps say what they got."""
        collations = session.exec_driver_sql(
            "SELECT DISTINCT table_collation FROM information_schema.tables "
            f"WHERE table_schema = '{name}' AND table_type = 'BASE TABLE'"
        ).fetchall()
        if len(collations) == 1:
            collation = collations[0][0]
            session.exec_driver_sql(
                f"ALTER DATABASE {name} CHARACTER SET {collation.partition('_')[0]} "
                f"COLLATE {collation}"
            )

    def claim(self, session: Connection, name: str) -> None:
        session.exec_driver_sql(f"SELECT GET_LOCK('{name}', 0)").scalar()

    def abandoned(self, session: Connection, prefix: str, text: str) -> list[str]:
        found = session.exec_driver_sql(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name REGEXP "
            f"'^{prefix}[0-9a-f]{{16}}$' AND IS_FREE_LOCK(schema_name)"
        )
        return list(found.scalars())

    def created_at(self, connection: Connection, table: str) -> int | None:
        query = (
            "SELECT CAST(UNIX_TIMESTAMP(create_time) AS SIGNED) FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name = %s"
        )
        found: int | None = connection.exec_driver_sql(query, (table,)).scalar()
        return found

    def is_transactional(self, connection: Connection) -> bool:
        others = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND engine <> 'InnoDB'"
        ).scalar()
        default = connection.exec_driver_sql("SELECT @@default_storage_engine").scalar()
        return not others and default == "InnoDB"

    # --- ways out of a database -----------------------------------------------------------

    def beyond_from(self, connection: Connection) -> str:
        """Return a pattern of statements that name this database's tables, or make one in it.

        Its name may be a table's or an alias too: then what follows it is a column.
        """
        database = str(connection.exec_driver_sql(self.database_sql).scalar())
        name = f"`?{re.escape(database)}`?"
        tables = "|".join(map(re.escape, self.tables(connection)))
        return "|".join(
            [
                rf"(?<![\w$.`]){name}\s*\.\s*`?(?:{tables or '(?!)'})(?![\w$])",
                rf"\b(?:{_MAKES})\s+{name}\s*\.",
                rf"\b(?:USE|DATABASE|SCHEMA|SCHEMA\s+IF\s+EXISTS|DATABASE\s+IF\s+EXISTS)\s+{name}"
                r"(?![\w$])",
            ]
        )

    def bodies(self, connection: Connection) -> Iterator[tuple[str, str | None]]:
        found = connection.exec_driver_sql(
            "SELECT CONCAT('the trigger ', trigger_name), action_statement "
            "FROM information_schema.triggers WHERE trigger_schema = DATABASE() UNION ALL "
            "SELECT CONCAT('the routine ', routine_name), routine_definition "
            "FROM information_schema.routines WHERE routine_schema = DATABASE()"
        )
        return ((what, body) for what, body in found)

    def reset(self, settings: Sequence[Setting]) -> str:
        kept = [setting for setting in settings if setting.scope != "transaction"]
        if not kept:
            return ""
        # Not NAMES, nor a variable of the user's own.
        names = {s.name for s in kept if s.scope == "session" and s.value is not None}
        lines = "".join(f"SET SESSION {name} = DEFAULT;\n" for name in sorted(names))
        return f"{lines}{self.script_head()}"

    def stop_unless(self, condition: str, message: str, dialect: Any) -> str:
        # No statement raises an error on a condition.
        return (
            f"-- Subquery returns more than 1 row: {' '.join(message.split())}.\n"
            f"SELECT IF({condition}, 'yes', (SELECT 'no' UNION SELECT 'stop')) AS `here`;\n"
        )
