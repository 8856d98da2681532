"""The schema document of a MySQL or MariaDB database, from `information_schema`.

Their versions tell the same in other words, and have other columns to tell it in: every query takes
all that there are. A unique constraint is a unique index here, so all are among the indexes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bridge.database.schema.document import new_table, ordered
from bridge.database.schema.tokens import Group, Part, Parts, Token, Words, plain, word
from bridge.database.servers import server_of
from bridge.database.sql.tokens import QUOTED, SIGN, STRING

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from sqlalchemy.engine import Connection

_SERVER = (
    "SELECT VERSION(), DATABASE(), s.default_collation_name, EXISTS (SELECT 1"
    " FROM information_schema.tables WHERE table_schema = 'information_schema'"
    " AND table_name = 'CHECK_CONSTRAINTS')"
    " FROM information_schema.schemata s WHERE s.schema_name = DATABASE()"
)

_SQL = Words("mysql")

_DOT = Token(SIGN, ".")

_WIDTH = re.compile(r"^((?:tiny|small|medium|big)?int|year)\(\d+\)")

_CURRENT = re.compile(r"(?:current_timestamp|now)(?:\(\))?(\(\d+\))?", re.IGNORECASE)

_ON_UPDATE = re.compile(r"on update (\S+)", re.IGNORECASE)

_NUMBERS = re.compile(r"(?:tiny|small|medium|big)?int|decimal|float|double|year")

# What the server calls keys that have no name of their own; they are numbered as they are made.
_GENERATED_KEY = re.compile(r"(?:.+_ibfk_)?\d+")

_GENERATED_CHECK = re.compile(r"CONSTRAINT_\d+|.+_chk_\d+")


def read(connection: Connection) -> dict[str, Any]:
    """Return the schema of the connection's database."""
    version, database, collation, has_checks = connection.exec_driver_sql(_SERVER).one()
    catalog = _CATALOGS[server_of(connection).name]
    ours = catalog(str(version), str(database))

    def rows(name: str, schema: str, *order: str) -> list[dict[str, Any]]:
        found = connection.exec_driver_sql(
            f"SELECT * FROM information_schema.{name} WHERE {schema} = DATABASE()"
        )
        keys = list(map(str.lower, found.keys()))
        made = [dict(zip(keys, map(_text, row), strict=True)) for row in found]
        return sorted(made, key=lambda row: [row[column] for column in order])

    found = rows("tables", "table_schema", "table_name")
    kept = [row for row in found if row["table_type"] in ("BASE TABLE", "SYSTEM VERSIONED")]
    tables = {row["table_name"]: _table(row, collation) for row in kept}
    collations = {row["table_name"]: row["table_collation"] for row in kept}
    for row in rows("columns", "table_schema", "table_name", "ordinal_position"):
        name = row["table_name"]
        if name in tables:
            tables[name]["columns"].append(ours.column(row, collations[name]))
    if has_checks:
        _add_checks(tables, rows, ours)
    _add_keys(
        tables,
        rows("key_column_usage", "table_schema", "table_name", "ordinal_position"),
        rows("referential_constraints", "constraint_schema"),
        ours.database,
    )
    _add_indexes(tables, rows("statistics", "table_schema", "table_name", "seq_in_index"), ours)
    for row in rows("triggers", "trigger_schema", "trigger_name"):
        when = f"{row['action_timing']} {row['event_manipulation']}"
        trigger = {"name": row["trigger_name"], "sql": f"{when} {_laid(row['action_statement'])}"}
        tables[row["event_object_table"]]["triggers"].append(trigger)
    for table in tables.values():
        for kind in ("foreign_keys", "checks"):
            table[kind] = ordered(table[kind])
    return {
        "tables": tables,
        "views": {
            row["table_name"]: ours.expression(row["view_definition"])
            for row in rows("views", "table_schema")
        },
        "routines": _routines(
            rows("routines", "routine_schema"),
            rows("parameters", "specific_schema", "ordinal_position"),
        ),
        "sequences": {row["table_name"]: {} for row in found if row["table_type"] == "SEQUENCE"},
    }


