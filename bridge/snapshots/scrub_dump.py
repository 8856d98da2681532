"""Replacement of the texts in the dumps of pg_dump and mariadb-dump."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bridge.database.dump.files import COPY_END
from bridge.model.errors import SnapshotError

Text = Callable[[str, str, str], str]
"""A function that returns the replacement of a text, given its table and column."""

# --- PostgreSQL's scripts -----------------------------------------------------------------

_COPY = re.compile(
    rb'COPY (?:("(?:[^"]|"")*"|\S+)\.)?("(?:[^"]|"")*"|[^\s.]+) \((.*)\) FROM stdin;\n'
)

_PG_ESCAPE = re.compile(r"\\(.)")

_PG_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_PG_ESCAPED = {ord(c): f"\\{e}" for e, c in _PG_ESCAPES.items()} | {ord("\\"): "\\\\"}

_REPORT = "This is a defect of bridge: report it."


def scrubbed_copies(lines: Iterable[bytes], text: Text, schemas: Sequence[str]) -> Iterator[bytes]:
    """Yield the lines of a script, in UTF-8, with replaced texts.

    :param schemas: those whose tables are known.
    :raises SnapshotError: there are rows in another schema.
    """
    columns: list[str] | None = None
    table = ""
    for line in lines:
        if columns is None:
            found = _COPY.fullmatch(line)
            if found is not None:
                of, table = (_pg_name(found[n]) for n in (1, 2))
                columns = [_pg_name(c) for c in _PG_COLUMN.findall(found[3])]
                if of not in schemas:
                    raise SnapshotError(
                        f"The table {of}.{table} is not in {' or '.join(schemas)}, where the "
                        "app's tables are.",
                        help="Only the schemas of the search path can be anonymized. Dump them "
                        f"alone: pg_dump {' '.join(f'--schema {name}' for name in schemas)}",
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
    """Yield the lines of a script, a row each, with replaced texts.

    :param columns: of each table, in their order.
    :raises SnapshotError: a row cannot be read, so that its texts would not be replaced.
    """
    lines = iter(lines)
    for first in lines:
        if not first.startswith(b"INSERT INTO "):
            yield first
            continue
        # Newer programs write the row on a line of its own.
        line = first + next(lines) if first.endswith(b" VALUES\n") else first
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
