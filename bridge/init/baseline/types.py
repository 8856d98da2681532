"""SQLAlchemy Core's types and defaults for the columns of databases, found by trial.

Nothing here knows a database's names of types: a table is created with each candidate, and its
schema document shows the result.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeEngine

from bridge.database.schema import read_schema
from bridge.database.servers import server_of
from bridge.init.baseline.dialects import traits_of
from bridge.init.baseline.observe import Observed
from bridge.init.baseline.source import clause, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from bridge.init.baseline.observe import Observed

NATIVE = '''\
class Native(sa.types.UserDefinedType):
    """A type as the database itself calls it."""

    cache_ok = True

    def __init__(self, name):
        self.name = name

    def get_col_spec(self, **_):
        return self.name
'''
"""The class in scripts for types that Core does not have."""

MODULES: Mapping[str, Any] = {"mysql": mysql, "postgresql": postgresql, "sqlite": sqlite}

_NAMES: dict[str, Any] = {"sa": sa, **MODULES}
exec(NATIVE, _NAMES)  # noqa: S102 (it is the text above)

# The candidates for every column, the most frequent first.
_USUAL = (
    "sa.Integer()", "sa.String()", "sa.Text()", "sa.Boolean()", "sa.DateTime()", "sa.BigInteger()",
    "sa.SmallInteger()", "sa.Float()", "sa.LargeBinary()", "sa.Date()", "sa.Time()",
    "sa.DateTime(timezone=True)", "sa.Numeric()", "sa.JSON()", "sa.Interval()", "sa.Float(53)",
)  # fmt: skip

_PROBE = "bridge_probe_"

_LENGTH = re.compile(r"\blength=(\d+)")

_PRECISION = re.compile(r"\bprecision=(\d+)(?:, scale=(\d+))?")


@dataclass(frozen=True)
class Probe:
    """A column to try: its type and default as Python source, in a table with options."""

    type: str
    default: str | None = None
    nullable: bool = True
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ColumnSource:
    """The Python source of a column's type and default by dialect; a default may be None."""

    types: Mapping[str, str]
    defaults: Mapping[str, str | None]


def table_options(table: Mapping[str, Any], dialect: str) -> tuple[tuple[str, str], ...]:
    """Return the options of a table that are not the server's own."""
    if not traits_of(dialect).table_options:
        return ()
    found = {"charset": table.get("charset"), "collate": table.get("collation")}
    if table.get("engine") not in (None, "InnoDB"):
        found["engine"] = table["engine"]
    return tuple((key, str(value)) for key, value in found.items() if value)


def decide(
    observed: Mapping[str, Observed], connections: Mapping[str, Connection]
) -> dict[tuple[str, str], ColumnSource]:
    """Return the source of types and defaults, by table and column.

    :param observed: by dialect, like the connections. These lead to databases that have all types
        of the columns, and in which tables may be created and dropped.
    """
    columns = _columns(observed)
    candidates = {key: _candidates(found, observed, key) for key, found in columns.items()}
    options = {
        (dialect, table): table_options(found, dialect)
        for dialect, seen in observed.items()
        for table, found in seen.schema["tables"].items()
    }

    def tried(wanted: Mapping[Any, Iterable[tuple[str, Probe]]]) -> dict[str, dict[Probe, Any]]:
        probes: dict[str, dict[Probe, None]] = {dialect: {} for dialect in observed}
        for one in wanted.values():
            for dialect, probe in one:
                probes[dialect][probe] = None
        return {dialect: _try(connections[dialect], list(probes[dialect])) for dialect in observed}

    made = tried(
        {
            key: [
                (dialect, Probe(source, options=options[dialect, key[0]]))
                for dialect in columns[key]
                for source in sources
            ]
            for key, sources in candidates.items()
        }
    )
    types = {}
    for key, found in columns.items():
        fits = {
            source: {
                dialect
                for dialect, column in found.items()
                if _same(
                    made[dialect][Probe(source, options=options[dialect, key[0]])], column, _TYPE
                )
            }
            for source in candidates[key]
        }
        # Where none of them fits, the table will be written as SQL.
        types[key] = {d: _native(column) for d, column in found.items()} | _chosen(fits, found)
    defaults = {key: _defaults(found, types[key]) for key, found in columns.items()}

    def probe(key: tuple[str, str], dialect: str, default: str) -> Probe:
        column = columns[key][dialect]
        return Probe(types[key][dialect], default, column["nullable"], options[dialect, key[0]])

    made = tried(
        {
            key: [(d, probe(key, d, source)) for d in columns[key] for source in sources]
            for key, sources in defaults.items()
        }
    )
    result = {}
    for key, found in columns.items():
        with_default = {d: c for d, c in found.items() if _has_default(c)}
        fits = {
            source: {
                d
                for d, column in with_default.items()
                if _same(made[d][probe(key, d, source)], column, _DEFAULT)
            }
            for source in defaults[key]
        }
        chosen: dict[str, str | None] = dict.fromkeys(found)
        result[key] = ColumnSource(types[key], chosen | _chosen(fits, with_default))
    return result