def _add_checks(
    tables: dict[str, dict[str, Any]],
    rows: Callable[..., list[dict[str, Any]]],
    ours: MySQLCatalog,
) -> None:
    more = [] if ours.checks_name_tables else rows("table_constraints", "constraint_schema")
    owners = {row["constraint_name"]: row for row in more if row["constraint_type"] == "CHECK"}
    for row in rows("check_constraints", "constraint_schema"):
        check = {**owners.get(row["constraint_name"], {}), **row}
        if check["table_name"] in tables:
            ours.add_check(tables[check["table_name"]], check)


def _text(value: Any) -> Any:
    # Some drivers give what has a binary collation as bytes.
    return value.decode() if isinstance(value, bytes) else value


def _table(row: dict[str, Any], collation: str) -> dict[str, Any]:
    versioned = row["table_type"] == "SYSTEM VERSIONED"
    more = {"options": ["system versioned"]} if versioned else {}
    return new_table(engine=row["engine"], **_collation(row["table_collation"], collation), **more)


# --- character sets -----------------------------------------------------------------------


def _collation(own: str | None, outer: str | None) -> dict[str, str]:
    """Character set and collation where they are not those of what the thing is in.

    A character set's default collation is not told: it is another one in each kind of server.
    """
    if own is None or _charset(own) == _charset(outer or ""):
        return {}
    charset, collation = _charset(own)
    return {"charset": charset, **({"collation": collation} if collation else {})}


def _charset(name: str) -> tuple[str, str | None]:
    charset, _, order = name.partition("_")
    charset = {"utf8": "utf8mb3"}.get(charset, charset)
    usual = order in ("general_ci", "0900_ai_ci", "uca1400_ai_ci", "") or name in _DEFAULTS
    return charset, None if usual else f"{charset}_{order}"


_DEFAULTS = (
    *("big5_chinese_ci", "cp932_japanese_ci", "dec8_swedish_ci", "eucjpms_japanese_ci"),
    *("euckr_korean_ci", "gb18030_chinese_ci", "gb2312_chinese_ci", "gbk_chinese_ci"),
    *("hp8_english_ci", "latin1_swedish_ci", "sjis_japanese_ci", "swe7_swedish_ci"),
    *("tis620_thai_ci", "ujis_japanese_ci"),
)


# --- columns and checks -------------------------------------------------------------------


