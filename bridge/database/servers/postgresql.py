"""PostgreSQL."""

from __future__ import annotations

import contextlib
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.servers.base import OWNER, PUBLIC, LockStatements, Server, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import URL, Connection

    from bridge.database.sql.settings import Setting

ARCHIVE_START = b"PGDMP"

# Settings whose values are lists of names, quoted already.
_LISTS = (
    "search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries",
)  # fmt: skip


PATH = "ANY (ARRAY(SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false))))"
"""The schemas of the search path. The app's tables are those that it finds by their bare names."""

HERE = f"c.relnamespace = {PATH} AND pg_table_is_visible(c.oid)"
"""Whether the relation `c` is found by its bare name."""

_RELATIONS = (
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " {} WHERE n.nspname = ANY (current_schemas(false)) AND c.relname <> :own"
)

# What a schema is made of.
_SCHEMA_QUERIES = (
    "SELECT c.relname, CAST(c.relkind AS text), a.attname,"
    " format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)"
    + _RELATIONS.format(
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
    ),
    "SELECT c.relname, pg_get_indexdef(i.indexrelid)"
    + _RELATIONS.format("JOIN pg_index i ON i.indrelid = c.oid"),
    "SELECT c.relname, o.conname, pg_get_constraintdef(o.oid)"
    + _RELATIONS.format("JOIN pg_constraint o ON o.conrelid = c.oid"),
    "SELECT c.relname, pg_get_triggerdef(t.oid)"
    + _RELATIONS.format("JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal"),
    "SELECT c.relname, pg_get_viewdef(c.oid)"
    + _RELATIONS.format("")
    + " AND c.relkind IN ('v', 'm')",
    "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname = ANY (current_schemas(false))",
    "SELECT t.typname, e.enumlabel, e.enumsortorder FROM pg_enum e"
    " JOIN pg_type t ON t.oid = e.enumtypid",
)

_TABLES_AND_VIEWS = f"{HERE} AND c.relkind IN ('r', 'p', 'f', 'v', 'm')"

_COMMENTS = (
    "SELECT CASE WHEN p.number > 0 THEN 'column' WHEN c.relkind IN ('v', 'm') THEN 'view'"
    " ELSE 'table' END, c.relname::text, p.name, coalesce(d.description, '')"
    " FROM pg_class c JOIN LATERAL (SELECT 0 AS number, '' AS name UNION ALL"
    "  SELECT a.attnum, a.attname::text FROM pg_attribute a"
    "  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) p ON true"
    " LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid"
    f"  AND d.objsubid = p.number WHERE {_TABLES_AND_VIEWS}"
)

# From the catalog, which everybody may read: information_schema shows only a user's own.
_GRANTS = (
    "SELECT g.privilege_type, c.relname::text, p.name,"
    f" CASE g.grantee WHEN 0 THEN '{PUBLIC}' ELSE pg_get_userbyid(g.grantee)::text END"
    " FROM pg_class c JOIN LATERAL (SELECT '' AS name, c.relacl AS acl UNION ALL"
    "  SELECT a.attname::text, a.attacl FROM pg_attribute a"
    "  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) p ON true"
    " CROSS JOIN LATERAL aclexplode(p.acl) g"
    f" WHERE {_TABLES_AND_VIEWS} AND g.grantee <> c.relowner UNION ALL"
    f" SELECT '{OWNER}', c.relname::text, '', pg_get_userbyid(c.relowner)::text"
    f" FROM pg_class c WHERE {_TABLES_AND_VIEWS}"
)


# Not what belongs to an extension: that is in whatever schema its creator has chosen.
_ELSEWHERE = (
    "SELECT found.kind, n.nspname::text, found.name FROM ("
    " SELECT c.oid, 'pg_class'::regclass AS catalog, c.relnamespace AS space,"
    "  c.relname::text AS name, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'view'"
    "   WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind FROM pg_class c"
    "  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')"
    " UNION ALL SELECT oid, 'pg_proc'::regclass, pronamespace, proname::text, 'function'"
    "  FROM pg_proc"
    " UNION ALL SELECT oid, 'pg_type'::regclass, typnamespace, typname::text, 'type'"
    "  FROM pg_type WHERE typtype IN ('d', 'e')) found"
    " JOIN pg_namespace n ON n.oid = found.space"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " AND n.nspname <> ALL (current_schemas(false)) AND NOT EXISTS (SELECT 1 FROM pg_depend d"
    "  WHERE d.classid = found.catalog AND d.objid = found.oid AND d.deptype = 'e')"
)