_TYPE = ("type", "charset", "collation")

_DEFAULT = ("default", "on_update")


def _columns(
    observed: Mapping[str, Observed],
) -> dict[tuple[str, str], dict[str, Mapping[str, Any]]]:
    """Return each column of each table, by the dialects that have it."""
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for dialect, seen in observed.items():
        for table, content in seen.schema["tables"].items():
            for column in content["columns"]:
                found.setdefault((table, column["name"]), {})[dialect] = column
    return found


def _chosen(fits: Mapping[str, set[str]], wanted: Iterable[str]) -> dict[str, str]:
    """Return for each dialect the source that fits it and most others."""
    found: dict[str, str] = {}
    left = set(wanted)
    while left:

        def worth(source: str, left: set[str] = left) -> tuple[int, bool]:
            module = source.partition(".")[0]
            foreign = module in MODULES and module not in fits[source] & left
            return len(fits[source] & left), not foreign

        best = max(fits, key=worth, default="")
        if not best or not fits[best] & left:
            break
        found |= dict.fromkeys(sorted(fits[best] & left), best)
        left -= fits[best]
    return found


def _same(made: Mapping[str, Any] | None, column: Mapping[str, Any], keys: Sequence[str]) -> bool:
    return made is not None and all(made.get(key) == column.get(key) for key in keys)


# --- candidates ---------------------------------------------------------------------------


def _candidates(
    column: Mapping[str, Mapping[str, Any]], observed: Mapping[str, Observed], key: tuple[str, str]
) -> list[str]:
    """Return possible types of a column: frequent ones, the reflected ones, the native ones."""
    table, name = key
    reflected = {d: observed[d].types[table].get(name) for d in column}
    found = [
        source
        for kind in reflected.values()
        if kind is not None
        for source in (*_generic(kind), *_written(kind))
    ]
    found = [*_USUAL, *found]
    for collation in sorted({str(c["collation"]) for c in column.values() if c.get("collation")}):
        found += [
            source.replace(
                ")", f"{', ' if source[-2] != '(' else ''}collation={literal(collation)})"
            )
            for source in found
            if re.match(r"sa\.(String|Text|VARCHAR|CHAR|Unicode)\(", source)
        ]
    for content in column.values():
        found.append(_native(content))
        if content.get("collation"):
            found.append(f"Native({literal(content['type'] + ' COLLATE ' + content['collation'])})")
    return [source for source in dict.fromkeys(found) if _valid(source)]


def _native(column: Mapping[str, Any]) -> str:
    return f"Native({literal(column['type'])})"


def _generic(kind: TypeEngine[Any]) -> Iterator[str]:
    try:
        generic = kind.as_generic()
    except NotImplementedError:
        return
    yield from _written(generic)