class MySQLCatalog:
    """What depends on the kind of server, its version and the name of the database."""

    checks_name_tables = False
    """Whether CHECK_CONSTRAINTS has the tables; on MySQL no two checks have one name."""

    def __init__(self, version: str, database: str) -> None:
        self.version = tuple(map(int, re.findall(r"\d+", version)[:3]))
        self.database = database

    def column(self, row: dict[str, Any], collation: str | None) -> dict[str, Any]:
        """Return a column of the document from its row of information_schema."""
        kind, extra = _type(row["column_type"]), row["extra"]
        nullable = row["is_nullable"] == "YES"
        column: dict[str, Any] = {
            "name": row["column_name"],
            "type": kind,
            "nullable": nullable,
            "default": self._default(row["column_default"], kind, extra),
        }
        expression = row.get("generation_expression")
        if expression:
            stored = "STORED" in extra or "PERSISTENT" in extra
            column["default"] = None
            column["generated"] = {"sql": self.expression(expression), "stored": stored}
        if "auto_increment" in extra:
            column["autoincrement"] = True
        if on_update := _ON_UPDATE.search(extra):
            column["on_update"] = _current(on_update[1])
        if "INVISIBLE" in extra:
            column["invisible"] = True
        return {**column, **_collation(row["collation_name"], collation)}

    def _default(self, text: str | None, kind: str, extra: str) -> str | None:
        if text is None:
            return None
        if _CURRENT.fullmatch(text):
            return _current(text)
        if "DEFAULT_GENERATED" in extra:
            return self.expression(text)
        if kind.startswith("bit"):
            return text
        return _literal(text, kind)

    def add_check(self, table: dict[str, Any], row: dict[str, Any]) -> None:
        """Add a check to the document of its table."""
        name, clause = row["constraint_name"], row["check_clause"]
        sql = self.expression(clause)
        columns = {column["name"]: column for column in table["columns"]}
        # MariaDB's JSON is a LONGTEXT that is checked so.
        valid = columns.get(sql.removeprefix("json_valid(").removesuffix(")"))
        if valid and sql.startswith("json_valid(") and valid["type"] == "longtext":
            valid["type"] = "json"
            valid.pop("charset", None)
            valid.pop("collation", None)
            return
        generated = self._is_of_column(name, columns) or _GENERATED_CHECK.fullmatch(name)
        check: dict[str, Any] = {"sql": sql, "name": None if generated else name}
        if row.get("enforced") == "NO":
            check["enforced"] = False
        table["checks"].append(check)

    def _is_of_column(self, name: str, columns: Container[str]) -> bool:
        """Return whether a check has the name that the server gives to a column's own."""
        return False

    def expression(self, text: str) -> str:
        """Return an expression, or a view, as all servers write it."""
        return _SQL.write(plain(self._bare(_SQL.read(self._unescaped(text)))))

    def _unescaped(self, text: str) -> str:
        """Return an expression with the quotes of its strings as they were written."""
        return text.replace("\\'", "'")

    def _bare(self, parts: Parts) -> list[Part]:
        """Without the character sets before strings, and without the database's own name."""
        found: list[Part] = []
        table = -1  # where a name stands whose database is left out
        for part in parts:
            before = found[-1] if found else None
            if isinstance(part, Group):
                part = Group(part.opens, self._bare(part.parts))
            elif part.kind == STRING and (word(before) or "").startswith("_"):
                found.pop()
            elif (
                part == _DOT and before == Token(QUOTED, self.database) and len(found) - 1 != table
            ):
                found.pop()
                table = len(found)
                continue
            found.append(part)
        return found


class MariaDBCatalog(MySQLCatalog):
    """What is otherwise on MariaDB."""

    checks_name_tables = True

    def _default(self, text: str | None, kind: str, extra: str) -> str | None:
        # Before, strings had no quotes here either.
        if self.version < (10, 2, 7):
            return super()._default(text, kind, extra)
        if text is None or text == "NULL":
            return None
        if _CURRENT.fullmatch(text):
            return _current(text)
        if not text.startswith("'"):
            return self.expression(text)
        return _literal(_unquoted(text), kind)

    def _is_of_column(self, name: str, columns: Container[str]) -> bool:
        return name in columns

    def _unescaped(self, text: str) -> str:
        return text


_CATALOGS = {"mysql": MySQLCatalog, "mariadb": MariaDBCatalog}


def _literal(text: str, kind: str) -> str:
    return text if _NUMBERS.match(kind) else "'" + text.replace("'", "''") + "'"


def _type(text: str) -> str:
    """Return a column's type, without the display widths of integers that MySQL 8 dropped.

    `tinyint(1)` keeps it, which says that it is a boolean.
    """
    if text == "tinyint(1)" or "zerofill" in text:
        return text
    return _WIDTH.sub(r"\1", text)


def _current(text: str) -> str:
    match = _CURRENT.match(text)
    return "CURRENT_TIMESTAMP" + ((match and match[1]) or "")


def _unquoted(literal: str) -> str:
    return re.sub(r"''|\\(.)", lambda match: match[1] or "'", literal[1:-1])


# --- keys and indexes ---------------------------------------------------------------------


