"""Puts other texts into the rows of dumps: what pg_dump and mariadb-dump wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from bridge.database.dump.files import COPY_END
from bridge.model.errors import SnapshotError

Text = Callable[[str, str, str], str]
"""Returns what stands in place of a text: of a table and a column."""

# --- PostgreSQL's scripts -----------------------------------------------------------------

_COPY = re.compile(
    rb'COPY (?:("(?:[^"]|"")*"|\S+)\.)?("(?:[^"]|"")*"|[^\s.]+) \((.*)\) FROM stdin;\n'
)

_PG_ESCAPE = re.compile(r"\\(.)")

_PG_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_PG_ESCAPED = {ord(c): f"\\{e}" for e, c in _PG_ESCAPES.items()} | {ord("\\"): "\\\\"}

_REPORT = "That is a defect of bridge's: report it."


def scrubbed_copies(lines: Iterable[bytes], text: Text, schema: str) -> Iterator[bytes]:
    """Yield the lines of a script, in UTF-8, with other texts.

    :param schema: the one whose tables are known.
    :raises SnapshotError: there are rows in another one.
    """
    columns: list[str] | None = None
    table = ""
    for line in lines:
        if columns is None:
            found = _COPY.fullmatch(line)
            if found is not None:
                of, table = (_pg_name(found[n]) for n in (1, 2))
                columns = [_pg_name(c) for c in _PG_COLUMN.findall(found[3])]
                if of != schema:
                    raise SnapshotError(
                        f"The table {of}.{table} is in another schema than {schema}.",
                        help="bridge anonymizes one schema: leave the others out of the dump "
                        f"(pg_dump --schema {schema}).",
                    )
            yield line
        elif line == COPY_END:
            columns = None
            yield line
        else:
            fields = line[:-1].decode().split("\t")
            pairs = zip(columns, fields, strict=True)
            yield ("\t".join(_field(table, c, field, text) for c, field in pairs) + "\n").encode()


_PG_COLUMN = re.compile(rb'"(?:[^"]|"")*"|[^\s,]+')


def _pg_name(name: bytes | None) -> str:
    text = (name or b"").decode()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _field(table: str, column: str, field: str, text: Text) -> str:
    if field == "\\N":
        return field
    value = _PG_ESCAPE.sub(lambda m: _PG_ESCAPES.get(m[1], m[1]), field)
    return text(table, column, value).translate(_PG_ESCAPED)


# --- MySQL's scripts ----------------------------------------------------------------------

_INSERT = re.compile(
    rb"INSERT INTO `((?:[^`]|``)*)`(?: \((.*?)\))? VALUES ?\n?\((.*)\);\n", re.DOTALL
)

_MY_VALUE = re.compile(r"(_\w+ )?'((?:[^'\\]|\\.|'')*)'|[^,']+", re.DOTALL)

_MY_ESCAPE = re.compile(r"\\(.)|''", re.DOTALL)

_MY_ESCAPES = {"0": "\0", "n": "\n", "r": "\r", "Z": "\x1a", "t": "\t", "b": "\b"}

_MY_ESCAPED = str.maketrans(
    {"\0": "\\0", "\n": "\\n", "\r": "\\r", "\\": "\\\\", "'": "\\'", '"': '\\"', "\x1a": "\\Z"}
)


def scrubbed_inserts(
    lines: Iterable[bytes], text: Text, columns: Mapping[str, list[str]]
) -> Iterator[bytes]:
    """Yield the lines of a script, a row each, with other texts.

    :param columns: of each table, in their order.
    :raises SnapshotError: a row cannot be read: nothing may stay that ought to be scrubbed.
    """
    lines = iter(lines)
    for line in lines:
        if not line.startswith(b"INSERT INTO "):
            yield line
            continue
        if line.endswith(b" VALUES\n"):  # newer programs write the row on a line of its own
            line += next(lines)
        found = _INSERT.fullmatch(line)
        if found is None:
            raise SnapshotError("A row in the dump cannot be read.", help=_REPORT)
        table = found[1].decode().replace("``", "`")
        names = columns[table]
        if found[2] is not None:
            names = [
                x.replace("``", "`") for x in re.findall(r"`((?:[^`]|``)*)`", found[2].decode())
            ]
        start = line[: found.start(3)].decode()
        values = list(_MY_VALUE.finditer(found[3].decode()))
        new = (_literal(table, name, v, text) for name, v in zip(names, values, strict=True))
        yield f"{start}{','.join(new)});\n".encode()


def _literal(table: str, column: str, value: re.Match[str], text: Text) -> str:
    if value[2] is None:
        return value[0]
    old = _MY_ESCAPE.sub(lambda m: _MY_ESCAPES.get(m[1], m[1]) if m[1] else "'", value[2])
    return f"{value[1] or ''}'{text(table, column, old).translate(_MY_ESCAPED)}'"
