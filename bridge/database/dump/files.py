"""Dumps as files: of which kind of database one is, and what in it is of one machine or one run.

What is left of a dump is the same wherever it is made, and can be read into another database than
the one that it was made of: nothing in it names a database, an owner, a host or a moment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.database.servers import all_servers
from bridge.model.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def kind_of(path: Path) -> str | None:
    """Return the family of the database that a file was made of; None for one of no kind.

    :raises DatabaseError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            begin = stream.read(1000)
    except OSError as error:
        raise DatabaseError(
            f"{path} cannot be read: {error.strerror or error}", help="Name a file that exists."
        ) from None
    return _kind(begin, [(server.family, server.dump_start) for server in all_servers()])


def kind_of_backup(begin: bytes) -> str | None:
    """Return the family of the database that a backup was made of, by its first 200 bytes."""
    return _kind(begin, [(server.family, server.backup_start) for server in all_servers()])


def _kind(begin: bytes, starts: Iterable[tuple[str, bytes]]) -> str | None:
    return next((family for family, start in starts if start and re.match(start, begin)), None)


# --- PostgreSQL ---------------------------------------------------------------------------

_PG_DROPPED = re.compile(
    rb"\\(?:un)?restrict |\\connect |-- (?:Dumped (?:from|by)|Started on|Completed on) "
    rb"|SET transaction_timeout = 0;|SET SESSION AUTHORIZATION |GRANT |REVOKE "
    rb"|ALTER DEFAULT PRIVILEGES |(?:CREATE|DROP|ALTER) DATABASE |COMMENT ON DATABASE "
    rb"|CREATE SCHEMA public;|COMMENT ON SCHEMA public |COMMENT ON EXTENSION "
    rb"|ALTER [^;]* OWNER TO [^;]*;$"
)

_PG_OWNER = re.compile(rb"(-- (?:Data for )?Name: .*; Owner: ).*")

_PG_QUOTE = re.compile(rb"--|'|\"[^\"]*\"|\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$")

COPY_END = b"\\.\n"


def postgresql_lines(lines: Iterable[bytes], source: str) -> Iterator[bytes]:
    """Yield the script that pg_dump wrote, without what belongs to one server or run.

    :param source: the file, for messages.
    :raises DatabaseError: there are commands in it for psql, which no dump has.
    """
    quote: bytes | None = None
    copying = False
    for line in lines:
        if copying:
            copying = line != COPY_END
            yield line
            continue
        if quote is None and _PG_DROPPED.match(line):
            continue
        if quote is None and line.startswith(b"-- "):
            yield _PG_OWNER.sub(rb"\1-", line)
            continue
        copying = quote is None and line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n")
        bare, quote = _unquoted(line, quote)
        if b"\\" in bare:
            raise DatabaseError(
                f"{source} has a command for psql, as no dump has: {_shown(line)}",
                help="Name a file as pg_dump wrote it.",
            )
        yield line


def _unquoted(line: bytes, quote: bytes | None) -> tuple[bytes, bytes | None]:
    """Return what of a line stands in no quotes, and the quote that is open at its end.

    :param quote: the one that is open at its begin.
    """
    bare, place = b"", 0
    while True:
        if quote is not None:
            end = line.find(quote, place)
            if end < 0:
                return bare, quote
            place, quote = end + len(quote), None
        found = _PG_QUOTE.search(line, place)
        bare += line[place : found.start() if found else None]
        if found is None or found[0] == b"--":
            return bare, None
        place = found.end()
        if not found[0].startswith(b'"'):
            quote = found[0]


# --- MySQL and MariaDB --------------------------------------------------------------------

_MY_DROPPED = re.compile(
    rb"/\*M?!999999\\- enable|-- (?:Host|Server version|Current Database|GTID)\b|CREATE DATABASE "
    rb"|DROP DATABASE |/\*!\d+ DROP DATABASE |(?:-- )?CHANGE MASTER |SET @@GLOBAL\.GTID_PURGED"
    rb"|SET @@SESSION\.SQL_LOG_BIN|SET @MYSQLDUMP_TEMP_LOG_BIN",
    re.IGNORECASE,
)

_MY_MADE = re.compile(
    rb"CREATE DATABASE .*/\*!40100 DEFAULT (CHARACTER SET \w+(?: COLLATE \w+)?)\b", re.IGNORECASE
)

_MY_USE = re.compile(rb"USE +[^;]+;\s*$", re.IGNORECASE)

_MY_REPLACED = (
    (re.compile(rb"-- (MariaDB|MySQL) dump .*"), rb"-- \1 dump"),
    (re.compile(rb"-- Dump completed on .*"), rb"-- Dump completed"),
    # Around a trigger that was made with other defaults.
    (re.compile(rb"ALTER DATABASE `(?:[^`]|``)*` (?=CHARACTER SET )"), rb"ALTER DATABASE "),
    (re.compile(rb"(-- Dumping (?:routines|events)) for database .*"), rb"\1"),
    (re.compile(rb"(/\*!\d+ )DEFINER=(?:`[^`]*`|\S+?)@(?:`[^`]*`|\S+)( SQL SECURITY)"), rb"\1\2"),
    (re.compile(rb"/\*!\d+ DEFINER=(?:`[^`]*`|\S+?)@(?:`[^`]*`|\S+?)\*/ ?"), rb""),
    (re.compile(rb"\bDEFINER=(?:`[^`]*`|\S+?)@(?:`[^`]*`|\S+) "), rb""),
)


def mysql_lines(lines: Iterable[bytes], source: str) -> Iterator[bytes]:
    """Yield the script that mariadb-dump wrote, without what belongs to one server or run.

    :param source: the file, for messages.
    :raises DatabaseError: it has several databases.
    """
    used = 0
    for line in lines:
        if line.startswith(b"INSERT INTO "):
            yield line
            continue
        if _MY_USE.match(line):
            used += 1
            if used > 1:
                raise DatabaseError(
                    f"{source} has several databases.",
                    help="Dump the app's alone: mariadb-dump DATABASE > FILE",
                )
            continue
        made = _MY_MADE.match(line)
        if made:
            # What a new table gets that says nothing itself; of ours, without a name.
            yield b"ALTER DATABASE " + made[1] + b";\n"
            continue
        if _MY_DROPPED.match(line):
            continue
        for pattern, replacement in _MY_REPLACED:
            line = pattern.sub(replacement, line)
        yield line


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()[:60]