def _written(kind: TypeEngine[Any]) -> Iterator[str]:
    """Yield a type as source, if its `repr` is source."""
    module = type(kind).__module__
    where = next(
        (name for name in MODULES if module.startswith(f"sqlalchemy.dialects.{name}")), "sa"
    )
    text = repr(kind).replace("astext_type=Text()", "")
    text = text if "\\" in text else text.replace("'", '"')
    if text.startswith(("Double(", "Uuid(")):  # SQLAlchemy 1.4 has none
        return
    if text.startswith("UUID("):  # nor this one
        where, text = "postgresql", "UUID()"
    text = _LENGTH.sub(r"\1", text) if "(length=" in text else text
    if "(precision=" in text and where == "sa":
        text = _PRECISION.sub(lambda m: m[1] + (f", {m[2]}" if m[2] else ""), text)
    source = f"{where}.{text}"
    if source.startswith("postgresql.ENUM("):
        source = f"{source[:-1]}, create_type=False)"
    yield source


def _valid(source: str) -> bool:
    try:
        return isinstance(evaluated(source), TypeEngine)
    except Exception:
        return False


def evaluated(source: str) -> Any:
    """Return the value of a piece of source."""
    return eval(source, dict(_NAMES))  # noqa: S307 (written by this module)


def _has_default(column: Mapping[str, Any]) -> bool:
    return column["default"] is not None or "on_update" in column


def _defaults(column: Mapping[str, Mapping[str, Any]], types: Mapping[str, str]) -> list[str]:
    """Return possible defaults of a column, the simplest first."""
    texts = []
    for found in column.values():
        if found["default"] is not None:
            texts.append(str(found["default"]))
        if "on_update" in found:
            texts.append(f"{found['default']} ON UPDATE {found['on_update']}")
    sources = []
    if "sa.Boolean()" in types.values() and texts:
        sources += ["sa.false()", "sa.true()"]
    for text in texts:
        if re.fullmatch(r"'(?:''|[^'])*'", text):
            sources.append(literal(text[1:-1].replace("''", "'")))
        elif re.fullmatch(r"-?[\d.]+", text):
            sources.append(literal(text))
    sources += [clause(text) for text in texts]
    if "CURRENT_TIMESTAMP" in texts:
        sources.append("sa.func.now()")
    return list(dict.fromkeys(sources))


# --- trying -------------------------------------------------------------------------------


def _try(connection: Connection, probes: Sequence[Probe]) -> dict[Probe, Mapping[str, Any] | None]:
    """Return the column that each probe creates on a database; None where it refuses."""
    together: dict[Any, list[Probe]] = {}
    for probe in probes:
        # The server's own default may depend on the columns before.
        alone = probe if probe.default is not None or not probe.nullable else None
        together.setdefault((alone, probe.options), []).append(probe)
    made: list[tuple[sa.Table, Sequence[Probe]]] = []
    for group in together.values():
        made += _tables(connection, group, sa.MetaData(), len(made))
    schema = read_schema(connection)
    found: dict[Probe, Mapping[str, Any] | None] = dict.fromkeys(probes)
    for table, columns in made:
        found |= zip(columns, schema["tables"][table.name]["columns"], strict=True)
        table.drop(connection, checkfirst=False)
    return found


def _tables(
    connection: Connection, probes: Sequence[Probe], metadata: sa.MetaData, number: int
) -> list[tuple[sa.Table, Sequence[Probe]]]:
    """Create the columns in one table, or in several where the database refuses that."""
    server = server_of(connection)
    options: dict[str, Any] = {
        f"{name}_{key}": value
        for key, value in probes[0].options
        for name in traits_of(server.family).names
    }
    try:
        columns = [_column(f"probe_{place}", probe) for place, probe in enumerate(probes)]
        table = sa.Table(f"{_PROBE}{number}", metadata, *columns, **options)
        with connection.begin_nested() if server.refusals_end_transactions else nullcontext():
            table.create(connection, checkfirst=False)
    except (SQLAlchemyError, TypeError, ValueError):
        if len(probes) == 1:
            return []
        half = len(probes) // 2
        found = _tables(connection, probes[:half], sa.MetaData(), number)
        return found + _tables(connection, probes[half:], sa.MetaData(), number + len(found))
    return [(table, probes)]


def _column(name: str, probe: Probe) -> sa.Column[Any]:
    default = None if probe.default is None else evaluated(probe.default)
    return sa.Column(name, evaluated(probe.type), server_default=default, nullable=probe.nullable)