class PostgreSQL(Server):
    """A PostgreSQL server."""

    name = family = syntax = "postgresql"
    label = "PostgreSQL"

    refusals_end_transactions = True

    drivers = (("psycopg", "psycopg"), ("psycopg2", "psycopg2"))
    # SQLAlchemy has a dialect for psycopg from 2.0 on.
    driver_package = "psycopg2-binary" if sa.__version__.startswith("1.") else "psycopg[binary]"
    session_modules = ("psycopg", "psycopg2", "pg8000")
    legacy_name = "postgresql"
    legacy_driver = "psycopg2"
    past_transaction = r"\braw_connection\b|\bcreate_engine\b|\bAUTOCOMMIT\b"

    database_sql = lock_name_sql = "SELECT current_database()"
    session_sql = "SELECT pg_backend_pid()"
    # Of these, what the server's version knows.
    keep_session_sql = (
        "SELECT set_config(name, '0', false) FROM pg_settings"
        " WHERE name IN ('idle_session_timeout', 'idle_in_transaction_session_timeout')"
    )
    utc_now = "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'"

    # Without the indexes: a dump has only their definitions.
    size_sql = (
        "SELECT sum(pg_table_size(c.oid)) FROM pg_class c JOIN pg_namespace n "
        "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_'"
    )
    # A partitioned table has no bytes of its own: its partitions are counted.
    table_sizes_sql = (
        f"SELECT relname, pg_relation_size(oid) FROM pg_class c WHERE relkind = 'r' AND {HERE}"
    )
    own_schemas_sql = (
        "SELECT unnest(current_schemas(false))::text FROM pg_settings WHERE name = 'search_path' "
        "AND source IN ('client', 'user', 'database user', 'session')"
    )
    large_objects_sql = "SELECT 'large object ' || oid FROM pg_largeobject_metadata"

    schema_queries = _SCHEMA_QUERIES
    comments_sql = _COMMENTS
    grants_sql = _GRANTS
    elsewhere_sql = _ELSEWHERE

    can_copy = True
    beyond = r"\bdblink\w*\s*\("
    ways_out_sql = (
        "SELECT 'the foreign table ' || ftrelid::regclass::text FROM pg_foreign_table LIMIT 1"
    )

    backup_start = ARCHIVE_START
    dump_start = ARCHIVE_START + rb"|(?:--[^\n]*\n|\s)*?-- PostgreSQL database dump\s"
    snapshot_ending = ".pg.sql"
    literal_backslashes = True
    client = "psql -d DATABASE -f SCRIPT"
    script_settings = (
        "\\set ON_ERROR_STOP on",
        "SET client_encoding = 'UTF8';",
        "SET standard_conforming_strings = on;",
    )

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        # The server's own may be SQL_ASCII, of which psycopg 3 gives bytes instead of text.
        driver = url.drivername.partition("+")[2]
        takes_it = driver in ("", "psycopg", "psycopg2") and "client_encoding" not in url.query
        return {"client_encoding": "utf8"} if takes_it else {}

    def invalid_indexes(self, connection: Connection) -> list[str]:
        query = (
            "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c"
            " ON c.oid = i.indexrelid WHERE NOT i.indisvalid"
            f" AND {HERE} ORDER BY 1"
        )
        return [name for (name,) in connection.exec_driver_sql(query)]

    def refuse_writes(self, connection: Connection) -> Connection:
        # All queries see one moment: another run may change the schema between two of them.
        return connection.execution_options(
            postgresql_readonly=True, isolation_level="REPEATABLE READ"
        )

    # --- the lock -------------------------------------------------------------------------

    def lock(self, database: str) -> LockStatements:
        key, marks = _lock_key(f"bridge:{database}"), _lock_key(f"bridge-mark:{database}")
        return LockStatements(
            acquire=f"SELECT pg_try_advisory_lock({key})",
            release=f"SELECT pg_advisory_unlock({key})",
            owner="SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND pid = pg_backend_pid() AND objsubid = 1"
            f" AND (CAST(classid AS bigint) << 32) | CAST(objid AS bigint) = {key}",
            # A mark is a shared lock: who gets it alone is alone, and gives it back at once.
            idle=f"SELECT CASE WHEN pg_try_advisory_lock({marks})"
            f" THEN pg_advisory_unlock({marks}) ELSE false END",
            marks=(
                (
                    f"SELECT pg_advisory_lock_shared({marks}) IS NOT NULL",
                    f"SELECT pg_advisory_unlock_shared({marks})",
                ),
            ),
        )

    # --- what is in a database ------------------------------------------------------------

    def tables(self, connection: Connection) -> set[str]:
        # SQLAlchemy 1.4 has those of the first schema of the search path alone.
        query = f"SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p') AND {HERE}"
        return set(connection.exec_driver_sql(query).scalars())

    def sequences(self, connection: Connection) -> list[tuple[Any, ...]]:
        found = connection.exec_driver_sql(
            "SELECT sequencename, last_value FROM pg_sequences s JOIN pg_class c ON c.oid = "
            "to_regclass(quote_ident(schemaname) || '.' || quote_ident(sequencename))"
            f" WHERE {HERE}"
        )
        return [tuple(row) for row in found]

    def as_text(self, column: Any) -> Any:
        return sa.cast(column, sa.Text)

    def delete_rows(self, connection: Connection, tables: Any) -> None:
        if tables:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(tables)} CASCADE")

    @contextmanager
    def foreign_keys_late(self, connection: Connection) -> Iterator[None]:
        connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
        yield
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")

    def unchecked_keys(self, connection: Connection) -> set[tuple[str, str]]:
        found = connection.exec_driver_sql(
            "SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c "
            "ON c.oid = k.conrelid WHERE k.contype = 'f' AND NOT k.convalidated"
        )
        return {(row[0], row[1]) for row in found}

    # --- databases of bridge's own --------------------------------------------------------

    def right_to_create(self, prefix: str) -> str:
        return "As an administrator of the server: ALTER ROLE USER CREATEDB"

    def create(self, session: Connection, name: str) -> None:
        encoding, found = session.exec_driver_sql(
            "SELECT pg_encoding_to_char(encoding), to_jsonb(d) FROM pg_database d "
            "WHERE datname = current_database()"
        ).one()
        options = {"ENCODING": encoding, "LC_COLLATE": found["datcollate"],
                   "LC_CTYPE": found["datctype"]}  # fmt: skip
        # From version 15 on; the locale's column was renamed in 17.
        provider = {"i": "icu", "b": "builtin"}.get(found.get("datlocprovider", "c"))
        if provider:
            options["LOCALE_PROVIDER"] = provider
            options[f"{provider.upper()}_LOCALE"] = found.get("datlocale") or found["daticulocale"]
        words = " ".join(f"{key} {literal(value)}" for key, value in options.items() if value)
        session.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE template0 {words}')

    def copy(self, session: Connection, source: str, name: str) -> None:
        self._end_sessions(session, source)
        session.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')

    def drop(self, session: Connection, name: str) -> None:
        self._end_sessions(session, name)
        session.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}"')

    def _end_sessions(self, session: Connection, name: str) -> None:
        session.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = {literal(name)}"
        )

    def copy_settings(self, session: Connection, name: str) -> None:
        """Give a database the settings of the session's own, such as a search path."""
        settings = session.exec_driver_sql(
            "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d "
            "ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole "
            "WHERE datname = current_database() AND (setrole = 0 OR rolname = current_user) "
            "ORDER BY setrole"
        ).scalars()
        for setting in list(settings):
            key, _, value = setting.partition("=")
            value = value if key in _LISTS else literal(value)
            with contextlib.suppress(SQLAlchemyError):  # an administrator's alone
                session.exec_driver_sql(f'ALTER DATABASE "{name}" SET {key} = {value}')

    def claim(self, session: Connection, name: str) -> None:
        session.exec_driver_sql(f"SELECT pg_advisory_lock(hashtext({literal(name)}))")

    def mark(self, session: Connection, name: str, text: str) -> None:
        session.exec_driver_sql(f'COMMENT ON DATABASE "{name}" IS {literal(text)}')

    def abandoned(self, session: Connection, prefix: str, text: str) -> list[str]:
        # A claim works within the database alone that it was made from. Who was killed before he
        # could set the mark is known by the claims of all databases, which pg_locks shows.
        found = session.exec_driver_sql(
            f"SELECT datname FROM pg_database d WHERE datname ~ '^{prefix}[0-9a-f]{{16}}$' "
            f"AND coalesce(shobj_description(oid, 'pg_database') = {literal(text)}, NOT EXISTS "
            "(SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.pid <> pg_backend_pid() "
            "AND l.objid = (hashtext(d.datname)::bigint & 4294967295)::oid)) AND NOT EXISTS "
            "(SELECT 1 FROM pg_stat_activity a WHERE a.datname = d.datname) "
            "AND pg_try_advisory_lock(hashtext(datname))"
        )
        return list(found.scalars())

    def reset(self, settings: Sequence[Setting]) -> str:
        kept = any(setting.scope != "transaction" for setting in settings)
        return f"RESET ALL;\n{self.script_head()}" if kept else ""

    def stop_unless(self, condition: str, message: str, dialect: Any) -> str:
        return (
            f"DO $bridge$ BEGIN\n  IF NOT ({condition}) THEN\n"
            f"    RAISE EXCEPTION USING MESSAGE = {_written(message, dialect)};\n"
            "  END IF;\nEND $bridge$;\n"
        )


def _lock_key(name: str) -> int:
    """Return the number of an advisory lock: a signed one of 64 bits.

    Every release of bridge has computed it so: releases exclude each other.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _written(text: str, dialect: Any) -> str:
    return str(sa.literal(text).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