def _add_keys(
    tables: dict[str, dict[str, Any]],
    usages: Iterable[dict[str, Any]],
    references: Iterable[dict[str, Any]],
    database: str,
) -> None:
    rules = {(row["table_name"], row["constraint_name"]): row for row in references}
    keys: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in usages:
        if row["table_name"] in tables:
            keys[row["table_name"], row["constraint_name"]].append(row)
    for (table, name), parts in keys.items():
        columns = [part["column_name"] for part in parts]
        if name == "PRIMARY":
            tables[table]["primary_key"] = {"columns": columns, "name": None}
        elif rule := rules.get((table, name)):
            schema, other = parts[0]["referenced_table_schema"], parts[0]["referenced_table_name"]
            key = {
                "columns": columns,
                "refers_to": other if schema == database else f"{schema}.{other}",
                "referred_columns": [part["referenced_column_name"] for part in parts],
                "on_delete": _action(rule["delete_rule"]),
                "on_update": _action(rule["update_rule"]),
                "deferrable": None,
                "name": None if _GENERATED_KEY.fullmatch(name) else name,
            }
            tables[table]["foreign_keys"].append(key)


def _action(rule: str) -> str | None:
    """RESTRICT and NO ACTION are one here, and servers call it by either."""
    return None if rule in ("NO ACTION", "RESTRICT") else rule


def _add_indexes(
    tables: dict[str, dict[str, Any]], rows: Iterable[dict[str, Any]], ours: MySQLCatalog
) -> None:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        name, table = row["index_name"], row["table_name"]
        if name == "PRIMARY" or table not in tables:
            continue
        if (table, name) not in found:
            index = {"name": name, "columns": [], "unique": not int(row["non_unique"])}
            if row["index_type"] != "BTREE":
                index["method"] = row["index_type"].lower()
            if row.get("is_visible") == "NO" or row.get("ignored") == "YES":
                index["invisible"] = True
            found[table, name] = index
        expression = row.get("expression")
        item = ours.expression(expression) if expression else row["column_name"]
        if row["sub_part"] is not None and row["index_type"] == "BTREE":
            item += f"({row['sub_part']})"
        found[table, name]["columns"].append(f"{item} DESC" if row["collation"] == "D" else item)
    for (table, _), index in sorted(found.items()):
        if not _serves_a_key(index, tables[table]["foreign_keys"]):
            tables[table]["indexes"].append(index)


def _serves_a_key(index: dict[str, Any], keys: list[dict[str, Any]]) -> bool:
    """Whether the server makes an index such as this by itself, because a foreign key needs one.

    It takes it away too when another one serves, but not once it has been through a dump: whether
    it is there says nothing. It has the name of the key, or that of its column and a number.
    """
    plain_one = not index["unique"] and len(index) == len(("name", "columns", "unique"))
    return plain_one and any(
        index["columns"] == key["columns"]
        and (index["name"] == key["name"] or _numbered(index["name"], key["columns"][0]))
        for key in keys
    )


def _numbered(name: str, column: str) -> bool:
    return name == column or re.fullmatch(re.escape(column) + r"_\d+", name) is not None


# --- routines -----------------------------------------------------------------------------


def _routines(
    routines: Iterable[dict[str, Any]], parameters: Iterable[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    arguments: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in parameters:
        if row["ordinal_position"]:  # 0 is what a function returns
            words = (row["parameter_mode"], row["parameter_name"], _type(row["dtd_identifier"]))
            arguments[row["routine_type"], row["specific_name"]].append(
                " ".join(filter(None, words))
            )
    return {
        f"{row['routine_type'].lower()} {row['routine_name']}": {
            "arguments": ", ".join(arguments[row["routine_type"], row["specific_name"]]),
            "returns": _type(row["dtd_identifier"]) if row["dtd_identifier"] else None,
            "body": _laid(row["routine_definition"] or ""),
        }
        for row in routines
    }


def _laid(text: str) -> str:
    """Return the body of a trigger or routine in one spelling: the server keeps it as written."""
    return _SQL.write(_SQL.read(text))
